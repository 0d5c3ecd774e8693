"""Reserved GPUs combined with spot: the mixes that meet a queueing-delay target, and their cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import fsum
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.sizing import MixResult, MixRow, MixWait, SizingTarget, size_of_jobs, submitted_s
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.spot import Floats, SpotSeries, obtained
from simcost.units import HOURS_PER_MONTH, format_seconds, format_usd

BASES = 7
"""Sizes of the reserved part that are tried: from none to all."""
MOST_SPOT = 4
"""Times the cluster that needs no spot: where the search for spot nodes ends."""
_LONG_END = 1.25
"""Times the span of the submissions until the last job ends, beyond which a log is too short for money a month."""
MIXED_UNDER = "fifo-skip"
"""Name of the policy under which mixes are tried."""
FOREVER_S = 1e12
"""Stands for the wait of a job that never ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotMix:
    """Spot nodes added to a cluster."""

    trace: SpotSeries
    """Of one zone. It is repeated for as long as there are jobs."""
    usd_per_gpu_h: float | None
    """None = no money is shown."""
    checkpoints: Checkpoints
    starts: int = 3
    """Ticks of the trace, evenly apart, at which the jobs begin; results are over all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """One mix from each of the starts."""

    wait_s: Floats
    """Of every job and start: time in the queue, that after preemptions included."""
    spot_gpu_s: float
    """Held on spot, whole nodes, mean over the starts."""
    ledgers: Sequence[JobLedger]


def mixes(jobs: Jobs, spot: SpotMix, question: SizingTarget) -> MixResult:
    """The mixes that keep the target, from all reserved to all on spot.

    Jobs take reserved GPUs first; a spot node is held while jobs need it and it can be had. When spot is taken back,
    the jobs that started last stop, lose their work since the last checkpoint, and queue again. First in, first out;
    jobs that do not fit are passed over.

    Args:
        jobs: the queue.
        spot: the trace, its price, how jobs save their work.
        question: target, GPUs of a node, price of a reserved GPU-hour.

    Raises:
        InputError: not even without spot the target can be kept.
    """
    found: dict[tuple[int, int], _Tried] = {}

    def tried(base: int, nodes: int) -> _Tried:
        if (base, nodes) not in found:
            found[base, nodes] = _try(jobs, spot, question.step, base, nodes)
        return found[base, nodes]

    def keeps(base: int, nodes: int) -> bool:
        return _percentile(tried(base, nodes), question) <= question.wait_s

    sized = size_of_jobs(jobs, lambda gpus, _: schedule(jobs, gpus, FifoSkip()), [MIXED_UNDER], question)
    alone = sized.policies[0].gpus // question.step
    rows: list[MixRow] = []
    for base in np.unique(np.linspace(0, alone, BASES).round().astype(int)).tolist()[::-1]:
        hopeless = bool(rows) and rows[-1].spot_gpus is None  # fewer reserved ones cannot do with less spot
        nodes = None if hopeless else _smallest(partial(keeps, base), -1, MOST_SPOT * alone)
        rows.append(_row(jobs, base, nodes, None if nodes is None else tried(base, nodes), spot, question))
    rows.reverse()
    best = _best(rows)
    return MixResult(
        trace=spot.trace.name,
        available=float((spot.trace.nodes > 0).mean()),
        starts=spot.starts,
        mixes=tuple(rows),
        best=best,
        verdict=_verdict(rows, best),
        notes=(*_notes(spot), *_short_log(jobs, tried(alone, 0).ledgers[0])),
    )


def _smallest(keeps: Any, none: int, most: int) -> int | None:
    """The smallest count above `none` that keeps, by bisection; None if not even the most does."""
    low, high = none, none + 1
    while not keeps(high):
        if high >= most:
            return None
        low, high = high, min(max(2 * high, 1), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def _try(jobs: Jobs, spot: SpotMix, step: int, base: int, nodes: int) -> _Tried:
    hopeless = _Tried(np.full(1, FOREVER_S), 0.0, ())
    if (base + nodes) * step < int(jobs.gpus.max()):
        return hopeless
    starts = np.linspace(0, spot.trace.ticks, spot.starts if nodes else 1, endpoint=False).astype(int)
    saved = spot.checkpoints if nodes else replace(spot.checkpoints, write=0.0)  # nothing takes reserved GPUs back
    capacities = [_capacity(spot.trace, start, base * step, nodes, step) for start in starts.tolist()]
    try:
        ledgers = [
            schedule(jobs, capacity, FifoSkip(), checkpoints=saved, keep_timeline=True) for capacity in capacities
        ]
    except InputError:  # a job that never gets through
        return hopeless
    wait = np.concatenate([_waits(jobs, ledger) for ledger in ledgers])
    held = float(np.mean([_held_s(ledger, base * step, step) for ledger in ledgers]))
    return _Tried(wait, held, ledgers)


def _capacity(trace: SpotSeries, start: int, base_gpus: int, nodes: int, step: int) -> GpuCapacity:
    """Reserved capacity, and the spot capacity of so many nodes, from a tick of the trace on.

    More nodes than the trace ever had come and go in proportion.
    """
    got = obtained(np.roll(trace.nodes, -start), nodes)
    changed = np.append(True, np.diff(got) != 0)
    since = np.arange(len(got))[changed] * trace.gap_s
    return GpuCapacity(since_s=since, gpus=base_gpus + step * got[changed], period_s=trace.span_s)


def _waits(jobs: Jobs, ledger: JobLedger) -> Floats:
    """Time in the queue of each job, all of it: completion less all that its gang did."""
    outcomes = ledger.outcomes
    busy = jobs.duration_s + outcomes.lost_s + outcomes.checkpoint_s + outcomes.restart_s
    wait: Floats = np.maximum(outcomes.end_s - outcomes.queued_s - busy, 0.0)
    return wait


def _held_s(ledger: JobLedger, base_gpus: int, step: int) -> float:
    """GPU-seconds of the spot nodes that the running jobs need beyond the base."""
    table = ledger.timeline
    at, allocated = table.column("t_s").to_numpy(), table.column("allocated").to_numpy()
    length = np.diff(np.append(at, ledger.horizon_s))
    nodes = -(-np.maximum(allocated - base_gpus, 0) // step)
    return float((nodes * step) @ length)


def _percentile(tried: _Tried, question: SizingTarget) -> float:
    return float(np.quantile(tried.wait_s, question.percentile))


def _row(
    jobs: Jobs, base: int, nodes: int | None, tried: _Tried | None, spot: SpotMix, question: SizingTarget
) -> MixRow:
    base_gpus, spot_gpus = base * question.step, None if nodes is None else nodes * question.step
    if tried is None:
        return MixRow(base_gpus=base_gpus, spot_gpus=spot_gpus)
    spot_h = min(tried.spot_gpu_s / submitted_s(jobs), spot_gpus or 0) * HOURS_PER_MONTH
    redone = fsum(ledger.gpu_seconds["lost"] + ledger.gpu_seconds["restart"] for ledger in tried.ledgers)
    busy = redone + fsum(ledger.gpu_seconds["useful"] + ledger.gpu_seconds["checkpoint"] for ledger in tried.ledgers)
    return MixRow(
        base_gpus=base_gpus,
        spot_gpus=spot_gpus,
        wait_s=MixWait(mean=float(tried.wait_s.mean()), target=_percentile(tried, question)),
        **_monthly(base * question.step, spot_h, spot, question),
        spot_gpu_hours_per_month=spot_h,
        preemptions=float(np.mean([ledger.outcomes.preemptions.sum() for ledger in tried.ledgers])),
        redone_share=redone / busy if busy else 0.0,
    )


def _monthly(base_gpus: int, spot_h: float, spot: SpotMix, question: SizingTarget) -> dict[str, float | None]:
    """Money of a month, in all and of each kind; None without both prices."""
    if question.usd_per_gpu_h is None or spot.usd_per_gpu_h is None:
        return dict.fromkeys(("usd_per_month", "reserved_usd_per_month", "spot_usd_per_month"))
    reserved = base_gpus * question.usd_per_gpu_h * HOURS_PER_MONTH
    on_spot = spot_h * spot.usd_per_gpu_h
    return {
        "usd_per_month": reserved + on_spot,
        "reserved_usd_per_month": reserved,
        "spot_usd_per_month": on_spot,
    }


def _best(rows: Sequence[MixRow]) -> MixRow:
    """The cheapest; without prices the fewest reserved GPUs. The last row is all reserved."""
    kept = [row for row in rows if row.spot_gpus is not None]
    if rows[-1].usd_per_month is None:
        return kept[0]
    return min(kept, key=lambda row: (row.usd_per_month or 0.0, -row.base_gpus))


def _verdict(rows: Sequence[MixRow], best: MixRow) -> str:
    whole = rows[-1]
    if best is whole and whole.usd_per_month is None:
        return f"No mix with spot keeps the target with fewer than {whole.base_gpus:,} reserved GPUs."
    if best is whole:
        return f"No mix with spot is cheaper than {whole.base_gpus:,} reserved GPUs."
    what = f"{best.base_gpus:,} reserved GPUs and up to {best.spot_gpus:,} on spot"
    if best.usd_per_month is None or whole.usd_per_month is None:
        return f"{what} keep the target that {whole.base_gpus:,} reserved GPUs keep."
    less = whole.usd_per_month - best.usd_per_month
    return (
        f"{what} keep it too, for {format_usd(best.usd_per_month)} a month: {format_usd(less)} less than "
        f"{whole.base_gpus:,} reserved GPUs."
    )


def _short_log(jobs: Jobs, alone: JobLedger) -> Iterator[str]:
    """A sentence where jobs go on for long after the last was submitted: a month is then not many such logs."""
    whole_s = float(alone.outcomes.end_s.max() - jobs.submit_s[0])
    if whole_s > _LONG_END * submitted_s(jobs):
        submitted = format_seconds(float(jobs.submit_s[-1] - jobs.submit_s[0]))
        yield (
            f"the jobs were submitted within {submitted} and end after {format_seconds(whole_s)}: a month "
            "of spot repeats these submissions without a pause, up to all its GPUs all the time, while the sizes are "
            "those of this log once, from an empty cluster; for money a month give a log several times as long as "
            "its jobs"
        )


def _notes(spot: SpotMix) -> tuple[str, ...]:
    most = int(spot.trace.nodes.max())
    return (
        "waits here count the time in the queue after preemptions too; with spot, jobs pay for their checkpoints",
        f"the trace had at most {most:,} node{'s' if most != 1 else ''}; more of them come and go in proportion",
        "a spot node is paid while jobs need it; one that is needed and to be had is there at once",
        f"over {spot.starts} starts along {spot.trace.name}",
        f"the mixes queue under {MIXED_UNDER}, whatever --policy says",
    )
