"""Charts of waste: GPU-hours by bucket and place, and duty of each place by hour of the day.

Pure functions from the result of `simcost waste` to Altair charts; nothing is computed here but layout.
"""

from typing import Any

from simcost.present.bar_charts import stacked_bars
from simcost.present.chart_style import INK, WIDTH, finish
from simcost.present.charts import heat
from simcost.present.format import printable
from simcost.studies.waste.result import SampledWaste

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


def waste_bars(result: SampledWaste, of: str = "") -> Any:
    """GPU-hours of each place, stacked by bucket; the places with the most idle GPU-hours first."""
    rows = [
        {"group": shown, "part": BUCKETS[name][0], "value": hours}
        for place, shown in zip(result.places, _places(result).values(), strict=False)
        for name, hours in place.gpu_hours.items()
    ]
    chart = stacked_bars(rows, dict(BUCKETS.values()), title="GPU-hours", step=20)
    return finish(chart, f"{of}Where the GPU-hours went", _subtitle(result, len(_places(result))))


def duty_heat(result: SampledWaste, of: str = "") -> Any:
    """Duty of each place by hour of the day: the share of its GPUs that worked, or were allocated."""
    import altair as alt

    measured = any(row.utilisation is not None for row in result.hours)
    what = "Share of GPU-time that worked (%)" if measured else "Share of GPUs allocated (%)"
    shown = _places(result)
    shares = [(row, row.utilisation if measured else row.allocation) for row in result.hours if row.where in shown]
    rows = [
        {"where": shown[row.where], "hour": row.hour, "share": round(100 * share, 1)}
        for row, share in shares
        if share is not None
    ]
    hours = alt.X(
        "hour:O",
        title=_clock(result),
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
        rows,
        x=hours,
        y=place,
        shade=shade,
        tooltip=[alt.Tooltip(f) for f in ("where:N", "hour:O", "share:Q")],
        stroke=INK,
        strokeWidth=0.15,
    )
    title = f"{of}{what} by hour of the day"
    return finish(chart.properties(width=WIDTH - 60), title, _subtitle(result, len(shown)))


def _clock(result: SampledWaste) -> str:
    zone = result.clock
    return "hours from the first sample" if zone is None else f"hour of the day ({zone})"


def _places(result: SampledWaste) -> dict[str, str]:
    """The places shown, and how they are written: no control characters, at which drawing would abort."""
    return {place.where: printable(place.where) for place in result.places[:BARS]}


def _subtitle(result: SampledWaste, shown: int) -> str:
    samples = result.samples
    more = {"owner": samples.owners, "pool": samples.pools, "unit": samples.units}[result.by]
    return f"By {result.by}; the {shown} with the most idle GPU-hours of {more}." if more > shown else ""
