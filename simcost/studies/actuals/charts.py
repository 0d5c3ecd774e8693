"""Charts of a cost file: the cost of each day, and the difference between actual and simulated cost.

Pure functions from results to Altair charts; nothing is computed here but layout.
"""

from typing import Any

from simcost.present.bar_charts import stacked_bars
from simcost.present.chart_style import INK, WIDTH, finish, inline
from simcost.present.charts import parts_colour, rule
from simcost.present.format import printable
from simcost.studies.actuals.result import ActualCosts, CostComparison, SkuDifference, UnmatchedSku

PARTS = {
    "on_demand": ("on demand", "#E69F00"),
    "committed": ("committed", "#0072B2"),
    "spot": ("spot", "#009E73"),
    "other": ("other usage", "#999999"),
    "unused": ("lost of commitments", "#D55E00"),
    "unused_capacity": ("lost of reservations", "#F6BD8B"),
    "purchase": ("purchases", "#CC79A7"),
    "tax": ("tax", "#C9C9C9"),
    "credit": ("credits", "#56B4E9"),
    "adjustment": ("adjustments", "#6E6E6E"),
}
"""Parts of a day's cost: name and colour."""
DAYS = 400


def days(result: ActualCosts) -> Any:
    """Effective cost of each day, stacked by what it was for; credits below zero."""
    import altair as alt

    shown = result.days[-DAYS:]
    rows = [
        {"day": day.day, "part": PARTS[name][0], "usd": round(usd, 4), "order": list(PARTS).index(name)}
        for day in shown
        for name, usd in day.effective_usd.items()
        if usd
    ]
    present = {name: colour for name, colour in PARTS.values() if any(row["part"] == name for row in rows)}
    bars = alt.Chart(inline(rows)).mark_bar()
    chart = bars.encode(
        x=alt.X("day:T", timeUnit="utcyearmonthdate", title=None, axis=alt.Axis(grid=False, tickCount=8)),
        y=alt.Y("usd:Q", title="USD per day, effective", axis=alt.Axis(format="$~s", tickCount=6)),
        color=parts_colour("part", present, legend=alt.Legend(columns=5)),
        order=alt.Order("order:Q"),
        tooltip=[alt.Tooltip("day:T"), alt.Tooltip("part:N"), alt.Tooltip("usd:Q", format="$,.2f")],
    ).properties(width=WIDTH, height=260)
    return finish(chart, "Effective cost by day (USD)")


EFFECTS = {
    "quantity_effect_usd": ("other quantity", "#0072B2"),
    "price_effect_usd": ("other price", "#E69F00"),
    "only_actual": ("not simulated", "#D55E00"),
    "only_simulated": ("not paid for", "#999999"),
}
BARS = 20
"""SKUs in a chart, at most."""


def gaps(result: CostComparison) -> Any:
    """By SKU, actual less simulated cost, split into the effects of quantity and price."""
    import altair as alt

    rows = _gaps(result)
    total: dict[str, float] = {}
    for row in rows:
        total[row["group"]] = total.get(row["group"], 0.0) + abs(row["value"])
    place = {sku: i for i, sku in enumerate(sorted(total, key=lambda sku: -total[sku])[:BARS])}
    shown = sorted((row for row in rows if row["group"] in place), key=lambda row: place[row["group"]])
    chart = stacked_bars(
        shown,
        dict(EFFECTS.values()),
        title="USD, actual less simulated",
        axis=alt.Axis(format="$~s", tickCount=6),
        step=24,
        width=WIDTH - 120,
        over=rule(0, "x", ink=INK),
    )
    return finish(chart, f"Where {result.cost} cost differs from what was simulated (USD)")


def _gaps(result: CostComparison) -> list[dict[str, Any]]:
    """One row per SKU and effect, over all months."""
    usd: dict[tuple[str, str], float] = {}

    def add(row: SkuDifference | UnmatchedSku, effect: str, value: float) -> None:
        key = (printable(f"{row.provider}/{row.sku} {row.region}".strip()), EFFECTS[effect][0])
        usd[key] = usd.get(key, 0.0) + value

    for row in result.skus:
        add(row, "quantity_effect_usd", row.quantity_effect_usd)
        add(row, "price_effect_usd", row.price_effect_usd)
    for alone in result.only_actual:
        add(alone, "only_actual", alone.usd)
    for alone in result.only_simulated:
        add(alone, "only_simulated", -alone.usd)
    return [{"group": sku, "part": part, "value": round(value, 4)} for (sku, part), value in usd.items()]
