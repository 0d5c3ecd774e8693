"""Retries, outcomes by priority, and prefixes: tables and sentences."""

from simcost.present.chart_style import Document
from simcost.units import format_count, format_share

Table = list[dict[str, str]]


def table(document: Document) -> Table:
    """One row per plan whose clients send requests again; empty where none do."""
    return [_row(plan) for plan in document["plans"] if "retries" in plan]


def by_priority(document: Document) -> Table:
    """One row per plan and priority; empty where all are alike."""
    return [_band(plan, one) for plan in document["plans"] for one in plan.get("priorities", ())]


def prefixes(document: Document) -> list[str]:
    """Cached prefixes as routers believe them, a sentence a plan; empty where none uses them."""
    return [
        f"{plan['name']}: {format_share(plan['prefix']['hit_share'])} of {plan['prefix']['blocks']:,} blocks of "
        "prompts were sent where the router believes them cached (engines do not reuse them here)"
        for plan in document["plans"]
        if "prefix" in plan and plan["prefix"]["hit_share"] is not None
    ]


def _band(plan: Document, one: Document) -> dict[str, str]:
    left = one["arrived"] - one["in_system"]
    return {
        "Plan": plan["name"],
        "Priority": str(one["priority"]),
        "Requests": format_count(one["arrived"]),
        "Good": format_share(one["good"] / left) if left else "\N{EN DASH}",
        "Rejected": format_count(one["rejected"]),
        "Timed out": format_count(one["timed_out"]),
        "Lost": format_count(one["lost"]),
    }


def _row(plan: Document) -> dict[str, str]:
    said, asked = plan["retries"], plan["requests"]["arrived"]
    return {
        "Plan": plan["name"],
        "Requests": format_count(asked),
        "Retries": format_count(said["retries"]),
        "Per request": format_share(said["retries"] / asked) if asked else "\N{EN DASH}",
        "Gave up": format_count(said["gave_up"]),
        "Budget refused": format_count(said["refused_by_budget"]),
        "Wasted tokens": format_share(said["undelivered_share"]),
    }
