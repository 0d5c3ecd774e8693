"""Requests that clients sent again, as a table."""

from simcost.report.style import Document
from simcost.units import format_count, format_share

Table = list[dict[str, str]]


def table(document: Document) -> Table:
    """One row per plan whose clients send requests again; empty where none do."""
    return [_row(plan) for plan in document["plans"] if "retries" in plan]


def _row(plan: Document) -> dict[str, str]:
    said, asked = plan["retries"], plan["requests"]["arrived"]
    return {
        "Plan": plan["name"],
        "Requests": format_count(asked),
        "Sent again": format_count(said["retries"]),
        "Per request": format_share(said["retries"] / asked) if asked else "\N{EN DASH}",
        "Gave up": format_count(said["gave_up"]),
        "Budget refused": format_count(said["refused_by_budget"]),
        "Tokens for nobody": format_share(said["undelivered_share"]),
    }
