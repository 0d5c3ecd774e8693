"""Measures against waste and their saving over the samples: share GPUs, keep fewer, borrow, shut down at night.

Sharing packs several lightly used GPUs on one, by time slices or MIG. GPUs that stay idle in the same hours of most
days can be shut down in them.
"""

from dataclasses import dataclass
from math import ceil, floor, fsum
from typing import Literal

import numpy as np

from simcost.studies.waste.buckets import Flags, Floats, Ints, Waste, local_start_s, parts, quantile, spread, sweep
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


MOST_DUTY = 0.8
QUANTILE = 0.95
CELLS = 1440
CANDIDATES = 16
"""GPUs that a unit is tried on: the last of those with room, which hold the lightest units."""
PER_GPU = (2, 4, 7)
"""Units per GPU: low, expected, high."""
MEMORY = 0.95
MOST_UNITS = 3000


@dataclass(slots=True, eq=False)
class _Shared:
    """One GPU that several units share."""

    duty_s: Floats
    """Seconds of work per cell."""
    held_s: Floats
    memory: float
    units: int = 1

    def takes(self, duty_s: Floats, held_s: Floats, memory: float, cell_s: float) -> bool:
        """True if mean and p95 of the summed duty, and the memory, leave room."""
        if self.memory + memory > MEMORY:
            return False
        work = self.duty_s + duty_s
        held = np.minimum(self.held_s + held_s, cell_s)
        if work.sum() > MOST_DUTY * held.sum():
            return False
        there = held > 0
        return bool(np.quantile(work[there] / held[there], QUANTILE) <= MOST_DUTY)

    def add(self, duty_s: Floats, held_s: Floats, memory: float) -> None:
        self.duty_s = self.duty_s + duty_s
        self.held_s = self.held_s + held_s
        self.memory += memory
        self.units += 1


def share_gpus(waste: Waste) -> list[Action]:
    """Pack the units of each pool that hold one GPU, first-fit by falling duty, on shared GPUs.

    A GPU takes a unit while the mean and the 95th percentile of the summed duty stay at 80 % and the memory
    fits, where it was measured. Saved is the time held before, less the time in which any of the sharers of a
    GPU holds it after.
    """
    samples = waste.samples
    mine = ~np.isnan(samples.duty) & (samples.gpus == 1) & (samples.allocated == 1)
    units = np.unique(samples.unit[mine])
    if len(units) < 2:
        return []
    if len(units) > MOST_UNITS:
        held = np.bincount(samples.unit[mine], samples.hold_s[mine], len(samples.units))
        mine &= np.isin(samples.unit, np.argsort(-held, kind="stable")[:MOST_UNITS])
    cell_s = max(samples.step_s, samples.span_s / CELLS)
    duty_s, held_s = _grid(waste, mine, cell_s)
    memory = _memory(waste, mine)
    pool = np.zeros(len(samples.units), np.int64)
    pool[samples.unit] = samples.pool
    saved = [
        fsum(
            _saved(duty_s, held_s, memory, np.flatnonzero((pool == one) & (held_s.sum(axis=1) > 0)), most, cell_s)
            for one in np.unique(pool).tolist()
        )
        for most in PER_GPU
    ]
    if not saved[-1] > 0:
        return []
    part = f"; of {len(units):,} units the {MOST_UNITS:,} held longest" if len(units) > MOST_UNITS else ""
    known = "and their memory fits" if memory.any() else "(memory was not measured)"
    rule = (
        f"units of a pool share a GPU, up to {PER_GPU[1]} ({PER_GPU[0]} to {PER_GPU[2]}), while mean and p95 of "
        f"their summed duty over {cell_s:.0f} s stay at {100 * MOST_DUTY:.0f} % {known}; assumes that duty adds "
        f"up and that they bear each other's delays{part}"
    )
    return [
        Action(
            action="share GPUs",
            where="all",
            buckets=("allocated_idle",),
            effect="release",
            saves_gpu_s=ordered(saved[0], saved[1], saved[2]),
            rule=rule,
        )
    ]


def _grid(waste: Waste, mine: Flags, cell_s: float) -> tuple[Floats, Floats]:
    """Seconds of work and seconds held, by unit and cell."""
    samples = waste.samples
    cells = max(ceil(samples.end_s[mine].max() / cell_s), floor(samples.start_s[mine].max() / cell_s) + 1)
    work, held = np.zeros((2, len(samples.units) * cells))
    for part in parts(samples.unit):
        rows = np.flatnonzero(mine[part]) + part.start
        row, cell, seconds = spread(samples.start_s[rows], samples.end_s[rows], cell_s)
        place = samples.unit[rows][row] * cells + cell
        np.add.at(held, place, seconds)
        np.add.at(work, place, seconds * samples.duty[rows][row])
    return work.reshape(-1, cells), held.reshape(-1, cells)


def _memory(waste: Waste, mine: Flags) -> Floats:
    """Largest share of the GPU's memory that each unit used; 0 where it was not measured."""
    samples = waste.samples
    most = np.zeros(len(samples.units))
    used, total = samples.memory_used_bytes, samples.memory_total_bytes
    share = np.nan_to_num(np.divide(used, total, out=np.zeros(len(used)), where=total > 0))
    np.maximum.at(most, samples.unit[mine], share[mine])
    return most


def _saved(duty_s: Floats, held_s: Floats, memory: Floats, units: Ints, most: int, cell_s: float) -> float:
    """GPU-seconds that packing the units saves."""
    ranked = units[np.argsort(-duty_s[units].sum(axis=1), kind="stable")]
    shared: list[_Shared] = []
    open_: list[_Shared] = []
    for unit in ranked.tolist():
        load = (duty_s[unit], held_s[unit], float(memory[unit]))
        fits = next((gpu for gpu in open_[-CANDIDATES:] if gpu.takes(*load, cell_s)), None)
        if fits is None:
            shared.append(_Shared(*load))
            open_.append(shared[-1])
            continue
        fits.add(*load)
        if fits.units == most:
            open_.remove(fits)
    after = fsum(float((gpu.held_s if gpu.units == 1 else np.minimum(gpu.held_s, cell_s)).sum()) for gpu in shared)
    return max(float(held_s[units].sum()) - after, 0.0)


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
    samples = waste.samples
    pools = {name: _replay(waste, samples.pool == i) for i, name in enumerate(samples.pools)}
    found = [_action(pools, "all" if len(pools) == 1 else "each pool by itself")]
    if len(pools) > 1:
        found.append(_action({"": _replay(waste, np.ones(len(samples), np.bool_))}, "all pools as one"))
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


def _replay(waste: Waste, mine: Flags) -> _Kept:
    """Saving of handing back all but a quantile of the demand, never more than what is free at the time."""
    samples = waste.samples
    free = waste.seconds["free_idle"][mine] / samples.hold_s[mine]
    demand = (samples.allocated + samples.pending)[mine]
    there = (samples.gpus - samples.down)[mine]
    swept = sweep(samples.start_s[mine], samples.end_s[mine], there, demand, free)
    capacity, asked, unused = swept.sums
    unused = np.maximum(unused, 0.0)
    kept = [ceil(quantile(asked, swept.length_s, level) - 1e-9) for level in QUANTILES]
    saved = tuple(float(np.minimum(np.maximum(capacity - keep, 0.0), unused) @ swept.length_s) for keep in kept)
    return _Kept(saved, kept[1], round(float(capacity.max(initial=0.0))))


def merge_pools(waste: Waste) -> list[Action]:
    """Let waiting jobs take idle GPUs of any pool: min(pending, idle) over all pools instead of within each."""
    queue = waste.queue
    blocked = float(waste.seconds["blocked_partition"].sum())
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


QUIET_DAYS = 0.8
FEWEST_DAYS = 3
HOURS = 24


def shut_at_night(waste: Waste, timezone: str) -> list[Action]:
    """Switch off, in each hour of the day, as many GPUs of a unit as stayed idle all through it on 80 % of days.

    Idle is free with no job waiting, or held at duty 0. Low: as many as stayed idle on every day, of at least
    three. High: every hour that was idle throughout, known in advance.
    """
    samples = waste.samples
    idle = np.floor(waste.seconds["free_idle"] / samples.hold_s + 1e-9)
    idle += np.where(samples.duty == 0, samples.allocated, 0.0)
    lo, expected, hi = _quiet(samples, idle, timezone)
    if not expected > 0:
        return []
    days = samples.span_s / 86400.0
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


def _quiet(samples: UtilizationSamples, idle: Floats, timezone: str) -> tuple[float, float, float]:
    """GPU-seconds of hours off: of GPUs idle on all days, on most days, on that day."""
    first = (floor((samples.start_utc_s or 0.0) / 86400.0) - 1) * HOURS  # a day, since clocks differ by hours from UTC
    width = ceil(samples.span_s / 3600.0) + 3 * HOURS
    found = []
    for part in parts(samples.unit):
        start_s, hold_s = local_start_s(samples, timezone, part), samples.hold_s[part]
        row, cell, seconds = spread(start_s, start_s + hold_s, 3600.0)
        found.append(_by_key(samples.unit[part][row] * width + cell - first, idle[part][row], seconds))
    keys, least, observed = _by_key(*(np.concatenate(each) for each in zip(*found, strict=True)))
    hour = keys // width * HOURS + keys % width % HOURS
    order = np.lexsort((-least, hour))
    begin = np.flatnonzero(np.append(True, np.diff(hour[order]) != 0))
    days = np.diff(np.append(begin, len(order)))
    most = begin + np.array([ceil(QUIET_DAYS * count - 1e-9) for count in days.tolist()]) - 1
    every = begin + days - 1
    ranked = least[order]
    always, mostly = (np.minimum(np.repeat(ranked[at], days), ranked) for at in (every, most))
    observed = observed[order]
    return float(always @ observed), float(mostly @ observed), float(ranked @ observed)


def _by_key(key: Ints, least: Floats, seconds: Floats) -> tuple[Ints, Floats, Floats]:
    """The different keys in order, with the least value and the sum of the seconds of each."""
    keys, group = np.unique(key, return_inverse=True)
    found: Floats = np.full(len(keys), np.inf)
    np.minimum.at(found, group, least)
    return keys, found, np.bincount(group, seconds).astype(np.float64)
