"""Cost and service of each plan over the futures of the demand."""

from typing import Any

from simcost.present.chart_style import (
    INK,
    TARGET,
    WIDTH,
    Document,
    Rows,
    colour,
    finish,
    inline,
    legend,
    names,
)
from simcost.units import format_usd


def spread(document: Document, runs: Any) -> Any:
    """Each future as a point, filled where the plan meets the SLO; P10 to P90 as a bar, P50 as a tick.

    Args:
        document: of `simcost run`.
        runs: table `runs` of the result folder, a row per plan and future.
    """
    import altair as alt

    plans = names(document)
    y = alt.Y("plan:N", title=None, sort=plans, axis=alt.Axis(domain=False, ticks=False))
    x = alt.X("usd:Q", title="USD per month", axis=alt.Axis(format="$,.0f", tickCount=6, grid=False),
              scale=alt.Scale(zero=False, padding=14))  # fmt: skip
    middle = alt.Chart(inline(_quantiles(document))).encode(y=y)
    bar = middle.mark_rule(strokeWidth=9, opacity=0.22, color=INK).encode(x="p10:Q", x2="p90:Q")
    tick = middle.mark_tick(thickness=2, size=22, color=INK).encode(x="p50:Q")
    label = middle.mark_text(dy=-17, fontSize=11, color=INK).encode(x="p50:Q", text="label:N")
    points = alt.Chart(inline(_points(runs))).encode(
        y=y, x=x, color=colour(document, legend=legend(document)),
        fill=alt.condition("datum.met", colour(document, legend=None), alt.value("white")),
        tooltip=["plan:N", alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("attainment:Q", format=".4f")],
    ).mark_point(size=70, strokeWidth=1.6, opacity=0.95)  # fmt: skip
    layers = [bar, points, tick, label, *_budget(document)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(52))
    note = "A point is a future of the demand: filled, the SLO is met; hollow, missed. Bar: P10 to P90. Tick: P50."
    return finish(chart, "Cost per month over the futures (USD)", note)


def _budget(document: Document) -> list[Any]:
    """The line of the budget, where there is one."""
    import altair as alt

    budget_usd = document["futures"]["budget_usd"]
    if budget_usd is None:
        return []
    line = alt.Chart(inline([{"usd": budget_usd, "label": f"budget {format_usd(budget_usd)}"}]))
    return [
        line.mark_rule(strokeDash=[6, 4], color=TARGET, strokeWidth=1.5).encode(x="usd:Q"),
        line.mark_text(align="center", baseline="bottom", color=TARGET, fontSize=12).encode(
            x="usd:Q", y=alt.value(-3), text="label:N"
        ),
    ]


def _quantiles(document: Document) -> Rows:
    return [
        {"plan": plan["plan"], **plan["per_month_usd"], "label": format_usd(plan["per_month_usd"]["p50"])}
        for plan in document["futures"]["plans"]
    ]


def _points(runs: Any) -> Rows:
    rows = runs.select(["plan", "per_month_usd", "met", "attainment"]).to_pylist()
    return [
        {"plan": r["plan"], "usd": r["per_month_usd"], "met": r["met"], "attainment": r["attainment"]}
        for r in rows
    ]
