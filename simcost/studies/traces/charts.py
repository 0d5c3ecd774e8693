"""Charts of a trace: requests or busy GPUs over time, and tokens of requests.

Pure functions from the document of `simcost trace describe` to Altair charts; nothing is computed here but layout.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simcost.present.chart_style import OKABE_ITO, TIME_UNITS, WIDTH, finish, inline
from simcost.present.charts import decades, parts_colour, time
from simcost.present.format import amount, count, seconds

_FROM_S = (("days", 4 * 86_400.0), ("hours", 3 * 3600.0), ("minutes", 180.0), ("s", 0.0))
"""Units of the axis of time, and the span from which each is taken."""
_SHADES = {"prompt": OKABE_ITO[0], "output": OKABE_ITO[1]}
_DASHES = {"prompt": (1, 0), "output": (7, 3)}


def requests_over_time(document: Mapping[str, Any]) -> Any:
    """Requests a second in each step from the first one on."""
    found = document["over_time"]
    title = f"Requests over time, in steps of {seconds(found['step_s'])}"
    said = f"{amount(document['rate_per_s'])} requests/s in the mean, {amount(found['busiest'])} in the busiest step"
    return finish(_steps(found["step_s"], found["rate_per_s"], "requests/s"), title, said)


def gpus_over_time(document: Mapping[str, Any]) -> Any:
    """GPUs that are busy in each step from the first job on, if none waits."""
    found = document["over_time"]
    title = f"GPUs busy if no job waited, in steps of {seconds(found['step_s'])}"
    said = f"{count(found['busiest'])} in the busiest step; jobs from before the log are not known: its begin is low"
    return finish(_steps(found["step_s"], found["gpus"], "GPUs"), title, said)


def _steps(step_s: int, values: Sequence[float], title: str) -> Any:
    """An area over steps of equal length."""
    import altair as alt

    span_s = step_s * len(values)
    unit = next(name for name, least_s in _FROM_S if span_s >= least_s)
    unit_s, _ = TIME_UNITS[unit]
    rows = [{"time": step_s * i / unit_s, "value": value} for i, value in enumerate([*values, values[-1]])]
    area = alt.Chart(inline(rows), width=WIDTH, height=200).mark_area(
        interpolate="step-after", color=OKABE_ITO[0], fillOpacity=0.25, line={"strokeWidth": 1.5}
    )
    y = alt.Y("value:Q", title=title, axis=alt.Axis(tickCount=5))
    return area.encode(x=time(unit, span_s / unit_s, labels=True), y=y)


def tokens(document: Mapping[str, Any]) -> Any:
    """Share of requests with so many tokens at most, of prompts and of outputs."""
    import altair as alt

    rows = [
        {"part": name, "tokens": max(value, 1), "share": percent / 100}
        for name in _SHADES
        for percent, value in enumerate(document[f"{name}_tokens"]["percentiles"], 1)
    ]
    values = [row["tokens"] for row in rows]
    lo, hi = min(values), max(values)
    dash = alt.StrokeDash("part:N", title=None, scale=alt.Scale(domain=list(_DASHES), range=list(_DASHES.values())))
    lines = alt.Chart(inline(rows), width=WIDTH, height=200).mark_line(strokeWidth=2, interpolate="step-after")
    drawn = lines.encode(
        x=alt.X(
            "tokens:Q",
            title="tokens",
            scale=alt.Scale(type="log", domain=[lo, max(hi, lo + 1)], nice=False),
            axis=alt.Axis(values=decades(lo, max(hi, lo + 1)), grid=False, format=",d"),
        ),
        y=alt.Y("share:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=5)),
        color=parts_colour("part", _SHADES),
        strokeDash=dash,
        order=alt.Order("share:Q"),
    )
    said = ", ".join(f"{name} {count(document[f'{name}_tokens']['p50'])}" for name in _SHADES)
    return finish(
        drawn, "Share of requests with so many tokens at most", f"median: {said}; from 1 to 99 % of the requests"
    )
