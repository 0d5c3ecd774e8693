"""Work of jobs that failed or were cancelled, and jobs that spot machines could run for less."""

from dataclasses import dataclass

import numpy as np

from simcost.compare.waste.action import Action, Range
from simcost.compare.waste.sweep import Floats
from simcost.trace.jobs import STATUS, Jobs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """GPU-seconds of a job trace by recorded outcome."""

    gpu_s: dict[str, float]
    """By word of STATUS."""
    repeated_gpu_s: float
    """Of failures whose user's previous job in the pool, with as many GPUs, had failed too."""
    spot_gpu_s: float
    """Of jobs marked as fit for spot."""


def outcomes(jobs: Jobs) -> Outcomes:
    """Add up GPUs x duration by outcome; failed and killed jobs held their GPUs all the same."""
    work: Floats = jobs.gpus * jobs.gpu_milli / 1000.0 * jobs.duration_s
    by_status = np.bincount(jobs.status, work, len(STATUS))
    failed = jobs.status == STATUS.index("failed")
    order = np.lexsort((jobs.submit_s, jobs.gpus, jobs.user, jobs.pool))
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in (jobs.gpus, jobs.user, jobs.pool):
        same &= np.diff(column[order]) == 0
    again = np.append(False, failed[order][:-1] & same)[: len(order)] & failed[order]
    return Outcomes(gpu_s=dict(zip(STATUS, by_status.tolist(), strict=True)),
                    repeated_gpu_s=float(work[order][again].sum()),
                    spot_gpu_s=float(work[jobs.spot_ok].sum()))  # fmt: skip


def fix_failing(found: Outcomes) -> list[Action]:
    """Stop failures that repeat: expected are those that follow a failure of the like, high are all."""
    failed = found.gpu_s["failed"]
    if not failed > 0:
        return []
    rule = ("expected: failures after a failure of the same user in the same pool with as many GPUs, as a check "
            "before the next start would catch; high: all failures; low: none")  # fmt: skip
    return [Action(action="fix failing jobs", where="all", buckets=("failed",), effect="release", rule=rule,
                   saves_gpu_s=Range(lo=0.0, expected=min(found.repeated_gpu_s, failed), hi=failed))]  # fmt: skip


def move_to_spot(found: Outcomes, on_demand_usd_per_h: float, spot_usd_per_h: float | None) -> list[Action]:
    """Run the jobs marked as fit for spot at the spot price of a GPU-hour."""
    if spot_usd_per_h is None or not found.spot_gpu_s > 0 or spot_usd_per_h >= on_demand_usd_per_h:
        return []
    most = found.spot_gpu_s / 3600.0 * (on_demand_usd_per_h - spot_usd_per_h)
    rule = ("jobs marked spot_ok at the spot price of today, always available; interruptions, lost work and restarts "
            "come off this, down to nothing or less: replay a spot policy before you decide")  # fmt: skip
    nothing = Range(lo=0.0, expected=0.0, hi=0.0)
    return [Action(action="move to spot", where="spot_ok jobs", buckets=("price",), effect="price", rule=rule,
                   saves_gpu_s=nothing, saves_usd=Range(lo=0.0, expected=None, hi=most))]  # fmt: skip
