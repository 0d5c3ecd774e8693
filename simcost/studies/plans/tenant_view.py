"""Tenants of plans: a table of what each got and costs."""

from simcost.present.chart_style import Document
from simcost.present.format import NONE, count, seconds, share, usd
from simcost.present.parts import Table

NOTE = (
    "Costs are shared by the engine time of the tokens of completed requests: prompts, outputs, and the context that "
    "each output token reads; idle time, starts and steps without tokens in the same proportion."
)
_OF_API = " What an API is paid for an overflow is shared by the prices of the tokens that it answered."
_OF_JOBS = (
    " Beside jobs the bill is of requests and jobs together, so that tenants have shares and no costs (cost_share in "
    "result.json); a scenario of the requests alone has them."
)
_CACHED = " Tokens of prompts that a prefix cache served count as if they were computed."
MOST_ROWS = 40
"""Rows that the terminal shows, and from which on the page shows them on demand."""
_WORST_FIRST = (
    " Of so many, those that miss their SLO come first, the lowest attainment before others, then the dearest."
)
_MET = {True: "met", False: "missed", None: NONE}


def table(document: Document) -> Table:
    """One row per plan and tenant; more than the terminal shows, those first that one looks for. Empty where requests
    have no tenants.
    """
    rows = [(plan, one) for plan in document["plans"] for one in plan.get("by_tenant", ())]
    if len(rows) > MOST_ROWS:
        rows.sort(key=lambda row: _concern(row[1]))
    limited = any(one["rate_limited"] for _, one in rows)
    return [_row(plan, one, limited=limited) for plan, one in rows]


def notes(document: Document) -> str:
    """Note on how costs are shared, with what the plans have of an API, of jobs and of prefix caches."""
    plans = [plan for plan in document["plans"] if plan.get("by_tenant")]
    of_api = _OF_API if any("overflow" in plan for plan in plans) else ""
    of_jobs = _OF_JOBS if any("jobs" in plan for plan in plans) else ""
    cached = _CACHED if any("prefix_cache" in plan for plan in plans) else ""
    many = sum(len(plan["by_tenant"]) for plan in plans) > MOST_ROWS
    return NOTE + of_api + of_jobs + cached + (_WORST_FIRST if many else "")


def _concern(one: Document) -> tuple[bool, float, float]:
    """Order of tenants: those that miss their SLO by attainment, those without a request to measure after them; then by
    cost.
    """
    missed, cost_usd = one["met"] is False, one["cost_usd"]["per_month"]
    attainment = one["attainment"] if missed and one["attainment"] is not None else 1.0
    return not missed, attainment, -(cost_usd or 0.0)


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
