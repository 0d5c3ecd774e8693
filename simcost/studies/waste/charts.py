"""Charts of waste: GPU-hours by bucket and place, and duty of each place by hour of the day.

Pure functions from the document of `simcost waste` to Altair charts; nothing is computed here but layout.
"""

from typing import Any

from simcost.present.chart_style import INK, WIDTH, Document, Rows, finish, inline
from simcost.present.format import printable

COLOURS = {
    "useful": "#2B6299",
    "unmeasured": "#7FA8CC",
    "checkpoint": "#4B7F3A",
    "lost": "#B4D9A2",
    "restart": "#7A5195",
    "allocated_idle": "#D55E00",
    "blocked_in_pool": "#E69F00",
    "blocked_partition": "#F0E442",
    "free_idle": "#C9C9C9",
    "down": "#6E6E6E",
}
"""Blue works, orange to yellow is held up, grey is free or gone."""
NAMES = {
    "useful": "useful",
    "unmeasured": "allocated, duty unknown",
    "checkpoint": "checkpoints",
    "lost": "work redone",
    "restart": "starting, draining",
    "allocated_idle": "allocated, idle",
    "blocked_in_pool": "free, own jobs wait",
    "blocked_partition": "free, others' jobs wait",
    "free_idle": "free",
    "down": "down",
}
_ZERO = "datum.value === 0 ? '0' : datum.label"
BARS = 24
"""Places in a chart, at most."""


def waste_bars(document: Document) -> Any:
    """GPU-hours of each place, stacked by bucket; the places with the most idle GPU-hours first."""
    import altair as alt

    rows = _stacks(document)
    places = list(dict.fromkeys(row["where"] for row in rows))
    present = [NAMES[name] for name in COLOURS if any(row["bucket"] == NAMES[name] for row in rows)]
    shades = [COLOURS[name] for name in COLOURS if NAMES[name] in present]
    fill = alt.Color(
        "bucket:N",
        title=None,
        sort=present,
        legend=alt.Legend(columns=4),
        scale=alt.Scale(domain=present, range=shades),
    )
    bars = alt.Chart(inline(rows)).mark_bar(stroke="white", strokeWidth=0.5)
    chart = bars.encode(
        y=alt.Y("where:N", title=None, sort=places, axis=alt.Axis(domain=False, ticks=False, labelLimit=160)),
        x=alt.X("gpu_hours:Q", title="GPU-hours", axis=alt.Axis(format="~s", tickCount=6, labelExpr=_ZERO)),
        color=fill,
        order="order:Q",
        tooltip=["where:N", "bucket:N", alt.Tooltip("gpu_hours:Q", format=",.1f")],
    ).properties(width=WIDTH, height=alt.Step(20))
    return finish(chart, "Where the GPU-hours went", _subtitle(document, len(places)))


def duty_heat(document: Document) -> Any:
    """Duty of each place by hour of the day: the share of its GPUs that worked, or were allocated."""
    import altair as alt

    key = "allocation" if all(row["utilisation"] is None for row in document["hours"]) else "utilisation"
    what = {"allocation": "Share of GPUs allocated (%)", "utilisation": "Share of GPU-time that worked (%)"}[key]
    shown = _places(document)
    rows = [
        {"where": shown[row["where"]], "hour": row["hour"], "share": round(100 * row[key], 1)}
        for row in document["hours"]
        if row["where"] in shown and row[key] is not None
    ]
    hours = alt.X(
        "hour:O",
        title=_clock(document),
        axis=alt.Axis(labelAngle=0, ticks=False, domain=False),
        scale=alt.Scale(domain=list(range(24)), paddingInner=0.04),
    )
    place = alt.Y(
        "where:N",
        title=None,
        sort=list(shown.values()),
        axis=alt.Axis(domain=False, ticks=False, labelLimit=160),
        scale=alt.Scale(paddingInner=0.04),
    )
    scale = alt.Scale(domain=[0, 100], range=["#FFFFFF", "#0B3C6F"], interpolate="rgb")
    legend = alt.Legend(orient="right", gradientLength=120)
    shade = alt.Color("share:Q", title="%", scale=scale, legend=legend)
    cells = (
        alt.Chart(inline(rows))
        .mark_rect(stroke=INK, strokeWidth=0.15)
        .encode(x=hours, y=place, color=shade, tooltip=["where:N", "hour:O", "share:Q"])
    )
    chart = cells.properties(width=WIDTH - 60, height=alt.Step(18))
    return finish(chart, f"{what} by hour of the day", _subtitle(document, len(shown)))


def _clock(document: Document) -> str:
    zone = document["clock"]
    return "hours from the first sample" if zone is None else f"hour of the day ({zone})"


def _places(document: Document) -> dict[str, str]:
    """The places shown, and how they are written: no control characters, at which drawing would abort."""
    return {one["where"]: printable(one["where"]) for one in document["places"][:BARS]}


def _stacks(document: Document) -> Rows:
    order = list(COLOURS)
    return [
        {
            "where": printable(one["where"]),
            "bucket": NAMES[name],
            "gpu_hours": hours,
            "order": order.index(name),
        }
        for one in document["places"][:BARS]
        for name, hours in one["gpu_hours"].items()
    ]


def _subtitle(document: Document, shown: int) -> str:
    more = document["samples"][f"{document['by']}s"]
    return f"By {document['by']}; the {shown} with the most idle GPU-hours of {more}." if more > shown else ""
