"""Measures on workloads: move to spot, use smaller slices of GPUs, avoid work of failed or cancelled jobs.

Jobs that tolerate spot are replayed along recorded availability.
"""

from dataclasses import dataclass, fields

import numpy as np

from simcost.errors import InputError
from simcost.plan.spot import SpotOnly
from simcost.sim.spot import DeadlineJob, SpotRuns, run_spot
from simcost.studies.waste.actions import Action, Range, ordered
from simcost.studies.waste.buckets import Flags, Floats, Ints, Waste
from simcost.studies.waste.price import GpuPrice
from simcost.studies.waste.sweep import quantile
from simcost.trace.jobs.jobs import STATUS, Jobs
from simcost.trace.spot import SpotSeries
from simcost.trace.utilization.samples import UtilizationSamples
from simcost.units import SECONDS_PER_HOUR

STARTS = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotCase:
    """Spot terms of a case."""

    trace: SpotSeries | None = None
    """None = always there: then only the most that could be saved is known."""
    usd_per_gpu_h: float | None = None
    """None = the spot price of the offer."""
    changeover_s: float = 720.0
    """To get nodes and to be where the job was."""


def move_to_spot(jobs: Jobs, price: GpuPrice, case: SpotCase | None) -> list[Action]:
    """Run the jobs marked as fit for spot there; where none is marked and a trace is given, all preemptible ones.

    Raises:
        InputError: a trace, but no price of spot.
    """
    case = case or SpotCase()
    spot_usd = case.usd_per_gpu_h if case.usd_per_gpu_h is not None else price.spot_usd_per_h
    if spot_usd is None and case.trace is not None:
        raise InputError("a trace of spot needs its price: give one per GPU and hour, or an offer that has one")
    marked = bool(jobs.spot_ok.any())
    fit = jobs.spot_ok if marked or case.trace is None else jobs.preemptible
    fit = fit if jobs.running is None else fit & ~jobs.running  # how long they would be on spot is unknown
    work: Floats = jobs.work_gpu_s[fit]
    if spot_usd is None or not work.sum() > 0 or spot_usd >= price.usd_per_h:
        return []
    hours = float(work.sum()) / SECONDS_PER_HOUR
    where = "spot_ok jobs" if marked else "preemptible jobs"
    if case.trace is None:
        saves = Range(lo=0.0, expected=None, hi=hours * (price.usd_per_h - spot_usd))
        rule = (
            f"{where} at ${spot_usd:g} per GPU-hour, always available; interruptions, lost work and restarts come "
            "off this, down to nothing or less: give a trace of availability"
        )
    else:
        saves, rule = _replayed(jobs, fit, work, case, case.trace, price.usd_per_h, spot_usd)
    nothing = Range(lo=0.0, expected=0.0, hi=0.0)
    return [
        Action(
            action="move to spot",
            where=where,
            buckets=("price",),
            effect="price",
            rule=rule,
            saves_gpu_s=nothing,
            saves_usd=saves,
        )
    ]


def _replayed(
    jobs: Jobs, fit: Flags, work: Floats, case: SpotCase, trace: SpotSeries, usd_per_h: float, spot_usd: float
) -> tuple[Range, str]:
    """The saving at the spot hours that a typical job is billed, and how it was found."""
    typical_s = float(np.average(jobs.duration_s[fit], weights=work))
    runs = _runs(trace, typical_s, case.changeover_s)
    ended = np.isfinite(runs.finish_h)
    if not ended.any():
        raise InputError(f"{trace.name} is too short for a job of {typical_s / SECONDS_PER_HOUR:.3g} h on spot")
    typical_h = typical_s / SECONDS_PER_HOUR
    billed = runs.billed_spot_h[ended] / typical_h
    hours = float(work.sum()) / SECONDS_PER_HOUR
    p10, p90 = np.quantile(billed, (0.1, 0.9)).tolist()
    lo, mid, hi = (hours * (usd_per_h - spot_usd * share) for share in (p90, float(billed.mean()), p10))
    longer, late = float(runs.finish_h[ended].mean()) / typical_h, float((~ended).mean())
    rule = (
        f"a job of {typical_h:.3g} h, the mean by GPU-hours, on spot alone at ${spot_usd:g} per GPU-hour from {STARTS} "
        f"starts along {trace.name}, {case.changeover_s / 60:g} min a changeover (low to high: eight of ten): it is "
        f"billed {float(billed.mean()):.2f} times its hours and takes {longer:.1f} times as long"
    )
    unfinished = f"; {late:.0%} of the runs had not ended when the trace did" if late else ""
    return Range(lo=min(lo, mid), expected=mid, hi=max(hi, mid)), rule + unfinished


def _runs(trace: SpotSeries, work_s: float, changeover_s: float) -> SpotRuns:
    """On spot alone, from starts evenly along the first half of the trace."""
    job = DeadlineJob(work_s=work_s, deadline_s=max(trace.span_s, work_s + changeover_s), changeover_s=changeover_s)
    starts = np.linspace(0, max(trace.ticks // 2, 1), STARTS, endpoint=False).astype(np.int64)
    return run_spot(SpotOnly(), job, trace.nodes, trace.gap_s, starts)


MIG = ((1, 1, 7), (1, 2, 4), (2, 2, 3), (3, 4, 2))
"""Slices of a seven-slice GPU (A100, H100, H200, B200): compute in sevenths, memory in eighths, instances per GPU.
Source: NVIDIA MIG User Guide, supported profiles."""
SLICED = ("a100", "h100", "h200", "b200", "gb200", "b300", "gb300")
"""Beginnings of the names of accelerators with seven such slices."""
HEADROOM = 1.1
"""Memory asked for over the p99 used."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Use of memory by unit, of those for which it was measured."""

    unit: Ints
    held_s: Floats
    """GPU-seconds for which the unit was allocated."""
    total_bytes: Floats
    p99_bytes: Floats
    most_bytes: Floats
    duty: Floats
    """Shape (3, units): mean, p95 and largest duty; NaN where not measured."""

    @property
    def unused_gpu_s(self) -> Floats:
        """Requested - p99 used, as GPUs x time."""
        return self.held_s * np.maximum(1 - self.p99_bytes / self.total_bytes, 0.0)


def measure(waste: Waste) -> Memory | None:
    """Quantiles over time held by unit; None where no memory was measured."""
    found = [one for samples in waste.samples.parts() if (one := _memory(samples)) is not None]
    if not found:
        return None
    together = {
        field.name: np.concatenate([getattr(part, field.name) for part in found], axis=-1) for field in fields(Memory)
    }
    return Memory(**together)


def _memory(samples: UtilizationSamples) -> Memory | None:
    """Memory of the units of a part."""
    known = (samples.memory_total_bytes > 0) & ~np.isnan(samples.memory_used_bytes) & (samples.allocated > 0)
    rows = np.flatnonzero(known & (samples.gpus == 1))
    if not len(rows):
        return None
    first = np.flatnonzero(np.append(True, np.diff(samples.unit[rows]) != 0))
    groups = np.split(rows, first[1:])
    used, weight = samples.memory_used_bytes, samples.hold_s * samples.allocated
    duty = [
        (
            float(np.average(samples.duty[g], weights=weight[g])),
            quantile(samples.duty[g], weight[g], 0.95),
            float(samples.duty[g].max()),
        )
        for g in groups
    ]
    return Memory(
        unit=samples.unit[rows][first],
        held_s=np.array([weight[g].sum() for g in groups]),
        total_bytes=np.array([samples.memory_total_bytes[g].max() for g in groups]),
        p99_bytes=np.array([quantile(used[g], weight[g], 0.99) for g in groups]),
        most_bytes=np.array([used[g].max() for g in groups]),
        duty=np.array(duty).T,
    )


def right_size(memory: Memory | None, accelerator: str | None = None) -> list[Action]:
    """Give each unit the smallest MIG slice that holds its memory and its duty, unless the accelerator has none."""
    sliced = accelerator is None or accelerator.startswith(SLICED)
    if memory is None or not sliced or np.isnan(memory.duty).any():
        return []
    mean, p95, most = memory.duty
    cases = [(memory.most_bytes, most), (memory.p99_bytes, np.maximum(p95, mean)), (memory.p99_bytes, mean)]
    lo, expected, hi = (_saved(memory, used, duty) for used, duty in cases)
    if not hi > 0:
        return []
    rule = (
        f"each unit gets the smallest MIG slice with {HEADROOM:g} x its p99 memory and a share of compute of at "
        "least its p95 duty (low: the largest of both; high: mean duty), slices filling whole GPUs; assumes a GPU "
        "of seven slices and that a unit at duty d needs the share d of its compute"
    )
    return [
        Action(
            action="right-size memory (MIG)",
            where="all",
            buckets=("allocated_idle",),
            effect="release",
            saves_gpu_s=ordered(lo, expected, hi),
            rule=rule,
        )
    ]


def _saved(memory: Memory, used_bytes: Floats, duty: Floats) -> float:
    """GPU-seconds saved if each unit pays for its slice only; a unit that fits none keeps its GPU."""
    part = np.ones(len(memory.unit))
    for compute, eighths, count in reversed(MIG):
        fits = (HEADROOM * used_bytes <= memory.total_bytes * eighths / 8) & (duty <= compute / 7)
        part[fits] = 1 / count
    return float(memory.held_s @ (1 - part))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpuTimeByOutcome:
    """GPU-seconds of a job trace by recorded outcome."""

    gpu_s: dict[str, float]
    """By word of STATUS."""
    repeated_gpu_s: float
    """Of failures whose user's previous job in the pool, with as many GPUs, had failed too."""


def outcomes(jobs: Jobs) -> GpuTimeByOutcome:
    """Add up GPUs x duration by outcome; failed and killed jobs held their GPUs all the same."""
    work = jobs.work_gpu_s
    by_status = np.bincount(jobs.status, work, len(STATUS))
    failed = jobs.status == STATUS.index("failed")
    order = np.lexsort((jobs.submit_s, jobs.gpus, jobs.user, jobs.pool))
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in (jobs.gpus, jobs.user, jobs.pool):
        same &= np.diff(column[order]) == 0
    again = np.append(False, failed[order][:-1] & same)[: len(order)] & failed[order]
    return GpuTimeByOutcome(
        gpu_s=dict(zip(STATUS, by_status.tolist(), strict=True)),
        repeated_gpu_s=float(work[order][again].sum()),
    )


def fix_failing(found: GpuTimeByOutcome) -> list[Action]:
    """Stop failures that repeat: expected are those that follow a failure of the like, high are all."""
    failed = found.gpu_s["failed"]
    if not failed > 0:
        return []
    rule = (
        "expected: failures after a failure of the same user in the same pool with as many GPUs, as a check "
        "before the next start would catch; high: all failures; low: none"
    )
    return [
        Action(
            action="fix failing jobs",
            where="all",
            buckets=("failed",),
            effect="release",
            rule=rule,
            saves_gpu_s=Range(lo=0.0, expected=min(found.repeated_gpu_s, failed), hi=failed),
        )
    ]
