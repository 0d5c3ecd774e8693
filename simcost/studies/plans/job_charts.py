"""Charts of the outcomes of jobs and of the GPU time by use."""

from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.chart_style import (
    GRID,
    INK,
    ROWS,
    TARGET,
    WIDTH,
    Document,
    Rows,
    colour,
    colour_scale,
    dash,
    finish,
    first,
    inline,
    legend,
    names,
    shape,
    time_axis,
    time_unit,
)
from simcost.units import format_count, format_seconds, format_share

TABLES = ("waits", "gpus")
"""Tables of the result folder that charts draw; `gpus` may be missing."""
COLOURS = {
    "requests": "#2B6299",
    "useful": "#7A3E8E",
    "checkpoint": "#D9B8E3",
    "lost": "#B00020",
    "restart": "#F4A6A6",
    "idle_blocked": "#8A6200",
    "idle_free": "#F3DFC1",
    "down": "#E3E3E3",
}
"""As where the money went."""
DARK = ("requests", "useful", "lost", "idle_blocked")
TIMES = {
    0: "0",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    6 * 3600: "6 h",
    86400: "1 d",
    4 * 86400: "4 d",
    14 * 86400: "2 w",
    60 * 86400: "60 d",
    365 * 86400: "1 y",
}
"""Ticks of an axis of waiting, in seconds."""


def cost_against_wait(document: Document) -> Any:
    """Each plan's cost per month against the P95 of its waits; filled where the SLO is met."""
    import altair as alt

    rows = [_point(plan) for plan in document["plans"] if plan["wait_s"]["p95"] is not None]
    target = _target(document)
    most = max([row["wait_hi"] for row in rows] + [target or 0.0, 60.0])
    base = alt.Chart(inline(rows)).encode(
        x=alt.X(
            "usd:Q",
            title="USD per month",
            axis=alt.Axis(format="$,.0f", tickCount=5),
            scale=alt.Scale(domain=_around(rows), zero=False, nice=False),
        ),
        y=alt.Y("wait:Q", title="P95 wait", **_waiting(most)),
        color=colour(document, legend=legend(document)),
    )
    points = base.mark_point(size=190, strokeWidth=2.2, opacity=0.9).encode(
        shape=shape(document),
        fill=alt.condition(
            "datum.met", alt.Fill("plan:N", scale=colour_scale(document), title=None), alt.value("white")
        ),
        tooltip=["plan:N", alt.Tooltip("usd:Q", format="$,.0f"), "label:N"],
    )
    across = base.mark_rule(strokeWidth=1.5).encode(x="usd_lo:Q", x2="usd_hi:Q")
    upright = base.mark_rule(strokeWidth=1.5).encode(y="wait_lo:Q", y2="wait_hi:Q")
    layers = across + upright + points
    if target is not None:
        layers = _line(target, most) + layers
    exact = document.get("deterministic")
    bars = "Deterministic replay." if exact else "Bars: confidence intervals over replications."
    note = f"Filled: meets the SLO. Hollow: misses it. {bars}"
    chart = layers.properties(width=WIDTH - 60, height=280)
    return finish(chart, "Cost (USD per month) against the wait of 95 % of the jobs", note)


def gpu_time(document: Document) -> Any:
    """GPU-hours of each plan by use."""
    import altair as alt

    plans = document["plans"]
    reach = max(sum(plan["gpu_hours"].values()) for plan in plans)
    rows = [row for plan in plans for row in _parts(plan, reach)]
    present = [name for name in GPU_TIME if any(row["part"] == GPU_TIME[name] for row in rows)]
    scale = alt.Scale(domain=[GPU_TIME[p] for p in present], range=[COLOURS[p] for p in present])
    stack = alt.Chart(inline(rows)).encode(
        y=alt.Y("plan:N", title=None, sort=names(document), axis=alt.Axis(domain=False, ticks=False)),
        x=alt.X(
            "hours:Q",
            title="GPU-hours",
            stack="zero",
            axis=alt.Axis(format="~s", tickCount=6, grid=False),
            scale=alt.Scale(domain=[0, reach], nice=False),
        ),
        order="order:Q",
    )
    bars = stack.mark_bar(stroke="white", strokeWidth=0.7, height=26).encode(
        color=alt.Color(
            "part:N",
            title=None,
            sort=[GPU_TIME[p] for p in present],
            scale=scale,
            legend=alt.Legend(columns=4),
        ),
        tooltip=["plan:N", "part:N", alt.Tooltip("hours:Q", format=",.0f")],
    )
    inside = stack.mark_text(fontSize=11).encode(
        x=alt.X("hours:Q", stack="zero", bandPosition=0.5),
        detail="part:N",
        text="label:N",
        color=alt.Color("ink:N", scale=None),
    )
    chart = (bars + inside).properties(width=WIDTH, height=alt.Step(40))
    return finish(chart, "GPU time by what became of it (GPU-hours)")


def gpus_over_time(document: Document, gpus: Any) -> Any:
    """GPUs that requests and jobs hold over time, and the jobs that wait; a row of panels per plan."""
    import altair as alt

    unit, unit_s, span = time_unit(document)
    table = gpus.to_pylist()
    plans = [name for name in names(document) if any(row["plan"] == name for row in table)]
    limit = ROWS // (2 * max(len(plans), 1))
    found = {name: _thin([row for row in table if row["plan"] == name], limit, unit_s) for name in plans}
    most = max(row["jobs"] + row["requests"] for rows in found.values() for row in rows)
    panels = [
        alt.hconcat(
            _held(rows, name, most, _time(unit, span, labels=name == plans[-1])),
            _queue(rows, _time(unit, span, labels=name == plans[-1])),
            spacing=70,
            bounds="flush",
        )
        for name, rows in found.items()
    ]
    return finish(alt.vconcat(*panels, spacing=4), "GPUs held, and jobs that wait (count) over time", first(document))


def wait_spread(document: Document, waits: Any) -> Any:
    """Share of the jobs that waited at most so long."""
    import altair as alt

    rows = [row for row in waits.to_pylist() if row["metric"] == "wait_s"]
    target, most = _target(document), max([row["value_s"] for row in rows] + [60.0])
    lines = (
        alt.Chart(inline(rows))
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X("value_s:Q", title="wait", **_waiting(most)),
            y=alt.Y(
                "quantile:Q",
                title="jobs",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 0.95]),
            ),
            color=colour(document, legend=legend(document, symbolType="stroke", symbolSize=400)),
            strokeDash=dash(document),
        )
    )
    layers = lines
    if target is not None and target <= most:
        rule = alt.Chart(inline([{"x": target}])).mark_rule(strokeDash=[6, 4], color=TARGET, strokeWidth=1.5)
        layers = rule.encode(x="x:Q") + lines
    chart = layers.properties(width=WIDTH, height=230)
    return finish(chart, "Waiting: share of the jobs that waited at most so long (%)", first(document))


def _target(document: Document) -> float | None:
    """The target on the P95 of the waits, where there is one."""
    target: float | None = document["plans"][0]["slo"]["targets"].get("wait_s p95")
    return target


def _waiting(most: float) -> dict[str, Any]:
    """Scale and axis of waits, from nothing to days."""
    import altair as alt

    ticks = [s for s in TIMES if s <= most]
    words = "{" + ",".join(f"'{s}':'{TIMES[s]}'" for s in ticks) + "}[datum.value]"
    return {
        "scale": alt.Scale(type="symlog", constant=60, domain=[0, most * 1.25], nice=False),
        "axis": alt.Axis(values=ticks, labelExpr=words, gridColor=GRID),
    }


def _line(target: float, most: float) -> Any:
    import altair as alt

    label = f"target {format_seconds(target)}"
    goal = alt.Chart(inline([{"y": target, "label": label}])).encode(y=alt.Y("y:Q", **_waiting(most)))
    name = goal.mark_text(align="left", dx=5, dy=-7, color=TARGET, fontSize=12)
    return goal.mark_rule(strokeDash=[6, 4], color=TARGET, strokeWidth=1.5) + name.encode(
        x=alt.value(0), text="label:N"
    )


def _around(rows: Rows) -> list[float]:
    """Around all points and intervals, at least a tenth of the cost wide."""
    lo, hi = min(row["usd_lo"] for row in rows), max(row["usd_hi"] for row in rows)
    pad = max(0.08 * (hi - lo), 0.05 * hi - 0.5 * (hi - lo), 1e-6)
    return [max(lo - pad, 0.0), hi + pad]


def _point(plan: dict[str, Any]) -> dict[str, Any]:
    usd, wait = plan["cost_usd"]["per_month"], plan["wait_s"]["p95"]
    found = {
        "plan": plan["name"],
        "met": plan["slo"]["met"],
        "usd": usd,
        "wait": wait,
        "label": format_seconds(wait),
    }
    for name, key, value in (("usd", "per_month_usd", usd), ("wait", "wait_p95_s", wait)):
        interval = plan["intervals"][key] or {"lo": value, "hi": value}
        found |= {f"{name}_lo": max(interval["lo"], 0.0), f"{name}_hi": interval["hi"]}
    return found


def _parts(plan: dict[str, Any], reach: float) -> Rows:
    """GPU-hours by bucket, with a label where there is room."""
    rows = []
    for order, (name, words) in enumerate(GPU_TIME.items()):
        hours = plan["gpu_hours"].get(name, 0.0)
        if hours > 0:
            share = format_share(plan["gpu_share"].get(name, 0.0))
            label = f"{format_count(hours)} ({share})" if hours > 0.18 * reach else ""
            label = label or (share if hours > 0.07 * reach else "")
            rows.append(
                {
                    "plan": plan["name"],
                    "part": words,
                    "hours": hours,
                    "order": order,
                    "label": label,
                    "ink": "white" if name in DARK else "#222222",
                }
            )
    return rows


def _thin(rows: Rows, limit: int, unit_s: float) -> Rows:
    """At most `limit` of the rows, evenly chosen."""
    step = -(-len(rows) // limit)
    kept = ("jobs", "requests", "waiting_jobs")
    return [
        {"time": round(row["t_s"] / unit_s, 4)} | {name: round(row[name], 3) for name in kept} for row in rows[::step]
    ]


def _held(rows: Rows, plan: str, most: float, x: Any) -> Any:
    """GPUs of requests below, of jobs above."""
    import altair as alt

    kinds = ["requests", "jobs"] if any(row["requests"] for row in rows) else ["jobs"]
    y = alt.Y(
        "count:Q",
        title="GPUs",
        stack="zero",
        axis=alt.Axis(tickCount=3, format="~s", minExtent=26),
        scale=alt.Scale(domain=[0, most * 1.05], nice=False),
    )
    areas = (
        alt.Chart(inline(rows))
        .transform_fold(kinds, as_=["kind", "count"])
        .transform_calculate(order=f"indexof({kinds}, datum.kind)")
        .mark_area(interpolate="step-after")
        .encode(x=x, y=y, color=_kinds(len(kinds) > 1), order="order:Q")
    )
    heading = alt.Title(plan, anchor="start", fontSize=12, offset=4)
    return areas.properties(width=WIDTH // 2, height=90, title=heading)


def _queue(rows: Rows, x: Any) -> Any:
    import altair as alt

    y = alt.Y("waiting_jobs:Q", title="jobs", axis=alt.Axis(tickCount=3, format="~s", minExtent=34))
    line = alt.Chart(inline(rows)).mark_line(strokeWidth=1.5, interpolate="step-after")
    waiting = line.encode(x=x, y=y, color=alt.datum("waiting jobs", type="nominal"))
    return waiting.properties(width=WIDTH // 2, height=90)


def _kinds(served: bool) -> Any:
    """One colour scale for both panels, so that one legend serves all."""
    import altair as alt

    shades = {"requests": COLOURS["requests"]} if served else {}
    shades |= {"jobs": COLOURS["useful"], "waiting jobs": INK}
    scale = alt.Scale(domain=list(shades), range=list(shades.values()))
    return alt.Color("kind:N", title=None, scale=scale, legend=alt.Legend(symbolType="square"))


def _time(unit: str, span: float, *, labels: bool) -> Any:
    import altair as alt

    return alt.X(
        "time:Q",
        title=f"{unit} from the start" if labels else None,
        axis=time_axis(span, labels=labels, ticks=labels),
        scale=alt.Scale(domain=[0, span], nice=False),
    )
