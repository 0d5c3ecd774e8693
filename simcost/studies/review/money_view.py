"""Tables of the money of a review: uses, charges and commitments of a month."""

from __future__ import annotations

from math import fsum
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.format import NONE, count, exact, share, usd
from simcost.present.parts import Part
from simcost.studies.review.result import ChargeOfMonth, Review
from simcost.units import Formatted

_USES = 4
"""Columns of uses, at most, beside one of all others."""


def allocation(review: Review) -> Part:
    """Cost of a month by use; the row adds up to the total."""
    plans = review.document["plans"]
    named = dict.fromkeys(name for plan in plans for name in plan["allocation_usd_per_month"])
    used = [name for name in named if any(_part(plan, name) for plan in plans)]
    largest = sorted(used, key=lambda name: -max(_part(plan, name) for plan in plans))[:_USES]
    shown = used if len(used) <= _USES + 1 else [name for name in used if name in largest]
    rest = [name for name in used if name not in shown]
    rows = [
        {"Plan": plan["name"], "Total": usd(plan["cost_usd"]["per_month"])}
        | {use(name): usd(_part(plan, name)) for name in shown}
        | ({"Other": usd(fsum(_part(plan, name) for name in rest))} if rest else {})
        for plan in plans
    ]
    return Part(title="USD a month, by use", rows=rows)


def use(name: str) -> str:
    """A use in words."""
    return "At work" if name == "allocated" else GPU_TIME.get(name, name.replace("_", " ")).capitalize()


def _part(plan: Any, name: str) -> float:
    return float(plan["allocation_usd_per_month"].get(name, 0.0))


def unit_price(value: float | None, unit: str = "") -> str:
    """A unit price in the digits that it is stated in."""
    if value is None:
        return NONE
    return Formatted(f"${exact(value)}{f'/{unit}' if unit else ''}", value)


def list_price(charge: ChargeOfMonth) -> str:
    """Of a unit; of several prices, as of tiers, their mean."""
    price, unit = charge.list_unit_price_usd, _unit(charge.unit)
    return f"{usd(price)}/{unit} in the mean" if charge.is_mean_price and price is not None else unit_price(price, unit)


def _unit(unit: str) -> str:
    """`1M tokens` for the unit of the bill."""
    return unit.replace("1000000 Tokens", "1M tokens")


def charges(review: Review) -> Part:
    """Charges of a month, item by item."""
    rows = [
        {
            "Plan": charge.plan,
            "Charge": charge.charge,
            "Quantity a month": f"{count(charge.quantity)} {_unit(charge.unit)}",
            "List price": list_price(charge),
            "USD a month": usd(charge.usd),
        }
        for charge in review.charges
    ]
    return Part(title="Charges of a month", rows=rows, left=2)


def commitments(review: Review) -> Part:
    """Commitments of the plans, and how much of each is used."""
    rows = [
        {
            "Plan": commitment.plan,
            "Commitment": commitment.commitment,
            "Used, USD a month": usd(commitment.used_usd),
            "Unused, USD a month": usd(commitment.unused_usd),
            "Utilisation": share(commitment.utilisation),
        }
        for commitment in review.commitments
    ]
    return Part(title="Commitments", rows=rows, left=2)
