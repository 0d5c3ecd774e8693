"""Charts of cost: by part, and against service over the futures of the demand; pure functions to Altair charts.

Nothing is computed here but layout: values are scaled to the unit of the axis, put into classes of colour,
and thinned to at most `ROWS` rows a chart by picking the worst or the largest value of each stretch.
Tables are `pyarrow.Table`s of the result folder; documents are those of `simcost run`.
"""

from collections.abc import Sequence
from math import floor
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.bar_charts import groups, stacked_bars
from simcost.present.chart_style import (
    INK,
    WIDTH,
    Document,
    Rows,
    colour,
    finish,
    inline,
    legend,
    names,
    to_png,
    to_svg,
)
from simcost.present.charts import around, at_one_point, filled_if_met, interval_scatter, rule
from simcost.present.format import exact
from simcost.present.format import usd as money
from simcost.studies.plans.fleet_chart import fleet_timeline
from simcost.studies.plans.latency_charts import latency_cdf, slo_heat

__all__ = ["cost_against_slo", "cost_stack", "fleet_timeline", "latency_cdf", "slo_heat", "to_png", "to_svg"]

PARTS = {
    "computing": "#2B6299",
    "idle": "#A9CCE8",
    "starting": "#C8641B",
    "draining": "#F6BD8B",
    "useful": "#7A3E8E",
    "checkpoint": "#D9B8E3",
    "lost": "#B00020",
    "restart": "#F4A6A6",
    "idle_blocked": "#8A6200",
    "idle_free": "#F3DFC1",
    "down": "#E3E3E3",
    "unallocated": "#6E6E6E",
    "rounding": "#C9C9C9",
    "unused_commitment": "#B8860B",
    "storage": "#4B7F3A",
    "transfer": "#B4D9A2",
    "tokens": "#1B6E6A",
}
"""Parts of the cost; dark and light alternate, so that neighbours differ in grey too."""
_STEP = 40
"""Height of the bar of a plan with its room, in pixels."""
_BESIDE = "scale('x', datum.hi) + 7 + 5.2 * length(datum.label) < width + 40"
"""True of a total with its interval that ends on the chart, of which a page keeps 45 pixels right of the plot."""
TABLES = ("hours", "latency", "timeline")
"""Tables of the result folder that charts draw."""
_NOTES = {
    "idle": "Idle: nothing to compute, or the part of each step that more requests at a time would share.",
    "unallocated": "Unallocated: accelerators of paid nodes on which no replica runs.",
}
DARK = ("computing", "starting", "useful", "lost", "idle_blocked", "unallocated", "storage", "tokens")


def cost_stack(document: Document) -> Any:
    """Cost per month of each plan, stacked by where the money went, with total and interval."""
    import altair as alt

    totals = [_total(plan) for plan in document["plans"]]
    reach = max(row["hi"] for row in totals)
    rows = [row for plan in document["plans"] for row in _parts(plan, reach)]
    end = alt.Chart(inline(totals)).encode(y=groups(totals, _STEP))
    interval = end.mark_rule(strokeWidth=2, color=INK, yOffset=9).encode(x=alt.X("lo:Q"), x2=alt.X2("hi:Q"))
    label = end.mark_text(align="left", dx=7, fontSize=12, color=INK).encode(x=alt.X("hi:Q"))
    labels = [
        label.encode(text=alt.Text(f"{text}:N"), opacity=alt.condition(_BESIDE, alt.value(wide), alt.value(1 - wide)))
        for text, wide in (("label", 1), ("mean", 0))
    ]
    chart = stacked_bars(
        rows,
        {_named(part): shade for part, shade in PARTS.items()},
        title="USD per month",
        axis=alt.Axis(format="$,.0f", labelFlush=False, titleAnchor="start", grid=False, values=_ticks(reach)),
        scale=alt.Scale(domain=[0, reach * 1.42 or 1], nice=False),
        step=_STEP,
        over=[interval, *labels],
    )
    shown = {row["part"] for row in rows}
    notes = [text for part, text in _NOTES.items() if part in shown]
    return finish(chart, "Cost per month, by where the money went (USD)", notes)


def _ticks(reach: float) -> Any:
    """Ticks over the bars only, not over the room kept for labels."""
    import altair as alt

    step = next((s for s in _round_steps() if reach / s <= 5), None)
    return [step * i for i in range(floor(reach / step) + 1)] if step and reach > 0 else alt.Undefined


def _round_steps() -> list[float]:
    return [unit * 10.0**power for power in range(-4, 10) for unit in (1, 2, 5)]


def _parts(plan: dict[str, Any], reach: float) -> Rows:
    """Monthly USD by part; a label where there is room."""
    rows = []
    for part, usd in plan["cost_usd"]["per_month_by_part"].items():
        if usd > 0:
            label = money(usd) if usd > 0.15 * reach else ""
            ink = "white" if part in DARK else "#222222"
            rows.append({"group": plan["name"], "part": _named(part), "value": usd, "label": label, "ink": ink})
    return rows


def _named(part: str) -> str:
    return GPU_TIME.get(part, part.replace("_", " "))


def _total(plan: dict[str, Any]) -> dict[str, Any]:
    mean = plan["cost_usd"]["per_month"]
    lo, hi = _interval(plan, "per_month_usd", mean)
    spread = f"  ({money(lo)} to {money(hi)})" if money(hi) != money(lo) else ""
    return {"group": plan["name"], "lo": lo, "hi": max(hi, mean), "label": money(mean) + spread, "mean": money(mean)}


def _interval(plan: dict[str, Any], key: str, value: float) -> tuple[float, float]:
    """Lower and upper end over replications; the value itself where there is one replication only."""
    interval = plan["intervals"][key]
    return (interval["lo"], interval["hi"]) if interval else (value, value)


def cost_against_slo(document: Document) -> Any:
    """Each plan's cost per month against its attainment; filled where the SLO is met."""
    import altair as alt

    rows = [_point(plan) for plan in document["plans"] if plan["slo"]["attainment"] is not None]
    target = round(100 * float(document["plans"][0]["slo"]["target"]), 6)
    domain, shares = around(rows, "usd"), _percent_domain(rows, target)
    x = alt.X(
        "usd:Q",
        title="cost per month (USD)",
        axis=alt.Axis(format="$~s", tickCount=6),
        scale=alt.Scale(domain=domain, zero=False, nice=False),
    )
    y = alt.Y(
        "attainment:Q",
        title="requests within all limits (%)",
        axis=alt.Axis(tickCount=6),
        scale=alt.Scale(domain=shares, nice=False, zero=False),
    )
    shown = [alt.Tooltip("plan:N"), alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("attainment:Q", format=".2f")]
    goal = rule(target, "y", f"target {exact(target)} %", dy=-8, along=_free(rows, target, shares, domain))
    chart = interval_scatter(document, rows, x=x, y=y, tooltip=shown, under=goal)
    note = "Filled: meets the SLO. Hollow: misses it. Bars: confidence intervals over replications."
    notes = [note, *at_one_point(rows, x=x, y=y)]
    return finish(chart, "Cost (USD per month) against service level (% of requests)", notes)


def _free(rows: Rows, target: float, shares: Sequence[float], domain: Sequence[float]) -> float:
    """Cost at which the label of the target stands: the middle of the widest part of its line that no plan covers."""
    lo, hi = target - 0.05 * (shares[1] - shares[0]), target + 0.15 * (shares[1] - shares[0])
    left, widest = domain[0], (domain[0], domain[0])
    for row in sorted(rows, key=lambda row: float(row["usd_lo"])):
        if row["attainment_lo"] <= hi and row["attainment_hi"] >= lo:
            level = lo <= row["attainment"] <= hi
            first, last = (row["usd_lo"], row["usd_hi"]) if level else (row["usd"], row["usd"])
            widest = max(widest, (left, first), key=lambda part: part[1] - part[0])
            left = max(left, last)
    first, last = max(widest, (left, domain[1]), key=lambda part: part[1] - part[0])
    return float(first + last) / 2


def _percent_domain(rows: Rows, target: float) -> list[float]:
    """From just below all points and the target up to 100 %."""
    low = min([target, *(row["attainment_lo"] for row in rows)])
    return [max(low - 0.12 * (100 - low) - 0.05, -5), 100]


def _point(plan: dict[str, Any]) -> dict[str, Any]:
    usd, share = plan["cost_usd"]["per_month"], plan["slo"]["attainment"]
    usd_lo, usd_hi = _interval(plan, "per_month_usd", usd)
    lo, hi = _interval(plan, "attainment", share)
    return {
        "plan": plan["name"],
        "met": plan["slo"]["met"],
        "usd": usd,
        "usd_lo": usd_lo,
        "usd_hi": usd_hi,
        "attainment": 100 * share,
        "attainment_lo": 100 * max(lo, 0.0),
        "attainment_hi": 100 * min(hi, 1.0),
    }


def spread(document: Document, runs: Any) -> Any:
    """Each future as a point, filled where the plan meets the SLO; P10 to P90 as a bar, P50 as a tick.

    Args:
        document: of `simcost run`.
        runs: table `runs` of the result folder, a row per plan and future.
    """
    import altair as alt

    plans = names(document)
    y = alt.Y("plan:N", title=None, sort=plans, axis=alt.Axis(domain=False, ticks=False))
    x = alt.X(
        "usd:Q",
        title="USD per month",
        axis=alt.Axis(format="$,.0f", tickCount=6, grid=False),
        scale=alt.Scale(zero=False, padding=14),
    )
    middle = alt.Chart(inline(_quantiles(document))).encode(y=y)
    bar = middle.mark_rule(strokeWidth=9, opacity=0.22, color=INK).encode(x=alt.X("p10:Q"), x2=alt.X2("p90:Q"))
    tick = middle.mark_tick(thickness=2, size=22, color=INK).encode(x=alt.X("p50:Q"))
    label = middle.mark_text(dy=-17, fontSize=11, color=INK).encode(x=alt.X("p50:Q"), text=alt.Text("label:N"))
    points = (
        alt.Chart(inline(_points(runs)))
        .encode(
            y=y,
            x=x,
            color=colour(document, legend=legend(document)),
            fill=filled_if_met(colour(document, legend=None)),
            tooltip=[
                alt.Tooltip("plan:N"),
                alt.Tooltip("usd:Q", format="$,.0f"),
                alt.Tooltip("attainment:Q", format=".4f"),
            ],
        )
        .mark_point(size=70, strokeWidth=1.6, opacity=0.95)
    )
    layers = [bar, points, tick, label, *_budget(document)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(52))
    note = "A point is a future of the demand: filled, the SLO is met; hollow, missed. Bar: P10 to P90. Tick: P50."
    return finish(chart, "Cost per month over the futures (USD)", note)


def _budget(document: Document) -> list[Any]:
    """The line of the budget, where there is one."""
    budget_usd = document["futures"]["budget_usd"]
    if budget_usd is None:
        return []
    return rule(budget_usd, "x", f"budget {money(budget_usd)}", align="center", baseline="bottom")


def _quantiles(document: Document) -> Rows:
    return [
        {"plan": plan["plan"], **plan["per_month_usd"], "label": money(plan["per_month_usd"]["p50"])}
        for plan in document["futures"]["plans"]
    ]


def _points(runs: Any) -> Rows:
    rows = runs.select(["plan", "per_month_usd", "met", "attainment"]).to_pylist()
    return [
        {"plan": r["plan"], "usd": r["per_month_usd"], "met": r["met"], "attainment": r["attainment"]} for r in rows
    ]
