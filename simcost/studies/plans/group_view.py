"""Users and pools of the jobs of plans: tables of what each got and costs."""

from simcost.present.chart_style import Document
from simcost.present.format import count, seconds, share, usd
from simcost.present.parts import Table

NOTE = (
    "Costs are shared by the GPU time that jobs held (work, checkpoints, work done again, restarts); idle GPUs, disks "
    "and unused commitments in the same proportion."
)
UNPRICED = (
    "Requests and jobs of a plan are one bill here, so that the jobs alone have no cost: shares are of the GPU time "
    "that jobs held (work, checkpoints, work done again, restarts)."
)
MOST_ROWS = 24
"""Rows that the terminal shows."""


def table(document: Document, kind: str) -> Table:
    """One row per plan and user, or pool; empty where jobs are not of several."""
    rows = [(plan, one) for plan in document["plans"] for one in plan.get(f"jobs_by_{kind}", ())]
    return [_row(kind, plan, one, priced=_priced(document, kind)) for plan, one in rows]


def note(document: Document, kind: str) -> str:
    """Explanation of the costs in the table, or of its shares where jobs have no costs."""
    return NOTE if _priced(document, kind) else UNPRICED


def _priced(document: Document, kind: str) -> bool:
    groups = [one for plan in document["plans"] for one in plan.get(f"jobs_by_{kind}", ())]
    return any(one["cost_usd"]["per_month"] is not None for one in groups)


def _row(kind: str, plan: Document, one: Document, *, priced: bool) -> dict[str, str]:
    return {
        kind.capitalize(): one["name"] or "(none)",
        "Plan": plan["name"],
        "Jobs": count(one["jobs"]),
        "GPU-hours": count(one["gpu_hours"]),
        "Mean wait": seconds(one["wait_s"]["mean"]),
        "P95 wait": seconds(one["wait_s"]["p95"]),
        **({"$/month": usd(one["cost_usd"]["per_month"])} if priced else {"Share": share(one["cost_share"])}),
    }
