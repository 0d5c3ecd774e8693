"""Chart builders: horizontal bars of parts, and the names beside them."""

import json
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from simcost.present.chart_style import WIDTH, Rows, inline
from simcost.present.charts import ZERO, parts_colour

STEP = 28
"""Height of a bar with its room, in pixels."""
_LINE, _LINE_PX = 24, 13
"""Of a label on several lines: characters of the shortest line that is broken, height of a line."""
_FITS = "scale('x', datum.value) - scale('x', 0) > 6.5 * length(datum.label)"
"""True of a part of a bar that is as wide as its label, however narrow the chart is drawn."""


def stacked_bars(
    rows: Rows,
    shades: Mapping[str, str],
    *,
    title: str,
    axis: Any = None,
    scale: Any = None,
    step: int = STEP,
    width: int = WIDTH,
    columns: int = 4,
    over: Sequence[Any] = (),
) -> Any:
    """Horizontal bars of parts.

    Args:
        rows: `group`, `part`, `value`, and where a label stands inside, `label` and `ink`.
        shades: colour by part, in the order of the stack.
        title: of the axis of values, with its unit.
        axis: of the values.
        scale: of the values.
        step: height of a bar with its room.
        width: of the plot.
        columns: of the legend.
        over: layers above the bars, whose `group` shares the axis.
    """
    import altair as alt

    present = {part: shade for part, shade in shades.items() if any(row["part"] == part for row in rows)}
    ordered = [row | {"order": list(shades).index(row["part"])} for row in rows]
    value = {
        "title": title,
        "stack": "zero",
        "axis": axis or alt.Axis(format="~s", tickCount=6, labelExpr=ZERO),
        "scale": scale or alt.Undefined,
    }
    stack = alt.Chart(inline(ordered)).encode(
        x=alt.X("value:Q", **value), y=groups(rows, step), order=alt.Order("order:Q")
    )
    bars = stack.mark_bar(stroke="white", strokeWidth=0.6, height=step * 3 // 4).encode(
        color=parts_colour("part", present, legend=alt.Legend(columns=columns)),
        tooltip=[alt.Tooltip("group:N"), alt.Tooltip("part:N"), alt.Tooltip("value:Q", format=",.4~g")],
    )
    inside = [
        stack.mark_text(fontSize=11).encode(
            x=alt.X("value:Q", stack="zero", bandPosition=0.5),
            detail=alt.Detail("part:N"),
            text=alt.Text("label:N"),
            color=alt.Color("ink:N", scale=None),
            opacity=alt.condition(_FITS, alt.value(1), alt.value(0)),
        )
        for labelled in [any(row.get("label") for row in rows)]
        if labelled
    ]
    return alt.layer(bars, *inside, *over, width=width, height=alt.Step(step))


def groups(rows: Rows, step: int = STEP) -> Any:
    """Axis of the groups of bars, in the order of the rows; long names are on as many lines as `step` pixels hold."""
    import altair as alt

    order = list(dict.fromkeys(row["group"] for row in rows))
    broken = {name: lines for name in order if len(lines := label_lines(name, step)) > 1}
    text: dict[str, Any] = {"labelOverlap": False}  # else a browser leaves out every other name of several lines
    if broken:
        raised = [  # the first line is drawn in the middle of the bar, the others below it
            {"test": f"datum.value === {json.dumps(name)}", "value": -_LINE_PX * (len(lines) - 1) / 2}
            for name, lines in broken.items()
        ]
        text["labelExpr"] = f"{json.dumps(broken)}[datum.label] || datum.label"
        text["labelOffset"] = {"condition": raised, "value": 0}
    return alt.Y("group:N", title=None, sort=order, axis=alt.Axis(domain=False, ticks=False, labelLimit=260, **text))


def label_lines(name: str, step: int) -> list[str]:
    """A name on as many lines of a label as its length asks for and `step` pixels hold.

    >>> label_lines("gh200 tp 1 fp8 lambda/gpu_1x_gh200 any, replicas 1", 40)
    ['gh200 tp 1 fp8', 'lambda/gpu_1x_gh200 any,', 'replicas 1']
    >>> label_lines("L40S fp8, fixed", 40)
    ['L40S fp8, fixed']
    """
    most = max(step // _LINE_PX, 1)
    broken = (wrap(name, width, break_long_words=False, break_on_hyphens=False) for width in range(_LINE, len(name)))
    return next((lines for lines in broken if len(lines) <= most), [name])
