"""Charges of a month, use of commitments, and list prices at which the decision changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any

from simcost.billing import Charge
from simcost.compare.unit_costs import labels
from simcost.studies.review.result import ChargeOfMonth, CommitmentOfMonth, Document, PriceFlip
from simcost.studies.review.wording import is_good_enough
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Plan = Mapping[str, Any]
_LARGEST = 10.0
"""Times the price of today: a change beyond it is not a question of prices."""


def charges_of(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[ChargeOfMonth]:
    """The charges of a plan, as many USD a month as its document says.

    Args:
        plan: of the document.
        rows: its charges, each its part of the mean over replications.
    """
    months = float(plan["horizon_s"]) / SECONDS_PER_HOUR / HOURS_PER_MONTH
    groups: dict[str, list[Mapping[str, Any]]] = {}
    used = [row for row in rows if row["charge_category"] == "Usage"]
    for name, row in zip(labels([Charge(**{**row, "tags": ()}) for row in used]), used, strict=True):
        groups.setdefault(name, []).append(row)
    return [
        ChargeOfMonth(
            plan=plan["name"],
            charge=charge["charge"],
            quantity=fsum(row["consumed_quantity"] for row in groups[charge["charge"]]) / months,
            unit=groups[charge["charge"]][0]["consumed_unit"],
            list_unit_price_usd=_mean_list_price(groups[charge["charge"]]),
            is_mean_price=len({row["list_unit_price_usd"] for row in groups[charge["charge"]]}) > 1,
            usd=charge["usd_per_month"],
        )
        for charge in plan["charges"]
    ]


def _mean_list_price(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The list price that all have, or else the mean of a unit, as of tiers; None of nothing."""
    prices = {row["list_unit_price_usd"] for row in rows}
    quantity = fsum(row["consumed_quantity"] for row in rows)
    if len(prices) == 1:
        return float(prices.pop())
    return fsum(row["list_cost_usd"] for row in rows) / quantity if quantity else None


def charge_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the fields of a charge alone."""
    fields = Charge.__dataclass_fields__
    return [{name: value for name, value in row.items() if name in fields} for row in rows]


def commitments_of(plan: Plan, rows: Iterable[Mapping[str, Any]]) -> Iterator[CommitmentOfMonth]:
    """Used and unused money of the commitments of a plan, and of reserved capacity that was idle."""
    months = float(plan["horizon_s"]) / SECONDS_PER_HOUR / HOURS_PER_MONTH
    sums: dict[str, dict[str, float]] = {}
    for row in rows:
        idle = f"{row['provider']}/{row['sku']}, reserved and idle" if row["capacity_reservation_status"] else ""
        if row["charge_category"] == "Usage" and (row["commitment"] or idle):
            found = sums.setdefault(idle or row["commitment"], {"Used": 0.0, "Unused": 0.0})
            unused = idle or row["commitment_status"] == "Unused"
            found["Unused" if unused else "Used"] += row["effective_cost_usd"]
    for name, found in sums.items():
        yield CommitmentOfMonth(
            plan=plan["name"], commitment=name, used_usd=found["Used"] / months, unused_usd=found["Unused"] / months
        )


@dataclass(frozen=True, slots=True)
class OnDemandSpending:
    """Money of plans for instances of one offer on demand, at one price."""

    offer: str
    region: str
    usd: float
    """Price of a unit, as it is paid."""
    unit: str
    usd_per_month: dict[str, float] = field(default_factory=dict)
    """By plan."""


def on_demand_spending(
    plans: Sequence[Plan], rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[OnDemandSpending]:
    """Spending on instances on demand: two regions of an offer are two, and so are two prices, as one of a contract.

    Args:
        plans: of the document.
        rows: charges by plan, each its part of the mean over replications.
    """
    found: dict[tuple[str, str, str], OnDemandSpending] = {}
    for plan in plans:
        months = float(plan["horizon_s"]) / SECONDS_PER_HOUR / HOURS_PER_MONTH
        for row in filter(_on_demand, rows[plan["name"]]):
            usd = row["contracted_cost_usd"] / row["consumed_quantity"]
            offer = f"{row['provider']}/{row['sku']}"
            price = OnDemandSpending(offer, row["region"], usd, row["consumed_unit"])
            spent = found.setdefault((offer, row["region"], f"{usd:.6g}"), price).usd_per_month
            spent[plan["name"]] = spent.get(plan["name"], 0.0) + row["effective_cost_usd"] / months
    return list(found.values())


def _on_demand(row: Mapping[str, Any]) -> bool:
    """True of usage of instances that neither is on spot nor under a commitment."""
    bought = row["charge_category"], row["service"], row["pricing_category"], row["commitment"]
    return bought == ("Usage", "compute", "Standard", "") and bool(row["consumed_quantity"])


def price_flips(document: Document, spending: Sequence[OnDemandSpending]) -> list[PriceFlip]:
    """Prices of instances on demand at which another plan becomes the cheapest that meets the SLO.

    A plan costs total + (f - 1) x its charges for an instance where the price of that is f times that of today, since
    what it uses stays as it is. Charges of spot nodes and under a commitment keep their price.
    """
    best = document["best"]
    plans = [plan for plan in document["plans"] if _eligible(plan)]
    if best is None or len(plans) < 2:
        return []
    regions = {(one.offer, one.region) for one in spending}
    several = {offer for offer, count in Counter(offer for offer, _ in regions).items() if count > 1}
    return [
        replace(flip, offer=f"{one.offer} in {one.region}") if one.offer in several else flip
        for one in spending
        for flip in _flips_of(one, best, plans)
    ]


def _eligible(plan: Plan) -> bool:
    return bool(plan["slo"]["met"]) and is_good_enough(plan)


def _flips_of(price: OnDemandSpending, best: str, plans: Sequence[Plan]) -> Iterator[PriceFlip]:
    """The nearest below and above the price of today; today's itself where a plan costs the same."""
    chosen = next(plan for plan in plans if plan["name"] == best)
    spent = price.usd_per_month
    below, above = list[tuple[float, str]](), list[tuple[float, str]]()
    for plan in plans:
        more_usd = plan["cost_usd"]["per_month"] - chosen["cost_usd"]["per_month"]
        slope_usd = spent.get(plan["name"], 0.0) - spent.get(best, 0.0)
        if plan is not chosen and slope_usd:
            (below if slope_usd > 0 else above).append((1 - more_usd / slope_usd, str(plan["name"])))
    for nearest in (
        max((one for one in below if 0 < one[0] <= 1), default=None),
        min((one for one in above if 1 <= one[0] <= _LARGEST), default=None),
    ):
        if nearest is not None:
            factor, name = nearest
            yield PriceFlip(offer=price.offer, unit=price.unit, now_usd=price.usd, at_usd=factor * price.usd, plan=name)
