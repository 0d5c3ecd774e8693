"""Chart builders: intervals in a plane, bands and lines, heat, panels over time, distributions.

Each takes rows and gives an Altair chart without a title; `finish` of `chart_style` sets that.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log1p, log10
from typing import Any

from simcost.present.chart_style import (
    DASHES,
    INK,
    OKABE_ITO,
    SHAPES,
    TARGET,
    WIDTH,
    Document,
    Rows,
    colour,
    colour_scale,
    cycled,
    dash,
    inline,
    legend,
    shape,
    time_axis,
)

ZERO = "datum.value === 0 ? '0' : datum.label"
_POINT = 190
"""Size of the point of a plan, in square pixels."""
_APART = 0.012
"""Share of an axis from which on two points are apart."""
_NAMED = 3
"""Plans at one point that are named, and such points."""
PANEL = {"width": WIDTH // 2, "height": 90}


def parts_colour(field: str, shades: Mapping[str, str], **options: Any) -> Any:
    """Colour channel of named parts, in their order."""
    import altair as alt

    scale = alt.Scale(domain=list(shades), range=list(shades.values()))
    return alt.Color(f"{field}:N", title=None, sort=list(shades), scale=scale, **options)


def rule(
    value: float, axis: str, label: str = "", *, ink: str = TARGET, along: float | None = None, **text: Any
) -> list[Any]:
    """Layers of a dashed line at a value of the axis `x` or `y`, and of its label.

    Args:
        value: of the axis.
        axis: `x` or `y`.
        label: of the line; none where it is empty.
        ink: of line and label.
        along: value of the other axis where the label stands; else `at` of `text`, pixels from the begin of that axis.
        text: of the mark of the label.
    """
    import altair as alt

    channel = alt.X if axis == "x" else alt.Y
    row = {axis: value, "label": label} | ({} if along is None else {"along": along})
    base = alt.Chart(inline([row])).encode(**{axis: channel(f"{axis}:Q")})
    line = base.mark_rule(strokeDash=[6, 4], color=ink, strokeWidth=1.5)
    if not label:
        return [line]
    place = {"y": alt.YValue(text.pop("at", -3))} if axis == "x" else {"x": alt.XValue(text.pop("at", 0))}
    if along is not None:
        place = {"y": alt.Y("along:Q")} if axis == "x" else {"x": alt.X("along:Q")}
    return [line, base.mark_text(color=ink, fontSize=12, **text).encode(text=alt.Text("label:N"), **place)]


def interval_scatter(
    document: Document, rows: Rows, *, x: Any, y: Any, tooltip: Sequence[Any], under: Sequence[Any] = ()
) -> Any:
    """A point per plan, filled where it meets the SLO, with its intervals both ways.

    Args:
        document: of `simcost run`; it fixes the colours.
        rows: `plan`, `met`, and the fields of `x` and `y`, also with `_lo` and `_hi`.
        x: channel of costs.
        y: channel of service.
        tooltip: fields shown at a point.
        under: layers below.
    """
    import altair as alt

    across, upright = (_field(channel) for channel in (x, y))
    sized = [row | {"size": size} for row, size in zip(rows, _sizes(rows, x, y), strict=True)]
    base = alt.Chart(inline(sized)).encode(x=x, y=y, color=colour(document, legend=legend(document)))
    filled = alt.Fill("plan:N", scale=colour_scale(document), title=None)
    points = base.mark_point(strokeWidth=2.2, opacity=0.9).encode(
        shape=shape(document),
        size=alt.Size("size:Q", scale=None, legend=None),
        fill=filled_if_met(filled),
        tooltip=list(tooltip),
    )
    rules = base.mark_rule(strokeWidth=1.5)
    return alt.layer(
        *under,
        rules.encode(x=alt.X(f"{across}_lo:Q"), x2=alt.X2(f"{across}_hi:Q")),
        rules.encode(y=alt.Y(f"{upright}_lo:Q"), y2=alt.Y2(f"{upright}_hi:Q")),
        points,
        width=WIDTH - 60,
        height=280,
    )


def at_one_point(rows: Rows, *, x: Any, y: Any) -> list[str]:
    """Notes on the plans of an `interval_scatter` whose points lie on one another; none where each is apart.

    Args:
        rows: those of the chart.
        x: channel of costs, with its domain.
        y: channel of service, with its domain.
    """
    groups: dict[int, list[str]] = {}
    for row, first in zip(rows, _first_there(rows, x, y), strict=True):
        groups.setdefault(first, []).append(str(row["plan"]))
    notes = []
    for plans in groups.values():
        more = len(plans) - _NAMED
        last = f"{more} more" if more > 1 else plans.pop()
        if plans:
            notes.append(f"At one point, the smaller on the larger: {', '.join(plans[:_NAMED])} and {last}.")
    return notes[:_NAMED]


def _sizes(rows: Rows, x: Any, y: Any) -> list[float]:
    """Sizes of the points: each that lies on another is smaller, so that both are seen."""
    first = _first_there(rows, x, y)
    return [_POINT * 0.45 ** min(first[:i].count(place), 3) for i, place in enumerate(first)]


def _first_there(rows: Rows, x: Any, y: Any) -> list[int]:
    """For each point the first one that it lies on, itself where none is before it."""
    across, upright = (_places(rows, channel) for channel in (x, y))
    return [
        next(j for j in range(i + 1) if abs(across[j] - across[i]) < _APART and abs(upright[j] - upright[i]) < _APART)
        for i in range(len(rows))
    ]


def _places(rows: Rows, channel: Any) -> list[float]:
    """Places of the points on an axis, as shares of its length."""
    scale = channel.to_dict()["scale"]
    values = [*scale["domain"], *(float(row[_field(channel)]) for row in rows)]
    if scale.get("type") == "symlog":
        values = [log1p(value / scale["constant"]) for value in values]
    lo, hi = values[:2]
    return [(value - lo) / ((hi - lo) or 1.0) for value in values[2:]]


def _field(channel: Any) -> str:
    return str(channel.shorthand).removesuffix(":Q")


def filled_if_met(shade: Any) -> Any:
    """Fill channel of a point: the colour of its plan where it meets the SLO, else the ground."""
    import altair as alt

    return alt.FillValue("white", condition=alt.condition("datum.met", shade, alt.value("white"))["condition"])


def around(rows: Rows, field: str) -> list[float]:
    """Domain around all points and intervals, at least a tenth of the value wide: cents shall not look like a gulf."""
    lo = min((row[f"{field}_lo"] for row in rows), default=0.0)
    hi = max((row[f"{field}_hi"] for row in rows), default=1.0)
    pad = max(0.08 * (hi - lo), 0.05 * hi - 0.5 * (hi - lo), 1e-6)
    return [max(lo - pad, 0.0), hi + pad]


def band_and_line(
    rows: Rows,
    *,
    x: Any,
    y: Mapping[str, Any],
    dashed: Mapping[str, Sequence[int]] | None = None,
    points: bool = True,
    columns: int = 4,
    over: Sequence[Any] = (),
) -> Any:
    """A line per name with the band between its ends, a point at each value and a ring around what is chosen.

    Args:
        rows: `name`, `mid`, and where known `lo`, `hi`, `chosen`, and the field of `x`.
        x: channel of the axis below.
        y: title, scale and axis of the values.
        dashed: dash by name; None = solid lines.
        points: whether each value is marked.
        columns: of the legend.
        over: layers above.
    """
    import altair as alt

    names = list(dict.fromkeys(row["name"] for row in rows))
    shades = dict(zip(names, cycled(OKABE_ITO, len(names)), strict=True))
    # the legend has the dashes too: as the outline of a shape they would leave a blot of it
    outline = {"symbolStrokeWidth": 0} if points else {}
    key = alt.Legend(columns=columns, labelLimit=330, symbolOpacity=1, **outline) if len(names) > 1 else None
    base = alt.Chart(inline(rows)).encode(x=x, color=parts_colour("name", shades, legend=key))
    mid = alt.Y("mid:Q", **y)
    ends = [row for row in rows if row.get("lo") is not None]
    layers = [
        base.transform_filter("isValid(datum.lo)")
        .mark_area(opacity=0.2)
        .encode(y=alt.Y("lo:Q", **y), y2=alt.Y2("hi:Q"))
    ]
    dashes = alt.Scale(domain=names, range=[list((dashed or {}).get(name, DASHES[0])) for name in names])
    line = base.mark_line(strokeWidth=2).encode(y=mid, strokeDash=alt.StrokeDash("name:N", legend=None, scale=dashes))
    layers = [*(layers if ends else []), line]
    if points:
        marks = alt.Scale(domain=names, range=cycled(SHAPES, len(names)))
        shapes = alt.Shape("name:N", legend=None, scale=marks)
        shown = [alt.Tooltip(f"{field}:Q", format=",.4~g") for field in ("lo", "mid", "hi")[:: 1 if ends else 3]]
        value = [alt.Tooltip("mid:Q", format=",.4~g")]
        point = base.mark_point(filled=True, size=50, opacity=1)
        layers.append(point.encode(y=mid, shape=shapes, tooltip=[alt.Tooltip("name:N"), *(shown if ends else value)]))
    if any(row.get("chosen") for row in rows):
        layers.append(
            base.transform_filter("datum.chosen").mark_point(size=260, color=INK, strokeWidth=2).encode(y=mid)
        )
    return alt.layer(*layers, *over, width=WIDTH, height=280)


def heat(
    rows: Rows,
    *,
    x: Any,
    y: Any,
    shade: Any,
    tooltip: Sequence[Any],
    step: int = 18,
    labelled: bool = False,
    **cell: Any,
) -> Any:
    """A cell per row, coloured by its value or class; `labelled` with its `label`, in its `ink`, at its `middle`."""
    import altair as alt

    base = alt.Chart(inline(rows)).encode(x=x, y=y)
    cells = base.mark_rect(**cell).encode(color=shade, tooltip=list(tooltip))
    if "end" in rows[0]:
        cells = cells.encode(x2=alt.X2("end:Q"))
    narrow = 20 * len({row.get("middle") for row in rows})  # pixels in which the labels of all columns would overlap
    text = base.mark_text(fontSize=10, opacity=alt.expr(f"width < {narrow} ? 0 : 1"))
    text = text.encode(text=alt.Text("label:N"), color=alt.Color("ink:N", scale=None))
    layers = [cells, text.encode(x=alt.X("middle:Q"))] if labelled else [cells]
    return alt.layer(*layers, width=WIDTH, height=alt.Step(step))


def panels_over_time(rows: Sequence[Sequence[Any]]) -> Any:
    """Panels on one axis of time, a row per plan."""
    import altair as alt

    return alt.vconcat(*(alt.hconcat(*row, spacing=70, bounds="flush") for row in rows), spacing=4)


def time(unit: str, span: float, *, labels: bool) -> Any:
    """The shared axis of time from 0; only the last row of panels is labelled."""
    import altair as alt

    return alt.X(
        "time:Q",
        title=f"{unit} from the start" if labels else None,
        axis=time_axis(unit, span, labels=labels, ticks=labels),
        scale=alt.Scale(domain=[0, span], nice=False),
    )


def counts(title: str, most: float | None = None, **axis: Any) -> Mapping[str, Any]:
    """Title, axis and scale of counts in a panel."""
    import altair as alt

    whole = {"tickCount": 3, "tickMinStep": 1, "format": "~s", "labelExpr": ZERO, "minExtent": 34}
    scale = alt.Undefined if most is None else alt.Scale(domain=[0, max(most, 2) * 1.08], nice=False)
    return {"title": title, "axis": alt.Axis(**(whole | axis)), "scale": scale}


def panel(
    rows: Rows,
    kinds: Sequence[str],
    shades: Mapping[str, str],
    *,
    x: Any,
    y: Mapping[str, Any],
    mark: str = "line",
    dashed: Mapping[str, Sequence[int]] | None = None,
    title: str = "",
) -> Any:
    """Columns of rows over time as steps: lines, or areas that are stacked.

    Args:
        rows: `time` and a column per kind.
        kinds: columns drawn.
        shades: colour by kind, of all panels that share the legend.
        x: from `time`.
        y: from `counts`.
        mark: `line` or `area`.
        dashed: dash by kind; None = solid lines.
        title: name of the row of panels.
    """
    import altair as alt

    named = {"title": heading(title)} if title else {}
    folded = alt.Chart(inline(rows), **PANEL, **named).transform_fold(list(kinds), as_=["kind", "count"])
    key = parts_colour("kind", shades, legend=alt.Legend(symbolType="square"))
    if mark == "area":
        ordered = folded.transform_calculate(order=f"indexof({list(kinds)}, datum.kind)")
        return ordered.mark_area(interpolate="step-after").encode(
            x=x, y=alt.Y("count:Q", stack="zero", **y), color=key, order=alt.Order("order:Q")
        )
    dashes = alt.Scale(domain=list(kinds), range=[list((dashed or {}).get(kind, DASHES[0])) for kind in kinds])
    return folded.mark_line(interpolate="step-after", strokeWidth=1.4).encode(
        x=x, y=alt.Y("count:Q", **y), color=key, strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None)
    )


def heading(title: str) -> Any:
    """The title of a panel."""
    import altair as alt

    return alt.Title(title, anchor="start", fontSize=12, offset=4)


def distribution(
    document: Document, rows: Rows, *, x: Any, over: Sequence[Any] = (), width: int = WIDTH, **line: Any
) -> Any:
    """Share of what took at most so long, a line per plan.

    Args:
        document: of `simcost run`; it fixes colours and dashes.
        rows: `plan`, `value_s`, `quantile`.
        x: channel of `value_s`.
        over: layers above.
        width: of the plot.
        line: options of the mark.
    """
    import altair as alt

    y = alt.Y(
        "quantile:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 0.95]),
    )
    key = legend(document, symbolType="stroke", symbolSize=400)
    lines = alt.Chart(inline(rows)).mark_line(strokeWidth=2, **line)
    drawn = lines.encode(x=x, y=y, color=colour(document, legend=key), strokeDash=dash(document))
    return alt.layer(drawn, *over, width=width, height=230)


def decades(lo: float, hi: float) -> list[float]:
    """Ticks of a logarithmic axis: powers of ten, or 1, 2, 5 of each where those are fewer than three; equal steps
    where these are fewer than two.
    """
    powers = range(floor(log10(lo)), ceil(log10(hi)) + 1)
    for steps in ((1,), (1, 2, 5)):
        ticks = [step * 10.0**power for power in powers for step in steps if lo <= step * 10.0**power <= hi]
        if len(ticks) >= 3:
            break
    return ticks if len(ticks) >= 2 else _equal_steps(lo, hi)


def _equal_steps(lo: float, hi: float) -> list[float]:
    """From two to six multiples of 1, 2 or 5 times a power of ten; the value itself where both ends are equal."""
    if not hi > lo:
        return [lo]
    power = 10.0 ** floor(log10(hi - lo))
    step = next(step * power for step in (0.5, 1, 2) if hi - lo <= 5 * step * power)
    return [round(i * step, 12) for i in range(ceil(lo / step), floor(hi / step) + 1)]
