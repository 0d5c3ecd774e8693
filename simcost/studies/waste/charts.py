"""Charts of waste: GPU-hours by bucket and place, and duty of each place by hour of the day.

Pure functions from the document of `simcost waste` to Altair charts; nothing is computed here but layout.
"""

from typing import Any

from simcost.present.chart_style import INK, WIDTH, Document, finish
from simcost.present.charts import heat, stacked_bars
from simcost.present.format import printable

BUCKETS = {
    "useful": ("useful", "#2B6299"),
    "unmeasured": ("allocated, duty unknown", "#7FA8CC"),
    "checkpoint": ("checkpoints", "#4B7F3A"),
    "lost": ("work redone", "#B4D9A2"),
    "restart": ("starting, draining", "#7A5195"),
    "allocated_idle": ("allocated, idle", "#D55E00"),
    "blocked_in_pool": ("free, own jobs wait", "#E69F00"),
    "blocked_partition": ("free, others' jobs wait", "#F0E442"),
    "free_idle": ("free", "#C9C9C9"),
    "down": ("down", "#6E6E6E"),
}
"""Blue works, orange to yellow is held up, grey is free or gone."""
BARS = 24
"""Places in a chart, at most."""


def waste_bars(document: Document) -> Any:
    """GPU-hours of each place, stacked by bucket; the places with the most idle GPU-hours first."""
    rows = [
        {"group": shown, "part": BUCKETS[name][0], "value": hours}
        for one, shown in zip(document["places"], _places(document).values(), strict=False)
        for name, hours in one["gpu_hours"].items()
    ]
    chart = stacked_bars(rows, dict(BUCKETS.values()), title="GPU-hours", step=20)
    return finish(chart, "Where the GPU-hours went", _subtitle(document, len(_places(document))))


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
    shade = alt.Color("share:Q", title="%", scale=scale, legend=alt.Legend(orient="right", gradientLength=120))
    chart = heat(
        rows, x=hours, y=place, shade=shade, tooltip=["where:N", "hour:O", "share:Q"], stroke=INK, strokeWidth=0.15
    )
    title = f"{what} by hour of the day"
    return finish(chart.properties(width=WIDTH - 60), title, _subtitle(document, len(shown)))


def _clock(document: Document) -> str:
    zone = document["clock"]
    return "hours from the first sample" if zone is None else f"hour of the day ({zone})"


def _places(document: Document) -> dict[str, str]:
    """The places shown, and how they are written: no control characters, at which drawing would abort."""
    return {one["where"]: printable(one["where"]) for one in document["places"][:BARS]}


def _subtitle(document: Document, shown: int) -> str:
    more = document["samples"][f"{document['by']}s"]
    return f"By {document['by']}; the {shown} with the most idle GPU-hours of {more}." if more > shown else ""
