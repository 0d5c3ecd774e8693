"""What to commit to, for people."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from simcost.report.table import table_of
from simcost.units import format_share, format_usd

WIDTH = 100


def text(document: Mapping[str, Any]) -> str:
    """The document of `simcost commit`."""
    return "\n\n".join(block for block in _blocks(document) if block)


def _blocks(document: Mapping[str, Any]) -> Iterator[str]:
    yield fill(document["verdict"], WIDTH)
    yield table_of(mix(document), left=1)
    yield "If demand falls\n" + table_of(falls(document))
    if document["usual"]:
        yield "The usual advice: what would have been best over the last days\n" + table_of(
            usual(document), left=2
        )
    notes = [f"note: {said['message']}" for said in document.get("findings", [])] + list(
        document["assumptions"]
    )
    yield "\n".join(fill(line, WIDTH) for line in notes)


def mix(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of the recommended mix."""
    return [
        {
            "option": one["name"],
            "buy": _amount(one["amount"], one["unit"]),
            "committed": f"{format_usd(one['committed_usd_per_h'])}/h",
            "break-even": _share(one["break_even_utilisation"]),
            "used": _share(one["utilisation"]),
            "covers": _share(one["coverage"]),
        }
        for one in document["recommended"]
    ]


def falls(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of what the mix costs at less demand."""
    return [
        {
            "demand": f"{100 * one['demand']:.0f} %",
            "this mix": format_usd(one["usd_per_month"]),
            "best mix then": format_usd(one["best_usd_per_month"]),
            "regret a month": format_usd(one["regret_usd_per_month"]),
            "on demand": format_usd(one["on_demand_usd_per_month"]),
        }
        for one in document["falls"]
    ]


def usual(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of the usual advice, priced over our futures."""
    mine = document["cost_usd_per_month"]["mean"]
    units = {one["name"]: one["unit"] for one in document["recommended"]}
    return [
        {
            "option": one["name"],
            "look-back": f"{one['days']} days",
            "buy": _amount(one["amount"], units[one["name"]]),
            "$/month": format_usd(one["usd_per_month"]),
            "dearer than this mix": format_usd(one["usd_per_month"] - mine),
        }
        for one in document["usual"]
    ]


def _amount(amount: float, unit: str) -> str:
    return f"{amount:,.0f}" if unit == "instances" else f"{format_usd(amount)}/h"


def _share(value: float | None) -> str:
    return "-" if value is None else format_share(value)
