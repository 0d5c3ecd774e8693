"""Spot availability and prices along time, of one zone or several, and their reader.

Two shapes are read, as CSV (also gzipped) or Parquet: runs (`trace,gap_s,start_tick,ticks,nodes_available` and
`trace,start_tick,ticks,price_usd_h`), and samples or changes (`timestamp,available` and `timestamp,price_usd_h`, with
`trace` where there are several). A value holds from its time until the next. Availability may have a column of prices
beside it; prices alone are a trace too, of spot that is always there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from simcost.errors import InputError, TraceError, columns_said, did_you_mean
from simcost.tables.cells import as_text, instants, real_numbers, time_rule, without_zone
from simcost.tables.faults import Faults, written
from simcost.tables.header import peek
from simcost.tables.sources import Chunk, open_chunks
from simcost.units import NS_PER_S

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
MOST_TICKS = 50_000_000
UNBOUNDED = 1_000_000
"""Nodes of a zone of which only the price is known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotSeries:
    """One zone and instance type along regular ticks."""

    name: str
    gap_s: float
    nodes: Ints
    """That could be had, or were still held, at each tick; shape (ticks), of several zones (zones, ticks)."""
    start_s: float | None = None
    """Of tick 0, since 1970-01-01 UTC; None = unknown."""
    usd_per_h: Floats | None = None
    """Of a node, in effect at the start of each tick."""
    assumed: bool = False
    """True if spot is taken as always there, as only its price is known."""
    silent_s: float = 0.0
    """Longest time between two rows of a log, over which the state before was held."""

    @property
    def ticks(self) -> int:
        """Number of units."""
        return int(self.nodes.shape[-1])

    @property
    def span_s(self) -> float:
        """Time covered."""
        return self.ticks * self.gap_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotPrices:
    """Prices of one trace, each in effect from its time on."""

    name: str
    at: Floats
    """Ticks of the availability trace, or seconds since 1970-01-01 UTC."""
    usd_per_h: Floats
    in_ticks: bool
    until: float
    """End of the last price: the end of its run, or the last time given."""


def with_prices(trace: SpotSeries, prices: Sequence[SpotPrices]) -> SpotSeries:
    """The trace with the price in effect at each tick: of the price trace of its name, or of the only one given.

    Raises:
        InputError: no such price trace, times that cannot be compared, or ticks before the first price.
    """
    named = [one for one in prices if one.name == trace.name] or (prices if len(prices) == 1 else [])
    if not named:
        near = did_you_mean(trace.name, [one.name for one in prices])
        raise InputError(f"no prices for the trace {trace.name!r}{near}; name one of the price traces so")
    chosen = named[0]
    ticks = np.arange(trace.ticks) * (1.0 if chosen.in_ticks else trace.gap_s)
    if not chosen.in_ticks:
        if trace.start_s is None:
            raise InputError(
                f"the prices of {chosen.name!r} have dates, but the trace {trace.name!r} does not say when it began; "
                "give prices by ticks"
            )
        ticks += trace.start_s
    index = np.searchsorted(chosen.at, ticks, side="right") - 1
    if index[0] < 0:
        raise InputError(
            f"the prices of {chosen.name!r} begin after the trace {trace.name!r}: its first {int((index < 0).sum()):,} "
            "ticks have none; give earlier prices"
        )
    return replace(trace, usd_per_h=chosen.usd_per_h[index])


def always_there(prices: SpotPrices, gap_s: float) -> SpotSeries:
    """Spot of which only the price is known. Raises TraceError for too many ticks."""
    span = prices.until - float(prices.at[0])
    count = int(span) if prices.in_ticks else int(span // gap_s) + 1
    if not 0 < count <= MOST_TICKS:
        raise TraceError(f"{prices.name}: {count:,} ticks of {gap_s:g} s; take a longer tick")
    start_s = None if prices.in_ticks else float(prices.at[0])
    nodes = np.full(count, UNBOUNDED, np.int64)
    return with_prices(SpotSeries(name=prices.name, gap_s=gap_s, nodes=nodes, start_s=start_s, assumed=True), [prices])


def any_zone(traces: Sequence[SpotSeries]) -> SpotSeries:
    """Several zones over the same time as one trace, `nodes` and prices of shape (zones, ticks).

    Raises:
        InputError: ticks that do not line up.
    """
    first = traces[0]
    for other in traces[1:]:
        if other.gap_s != first.gap_s or other.start_s != first.start_s:
            raise InputError(
                f"{first.name!r} and {other.name!r} do not line up: ticks of {first.gap_s:g} and {other.gap_s:g} s, "
                f"from {_since(first)} and {_since(other)}; take zones that were recorded together"
            )
    ticks = min(len(one.nodes) for one in traces)
    prices = [one.usd_per_h[:ticks] for one in traces if one.usd_per_h is not None]
    return SpotSeries(
        name=f"any of {len(traces)} zones",
        gap_s=first.gap_s,
        start_s=first.start_s,
        nodes=np.stack([one.nodes[:ticks] for one in traces]),
        usd_per_h=np.stack(prices) if len(prices) == len(traces) else None,
        assumed=any(one.assumed for one in traces),
    )


def _since(trace: SpotSeries) -> str:
    return "an unknown time" if trace.start_s is None else f"{trace.start_s:.0f} s since 1970"


_AVAILABLE, _PRICE = "nodes_available", "price_usd_h"
_CALLED = {
    "available": _AVAILABLE,
    "nodes": _AVAILABLE,
    "price": _PRICE,
    "price_usd_per_h": _PRICE,
    "spotprice": _PRICE,
    "spot_price": _PRICE,
    "zone": "trace",
    "availabilityzone": "trace",
    "availability_zone": "trace",
}
PRICE_TICK_S = 300.0
_MOST_NODES = 1_000_000_000
_WHAT = "spot trace"
_TIME = "a time from 1970 on, with its zone in all rows or in none"


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one trace in a file, in its order."""

    name: str
    columns: Mapping[str, Floats]
    places: Sequence[str]


def read_spot(path: Path, *, tick_s: float | None = None) -> list[SpotSeries]:
    """The traces of a file: availability, or prices alone, which say nothing of when spot is there.

    Args:
        path: CSV or Parquet.
        tick_s: as `gap_s` of `read_availability`; of prices None = 5 min.

    Raises: as `read_availability`.
    """
    names = {_CALLED.get(name.strip().lower(), name.strip().lower()) for name in peek(path, _WHAT).names}
    if _PRICE not in names or _AVAILABLE in names:
        return read_availability(path, gap_s=tick_s)
    return [always_there(prices, tick_s or PRICE_TICK_S) for prices in read_prices(path)]


def one_trace(path: Path, name: str | None = None) -> SpotSeries:
    """The trace of that name, or the only one of the file.

    Raises:
        InputError: no such trace, or several and none named. Else as `read_availability`.
    """
    traces = read_spot(path)
    named = [trace for trace in traces if name in (None, trace.name)]
    if len(named) != 1:
        names = [trace.name for trace in traces]
        hint = "" if name is None else did_you_mean(name, names)
        asked = "say which trace" if name is None else f"no trace {name!r}{hint}"
        raise InputError(f"{path}: {asked}; there are {', '.join(names)}")
    return named[0]


def read_availability(path: Path, *, gap_s: float | None = None) -> list[SpotSeries]:
    """The availability traces of a file, in its order.

    Args:
        path: CSV or Parquet.
        gap_s: tick of a trace with timestamps; None = the smallest difference between two of them.

    Raises:
        FaultsError: cells that are no number, no time or negative, runs with gaps or overlaps; located.
        InputError: a file or column that is not there.
    """
    faults = Faults(path)
    traces = [
        _from_runs(rows, faults) if "ticks" in rows.columns else _from_changes(rows, faults, gap_s)
        for rows in _read(path, _AVAILABLE, faults)
    ]
    faults.check()
    return [trace for trace in traces if trace is not None]


def read_prices(path: Path) -> list[SpotPrices]:
    """The price traces of a file, in its order. Raises as `read_availability`."""
    faults = Faults(path)
    found = []
    for rows in _read(path, _PRICE, faults):
        in_ticks = "ticks" in rows.columns
        if in_ticks:
            _check_runs(rows, faults)
        at = rows.columns["start_tick" if in_ticks else "timestamp"]
        _check_order(rows, at, faults)
        until = float(at[-1] + (rows.columns["ticks"][-1] if in_ticks else 0.0))
        found.append(SpotPrices(name=rows.name, at=at, usd_per_h=rows.columns[_PRICE], in_ticks=in_ticks, until=until))
    faults.check()
    return found


def _read(path: Path, value: str, faults: Faults) -> list[_Rows]:
    """The good rows of each trace; others are noted."""
    container: Any = "parquet" if path.suffix == ".parquet" else "csv"
    parts: dict[str, list[tuple[tuple[float, ...], str]]] = {}
    names: list[str] = []
    for chunk in open_chunks(path, container, partial(_find, path, value), _WHAT):
        for place, reason in chunk.malformed:
            faults.add(place, reason)
        names = [name for name in chunk.columns if name != "trace"] or names
        for label, cells, place in _cells(chunk, names, faults) if chunk.columns else ():
            parts.setdefault(label or path.name.split(".")[0], []).append((cells, place))
    faults.check()
    if not parts:
        raise TraceError(f"{path}: no rows; give at least one")
    return [
        _Rows(
            name,
            dict(zip(names, np.array([cells for cells, _ in rows]).T, strict=True)),
            [at for _, at in rows],
        )
        for name, rows in parts.items()
    ]


def _find(path: Path, value: str, present: Sequence[str]) -> dict[str, str]:
    """Ours -> theirs. Raises TraceError for the columns missing."""
    ours = {_CALLED.get(name.lower(), name.lower()): name for name in reversed(present)}
    runs = "ticks" in ours
    needed = ["start_tick", "ticks", *(["gap_s"] if value == _AVAILABLE else [])] if runs else ["timestamp"]
    missing = [name for name in (*needed, value) if name not in ours]
    if missing:
        example = "timestamp,available" if value == _AVAILABLE else "timestamp,price_usd_h"
        raise TraceError(
            f"{path}: no column {' and no column '.join(map(repr, missing))}; {columns_said(present)}; "
            f"write {example}, or runs with trace, start_tick and ticks"
        )
    return {name: ours[name] for name in (*needed, value, _PRICE, "trace") if name in ours}


def _cells(chunk: Chunk, names: Sequence[str], faults: Faults) -> list[tuple[str, tuple[float, ...], str]]:
    """Trace, numbers and place of each good row."""
    read = [_numbers(chunk, name) for name in names]
    good = [np.isfinite(values) & ok & (values >= 0) for values, ok in read]
    labels = as_text(chunk.columns["trace"]).to_pylist() if "trace" in chunk.columns else None
    found = []
    for i in range(len(read[0][0])):
        bad = [name for name, flags in zip(names, good, strict=True) if not flags[i]]
        if bad:
            cell = written(chunk.columns[bad[0]], i)
            kind = _TIME if bad[0] == "timestamp" else "a number of 0 or more"
            faults.add(chunk.place(i), f"{chunk.theirs[bad[0]]} is {cell!r}; write {kind}")
            continue
        numbers = tuple(float(values[i]) for values, _ in read)
        found.append((labels[i] or "" if labels else "", numbers, chunk.place(i)))
    return found


def _numbers(chunk: Chunk, name: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The cells of a column as numbers, times as seconds since 1970."""
    column = chunk.columns[name]
    if name != "timestamp":
        return real_numbers(column)
    if pa.types.is_boolean(column.type):
        return np.zeros(len(column)), np.zeros(len(column), np.bool_)
    rule = time_rule(column, chunk.theirs[name], None)
    time_ns, ok = instants(column, rule)
    naive = without_zone(column) if rule.unit is None else np.zeros(len(column), np.bool_)
    return time_ns / NS_PER_S, ok & (naive.all() | ~naive)


def _from_runs(rows: _Rows, faults: Faults) -> SpotSeries | None:
    columns = rows.columns
    ok = _check_runs(rows, faults)
    gaps = columns["gap_s"]
    for i in np.flatnonzero((gaps != gaps[0]) | (gaps <= 0))[:1]:
        faults.add(rows.places[i], f"gap_s is {gaps[i]:g}; write one positive tick for all rows of a trace")
        ok = False
    ok = _check_whole(rows, _AVAILABLE, faults) and ok
    if not ok:
        return None
    index = np.repeat(np.arange(len(gaps)), columns["ticks"].astype(np.int64))
    nodes = columns[_AVAILABLE].astype(np.int64)[index]
    return SpotSeries(name=rows.name, gap_s=float(gaps[0]), nodes=nodes, usd_per_h=_priced(rows, index))


def _from_changes(rows: _Rows, faults: Faults, gap_s: float | None) -> SpotSeries | None:
    at = rows.columns["timestamp"]
    if not (_check_order(rows, at, faults) & _check_whole(rows, _AVAILABLE, faults)):
        return None
    if len(at) == 1 and gap_s is None:
        faults.add(rows.places[0], "one row alone does not tell the tick; give at least two rows")
        return None
    gap = float(np.diff(at).min()) if gap_s is None else gap_s
    if (at[-1] - at[0]) / gap > MOST_TICKS:
        faults.add(
            rows.places[-1],
            f"a tick of {gap:g} s makes more than {MOST_TICKS:,} of them; take a longer tick",
        )
        return None
    ticks = at[0] + np.arange(int((at[-1] - at[0]) // gap) + 1) * gap
    index = np.searchsorted(at, ticks, side="right") - 1
    nodes = rows.columns[_AVAILABLE].astype(np.int64)[index]
    return SpotSeries(
        name=rows.name,
        gap_s=gap,
        nodes=nodes,
        start_s=float(at[0]),
        usd_per_h=_priced(rows, index),
        silent_s=float(np.diff(at).max(initial=0.0)),
    )


def _priced(rows: _Rows, index: Ints) -> Floats | None:
    """The price of the row that holds at each tick, where the file has prices."""
    return rows.columns[_PRICE][index] if _PRICE in rows.columns else None


def _check_runs(rows: _Rows, faults: Faults) -> bool:
    """True if the runs follow each other from tick 0; the first that does not is noted."""
    start, ticks = rows.columns["start_tick"], rows.columns["ticks"]
    expected = np.concatenate([[0], np.cumsum(ticks)[:-1]])
    for i in np.flatnonzero((start != expected) | (ticks < 1) | (ticks % 1 != 0))[:1]:
        faults.add(
            rows.places[i],
            f"a run of {ticks[i]:g} ticks from tick {start[i]:g}, where tick {expected[i]:g} is "
            f"next in {rows.name!r}; runs are whole and follow each other from tick 0",
        )
        return False
    if ticks.sum() > MOST_TICKS:
        faults.add(rows.places[-1], f"more than {MOST_TICKS:,} ticks; take a longer tick")
        return False
    return True


def _check_order(rows: _Rows, at: Floats, faults: Faults) -> bool:
    """True if times rise; the first that does not is noted."""
    for i in np.flatnonzero(np.diff(at) <= 0)[:1] + 1:
        faults.add(rows.places[i], f"not later than the row before it in {rows.name!r}; sort by time, one row a time")
        return False
    return True


def _check_whole(rows: _Rows, name: str, faults: Faults) -> bool:
    values = rows.columns[name]
    for i in np.flatnonzero((values % 1 != 0) | (values > _MOST_NODES))[:1]:
        faults.add(rows.places[i], f"{name} is {values[i]:g}; nodes are whole numbers up to {_MOST_NODES:,}")
        return False
    return True
