"""Costs of bills by part: a pure function from their documents to an Altair chart."""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.bar_charts import stacked_bars
from simcost.present.chart_style import finish

_COLOURS = {
    "covered by commitments": "#2B6299",
    "on demand": "#D55E00",
    "spot": "#E69F00",
    "unused commitment": "#C9C9C9",
    "idle reservation": "#8C8C8C",
    "storage": "#4B7F3A",
    "transfer": "#B4D9A2",
    "tokens": "#7A5195",
}


def spending(plans: Sequence[Mapping[str, Any]]) -> Any:
    """Effective cost of each plan, stacked by how it is paid."""
    rows = [
        {"group": plan["plan"] or "bill", "part": part, "value": usd}
        for plan in plans
        for part, usd in _by_way(plan).items()
        if usd > 0
    ]
    chart = stacked_bars(rows, _COLOURS, title="USD")
    return finish(chart, "Where the money goes", "Effective cost: commitments spread over their terms")


def _by_way(plan: Mapping[str, Any]) -> dict[str, float]:
    sums = dict.fromkeys(_COLOURS, 0.0)
    for charge in plan["charges"]:
        sums[_way(charge)] += charge["effective_cost_usd"]
    return sums


def _way(charge: Mapping[str, Any]) -> str:
    if charge["service"] != "compute":
        return str(charge["service"])
    if charge["capacity_reservation_status"]:
        return "idle reservation"
    if charge["commitment_status"]:
        return "unused commitment" if charge["commitment_status"] == "Unused" else "covered by commitments"
    return "spot" if charge["pricing_category"] == "Dynamic" else "on demand"
