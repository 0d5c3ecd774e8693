"""Job ledger -> GPU time and waits of the jobs of each user, or of each pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simcost.slo.jobs import Levels, levels
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.ledger.jobs import Floats, Ints, JobLedger

MOST = 10
"""Groups with the most work that are told apart; the others are one."""


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
    ledger: "JobLedger", names: Sequence[str], code: "Ints", work_gpu_s: "Floats"
) -> tuple[JobGroup, ...]:
    """Groups of the jobs, those with the most work first, the rest of them as one; empty where there is one alone.

    Args:
        ledger: of the run.
        names: of the groups.
        code: of each job, the index of its group.
        work_gpu_s: of each job in the log, by which groups are ordered; the same in all replications.
    """
    import numpy as np

    work = np.bincount(code, weights=work_gpu_s, minlength=len(names))
    there = np.flatnonzero(np.bincount(code, minlength=len(names)))
    if len(there) < 2:
        return ()
    order = there[np.argsort(-work[there], kind="stable")]
    told = order if len(order) <= MOST + 1 else order[:MOST]
    groups = [_group(ledger, names[i], code == i) for i in told]
    rest = ~np.isin(code, told)
    return (*groups, *([_group(ledger, f"{len(order) - MOST} others", rest)] if rest.any() else []))


def _group(ledger: "JobLedger", name: str, chosen: "npt.NDArray[np.bool_]") -> JobGroup:
    out = ledger.outcomes
    return JobGroup(
        name=name,
        jobs=int(chosen.sum()),
        completed=int((out.end_s[chosen] >= 0).sum()),
        gpu_hours=float(out.held_gpu_s[chosen].sum()) / SECONDS_PER_HOUR,
        wait_s=levels(ledger.waits_s()[chosen[~out.rejected]]),
    )


Groups = Mapping[str, tuple[JobGroup, ...]]
"""By `user` and by `pool`; empty where jobs are not of several."""
