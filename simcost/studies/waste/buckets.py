"""Waste buckets: every GPU-second of capacity in exactly one; samples cut at hours or steps of a grid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost.studies.waste.sweep import Borrowed, sweep
from simcost.trace.series.local_time import offsets
from simcost.trace.utilization.samples import PART_ROWS, MonitoredUnits, UtilizationSamples

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


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

    @property
    def in_pool_share(self) -> float | None:
        """Share of the idle GPU time in which jobs of the own pool wait; None where no GPU is idle."""
        return self.in_pool_gpu_s / self.idle_gpu_s if self.idle_gpu_s else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WastePart:
    """Samples of some whole units with the GPU-seconds of each by bucket."""

    samples: UtilizationSamples
    seconds: dict[str, Floats]
    """By bucket of MONITORED, one value per sample; they add up to GPUs x time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waste:
    """Samples with the GPU-seconds of each of them by bucket, those of some units at a time."""

    samples: MonitoredUnits
    totals: dict[str, float]
    """GPU-seconds by bucket of MONITORED."""
    queue: QueueWaste | None
    """None where the file says nothing of jobs that wait."""
    borrowed: Borrowed | None

    def parts(self) -> Iterator[WastePart]:
        """Some whole units after the other."""
        for samples in self.samples.parts():
            yield WastePart(samples=samples, seconds=_seconds(samples, self.borrowed))


def split(samples: MonitoredUnits) -> Waste:
    """Put every GPU-second of the samples into its bucket.

    At each instant, over pools v with pending P_v and idle I_v GPUs: blocked in pool = sum of min(P_v, I_v);
    blocked by partition = min(sum P, sum I) - blocked in pool, in each pool in proportion to the idle GPUs that
    its own jobs do not ask for.
    """
    queue, borrowed = _blocked(samples) if samples.queues else (None, None)
    found = Waste(samples=samples, totals={}, queue=queue, borrowed=borrowed)
    by_unit: dict[str, list[float]] = {name: [] for name in MONITORED}
    for part in found.parts():
        begin = np.flatnonzero(np.append(True, np.diff(part.samples.unit) != 0))
        for name, seconds in part.seconds.items():
            by_unit[name] += np.add.reduceat(seconds, begin).tolist()
    return replace(found, totals={name: fsum(seconds) for name, seconds in by_unit.items()})


def _seconds(samples: UtilizationSamples, borrowed: Borrowed | None) -> dict[str, Floats]:
    """GPU-seconds of each sample by bucket."""
    held = samples.allocated * samples.hold_s
    measured = ~np.isnan(samples.duty)
    useful = np.where(measured, held * np.nan_to_num(samples.duty), 0.0)
    in_pool, partition, free = _waited_for(samples, borrowed)
    return {
        "useful": useful,
        "unmeasured": np.where(measured, 0.0, held),
        "allocated_idle": np.where(measured, held - useful, 0.0),
        "blocked_in_pool": in_pool,
        "blocked_partition": partition,
        "free_idle": free,
        "down": samples.down * samples.hold_s,
    }


def _waited_for(samples: UtilizationSamples, borrowed: Borrowed | None) -> tuple[Floats, Floats, Floats]:
    """Of each sample the idle GPU-seconds that its own pool's jobs wait for, others', and nobody."""
    idle, own = _idle(samples)
    if borrowed is None:
        nothing = np.broadcast_to(np.float64(0.0), len(samples))
        return nothing, nothing, idle * samples.hold_s
    spare = (idle - own) * samples.hold_s
    partition = np.minimum((idle - own) * borrowed.integral(samples.start_s, samples.end_s), spare)
    return own * samples.hold_s, partition, spare - partition


def _idle(samples: UtilizationSamples) -> tuple[Floats, Floats]:
    """Idle GPUs of each sample, and those of them that jobs of its own pool wait for."""
    idle = samples.gpus - samples.allocated - samples.down
    return idle, np.minimum(samples.pending, idle)


def _blocked(samples: MonitoredUnits) -> tuple[QueueWaste, Borrowed]:
    """The queue over all pools, and the share of idle GPUs that other pools' jobs could use at each time."""
    swept = sweep(lambda: (_queued(part) for part in samples.parts()))
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
    return queue, Borrowed(swept.times_s, np.concatenate([[0.0], np.cumsum(rate * length)]))


def _queued(samples: UtilizationSamples) -> tuple[Floats, ...]:
    """From, to, and what adds up over all pools: GPUs asked for, idle ones, those of the own pool, jobs, samples."""
    idle, own = _idle(samples)
    waiting, one = samples.waiting_jobs, np.ones(len(samples))
    return samples.start_s, samples.end_s, samples.pending, idle, own, waiting, one


def pieces(rows: int) -> Iterator[slice]:
    """Rows of a part, PART_ROWS at a time: one unit may have more; cut at hours they take several times the memory."""
    return (slice(begin, min(begin + PART_ROWS, rows)) for begin in range(0, rows, PART_ROWS))


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
