"""Style of charts: one colour, dash and shape per plan, fonts, and the way from a chart to SVG or PNG."""

import json
from functools import cache
from math import ceil
from typing import Any

from simcost.present.format import seconds

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442")
"""Okabe and Ito (2008), colours that colour-blind readers tell apart; grey for black, which a dark page hides."""
DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (4, 2))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
ROWS = 2000
"""Rows of data in a chart, at most."""
WIDTH = 640
INK, GRID, TARGET = "#333333", "rgba(128,128,128,0.25)", "#B00020"


Document = dict[str, Any]
Rows = list[dict[str, Any]]


def names(document: Document) -> list[str]:
    """Plan names in the order of the document, which fixes their colours in every chart."""
    return [plan["name"] for plan in document["plans"]]


def colours(document: Document) -> dict[str, str]:
    """Colour by plan; beyond eight plans colours repeat and dashes and shapes tell them apart."""
    return {name: OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(names(document))}


def colour(document: Document, **options: Any) -> Any:
    """Colour channel of the plans."""
    import altair as alt

    return alt.Color("plan:N", title=None, scale=colour_scale(document), **options)


def colour_scale(document: Document) -> Any:
    """From plan names to colours."""
    fixed = colours(document)
    return _scale(fixed, list(fixed.values()))


def dash(document: Document) -> Any:
    """Dash channel of the plans; its legend merges with that of the colour."""
    import altair as alt

    return alt.StrokeDash("plan:N", title=None, scale=_scale(names(document), DASHES))


def shape(document: Document) -> Any:
    """Shape channel of the plans; its legend merges with that of the colour."""
    import altair as alt

    return alt.Shape("plan:N", title=None, scale=_scale(names(document), SHAPES))


def legend(document: Document, **options: Any) -> Any:
    """A legend of the plans in as many columns as their names leave room for."""
    import altair as alt

    longest = max(map(len, names(document)))
    return alt.Legend(columns=max(1, min(4, (WIDTH + 100) // (6 * longest + 40))), **options)


def cycled(values: Any, count: int) -> list[Any]:
    """So many values, from the first again after the last."""
    return [values[i % len(values)] for i in range(count)]


def shades_of_parts(count: int) -> list[str]:
    """Colours of so many parts of a bar, which have no dash and no shape: the second eight are lighter, blue last."""
    return cycled((*OKABE_ITO, *map(_lighter, (*OKABE_ITO[1:], OKABE_ITO[0]))), count)


def _lighter(colour: str) -> str:
    """The colour, half of the way to white."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{(part + 255) // 2:02X}" for part in parts)


def _scale(domain: Any, cycle: Any) -> Any:
    import altair as alt

    keys = list(domain)
    return alt.Scale(domain=keys, range=cycled(cycle, len(keys)))


def first(document: Document) -> str:
    """Replication that a chart shows of several; empty where there is one only."""
    count = document["replications"]
    return f"Replication 1 of {count}." if count > 1 else ""


def inline(rows: Rows) -> Any:
    """The rows as data inside the chart: one text, since altair copies values one by one at every step."""
    import altair as alt

    return alt.InlineData(values=json.dumps(rows), format=alt.DataFormat(type="json"))


_SECONDS = (1, 2, 5, 10, 15, 30, 60)
_TICKS = (1, 2, 3, 5, 6, 10, 12, 24, 48, 168)
_DAYS = (1, 2, 7, 14, 30, 60, 90, 180, 365)
TIME_UNITS = {"s": (1.0, _SECONDS), "minutes": (60.0, _TICKS), "hours": (3600.0, _TICKS), "days": (86400.0, _DAYS)}
"""Seconds of the units of time axes, and the steps from tick to tick."""
_MOST_HOURS = 14 * 24
_COARSE_S = 600.0


def time_unit(document: Document) -> tuple[str, float, float]:
    """Name and seconds of the unit of time axes, and the horizon in it: hours, for short runs minutes, for long ones
    days.
    """
    hours = float(document["provenance"]["horizon_s"]) / 3600
    name = "minutes" if hours <= 3 else "hours" if hours <= _MOST_HOURS else "days"
    unit_s, _ = TIME_UNITS[name]
    return name, unit_s, hours * 3600 / unit_s


def time_axis(unit: str, span: float, **options: Any) -> Any:
    """A quiet axis over `span` whole units of time from 0, at most 13 ticks on round values."""
    import altair as alt

    _, steps = TIME_UNITS[unit]
    step = next((s for s in steps if span // s <= 12), steps[-1] * ceil(span / steps[-1] / 12))
    ticks = [step * i for i in range(int(span / step + 1e-9) + 1)]
    return alt.Axis(grid=False, format="d", values=ticks, labelFlush=False, **options)


def sampled(table: Any) -> str:
    """A sentence on the samples that a chart over time draws, where they are so far apart that starts and bursts lie
    between two of them; else empty.
    """
    times_s = sorted(set(table["t_s"].to_pylist()))
    step_s = times_s[1] - times_s[0] if len(times_s) > 1 else 0.0
    return f"Drawn as it is every {seconds(step_s)}; what lasts less may lie between." if step_s >= _COARSE_S else ""


def finish(chart: Any, title: str, subtitle: str | list[str] = "") -> Any:
    """Give a new chart its title, fonts and quiet grid; the last step of every chart function.

    It changes the chart itself: `properties` copies layers and panels twice, and checks each value apart.
    """
    import altair as alt

    chart.title = alt.Title(title, subtitle=subtitle or alt.Undefined, anchor="start", offset=12)
    chart.autosize = "pad"
    chart.padding = {"left": 8, "right": 8, "top": 8, "bottom": 8}
    chart.config = _config()
    return chart


@cache
def _config() -> Any:
    """One object: each `configure_...` call would copy the whole chart."""
    import altair as alt

    return alt.Config(
        font=FONT,
        background="white",
        aria=False,
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(fontSize=16, subtitleFontSize=12, color=INK, subtitleColor=INK, subtitlePadding=5),
        axis=alt.AxisConfig(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=300,
            labelColor=INK,
            titleColor=INK,
            gridColor=GRID,
            domainColor="#888888",
            tickColor="#888888",
            labelOverlap=True,
            labelPadding=5,
        ),
        legend=alt.LegendConfig(
            labelFontSize=12, labelLimit=300, labelColor=INK, symbolSize=120, symbolLimit=0, orient="top"
        ),
        header=alt.HeaderConfig(labelFontSize=12, titleFontSize=12, labelLimit=400, labelColor=INK),
    )


def to_spec(chart: Any) -> dict[str, Any]:
    """The chart as Vega-Lite with its rows as objects, which Streamlit wants to send apart."""
    spec: dict[str, Any] = chart.to_dict(validate=False)  # the time of a page; pictures are validated
    return {**spec, "datasets": {name: json.loads(text) for name, text in spec["datasets"].items()}}


def to_svg(chart: Any) -> str:
    """The chart as one `<svg>` element, text as text."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def to_png(chart: Any, scale: float = 2.0) -> bytes:
    """The chart as PNG, `scale` pixels per unit."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=scale))
