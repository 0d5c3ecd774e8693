"""Charts of the outcomes of jobs and of the GPU time by use."""

from math import fsum
from typing import Any

from simcost.compare.verdict import GPU_TIME
from simcost.present.bar_charts import stacked_bars
from simcost.present.chart_style import GRID, INK, ROWS, Document, Rows, finish, first, names, time_unit
from simcost.present.charts import (
    around,
    at_one_point,
    counts,
    distribution,
    interval_scatter,
    panel,
    panels_over_time,
    rule,
    time,
)
from simcost.present.format import count, seconds, share

TABLES = ("waits", "gpus")
"""Tables of the result folder that charts draw; `gpus` may be missing."""
COLOURS = {
    "requests": "#2B6299",
    "unallocated": "#6E6E6E",
    "useful": "#7A3E8E",
    "checkpoint": "#D9B8E3",
    "lost": "#B00020",
    "restart": "#F4A6A6",
    "idle_blocked": "#8A6200",
    "idle_free": "#F3DFC1",
    "down": "#E3E3E3",
}
"""As where the money went."""
HELD = {"requests": COLOURS["requests"], "jobs": COLOURS["useful"]}
"""GPUs by who holds them, from below."""
DARK = ("requests", "unallocated", "useful", "lost", "idle_blocked")
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
    x = alt.X(
        "usd:Q",
        title="USD per month",
        axis=alt.Axis(format="$,.0f", tickCount=5),
        scale=alt.Scale(domain=around(rows, "usd"), zero=False, nice=False),
    )
    y = alt.Y("wait:Q", title="P95 wait", **_waiting(most))
    shown = [alt.Tooltip("plan:N"), alt.Tooltip("usd:Q", format="$,.0f"), alt.Tooltip("label:N")]
    goal = [] if target is None else rule(target, "y", f"target {seconds(target)}", align="left", dx=5, dy=-7)
    chart = interval_scatter(document, rows, x=x, y=y, tooltip=shown, under=goal)
    exact = document.get("deterministic")
    bars = "Deterministic replay." if exact else "Bars: confidence intervals over replications."
    notes = [f"Filled: meets the SLO. Hollow: misses it. {bars}", *at_one_point(rows, x=x, y=y)]
    return finish(chart, "Cost (USD per month) against the wait of 95 % of the jobs", notes)


def gpu_time(document: Document) -> Any:
    """GPU-hours of each plan by use."""
    import altair as alt

    plans = document["plans"]
    reach = max(fsum(plan["gpu_hours"].values()) for plan in plans)
    rows = [row for plan in plans for row in _parts(plan, reach)]
    chart = stacked_bars(
        rows,
        {words: COLOURS[name] for name, words in GPU_TIME.items() if name in COLOURS},
        title="GPU-hours",
        axis=alt.Axis(format=",f", tickCount=6, grid=False),
        scale=alt.Scale(domain=[0, reach], nice=False),
        step=40,
    )
    return finish(chart, "GPU time by what became of it (GPU-hours)")


def gpus_over_time(document: Document, gpus: Any) -> Any:
    """GPUs that requests and jobs hold over time, and the jobs that wait; a row of panels per plan."""
    unit, unit_s, span = time_unit(document)
    table = gpus.to_pylist()
    plans = [name for name in names(document) if any(row["plan"] == name for row in table)]
    limit = ROWS // (2 * max(len(plans), 1))
    found = {name: _thin([row for row in table if row["plan"] == name], limit, unit_s) for name in plans}
    most = max(row["jobs"] + row["requests"] for rows in found.values() for row in rows)
    longest = max(row["waiting jobs"] for rows in found.values() for row in rows)
    kinds = [kind for kind in HELD if any(row[kind] for rows in found.values() for row in rows)]
    shades = {kind: shade for kind, shade in HELD.items() if kind in kinds} | {"waiting jobs": INK}
    rows = []
    for name, own in found.items():
        x = time(unit, span, labels=name == plans[-1])
        held = panel(own, kinds, shades, x=x, y=counts("GPUs", most, minExtent=26), mark="area", title=name)
        rows.append((held, panel(own, ["waiting jobs"], shades, x=x, y=counts("jobs", longest))))
    return finish(panels_over_time(rows), "GPUs held, and jobs that wait (count) over time", first(document))


def wait_spread(document: Document, waits: Any) -> Any:
    """Share of the jobs that waited at most so long."""
    import altair as alt

    rows = [row for row in waits.to_pylist() if row["metric"] == "wait_s"]
    target, most = _target(document), max([row["value_s"] for row in rows] + [60.0])
    goal = []
    if target is not None and target <= most:
        goal = rule(target, "x", f"P95 target {seconds(target)}", baseline="bottom")
    x = alt.X("value_s:Q", title="wait", **_waiting(most))
    chart = distribution(document, rows, x=x, over=goal, interpolate="step-after")
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


def _point(plan: dict[str, Any]) -> dict[str, Any]:
    usd, wait = plan["cost_usd"]["per_month"], plan["wait_s"]["p95"]
    found = {
        "plan": plan["name"],
        "met": plan["slo"]["met"],
        "usd": usd,
        "wait": wait,
        "label": seconds(wait),
    }
    for name, key, value in (("usd", "per_month_usd", usd), ("wait", "wait_p95_s", wait)):
        interval = plan["intervals"][key] or {"lo": value, "hi": value}
        found |= {f"{name}_lo": max(interval["lo"], 0.0), f"{name}_hi": interval["hi"]}
    return found


def _parts(plan: dict[str, Any], reach: float) -> Rows:
    """GPU-hours by bucket, with a label where there is room."""
    rows = []
    for name, words in GPU_TIME.items():
        hours = plan["gpu_hours"].get(name, 0.0)
        if hours > 0:
            part = share(plan["gpu_share"].get(name, 0.0))
            label = f"{count(hours)} ({part})" if hours > 0.18 * reach else part if hours > 0.07 * reach else ""
            ink = "white" if name in DARK else "#222222"
            rows.append({"group": plan["name"], "part": words, "value": hours, "label": label, "ink": ink})
    return rows


def _thin(rows: Rows, limit: int, unit_s: float) -> Rows:
    """At most `limit` of the rows, evenly chosen."""
    step = -(-len(rows) // limit)
    kept = {"jobs": "jobs", "requests": "requests", "waiting_jobs": "waiting jobs"}
    return [
        {"time": round(row["t_s"] / unit_s, 4)} | {name: round(row[key], 3) for key, name in kept.items()}
        for row in rows[::step]
    ]
