"""Actual against simulated cost."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from simcost.present.format import amount, printable
from simcost.present.parts import Part, Table
from simcost.present.text_table import table_of
from simcost.studies.actuals.charts import gaps
from simcost.studies.actuals.comparison import signed
from simcost.studies.actuals.view import WIDTH, cut, money, short
from simcost.units import format_usd

Document = Mapping[str, Any]
_WHAT = {
    "quantity": "other quantities",
    "price": "other prices",
    "only_actual": "SKUs that were not simulated",
    "only_simulated": "SKUs that were not paid for",
    "other": "purchases, unused, taxes, credits",
}


def text(document: Document) -> str:
    """Layout of the document of `simcost focus compare`."""
    blocks = [
        fill(document["verdict"], WIDTH),
        table_of(effects(document)),
        cut(skus(document), left=len(document["months"][:2])),
        *(f"{title}\n{cut(alone(document, key))}" for key, title in ALONE.items() if document[key]),
        cut(others(document), left=len(document["months"][:2])),
        "\n".join(fill(f"note: {line}", WIDTH) for line in notes(document)),
    ]
    return "\n\n".join(block for block in blocks if block)


ALONE = {"only_actual": "Paid for, not simulated", "only_simulated": "Simulated, not paid for"}


def parts(document: Document) -> list[Part]:
    """Parts of the page below the verdict."""
    return [
        Part(title="Where they differ", chart=lambda: gaps(dict(document)), rows=effects(document)),
        Part(title="SKUs of both", rows=skus(document)),
        *(Part(title=title, rows=alone(document, key)) for key, title in ALONE.items()),
        Part(title="Costs without a quantity", rows=others(document)),
        Part(title="Notes", said=notes(document)),
    ]


def effects(document: Document) -> Table:
    """Effects that make up the difference."""
    rows = [{"difference": _WHAT[name], "USD": signed(usd)} for name, usd in document["effects_usd"].items()]
    return [*rows, {"difference": "actual less simulated", "USD": signed(document["difference_usd"])}]


def skus(document: Document) -> Table:
    """One row per month and SKU that both have, the largest difference first."""
    return [
        {
            **_month(document, row),
            "SKU": _sku(row),
            "used": _both(row, "quantity", amount) + f" {short(row['unit'], 9)}",
            "USD a unit": _both(row, "usd_per_unit", format_usd),
            "difference": signed(row["difference_usd"]),
            "by quantity": signed(row["quantity_effect_usd"]),
            "by price": signed(row["price_effect_usd"]),
        }
        for row in document["skus"]
    ]


def _both(row: Document, name: str, show: Any) -> str:
    """Actual, and in brackets simulated where that reads otherwise."""
    actual, simulated = (show(row[side][name]) for side in ("actual", "simulated"))
    return str(actual) if actual == simulated else f"{actual} ({simulated})"


def _month(document: Document, row: Document) -> dict[str, str]:
    """The month of a row, where there are several."""
    return {"month": row["month"]} if len(document["months"]) > 1 else {}


def _sku(row: Document) -> str:
    return short(f"{row['provider']}/{row['sku']} {row['region']}".strip(), 30)


def alone(document: Document, side: str) -> Table:
    """One row per SKU that one side alone has, the most expensive first."""
    return [
        {
            **_month(document, row),
            "SKU": _sku(row),
            "used": f"{amount(row['quantity'])} {short(row['unit'], 9)}",
            "cost": money(row["usd"]),
            "the other side has": short(row["like"] or "-", 32),
        }
        for row in document[side]
    ]


def others(document: Document) -> Table:
    """Costs that have no quantity."""
    return [
        {
            **_month(document, row),
            "without a quantity": row["what"].replace("_", " "),
            "actual": money(row["actual_usd"]),
            "simulated": money(row["simulated_usd"]),
            "difference": signed(row["difference_usd"]),
        }
        for row in document["others"]
    ]


def notes(document: Document) -> list[str]:
    """Notes on what was left out or scaled."""
    said = []
    if document["left_out_months"]:
        said.append(f"months that one side alone has are left out: {', '.join(document['left_out_months'])}")
    if document["months"] == ["a month"]:
        said.append("both sides are scaled to a month of 730 h")
    return [printable(line) for line in said]
