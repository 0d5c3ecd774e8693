"""Difference of two costs, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import count, shortened, usd, usd_change
from simcost.present.parts import Part, Table, notes
from simcost.studies.differences import charts

Document = Mapping[str, Any]
_NAME, _UNIT = 44, 16
ORDER = (
    "Effects of one unit come one after the other: quantity, mix, list price (of disks and traffic tiers: their mean "
    "price, which changes with their volume too), then the rate that is paid of it. "
    "demand and policy are the quantity of a run: requests, and accelerator-hours per request."
)


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Bridge", titled=False, rows=bridge(document), left=1),
        Part(title="Bridge between the two costs", chart=lambda: charts.bridge(dict(document))),
        Part(title="Items", rows=items(document), left=2, most=12),
        Part(title="What changed", rows=changes(document), most=12),
        notes(document, ORDER),
    ]


def bridge(document: Document) -> Table:
    """From the one cost to the other."""
    first, last = document["before"], document["after"]
    rows = [(shortened(first["name"], _NAME), usd(first["usd"]))]
    rows += [(row["effect"], usd_change(row["usd"])) for row in document["effects"] if abs(row["usd"]) >= charts.CENT]
    rows += [(shortened(last["name"], _NAME), usd(last["usd"]))]
    return [{"cost": name, _unit(document): value} for name, value in rows]


def _unit(document: Document) -> str:
    return "$ a month" if document["basis"].startswith("month") else "$"


def items(document: Document) -> Table:
    """Parts of the effects, the largest first."""
    rows = [(abs(part["usd"]), row["effect"], part) for row in document["effects"] for part in row["parts"]]
    rows = [row for row in rows if row[0] >= charts.CENT]
    ranked = sorted(rows, key=lambda row: -row[0])
    return [
        {"effect": effect, "item": shortened(one["item"], _NAME), _unit(document): usd_change(one["usd"])}
        for _, effect, one in ranked
    ]


def changes(document: Document) -> Table:
    """Items whose cost changed, with what was used of them before and after."""
    unit = _unit(document)
    return [
        {
            "item": shortened(one["item"], _NAME),
            "unit": shortened(one["unit"], _UNIT),
            "used before": count(one["quantity"][0]),
            "after": count(one["quantity"][1]),
            f"{unit} before": usd(one["usd"][0]),
            "change": usd_change(one["change_usd"]),
        }
        for one in document["items"]
        if abs(one["change_usd"]) >= charts.CENT
    ]
