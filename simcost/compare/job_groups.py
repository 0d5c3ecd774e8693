"""Users and pools of the jobs of a plan in the document of a run: what each got, and its part of the cost."""

from collections.abc import Sequence
from math import fsum
from typing import Any

from simcost.compare.means import mean_of
from simcost.compare.results import PlanSummary, RunResult
from simcost.slo.job_groups import JobGroup

Document = dict[str, Any]


def by_group(plan: PlanSummary) -> Document:
    """Keys `jobs_by_user` and `jobs_by_pool`, where the jobs of a plan are of several: counts of the first replication,
    means over all of what is measured, and of the cost.
    """
    if not plan.trained:
        return {}
    found = {
        f"jobs_by_{kind}": [
            _group(plan, kind, place, [run.groups[kind][place] for run in plan.trained]) for place in range(len(first))
        ]
        for kind, first in plan.trained[0].groups.items()
    }
    return {key: groups for key, groups in found.items() if groups}


def _group(plan: PlanSummary, kind: str, place: int, same: Sequence[JobGroup]) -> Document:
    first = same[0]

    def part(run: RunResult, cost_usd: float | None) -> float | None:
        share = _share(run, kind, place)
        return None if share is None or cost_usd is None else share * cost_usd

    return {
        "name": first.name,
        "jobs": first.jobs,
        "completed": first.completed,
        "gpu_hours": mean_of(group.gpu_hours for group in same),
        "wait_s": {level: mean_of(group.wait_s[level] for group in same) for level in first.wait_s},
        "cost_share": plan.mean(lambda run: _share(run, kind, place)),
        "cost_usd": {
            "total": plan.mean(lambda run: part(run, _jobs_usd(run))),
            "per_month": plan.mean(lambda run: part(run, _jobs_usd(run, run.bill.months))),
        },
    }


def _share(run: RunResult, kind: str, place: int) -> float | None:
    """Of a group in the GPU time that jobs held; None where they held none."""
    groups = () if run.trained is None else run.trained.groups[kind]
    total = fsum(group.gpu_hours for group in groups)
    return groups[place].gpu_hours / total if total else None


def _jobs_usd(run: RunResult, months: float = 1.0) -> float | None:
    """Cost of the jobs of a run, of so many months; None beside the requests of one service, whose costs are one."""
    usd = run.bill.total_usd if run.served is None else run.jobs_usd
    return None if usd is None else usd / months
