"""Waste buckets: every GPU-second of capacity in exactly one; sums over samples, cut at hours or steps of a grid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.trace.series.local_time import offsets
from simcost.trace.utilization.samples import UtilizationSamples

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Stretches of time in which nothing changes."""

    length_s: Floats
    sums: tuple[Floats, ...]
    """Of each value over the rows that stand; one per stretch."""
    first: Ints
    """The stretch in which each row begins."""
    end: Ints
    """The stretch after the last of each row."""

    def integral(self, rate: Floats) -> Floats:
        """The time integral of a rate (one per stretch) over the time for which each row stands."""
        total = np.concatenate([[0.0], np.cumsum(rate * self.length_s)])
        found: Floats = total[self.end] - total[self.first]
        return found


def sweep(start_s: Floats, end_s: Floats, *values: Floats) -> Sweep:
    """Add up values that stand from a start to an end; integers below 2^53 add up exactly."""
    times = np.unique(np.concatenate([start_s, end_s]))
    first, end = np.searchsorted(times, start_s), np.searchsorted(times, end_s)
    sums = tuple(_sum(first, end, value, len(times)) for value in values)
    return Sweep(length_s=np.diff(times), sums=sums, first=first, end=end)


def _sum(first: Ints, end: Ints, value: Floats, times: int) -> Floats:
    change = np.bincount(first, value, times) - np.bincount(end, value, times)
    total: Floats = np.cumsum(change)[:-1]
    return total


def quantile(values: Floats, weight: Floats, level: float) -> float:
    """The smallest value that is not exceeded for a share `level` of the weight, as time."""
    there = weight > 0
    order = np.argsort(values[there], kind="stable")
    total = np.cumsum(weight[there][order])
    at = int(np.searchsorted(total, level * total[-1] * (1 - 1e-12)))
    return float(values[there][order][min(at, len(total) - 1)])


BUCKETS = {
    "useful": "allocated and working (duty)",
    "unmeasured": "allocated; how busy was not measured",
    "checkpoint": "writing checkpoints",
    "lost": "work that was redone",
    "restart": "starting, restarting, draining",
    "allocated_idle": "allocated, not working (1 - duty)",
    "blocked_in_pool": "free while a job of the same pool waits: fragments, or a wide job at the head",
    "blocked_partition": "free while a job of another pool waits",
    "free_idle": "free while no job that could use it waits",
    "down": "broken or withdrawn",
}
"""Buckets with their meaning, in the order of tables and charts."""
IDLE = ("allocated_idle", "blocked_in_pool", "blocked_partition", "free_idle")
MONITORED = ("useful", "unmeasured", *IDLE, "down")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWaste:
    """Waiting while GPUs are idle, over all pools; None where a share has no time to be a share of."""

    pending_gpu_s: float
    """GPUs asked for by waiting jobs, times the time they waited."""
    in_pool_gpu_s: float
    """Sum over pools of min(pending, idle)."""
    partition_gpu_s: float
    """min(all pending, all idle) less what is blocked in its own pool."""
    borrowable_gpu_s: float
    """The part of it in times in which the idle GPUs of all pools would do for all that wait."""
    shortage_gpu_s: float
    """Pending beyond all that is idle: really missing. in pool + partition + shortage = pending."""
    idle_gpu_s: float
    """GPUs neither allocated nor down."""
    waiting_share: float
    """Share of time in which a job waits."""
    avoidable_share: float
    """Share of time in which a job waits though the idle GPUs of all pools would do for all that wait."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waste:
    """Samples with the GPU-seconds of each of them by bucket."""

    samples: UtilizationSamples
    seconds: dict[str, Floats]
    """By bucket of MONITORED, one value per sample; they add up to GPUs x time."""
    queue: QueueWaste | None
    """None where the file says nothing of jobs that wait."""

    @property
    def totals(self) -> dict[str, float]:
        """GPU-seconds by bucket."""
        return {name: float(seconds.sum()) for name, seconds in self.seconds.items()}


def split(samples: UtilizationSamples) -> Waste:
    """Put every GPU-second of the samples into its bucket.

    At each instant, over pools v with pending P_v and idle I_v GPUs: blocked in pool = sum of min(P_v, I_v);
    blocked by partition = min(sum P, sum I) - blocked in pool, in each pool in proportion to the idle GPUs that
    its own jobs do not ask for.
    """
    held = samples.allocated * samples.hold_s
    measured = ~np.isnan(samples.duty)
    useful = np.where(measured, held * np.nan_to_num(samples.duty), 0.0)
    idle = samples.gpus - samples.allocated - samples.down
    queue, in_pool, partition, free = _waited_for(samples, idle)
    seconds = {
        "useful": useful,
        "unmeasured": np.where(measured, 0.0, held),
        "allocated_idle": np.where(measured, held - useful, 0.0),
        "blocked_in_pool": in_pool,
        "blocked_partition": partition,
        "free_idle": free,
        "down": samples.down * samples.hold_s,
    }
    return Waste(samples=samples, seconds=seconds, queue=queue)


def _waited_for(samples: UtilizationSamples, idle: Floats) -> tuple[QueueWaste | None, Floats, Floats, Floats]:
    """The queue, and of each sample the idle GPU-seconds that its own pool's jobs wait for, others', and nobody."""
    if not samples.queues:
        nothing = np.broadcast_to(np.float64(0.0), len(samples))
        return None, nothing, nothing, idle * samples.hold_s
    own = np.minimum(samples.pending, idle)
    queue, partition = _blocked(samples, idle, own)
    spare = (idle - own) * samples.hold_s
    partition = np.minimum(partition, spare)
    return queue, own * samples.hold_s, partition, spare - partition


def _blocked(samples: UtilizationSamples, idle: Floats, own: Floats) -> tuple[QueueWaste, Floats]:
    """The queue over all pools, and the GPU-seconds of each sample that other pools' jobs could use."""
    swept = sweep(
        samples.start_s,
        samples.end_s,
        samples.pending,
        idle,
        own,
        samples.waiting_jobs,
        np.ones(len(samples)),
    )
    pending, free, in_pool, jobs, rows = swept.sums
    usable = np.minimum(pending, free)
    partition = usable - in_pool
    spare = free - in_pool
    rate = np.divide(partition, spare, out=np.zeros(len(spare)), where=spare > 0)
    length = swept.length_s
    waits = (jobs > 0) | (pending > 0)
    observed = float(length[rows > 0].sum())
    queue = QueueWaste(
        pending_gpu_s=float(pending @ length),
        in_pool_gpu_s=float(in_pool @ length),
        partition_gpu_s=float(partition @ length),
        borrowable_gpu_s=float((partition * (free >= pending)) @ length),
        shortage_gpu_s=float((pending - usable) @ length),
        idle_gpu_s=float(free @ length),
        waiting_share=float(length[waits].sum()) / observed,
        avoidable_share=float(length[waits & (free >= pending)].sum()) / observed,
    )
    return queue, (idle - own) * swept.integral(rate)


PART_ROWS = 500_000
"""Samples that are cut at hours at a time: the pieces take several times the memory of the samples."""


def parts(unit: Ints) -> Iterator[slice]:
    """Stretches of about PART_ROWS samples, of whole units as far as these are shorter."""
    ends = np.concatenate([[0], np.flatnonzero(np.diff(unit)) + 1, [len(unit)]])
    begin = 0
    while begin < len(unit):
        whole = int(ends[np.searchsorted(ends, begin + PART_ROWS, side="right") - 1])
        end = whole if whole > begin else min(begin + PART_ROWS, len(unit))
        yield slice(begin, end)
        begin = end


def spread(start_s: Floats, end_s: Floats, cell_s: float) -> tuple[Ints, Ints, Floats]:
    """For each part of a row within one cell: the row, the number of the cell, and the seconds."""
    first = np.floor(start_s / cell_s).astype(np.int64)
    last = np.maximum(np.ceil(end_s / cell_s).astype(np.int64) - 1, first)
    count = last - first + 1
    row = np.repeat(np.arange(len(start_s)), count)
    cell = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + first[row]
    begin = np.maximum(start_s[row], cell * cell_s)
    seconds = np.maximum(np.minimum(end_s[row], (cell + 1) * cell_s) - begin, 0.0)
    return row, cell, seconds


def local_start_s(samples: UtilizationSamples, timezone: str, part: slice) -> Floats:
    """Start of some samples by the wall clock, seconds since 1970; from the first sample where that is unknown."""
    if samples.start_utc_s is None:
        return samples.start_s[part]
    utc_s = samples.start_s[part] + samples.start_utc_s
    local: Floats = utc_s + offsets_of(utc_s, timezone)
    return local


def offsets_of(utc_s: Floats, timezone: str) -> Ints:
    """Offset of the wall clock from UTC at each time, seconds. Raises InputError for an unknown zone."""
    whole = np.floor(utc_s).astype(np.int64)
    found: Ints = offsets(timezone, whole).local(whole) - whole
    return found
