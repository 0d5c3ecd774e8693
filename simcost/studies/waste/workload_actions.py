"""Move to spot: the jobs that bear it, replayed along recorded availability."""

from dataclasses import dataclass

import numpy as np

from simcost.errors import InputError
from simcost.plan.spot import SpotOnly
from simcost.sim.spot import DeadlineJob, SpotRuns, run_spot
from simcost.studies.waste.action import Action, Range
from simcost.studies.waste.price import Price
from simcost.studies.waste.sweep import Flags, Floats
from simcost.trace.jobs.jobs import Jobs
from simcost.trace.spot_init import SpotTrace
from simcost.units import SECONDS_PER_HOUR

STARTS = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotCase:
    """What spot would be like."""

    trace: SpotTrace | None = None
    """None = always there: then only the most that could be saved is known."""
    usd_per_gpu_h: float | None = None
    """None = the spot price of the offer."""
    changeover_s: float = 720.0
    """To get nodes and to be where the job was."""


def move_to_spot(jobs: Jobs, price: Price, case: SpotCase | None) -> list[Action]:
    """Run the jobs marked as fit for spot there; where none is marked and a trace is given, all preemptible ones.

    Raises:
        InputError: a trace, but no price of spot.
    """
    case = case or SpotCase()
    spot_usd = case.usd_per_gpu_h if case.usd_per_gpu_h is not None else price.spot_usd_per_h
    if spot_usd is None and case.trace is not None:
        raise InputError(
            "a trace of spot needs its price: give one per GPU and hour, or an offer that has one"
        )
    marked = bool(jobs.spot_ok.any())
    fit = jobs.spot_ok if marked or case.trace is None else jobs.preemptible
    work: Floats = (jobs.gpus * jobs.gpu_milli / 1000.0 * jobs.duration_s)[fit]
    if spot_usd is None or not work.sum() > 0 or spot_usd >= price.usd_per_h:
        return []
    hours = float(work.sum()) / SECONDS_PER_HOUR
    where = "spot_ok jobs" if marked else "preemptible jobs"
    if case.trace is None:
        saves = Range(lo=0.0, expected=None, hi=hours * (price.usd_per_h - spot_usd))
        rule = (f"{where} at ${spot_usd:g} per GPU-hour, always available; interruptions, lost work and restarts come "
                "off this, down to nothing or less: give a trace of availability")  # fmt: skip
    else:
        saves, rule = _replayed(jobs, fit, work, case, case.trace, price.usd_per_h, spot_usd)
    nothing = Range(lo=0.0, expected=0.0, hi=0.0)
    return [Action(action="move to spot", where=where, buckets=("price",), effect="price", rule=rule,
                   saves_gpu_s=nothing, saves_usd=saves)]  # fmt: skip


def _replayed(
    jobs: Jobs, fit: Flags, work: Floats, case: SpotCase, trace: SpotTrace, usd_per_h: float, spot_usd: float
) -> tuple[Range, str]:
    """The saving at the spot hours that a typical job is billed, and how it was found."""
    typical_s = float(np.average(jobs.duration_s[fit], weights=work))
    runs = _runs(trace, typical_s, case.changeover_s)
    ended = np.isfinite(runs.finish_h)
    if not ended.any():
        raise InputError(
            f"{trace.name} is too short for a job of {typical_s / SECONDS_PER_HOUR:.3g} h on spot"
        )
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


def _runs(trace: SpotTrace, work_s: float, changeover_s: float) -> SpotRuns:
    """On spot alone, from starts evenly along the first half of the trace."""
    job = DeadlineJob(
        work_s=work_s, deadline_s=max(trace.span_s, work_s + changeover_s), changeover_s=changeover_s
    )
    starts = np.linspace(0, max(trace.ticks // 2, 1), STARTS, endpoint=False).astype(np.int64)
    return run_spot(SpotOnly(), job, trace.nodes, trace.gap_s, starts)
