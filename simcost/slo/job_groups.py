"""Job ledger -> GPU time and waits of the jobs of each user, or of each pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simcost.slo.jobs import Levels, levels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.ledger.jobs import Floats, Ints, JobLedger

MOST = 10
"""Groups with the most work that are told apart; the others are one."""
HELD = ("useful", "checkpoint", "lost", "restart")
"""Buckets of GPU time that jobs hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """The jobs of a user or of a pool in one run."""

    name: str
    jobs: int
    completed: int
    gpu_hours: float
    """That they held: work, checkpoints, work done again and restarts."""
    wait_s: Levels
    """As of all jobs."""


def assess_groups(
    ledger: "JobLedger", names: Sequence[str], code: "Ints", gpus: "Floats", duration_s: "Ints"
) -> tuple[JobGroup, ...]:
    """Groups of the jobs, those with the most work first, the rest of them as one; empty where there is one alone.

    Args:
        ledger: of the run.
        names: of the groups.
        code: of each job, the index of its group.
        gpus: that each job asks for.
        duration_s: of each job.
    """
    import numpy as np

    work = np.bincount(code, weights=gpus * duration_s, minlength=len(names))
    there = np.flatnonzero(np.bincount(code, minlength=len(names)))
    if len(there) < 2:
        return ()
    order = there[np.argsort(-work[there], kind="stable")]
    told = order if len(order) <= MOST + 1 else order[:MOST]
    held_s = gpus * _held_s(ledger, duration_s)
    total_h = sum(ledger.gpu_seconds[name] for name in HELD) / 3600.0
    part_h = held_s * (total_h / held_s.sum() if held_s.sum() else 0.0)
    groups = [_group(ledger, names[i], code == i, part_h) for i in told]
    rest = ~np.isin(code, told)
    return (*groups, *([_group(ledger, f"{len(order) - MOST} others", rest, part_h)] if rest.any() else []))


def _held_s(ledger: "JobLedger", duration_s: "Ints") -> "Floats":
    """Time in which each job was on GPUs, up to the end of the run."""
    import numpy as np

    out = ledger.outcomes
    again = 0.0 if out.resumed_wait_s is None else out.resumed_wait_s
    until = np.where(out.end_s < 0, ledger.horizon_s, out.end_s)
    most = duration_s + out.lost_s + out.checkpoint_s + out.restart_s
    held: Floats = np.where(out.start_s < 0, 0.0, np.minimum(until - out.start_s - again, most))
    return held


def _group(ledger: "JobLedger", name: str, chosen: "npt.NDArray[np.bool_]", part_h: "Floats") -> JobGroup:
    out = ledger.outcomes
    return JobGroup(
        name=name,
        jobs=int(chosen.sum()),
        completed=int((out.end_s[chosen] >= 0).sum()),
        gpu_hours=float(part_h[chosen].sum()),
        wait_s=levels(ledger.waits_s()[chosen[~out.rejected]]),
    )


Groups = Mapping[str, tuple[JobGroup, ...]]
"""By `user` and by `pool`; empty where jobs are not of several."""
