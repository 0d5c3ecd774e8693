"""Sensitivity of a decision, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import amount, shortened, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.sensitivity import charts

Document = Mapping[str, Any]
METHOD = (
    "One value varies at a time, under the same arrivals; a plan meets the SLO by its mean, as in `simcost run`. "
    "Knowing is worth the saving if the value were known to be low, base or high (30, 40, 30 %) before the plan is "
    "chosen; a dash where no plan meets the SLO at all three. Flip points are known to 1 % of their range, of money to "
    "0.1 %; between values at which a plan is known, its cost and its verdict are taken to be between those at both."
)


def parts(document: Document) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Tornado", titled=False, rows=swings(document)),
        Part(title="Cost over the ranges", chart=lambda: charts.tornado(dict(document))),
        Part(title="Flip points", rows=flips(document), left=2),
        notes(document, METHOD, *document["assumptions"]),
    ]


def swings(document: Document) -> Table:
    """A parameter in each row, the largest swing first."""
    worth = document["value_of_information"]
    return [
        {
            f"$ per month of {shortened(document['plan'], 28)}": one["path"],
            "low": amount(one["lo"]),
            "base": amount(one["base"]),
            "high": amount(one["hi"]),
            "at low": usd(one["lo_usd"]),
            "at high": usd(one["hi_usd"]),
            "knowing is worth": usd(worth[one["path"]]),
        }
        for one in document["tornado"]
    ]


def flips(document: Document) -> Table:
    """Values at which the decision changes."""
    return [
        {
            "value of": flip["path"],
            "best below": shortened(flip["below"], 28),
            "flips at": amount(flip["value"]),
            "best above": shortened(flip["above"], 28),
        }
        for flip in document["flips"]
    ]
