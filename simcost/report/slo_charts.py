"""Pictures of what requests felt: attainment by hour, and the distribution of latencies."""

from math import floor
from typing import Any

from simcost.report.style import (
    ROWS,
    TARGET,
    WIDTH,
    Document,
    Rows,
    colour,
    dash,
    finish,
    inline,
    legend,
    names,
    time_axis,
)  # fmt: skip
from simcost.units import format_seconds, format_share

METRICS = {"ttft_s": "TTFT", "tpot_s": "TPOT", "e2e_s": "E2E"}
HEAT = {"met": "#A9CCE8", "missed by up to 1 point": "#FDD49E", "by up to 10 points": "#F08A34",
        "by more": "#9C3D00", "no requests": "#DDDDDD"}  # fmt: skip


def slo_heat(document: Document, hours: Any) -> Any:
    """Attainment of each plan in each hour, in classes around the target; misses carry their number."""
    import altair as alt

    target = document["plans"][0]["slo"]["target"]
    rows, step = _worst_hours(hours, len(document["plans"]), target)
    end = max((row["end_h"] for row in rows), default=1)
    wide = len(rows) > 24 * len(document["plans"])
    classes = [name for name in HEAT if any(row["class"] == name for row in rows)]
    base = alt.Chart(inline(rows)).encode(
        x=alt.X("start_h:Q", title="hours from the start", scale=alt.Scale(nice=False), axis=time_axis(end)),
        y=alt.Y("plan:N", title=None, sort=names(document), axis=alt.Axis(domain=False, ticks=False)),
    )
    cells = base.mark_rect(stroke="white", strokeWidth=0 if wide else 1).encode(
        x2="end_h:Q", color=alt.Color("class:N", title=None, sort=classes, legend=alt.Legend(columns=5),
                                      scale=alt.Scale(domain=classes, range=[HEAT[c] for c in classes])),
        tooltip=["plan:N", "start_h:Q", alt.Tooltip("percent:Q", title="attainment (%)"), "arrived:Q"],
    )  # fmt: skip
    text = base.mark_text(fontSize=10).encode(
        x="middle_h:Q", text="label:N", color=alt.Color("ink:N", scale=None)
    )
    chart = (cells if wide else cells + text).properties(width=WIDTH, height=alt.Step(30))
    what = "each hour" if step == 1 else f"the worst hour of every {step}"
    return finish(chart, f"Attainment in {what} (% of requests within all limits)",
                  f"Target {format_share(target)}.")  # fmt: skip


def _worst_hours(hours: Any, plans: int, target: float) -> tuple[Rows, int]:
    """One row per plan and stretch of `step` hours: its worst hour."""
    table = hours.select(["plan", "start_s", "arrived", "attainment"]).to_pylist()
    step = -(-len(table) // (ROWS // max(plans, 1) * plans))
    worst: dict[tuple[str, int], dict[str, Any]] = {}
    for row in table:
        key = (row["plan"], int(row["start_s"] // 3600) // step)
        if key not in worst or _rank(row) < _rank(worst[key]):
            worst[key] = row
    return [_cell(plan, index, step, row, target) for (plan, index), row in worst.items()], step


def _rank(row: dict[str, Any]) -> float:
    return 2.0 if _blank(row) else float(row["attainment"])


def _blank(row: dict[str, Any]) -> bool:
    return row["attainment"] is None or row["attainment"] != row["attainment"]


def _cell(plan: str, index: int, step: int, row: dict[str, Any], target: float) -> dict[str, Any]:
    percent = None if _blank(row) else floor(1000 * row["attainment"] + 1e-9) / 10
    kind = _class(row, target)
    label = "" if kind in ("met", "no requests") else f"{percent:.1f}"
    start = index * step
    return {"plan": plan, "start_h": start, "end_h": start + step, "middle_h": start + step / 2, "label": label,
            "percent": percent, "arrived": row["arrived"], "class": kind,
            "ink": "white" if kind == "by more" else "#222222"}  # fmt: skip


def _class(row: dict[str, Any], target: float) -> str:
    if _blank(row):
        return "no requests"
    gap = target - row["attainment"]
    limits = ((0.0, "met"), (0.01, "missed by up to 1 point"), (0.1, "by up to 10 points"))
    return next((name for limit, name in limits if gap <= limit), "by more")


def latency_cdf(document: Document, latency: Any) -> Any:
    """Share of completed requests that were at least this fast, per metric, with the limit."""
    import altair as alt

    rows = [row for row in latency.to_pylist() if row["value_s"] and row["value_s"] > 0]
    limit = ROWS // (len(METRICS) * len(document["plans"]))
    curves = {
        metric: [
            point
            for plan in names(document)
            for point in _spread(
                [row for row in rows if (row["metric"], row["plan"]) == (metric, plan)], limit
            )
        ]
        for metric in METRICS
    }
    panels = [_cdf(document, points, metric) for metric, points in curves.items() if points]
    chart = alt.hconcat(*panels, spacing=20)
    return finish(chart, "Latency (seconds, log scale): share of requests at least this fast (%)")


def _spread(rows: Rows, limit: int) -> Rows:
    """At most `limit` rows, evenly chosen, the first and the last among them."""
    step = max((len(rows) - 1) / max(limit - 1, 1), 1.0)
    return [rows[round(i * step)] for i in range(min(len(rows), limit))]


def _cdf(document: Document, rows: Rows, metric: str) -> Any:
    import altair as alt

    lines = alt.Chart(inline(rows)).mark_line(strokeWidth=2).encode(
        x=alt.X("value_s:Q", title=f"{METRICS[metric]} (s)", scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~g", tickCount=4, grid=False)),
        y=alt.Y("quantile:Q", title=None, scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 0.95])),
        color=colour(document, legend=legend(document, symbolType="stroke", symbolSize=400)),
        strokeDash=dash(document),
    )  # fmt: skip
    limit = document["plans"][0]["slo"]["limits"].get(metric)
    layers = lines if limit is None else lines + _limit(rows, limit)
    return layers.properties(width=(WIDTH - 40) // 3, height=230)


def _limit(rows: Rows, limit: float) -> Any:
    """A line at the limit, its name at the foot, on the side that has room."""
    import altair as alt

    values = [row["value_s"] for row in rows]
    right = limit * limit < min(values) * max(values)
    mark = alt.Chart(inline([{"x": limit, "label": f"limit {format_seconds(limit)}"}])).encode(x="x:Q")
    name = mark.mark_text(
        align="left" if right else "right", dx=5 if right else -5, dy=-8, color=TARGET, fontSize=12
    )
    rule = mark.mark_rule(strokeDash=[6, 4], color=TARGET, strokeWidth=1.5)
    return rule + name.encode(y=alt.value("height"), text="label:N")
