"""Spot along time: how many nodes could be had in a zone, and what they cost; and several zones as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError, TraceError, did_you_mean

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
MOST_TICKS = 50_000_000
UNBOUNDED = 1_000_000
"""Nodes of a zone of which only the price is known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotTrace:
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
    """Whether spot is taken as always there, as only its price is known."""
    silent_s: float = 0.0
    """Longest time between two rows of a log, over which the state before was held."""

    @property
    def ticks(self) -> int:
        """How many."""
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


def with_prices(trace: SpotTrace, prices: Sequence[SpotPrices]) -> SpotTrace:
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


def always_there(prices: SpotPrices, gap_s: float) -> SpotTrace:
    """Spot of which only the price is known. Raises TraceError for too many ticks."""
    span = prices.until - float(prices.at[0])
    count = int(span) if prices.in_ticks else int(span // gap_s) + 1
    if not 0 < count <= MOST_TICKS:
        raise TraceError(f"{prices.name}: {count:,} ticks of {gap_s:g} s; take a longer tick")
    start_s = None if prices.in_ticks else float(prices.at[0])
    nodes = np.full(count, UNBOUNDED, np.int64)
    return with_prices(
        SpotTrace(name=prices.name, gap_s=gap_s, nodes=nodes, start_s=start_s, assumed=True), [prices]
    )


def any_zone(traces: Sequence[SpotTrace]) -> SpotTrace:
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
    return SpotTrace(
        name=f"any of {len(traces)} zones",
        gap_s=first.gap_s,
        start_s=first.start_s,
        nodes=np.stack([one.nodes[:ticks] for one in traces]),
        usd_per_h=np.stack(prices) if len(prices) == len(traces) else None,
        assumed=any(one.assumed for one in traces),
    )


def _since(trace: SpotTrace) -> str:
    return "an unknown time" if trace.start_s is None else f"{trace.start_s:.0f} s since 1970"
