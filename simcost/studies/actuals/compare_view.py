"""Actual against simulated cost."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import NONE, Show, amount, shortened, usd, usd_change
from simcost.present.parts import Part, Table
from simcost.studies.actuals.charts import gaps

Document = Mapping[str, Any]
_WHAT = {
    "quantity": "other quantities",
    "price": "other prices",
    "only_actual": "SKUs that were not simulated",
    "only_simulated": "SKUs that were not paid for",
    "other": "purchases, unused, taxes, credits",
}


_ALONE = {"only_actual": "Paid for, not simulated", "only_simulated": "Simulated, not paid for"}


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    left = len(document["months"][:2])
    return [
        Part(title="Where they differ", chart=lambda: gaps(dict(document)), rows=effects(document)),
        Part(title="SKUs of both", rows=skus(document), left=left, most=10),
        *(Part(title=title, rows=alone(document, key), most=10) for key, title in _ALONE.items()),
        Part(title="Costs without a quantity", rows=others(document), left=left, most=10),
        Part(title="Notes", said=notes(document)),
    ]


def effects(document: Document) -> Table:
    """Effects that make up the difference."""
    rows = [{"difference": _WHAT[name], "USD": usd_change(usd)} for name, usd in document["effects_usd"].items()]
    return [*rows, {"difference": "actual less simulated", "USD": usd_change(document["difference_usd"])}]


def skus(document: Document) -> Table:
    """One row per month and SKU that both have, the largest difference first."""
    return [
        {
            **_month(document, row),
            "SKU": _sku(row),
            "used": _both(row, "quantity", amount) + f" {shortened(row['unit'], 9, keep_end=True)}",
            "USD a unit": _both(row, "usd_per_unit", usd),
            "difference": usd_change(row["difference_usd"]),
            "by quantity": usd_change(row["quantity_effect_usd"]),
            "by price": usd_change(row["price_effect_usd"]),
        }
        for row in document["skus"]
    ]


def _both(row: Document, name: str, show: Show) -> str:
    """Actual, and in brackets simulated where that reads otherwise."""
    actual, simulated = (show(row[side][name]) for side in ("actual", "simulated"))
    return actual if actual == simulated else f"{actual} ({simulated})"


def _month(document: Document, row: Document) -> dict[str, str]:
    """The month of a row, where there are several."""
    return {"month": row["month"]} if len(document["months"]) > 1 else {}


def _sku(row: Document) -> str:
    return shortened(f"{row['provider']}/{row['sku']} {row['region']}".strip(), 30, keep_end=True)


def alone(document: Document, side: str) -> Table:
    """One row per SKU that one side alone has, the most expensive first."""
    return [
        {
            **_month(document, row),
            "SKU": _sku(row),
            "used": f"{amount(row['quantity'])} {shortened(row['unit'], 9, keep_end=True)}",
            "cost": usd(row["usd"]),
            "the other side has": shortened(row["like"] or NONE, 32, keep_end=True),
        }
        for row in document[side]
    ]


def others(document: Document) -> Table:
    """Costs that have no quantity."""
    return [
        {
            **_month(document, row),
            "without a quantity": row["what"].replace("_", " "),
            "actual": usd(row["actual_usd"]),
            "simulated": usd(row["simulated_usd"]),
            "difference": usd_change(row["difference_usd"]),
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
    return said
