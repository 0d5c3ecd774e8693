"""Work of jobs that failed or were cancelled."""

from dataclasses import dataclass

import numpy as np

from simcost.studies.waste.action import Action, Range
from simcost.studies.waste.sweep import Floats
from simcost.trace.jobs.jobs import STATUS, Jobs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """GPU-seconds of a job trace by recorded outcome."""

    gpu_s: dict[str, float]
    """By word of STATUS."""
    repeated_gpu_s: float
    """Of failures whose user's previous job in the pool, with as many GPUs, had failed too."""


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
                    repeated_gpu_s=float(work[order][again].sum()))  # fmt: skip


def fix_failing(found: Outcomes) -> list[Action]:
    """Stop failures that repeat: expected are those that follow a failure of the like, high are all."""
    failed = found.gpu_s["failed"]
    if not failed > 0:
        return []
    rule = ("expected: failures after a failure of the same user in the same pool with as many GPUs, as a check "
            "before the next start would catch; high: all failures; low: none")  # fmt: skip
    return [Action(action="fix failing jobs", where="all", buckets=("failed",), effect="release", rule=rule,
                   saves_gpu_s=Range(lo=0.0, expected=min(found.repeated_gpu_s, failed), hi=failed))]  # fmt: skip
