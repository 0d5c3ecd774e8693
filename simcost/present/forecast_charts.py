"""Charts of a forecast: the fan of its levels, the user's events, and accuracy in the backtest.

Pure functions from a picture (see `simcost.forecast.document`) to Altair charts. Times are drawn as wall-clock
times of the picture's zone.
"""

import json
from datetime import UTC, datetime
from typing import Any

from simcost.present.chart_style import INK, OKABE_ITO, WIDTH, Document, Rows, finish, inline
from simcost.present.forecast_wording import unit
from simcost.present.format import printable, signed

BLUE, VERMILION, GREEN, ORANGE = OKABE_ITO[0], OKABE_ITO[1], OKABE_ITO[2], OKABE_ITO[4]
BANDS = ("rgba(0,114,178,0.40)", "rgba(0,114,178,0.20)", "rgba(0,114,178,0.10)")
"""Of the narrowest level first."""
RECORDED, CLEANED, FORECAST, BASE, PATH = (
    "recorded",
    "replaced by cleaning",
    "forecast",
    "without what is stated",
    "sample path",
)
LINES = {RECORDED: INK, CLEANED: VERMILION, FORECAST: BLUE, BASE: "#777777", PATH: GREEN}
HEIGHT, ROW = 260, 18


def fan(picture: Document) -> Any:
    """History, forecast, levels and a few sample paths of one series; below it user events, and when."""
    import altair as alt

    picture = _readable(picture)
    layers = [*_bands(picture), *_paths(picture), *_lines(picture)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    parts = [part for part in picture["parts"] if part["spans"]]
    if parts:
        chart = alt.vconcat(chart, _strip(picture, parts), spacing=28, bounds="flush")
    return finish(chart, _title(picture), _subtitle(picture))


def _readable(picture: Document) -> Document:
    """The picture without control characters, at which the drawing of a chart would abort."""
    parts = [part | {"name": printable(part["name"])} for part in picture["parts"]]
    clean = {key: printable(picture[key]) for key in ("name", "quantity")}
    return picture | clean | {"parts": parts}


def _title(picture: Document) -> str:
    return f"{picture['name']}: {unit(picture, picture['step'])}"


def _subtitle(picture: Document) -> str:
    merged = picture["merged"]
    mean = f" Each point is the mean of {merged} steps." if merged > 1 else ""
    return f"Times in {picture['timezone']}.{mean}"


def _bands(picture: Document) -> list[Any]:
    """Levels as areas, the widest first."""
    import altair as alt

    levels = sorted(_levels(picture).items(), reverse=True)
    areas = alt.Chart(inline(picture["horizon"])).mark_area()
    return [_layer(picture, areas, f"lo{level}", name).encode(y2=alt.Y2(f"hi{level}:Q")) for level, name in levels]


def _levels(picture: Document) -> dict[int, str]:
    return {level: f"{level} % level" for level in picture["levels"]}


def _paths(picture: Document) -> list[Any]:
    import altair as alt

    lines = alt.Chart(inline(picture["horizon"])).mark_line(strokeWidth=0.7)
    return [_layer(picture, lines, name, PATH) for name in picture["paths"]]


def _lines(picture: Document) -> list[Any]:
    """Recorded values, those that cleaning changed, and the forecast with and without stated parts."""
    import altair as alt

    history, horizon, changed = (alt.Chart(inline(picture[rows])) for rows in ("history", "horizon", "changed"))
    drawn = [
        (BASE, horizon.mark_line(strokeWidth=1.4, strokeDash=[5, 3]), "base"),
        (FORECAST, horizon.mark_line(strokeWidth=2), "mean"),
        (RECORDED, history.mark_line(strokeWidth=1.1), "recorded"),
        (CLEANED, history.mark_line(strokeWidth=1.1, strokeDash=[3, 2]), "cleaned"),
        (CLEANED, changed.mark_point(size=28, strokeWidth=1.3), "recorded"),
    ]
    return [_layer(picture, mark, field, kind) for kind, mark, field in drawn if kind in _kinds(picture)]


def _layer(picture: Document, mark: Any, field: str, kind: str) -> Any:
    """A mark over time, in the colour of its kind; one scale for all layers, so that one legend serves them."""
    import altair as alt

    kinds = _kinds(picture)
    columns = 5 if len(kinds) <= 5 else 4
    legend = alt.Legend(columns=columns, symbolType="square", symbolStrokeWidth=0.6, symbolStrokeColor="#7C7C7C")
    scale = alt.Scale(domain=list(kinds), range=list(kinds.values()))
    colour = alt.Color("kind:N", title=None, scale=scale, legend=legend)
    y = alt.Y(f"{field}:Q", title=None, axis=_numbers())
    return mark.transform_calculate(kind=f"'{kind}'").encode(x=_time(picture), y=y, color=colour)


def _kinds(picture: Document) -> dict[str, str]:
    """Colour by kind of line or area, of those that the picture has."""
    absent = set()
    absent |= set() if picture["parts"] else {BASE}
    absent |= set() if picture["paths"] else {PATH}
    absent |= set() if any(row["cleaned"] is not None for row in picture["history"]) else {CLEANED}
    bands = dict(zip(_levels(picture).values(), BANDS, strict=False))
    return {kind: shade for kind, shade in (LINES | bands).items() if kind not in absent}


def _time(picture: Document, *, labels: bool = True) -> Any:
    """The axis of time, from the first of the history to the end of the horizon."""
    import altair as alt

    domain = [_moment(picture["from"]), _moment(picture["until"])]
    axis = alt.Axis(
        grid=False,
        tickCount=8,
        labelSeparation=8,
        labelFlush=False,
        labels=labels,
        ticks=labels,
        domain=labels,
    )
    return alt.X("t:T", title=None, axis=axis, scale=alt.Scale(type="utc", domain=domain, nice=False))


def _moment(time_ms: float) -> Any:
    """An end of a domain, spelled out: the browser takes no number there, as vl_convert does."""
    import altair as alt

    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    return alt.DateTime(
        year=at.year,
        month=at.month,
        date=at.day,
        hours=at.hour,
        minutes=at.minute,
        seconds=at.second,
        utc=True,
    )


def _numbers() -> Any:
    import altair as alt

    return alt.Axis(format="~s", tickCount=5, minExtent=34, labelExpr="datum.value === 0 ? '0' : datum.label")


def _strip(picture: Document, parts: Rows) -> Any:
    """One row per user event: its name and effect, and a bar over the time at which it acts."""
    import altair as alt

    rows = [{"part": part["name"], "t": start, "end": end} for part in parts for start, end in part["spans"]]
    names = [part["name"] for part in parts]
    y = alt.Y("part:N", sort=names, title=None, axis=None)
    bars = alt.Chart(inline(rows)).mark_bar(height=8, color=ORANGE, clip=True, minBandSize=2)
    labels = [
        {"part": part["name"], "t": picture["start"], "label": f"{part['name']}: {signed(part['total'])}"}
        for part in parts
    ]
    text = alt.Chart(inline(labels)).mark_text(align="right", dx=-6, color=INK, fontSize=11, limit=400)
    time = _time(picture, labels=False)
    chart = alt.layer(bars.encode(x=time, x2=alt.X2("end:T"), y=y), text.encode(x=time, y=y, text=alt.Text("label:N")))
    return chart.properties(width=WIDTH, height=ROW * len(parts))


def parts(picture: Document) -> Any:
    """Contribution of each stated part to the mean, stacked."""
    import altair as alt

    picture = _readable(picture)
    names = [part["name"] for part in picture["parts"]]
    columns = [f"part{i}" for i in range(len(names))]
    shades = [OKABE_ITO[i % len(OKABE_ITO)] for i in range(len(names))]
    colour = alt.Color(
        "part:N",
        title=None,
        sort=names,
        legend=alt.Legend(columns=4),
        scale=alt.Scale(domain=names, range=shades),
    )
    labels = dict(zip(columns, names, strict=True))
    x = _time(picture | {"from": picture["start"]})
    chart = (
        alt.Chart(inline(picture["horizon"]))
        .transform_fold(columns, as_=["column", "effect"])
        .transform_calculate(part=f"{json.dumps(labels)}[datum.column]", order=f"indexof({columns}, datum.column)")
        .mark_area(interpolate="step-after")
        .encode(
            x=x,
            y=alt.Y("effect:Q", title=None, stack="zero", axis=_numbers()),
            color=colour,
            order=alt.Order("order:Q"),
        )
        .properties(width=WIDTH, height=160)
    )
    what = f"mean effect of each stated part ({unit(picture, picture['step'])})"
    return finish(chart, f"{picture['name']}: {what}", _subtitle(picture))
