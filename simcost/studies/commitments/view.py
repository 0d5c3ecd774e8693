"""Recommended commitments."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.present.parts import Part
from simcost.present.text_table import table_of
from simcost.studies.commitments.charts import curves
from simcost.units import Formatted, difference_usd, format_share, format_usd

WIDTH = 100
USUAL = "The usual advice: what would have been best over the last days"


def text(document: Mapping[str, Any]) -> str:
    """The document of `simcost commit`."""
    blocks = [fill(document["verdict"], WIDTH)]
    for part in parts(document):
        body = [table_of(part.rows, left=2 if part.title == USUAL else 1)] if part.rows else []
        body += [fill(line, WIDTH) for line in part.said]
        if body:
            blocks.append("\n".join([part.title, *body] if part.titled else body))
    return "\n\n".join(blocks)


def parts(document: Mapping[str, Any]) -> list[Part]:
    """Parts below the verdict, on every screen."""
    notes = [f"note: {said['message']}" for said in document.get("findings", [])] + list(document["assumptions"])
    return [
        Part(title="If demand falls", rows=falls(document)),
        Part(title="What to buy", rows=mix(document)),
        Part(title="Cost against commitment", chart=lambda: curves(dict(document))),
        Part(title=USUAL, rows=usual(document)),
        Part(title="Notes", said=notes, titled=False),
    ]


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
    """Rows of the cost of the mix at less demand."""
    return [
        {
            "demand": f"{100 * one['demand']:.0f} %",
            "this mix": format_usd(one["usd_per_month"]),
            "against on demand": _change(one["loss_usd_per_month"]),
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
            "more expensive by": format_usd(difference_usd(one["usd_per_month"], mine)),
        }
        for one in document["usual"]
    ]


def _amount(amount: float, unit: str) -> str:
    return f"{amount:,.0f}" if unit == "instances" else f"{format_usd(amount)}/h"


def _change(usd: float) -> Formatted:
    """A loss or a saving, with its sign."""
    return Formatted(f"{'+' if usd > 0 else ''}{format_usd(usd)}", usd)


def _share(value: float | None) -> str:
    return "-" if value is None else format_share(value)
