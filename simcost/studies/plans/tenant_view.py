"""Tenants of plans: a table of what each got and costs."""

from simcost.present.chart_style import Document
from simcost.present.format import NONE, count, seconds, share, usd
from simcost.present.parts import Table

NOTE = (
    "Costs are shared by the engine time of the tokens of completed requests: prompts, outputs, and the context that "
    "each output token reads; idle time, starts and steps without tokens in the same proportion."
)
_MET = {True: "met", False: "missed", None: NONE}


def table(document: Document) -> Table:
    """One row per plan and tenant; empty where requests have no tenants."""
    rows = [(plan, one) for plan in document["plans"] for one in plan.get("by_tenant", ())]
    limited = any(one["rate_limited"] for _, one in rows)
    return [_row(plan, one, limited=limited) for plan, one in rows]


def _row(plan: Document, one: Document, *, limited: bool) -> dict[str, str]:
    return {
        "Tenant": one["name"],
        "Plan": plan["name"],
        "Requests": count(one["requests"]["arrived"]),
        **({"Over limit": count(one["rate_limited"])} if limited else {}),
        "SLO": _MET[one["met"]],
        "Attainment": share(one["attainment"]),
        "TTFT p95": seconds(one["metrics"]["ttft_s"]["p95"]),
        "$/month": usd(one["cost_usd"]["per_month"]),
    }
