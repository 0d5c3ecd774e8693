"""Actual against simulated cost."""

from collections.abc import Callable, Sequence

from simcost.present.format import NONE, amount, shortened, usd, usd_change
from simcost.present.parts import Part, Table
from simcost.studies.actuals.charts import gaps
from simcost.studies.actuals.result import (
    CostComparison,
    Effect,
    OtherDifference,
    PricedAmount,
    SkuDifference,
    UnmatchedSku,
)

_WHAT: dict[Effect, str] = {
    "quantity": "other quantities",
    "price": "other prices",
    "only_actual": "SKUs that were not simulated",
    "only_simulated": "SKUs that were not paid for",
    "other": "purchases, unused, taxes, credits",
}


def parts(result: CostComparison) -> list[Part]:
    """Parts below the verdict, on every screen."""
    left = len(result.months[:2])
    return [
        Part(title="Where they differ", chart=lambda: gaps(result), rows=effects(result)),
        Part(title="SKUs of both", rows=skus(result), left=left, most=10),
        Part(title="Paid for, not simulated", rows=alone(result, result.only_actual), most=10),
        Part(title="Simulated, not paid for", rows=alone(result, result.only_simulated), most=10),
        Part(title="Costs without a quantity", rows=others(result), left=left, most=10),
        Part(title="Notes", said=notes(result)),
    ]


def effects(result: CostComparison) -> Table:
    """Effects that make up the difference."""
    rows = [{"difference": _WHAT[name], "USD": usd_change(usd)} for name, usd in result.effects_usd.items()]
    return [*rows, {"difference": "actual less simulated", "USD": usd_change(result.difference_usd)}]


def skus(result: CostComparison) -> Table:
    """One row per month and SKU that both have, the largest difference first."""
    return [
        {
            **_month(result, row),
            "SKU": _sku(row),
            "used": _both(row, lambda one: amount(one.quantity)) + f" {shortened(row.unit, 9, keep_end=True)}",
            "USD a unit": _both(row, lambda one: usd(one.usd_per_unit)),
            "difference": usd_change(row.difference_usd),
            "by quantity": usd_change(row.quantity_effect_usd),
            "by price": usd_change(row.price_effect_usd),
        }
        for row in result.skus
    ]


def _both(row: SkuDifference, value: Callable[[PricedAmount], str]) -> str:
    """Actual, and in brackets simulated where that reads otherwise."""
    actual, simulated = value(row.actual), value(row.simulated)
    return actual if actual == simulated else f"{actual} ({simulated})"


def _month(result: CostComparison, row: SkuDifference | UnmatchedSku | OtherDifference) -> dict[str, str]:
    """The month of a row, where there are several."""
    return {"month": row.month} if len(result.months) > 1 else {}


def _sku(row: SkuDifference | UnmatchedSku) -> str:
    return shortened(f"{row.provider}/{row.sku} {row.region}".strip(), 30, keep_end=True)


def alone(result: CostComparison, unmatched: Sequence[UnmatchedSku]) -> Table:
    """One row per SKU that one side alone has, the most expensive first."""
    return [
        {
            **_month(result, row),
            "SKU": _sku(row),
            "used": f"{amount(row.quantity)} {shortened(row.unit, 9, keep_end=True)}",
            "cost": usd(row.usd),
            "the other side has": shortened(row.like or NONE, 32, keep_end=True),
        }
        for row in unmatched
    ]


def others(result: CostComparison) -> Table:
    """Costs that have no quantity."""
    return [
        {
            **_month(result, row),
            "without a quantity": row.what.replace("_", " "),
            "actual": usd(row.actual_usd),
            "simulated": usd(row.simulated_usd),
            "difference": usd_change(row.difference_usd),
        }
        for row in result.others
    ]


def notes(result: CostComparison) -> list[str]:
    """Notes on what was left out or scaled, or covers less time than the other side."""
    said = []
    if result.left_out_months:
        said.append(f"months that one side alone has are left out: {', '.join(result.left_out_months)}")
    if result.months == ("a month",):
        said.append("both sides are scaled to a month of 730 h")
    return [*said, *(found["message"] for found in result.findings or ())]
