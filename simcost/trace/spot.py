"""Spot availability and prices along time, of one zone or several, and their reader.

Two shapes are read, as CSV (also gzipped) or Parquet: runs (`trace,gap_s,start_tick,ticks,nodes_available` and
`trace,start_tick,ticks,price_usd_h`), and samples or changes (`timestamp,available` and `timestamp,price_usd_h`, with
`trace` where there are several, in any order). A value holds from its time until the next. Availability may have a
column of prices beside it; prices alone are a trace too, of spot that is always there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError, TraceError, did_you_mean
from simcost.tables.faults import Faults
from simcost.trace.spot_rows import AVAILABLE, PRICE, SPOT, TIME, SpotRows, column_names, read_rows
from simcost.units import SECONDS_PER_DAY, format_seconds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
MOST_TICKS = 50_000_000
_MOST_EXACT = 2_000_000
"""Ticks of a log of changes that has each of them at its time."""
LONG_SILENCE_S = 7 * SECONDS_PER_DAY
"""A log of changes that says nothing for so long may have holes."""
_STEPS_MISSED = 10
"""Steps of a log of samples without a row, above which it may have a hole."""
_JITTER = 0.1
"""Difference from the usual step, as a share of it, of samples at a steady pace."""
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
    """Time of tick 0; None = the ticks are of no clock."""
    dated: bool = True
    """True if `start_s` counts from 1970-01-01 UTC, not from an unknown start."""
    usd_per_h: Floats | None = None
    """Of a node, in effect at the start of each tick."""
    assumed: bool = False
    """True if spot is taken as always there, as only its price is known."""
    silent_s: float = 0.0
    """Longest time between two rows of a log, over which the state before was held."""
    silence_s: float = LONG_SILENCE_S
    """Time between two rows above which the log may have holes: of samples some of their steps."""
    unpriced_s: float = 0.0
    """Time at its end over which the last price known was held."""
    notation: tuple[str, ...] = ()
    """Sentences on how its times were read, where that was found out."""

    @property
    def ticks(self) -> int:
        """Number of units."""
        return int(self.nodes.shape[-1])

    @property
    def span_s(self) -> float:
        """Time covered."""
        return self.ticks * self.gap_s

    def held_long(self) -> Iterator[str]:
        """Sentences on a state, or a price, that was held for so long that the log may not be complete."""
        if self.silent_s > self.silence_s:
            days = format_seconds(self.silent_s)
            yield f"{self.name} says nothing for {days}: the state before was taken to hold; was the log complete?"
        if self.unpriced_s > LONG_SILENCE_S:
            days = format_seconds(self.unpriced_s)
            yield (
                f"the prices of {self.name} end {days} before it does: the last one was taken to hold; are they of the "
                "same time?"
            )


def obtained(there: Ints, wanted: int) -> Ints:
    """Nodes at each tick of who wants so many: up to as many as the trace ever has, what it has; more of them come
    and go in proportion, rounded down.

    >>> obtained(np.array([4, 3, 1, 0]), 2).tolist(), obtained(np.array([4, 3, 1, 0]), 10).tolist()
    ([2, 2, 1, 0], [10, 7, 2, 0])
    """
    most = max(int(there.max()), 1)
    return np.minimum(there, wanted) if wanted <= most else there * wanted // most


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotPrices:
    """Prices of one trace, each in effect from its time on."""

    name: str
    at: Floats
    """Ticks of the availability trace, or seconds."""
    usd_per_h: Floats
    in_ticks: bool
    dated: bool
    """True if the seconds count from 1970-01-01 UTC; else from the start of an undated trace."""
    until: float
    """End of the last price: the end of its run, or the last time given."""


def with_prices(trace: SpotSeries, prices: Sequence[SpotPrices]) -> SpotSeries:
    """The trace with the price in effect at each tick: of the price trace of its name, or of the only one given.

    Raises:
        InputError: no such price trace, times that cannot be compared, or ticks before the first price.
    """
    named = [price for price in prices if price.name == trace.name] or (prices if len(prices) == 1 else [])
    if not named:
        near = did_you_mean(trace.name, [price.name for price in prices])
        raise InputError(f"no prices for the trace {trace.name!r}{near}; name one of the price traces so")
    chosen = named[0]
    ticks = np.arange(trace.ticks) * (1.0 if chosen.in_ticks else trace.gap_s)
    if not chosen.in_ticks:
        if trace.start_s is None or trace.dated != chosen.dated:
            theirs = "have dates" if chosen.dated else "count seconds from an unknown start"
            ours = "has dates" if trace.dated and trace.start_s is not None else "does not say when it began"
            remedy = (
                "by ticks" if trace.start_s is None else "with dates" if trace.dated else "in the seconds of the trace"
            )
            raise InputError(
                f"the prices of {chosen.name!r} {theirs}, but the trace {trace.name!r} {ours}; give prices {remedy}"
            )
        ticks += trace.start_s
    index = np.searchsorted(chosen.at, ticks, side="right") - 1
    if index[0] < 0:
        raise InputError(
            f"the prices of {chosen.name!r} begin after the trace {trace.name!r}: its first {int((index < 0).sum()):,} "
            "ticks have none; give earlier prices"
        )
    last_s = (chosen.until - float(ticks[-1])) * (trace.gap_s if chosen.in_ticks else 1.0)
    return replace(trace, usd_per_h=chosen.usd_per_h[index], unpriced_s=max(-last_s, 0.0))


def always_there(prices: SpotPrices, gap_s: float) -> SpotSeries:
    """Spot of which only the price is known. Raises TraceError for too many ticks."""
    span = prices.until - float(prices.at[0])
    count = int(span) if prices.in_ticks else int(span // gap_s) + 1
    if not 0 < count <= MOST_TICKS:
        raise TraceError(f"{prices.name}: {count:,} ticks of {gap_s:g} s; take a longer tick")
    start_s = None if prices.in_ticks else float(prices.at[0])
    nodes = np.full(count, UNBOUNDED, np.int64)
    there = SpotSeries(name=prices.name, gap_s=gap_s, nodes=nodes, start_s=start_s, dated=prices.dated, assumed=True)
    return with_prices(there, [prices])


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
    ticks = min(len(trace.nodes) for trace in traces)
    prices = [trace.usd_per_h[:ticks] for trace in traces if trace.usd_per_h is not None]
    return SpotSeries(
        name=f"any of {len(traces)} zones",
        gap_s=first.gap_s,
        start_s=first.start_s,
        dated=first.dated,
        nodes=np.stack([trace.nodes[:ticks] for trace in traces]),
        usd_per_h=np.stack(prices) if len(prices) == len(traces) else None,
        assumed=any(trace.assumed for trace in traces),
    )


def _since(trace: SpotSeries) -> str:
    return "an unknown time" if trace.start_s is None else f"{trace.start_s:.0f} s{' since 1970' * trace.dated}"


PRICE_TICK_S = 300.0


def read_spot(path: Path, *, tick_s: float | None = None, exact: bool = False) -> list[SpotSeries]:
    """The traces of a file: availability, or prices alone, which say nothing of when spot is there.

    Args:
        path: CSV or Parquet.
        tick_s: as `gap_s` of `read_availability`; of prices None = 5 min.
        exact: as that of `read_availability`.

    Raises: as `read_availability`.
    """
    names, _ = SPOT.match(column_names(path))
    if PRICE not in names or AVAILABLE in names:
        return read_availability(path, gap_s=tick_s, exact=exact)
    return [always_there(prices, tick_s or PRICE_TICK_S) for prices in read_prices(path)]


def one_trace(path: Path, name: str | None = None) -> SpotSeries:
    """The trace of that name, or the only one of the file.

    Raises:
        InputError: no such trace, or several and none named. Else as `read_availability`.
    """
    traces = read_spot(path, exact=True)
    named = [trace for trace in traces if name in (None, trace.name)]
    if len(named) != 1:
        names = [trace.name for trace in traces]
        hint = "" if name is None else did_you_mean(name, names)
        asked = "has several traces: name one by --trace" if name is None else f"no trace {name!r}{hint}"
        raise InputError(f"{path}: {asked}; there are {', '.join(names)}")
    return named[0]


def read_availability(path: Path, *, gap_s: float | None = None, exact: bool = False) -> list[SpotSeries]:
    """The availability traces of a file, in its order.

    Args:
        path: CSV or Parquet.
        gap_s: tick of a trace with timestamps; None = the smallest difference between two of them.
        exact: True = where that is not too short, the longest tick at which all changes have their times: for who does
            nothing once a tick.

    Raises:
        FaultsError: cells that are not a number or a time, or negative, runs with gaps or overlaps; located.
        InputError: a file or column that is not there.
    """
    parts, faults = read_rows(path, AVAILABLE)
    traces = [
        _from_runs(rows, faults) if "ticks" in rows.columns else _from_changes(rows, faults, gap_s, exact=exact)
        for rows in parts
    ]
    faults.check()
    return [trace for trace in traces if trace is not None]


def read_prices(path: Path) -> list[SpotPrices]:
    """The price traces of a file, in its order. Raises as `read_availability`."""
    parts, faults = read_rows(path, PRICE)
    result = []
    for rows in parts:
        in_ticks = "ticks" in rows.columns
        if in_ticks:
            _check_runs(rows, faults)
        _check_prices(rows, faults)
        at = rows.columns["start_tick" if in_ticks else TIME]
        _check_order(rows, at, faults)
        until = float(at[-1] + (rows.columns["ticks"][-1] if in_ticks else 0.0))
        price = rows.columns[PRICE]
        result.append(
            SpotPrices(name=rows.name, at=at, usd_per_h=price, in_ticks=in_ticks, dated=rows.dated, until=until)
        )
    faults.check()
    return result


def _from_runs(rows: SpotRows, faults: Faults) -> SpotSeries | None:
    columns = rows.columns
    ok = _check_runs(rows, faults)
    _check_prices(rows, faults)
    gaps = columns["gap_s"]
    for i in np.flatnonzero(gaps != gaps[0])[:1]:
        faults.add(rows.place(i), f"gap_s is {gaps[i]:g}; write one tick for all rows of a trace")
        ok = False
    if not ok:
        return None
    index = np.repeat(np.arange(len(gaps)), columns["ticks"].astype(np.int64))
    nodes = columns[AVAILABLE].astype(np.int64)[index]
    return SpotSeries(name=rows.name, gap_s=float(gaps[0]), nodes=nodes, usd_per_h=_priced(rows, index))


def _from_changes(rows: SpotRows, faults: Faults, gap_s: float | None, *, exact: bool) -> SpotSeries | None:
    at = rows.columns[TIME]
    _check_prices(rows, faults)
    if not _check_order(rows, at, faults):
        return None
    if len(at) == 1 and gap_s is None:
        faults.add(rows.place(0), "one row alone does not tell the tick; give at least two rows")
        return None
    gap = _tick_s(at, exact=exact) if gap_s is None else gap_s
    if (at[-1] - at[0]) / gap > MOST_TICKS:
        faults.add(
            rows.place(len(at) - 1),
            f"a tick of {gap:g} s makes more than {MOST_TICKS:,} of them; take a longer tick",
        )
        return None
    ticks = at[0] + np.arange(int((at[-1] - at[0]) // gap) + 1) * gap
    index = np.searchsorted(at, ticks, side="right") - 1
    nodes = rows.columns[AVAILABLE].astype(np.int64)[index]
    return SpotSeries(
        name=rows.name,
        gap_s=gap,
        nodes=nodes,
        start_s=float(at[0]),
        dated=rows.dated,
        notation=rows.notation,
        usd_per_h=_priced(rows, index),
        silent_s=float(np.diff(at).max(initial=0.0)),
        silence_s=_silence_s(rows, at),
    )


def _silence_s(rows: SpotRows, at: Floats) -> float:
    """Time between two rows above which one may be missing: of a log of samples, most of which say again what the one
    before said, or all but the price of it at a steady pace, some of their steps; a log of changes may say nothing for
    days.
    """
    steps_s = np.diff(at)
    if not len(steps_s):
        return LONG_SILENCE_S
    usual_s = float(np.median(steps_s))
    again = {name: values[1:] == values[:-1] for name, values in rows.columns.items() if name != TIME}
    steady = again[AVAILABLE] & (np.abs(steps_s - usual_s) <= _JITTER * usual_s)
    samples = np.logical_and.reduce([*again.values()]) | steady
    if 2 * int(samples.sum()) <= len(samples):
        return LONG_SILENCE_S
    return min(_STEPS_MISSED * usual_s, LONG_SILENCE_S)


def _tick_s(at: Floats, *, exact: bool) -> float:
    """The shortest time between two changes, or the longest of which all of them are multiples."""
    between = np.diff(at)
    if exact and (between % 1 == 0).all():
        common = float(np.gcd.reduce(between.astype(np.int64)))
        if (at[-1] - at[0]) / common <= _MOST_EXACT:
            return common
    return float(between.min())


def _priced(rows: SpotRows, index: Ints) -> Floats | None:
    """The price of the row that holds at each tick, where the file has prices."""
    return rows.columns[PRICE][index] if PRICE in rows.columns else None


def _check_runs(rows: SpotRows, faults: Faults) -> bool:
    """True if the runs follow each other from tick 0; the first that does not is noted."""
    start, ticks = rows.columns["start_tick"], rows.columns["ticks"]
    expected = np.concatenate([[0], np.cumsum(ticks)[:-1]])
    for i in np.flatnonzero((start != expected) | (ticks < 1) | (ticks % 1 != 0))[:1]:
        faults.add(
            rows.place(i),
            f"a run of {ticks[i]:g} ticks from tick {start[i]:g}, where tick {expected[i]:g} is "
            f"next in {rows.name!r}; runs are whole and follow each other from tick 0",
        )
        return False
    if ticks.sum() > MOST_TICKS:
        faults.add(rows.place(len(ticks) - 1), f"more than {MOST_TICKS:,} ticks; take a longer tick")
        return False
    return True


def _check_prices(rows: SpotRows, faults: Faults) -> None:
    """Note the first price of 0 where nodes are there: catalogs and exports write so what they do not know."""
    if PRICE not in rows.columns:
        return
    free = (rows.columns[PRICE] == 0) & (rows.columns.get(AVAILABLE, np.ones(len(rows.columns[PRICE]))) > 0)
    for i in np.flatnonzero(free)[:1]:
        faults.add(rows.place(i), f"a price of 0 in {rows.name!r} is a missing one; write the one that held")


def _check_order(rows: SpotRows, at: Floats, faults: Faults) -> bool:
    """True if times rise; the first that is there twice is noted."""
    for i in np.flatnonzero(np.diff(at) <= 0)[:1] + 1:
        faults.add(rows.place(i), f"not later than the row before it in {rows.name!r}, by time; write one row a time")
        return False
    return True
