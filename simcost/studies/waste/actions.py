"""Measures against waste and their saving over the samples: keep fewer GPUs, borrow, shut down at night.

GPUs that stay idle in the same hours of most days can be shut down in them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, floor, fsum
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from simcost.studies.waste.buckets import Flags, Floats, Ints, Waste, WastePart, local_start_s, pieces, spread
from simcost.studies.waste.sweep import Rows, quantile, sweep
from simcost.trace.utilization.blocks import RowBlocks
from simcost.trace.utilization.samples import UtilizationSamples

Effect = Literal["release", "use", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """An amount with bounds; expected is None where only the bounds are known."""

    lo: float
    expected: float | None
    hi: float

    def __post_init__(self) -> None:
        if not self.lo <= (self.lo if self.expected is None else self.expected) <= self.hi:
            raise ValueError(f"{self} is not in order")

    def times(self, factor: float) -> "Range":
        """Each bound times a factor."""
        expected = None if self.expected is None else self.expected * factor
        return Range(lo=self.lo * factor, expected=expected, hi=self.hi * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One measure; measures overlap, so that their savings do not add up."""

    action: str
    where: str
    buckets: tuple[str, ...]
    """The buckets it addresses."""
    saves_gpu_s: Range
    effect: Effect
    """release: GPUs that need not be paid for; use: GPUs that would work instead of waiting; price: the same
    hours for less."""
    rule: str
    """Rule by which the samples were replayed, with its assumptions."""
    saves_usd: Range | None = None
    """Saving where it is not hours times price."""


def ordered(lo: float, expected: float, hi: float) -> Range:
    """A range of three estimates; bounds that cross the expected one, as packings may, are widened to it."""
    return Range(lo=min(lo, expected), expected=expected, hi=max(hi, expected))


QUANTILES = (1.0, 0.99, 0.95)
"""Of the demand that is kept: low, expected, high saving."""
NAMED = 5
"""Pools named in a rule, at most."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The replay of one group of samples with fewer GPUs."""

    saved: tuple[float, ...]
    """GPU-seconds, one per quantile."""
    kept: int
    """GPUs at the expected quantile."""
    gpus: int


def consolidate(waste: Waste) -> list[Action]:
    """Keep in each pool the p99 of the GPUs allocated or asked for, and hand the rest back while they are free."""
    stretches = _Stretches(waste)
    pools = {name: _replay(partial(stretches.rows, i)) for i, name in enumerate(waste.samples.pools)}
    found = [_action(pools, "all" if len(pools) == 1 else "each pool by itself")]
    if len(pools) > 1:
        found.append(_action({"": _replay(stretches.rows)}, "all pools as one"))
    return [action for action in found if (action.saves_gpu_s.expected or 0.0) > 0]


def _action(pools: dict[str, _Kept], where: str) -> Action:
    lo, expected, hi = (fsum(pool.saved[i] for pool in pools.values()) for i in range(len(QUANTILES)))
    ranked = sorted(pools.items(), key=lambda item: -item[1].saved[1])
    said = [f"{one.kept:,} of {one.gpus:,}{f' in {name}' if name else ''}" for name, one in ranked if one.saved[1] > 0]
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    rule = (
        f"keeps the p99 over time of the GPUs allocated or asked for (low: the most, high: the p95): "
        f"{', '.join(said[:NAMED])}{more}; assumes that what exceeds them 1 % of the time may wait, and that "
        "gangs still find room"
    )
    return Action(
        action="consolidate",
        where=where,
        buckets=("free_idle",),
        effect="release",
        rule=rule,
        saves_gpu_s=ordered(lo, expected, hi),
    )


class _Stretches:
    """Stretches in which what a unit has stays as it is; their number follows the changes, not the samples."""

    def __init__(self, waste: Waste) -> None:
        self._blocks = RowBlocks(Path("samples"))
        self._pools: list[frozenset[int]] = []
        for part in waste.parts():
            samples = part.samples
            values = {
                "pool": samples.pool,
                "there": samples.gpus - samples.down,
                "demand": samples.allocated + samples.pending,
                "free": part.seconds["free_idle"] / samples.hold_s,
            }
            begin = np.flatnonzero(_changes(samples, values.values()))
            end = np.append(begin[1:], len(samples)) - 1
            times = {("", "start_s"): samples.start_s[begin], ("", "end_s"): samples.end_s[end]}
            self._blocks.append(times | {("", name): column[begin] for name, column in values.items()})
            self._pools.append(frozenset(np.unique(samples.pool).tolist()))

    def rows(self, pool: int | None = None) -> Iterator[Rows]:
        """From, to, GPUs there, GPUs allocated or asked for, and free GPUs, of one pool or all."""
        for block, pools in enumerate(self._pools):
            if pool is None or pool in pools:
                columns = {name: column for (_, name), column in self._blocks.read(block).items()}
                mine = slice(None) if pool is None else columns["pool"] == pool
                yield tuple(columns[name][mine] for name in ("start_s", "end_s", "there", "demand", "free"))


def _changes(samples: UtilizationSamples, values: Iterable[npt.NDArray[Any]]) -> Flags:
    """True of samples that do not go on with the values of the one before, where that ends."""
    changed: Flags = np.append(True, samples.start_s[1:] != samples.end_s[:-1])
    for column in (samples.unit, *values):
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _replay(rows: Callable[[], Iterable[Rows]]) -> _Kept:
    """Saving of handing back all but a quantile of the demand, never more than what is free at the time."""
    swept = sweep(rows)
    capacity, asked, unused = swept.sums
    unused = np.maximum(unused, 0.0)
    kept = [ceil(quantile(asked, swept.length_s, level) - 1e-9) for level in QUANTILES]
    saved = tuple(float(np.minimum(np.maximum(capacity - keep, 0.0), unused) @ swept.length_s) for keep in kept)
    return _Kept(saved, kept[1], round(float(capacity.max(initial=0.0))))


def merge_pools(waste: Waste) -> list[Action]:
    """Let waiting jobs take idle GPUs of any pool: min(pending, idle) over all pools instead of within each."""
    queue = waste.queue
    blocked = waste.totals["blocked_partition"]
    if queue is None or not blocked > 0:
        return []
    lo = min(queue.borrowable_gpu_s, blocked)
    rule = (
        "jobs that wait take idle GPUs of any pool; low and expected: only while all that wait would fit at once, "
        "high: always. Replays the queue as recorded: jobs that start earlier also end earlier, and gangs must "
        "find their GPUs together"
    )
    return [
        Action(
            action="merge pools or borrow",
            where="all pools",
            buckets=("blocked_partition",),
            effect="use",
            saves_gpu_s=ordered(lo, lo, blocked),
            rule=rule,
        )
    ]


_LEAST_IDLE_S = 86400.0
"""Time without any work after which a unit counts as idle."""


def give_back(waste: Waste) -> list[Action]:
    """Hand back the units that are held and did nothing in any sample, of a day at least."""
    samples = waste.samples
    if samples.span_s < _LEAST_IDLE_S:
        return []
    idle, saved, gpus = list[str](), list[float](), 0.0
    for part in waste.parts():
        own = part.samples
        begin = np.flatnonzero(np.append(True, np.diff(own.unit) != 0))
        at_work = np.add.reduceat(np.where(own.allocated > 0, np.where(own.duty == 0, 0, 1), 0) + own.pending, begin)
        held = np.add.reduceat(own.allocated * own.hold_s, begin)
        unused = np.add.reduceat(part.seconds["allocated_idle"] + part.seconds["free_idle"], begin)
        most = np.maximum.reduceat(own.gpus, begin)
        for i in np.flatnonzero((at_work == 0) & (held > 0)).tolist():
            idle.append(samples.units[own.unit[begin[i]]])
            saved.append(float(unused[i]))
            gpus += float(most[i])
    if not idle:
        return []
    total, named = fsum(saved), ", ".join(idle[:NAMED])
    more = f" and {len(idle) - NAMED} more" if len(idle) > NAMED else ""
    rule = (
        f"{gpus:,.0f} GPU{'s' * (gpus != 1)} held without any work in {samples.span_s / 86400.0:.1f} days: "
        f"{named}{more}; assumes that none is kept as a reserve, and that they can be given back one by one"
    )
    return [
        Action(
            action="give back idle GPUs",
            where="all",
            buckets=("allocated_idle", "free_idle"),
            effect="release",
            saves_gpu_s=Range(lo=total, expected=total, hi=total),
            rule=rule,
        )
    ]


QUIET_DAYS = 0.8
FEWEST_DAYS = 3
HOURS = 24


def shut_at_night(waste: Waste, timezone: str) -> list[Action]:
    """Switch off, in each hour of the day, as many GPUs of a unit as stayed idle all through it on 80 % of days.

    Idle is free with no job waiting, or held at duty 0. Low: as many as stayed idle on every day, of at least
    three. High: every hour that was idle throughout, known in advance.
    """
    lo, expected, hi = _sums(_quiet(part, timezone) for part in waste.parts())
    if not expected > 0:
        return []
    days = waste.samples.span_s / 86400.0
    few = days < FEWEST_DAYS
    short = f"; {days:.1f} days are too few to bound it from below" if few else ""
    rule = (
        f"in each hour of the day, off are as many GPUs of a unit as did nothing all through that hour on "
        f"{100 * QUIET_DAYS:.0f} % of the days; assumes that they start again when the hour ends, that work at "
        f"duty 0 can be stopped, and that provider and contract bill by the hour{short}"
    )
    return [
        Action(
            action="shut at night",
            where="all",
            buckets=("allocated_idle", "free_idle"),
            effect="release",
            saves_gpu_s=ordered(0.0 if few else lo, expected, hi),
            rule=rule,
        )
    ]


def _sums(by_unit: Iterable[Floats]) -> tuple[float, ...]:
    """Sums of several amounts over units, which do not depend on how these are divided into parts."""
    return tuple(fsum(amount.tolist()) for amount in np.concatenate(list(by_unit), axis=1))


def _quiet(part: WastePart, timezone: str) -> Floats:
    """GPU-seconds of hours off, of GPUs idle on all days, on most days, on that day; shape (3, units)."""
    samples = part.samples
    idle = np.floor(part.seconds["free_idle"] / samples.hold_s + 1e-9)
    idle += np.where(samples.duty == 0, samples.allocated, 0.0)
    first = (floor((samples.start_utc_s or 0.0) / 86400.0) - 1) * HOURS  # a day, since clocks differ by hours from UTC
    width = ceil(samples.span_s / 3600.0) + 3 * HOURS
    found = []
    for piece in pieces(len(samples)):
        start_s, hold_s = local_start_s(samples, timezone, piece), samples.hold_s[piece]
        row, cell, seconds = spread(start_s, start_s + hold_s, 3600.0)
        found.append(_by_key(samples.unit[piece][row] * width + cell - first, idle[piece][row], seconds))
    keys, least, observed = _by_key(*(np.concatenate(each) for each in zip(*found, strict=True)))
    hour = keys // width * HOURS + keys % width % HOURS
    order = np.lexsort((-least, hour))
    begin = np.flatnonzero(np.append(True, np.diff(hour[order]) != 0))
    days = np.diff(np.append(begin, len(order)))
    most = begin + np.array([ceil(QUIET_DAYS * count - 1e-9) for count in days.tolist()]) - 1
    every = begin + days - 1
    ranked = least[order]
    always, mostly = (np.minimum(np.repeat(ranked[at], days), ranked) for at in (every, most))
    unit = keys[order] // width
    unit -= unit.min()
    off = np.zeros((3, int(unit.max()) + 1))
    for total, gpus in zip(off, (always, mostly, ranked), strict=True):
        np.add.at(total, unit, gpus * observed[order])
    return off


def _by_key(key: Ints, least: Floats, seconds: Floats) -> tuple[Ints, Floats, Floats]:
    """The different keys in order, with the least value and the sum of the seconds of each."""
    keys, group = np.unique(key, return_inverse=True)
    found: Floats = np.full(len(keys), np.inf)
    np.minimum.at(found, group, least)
    return keys, found, np.bincount(group, seconds).astype(np.float64)
