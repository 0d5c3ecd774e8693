"""Charts on a page: as wide as their place, in the colours of the theme."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import streamlit as st

from simcost.present.bar_charts import label_lines
from simcost.present.chart_style import INK, TARGET, WIDTH, to_spec
from simcost.present.parts import Part
from views import legends
from views.text import plain

Spec = dict[str, Any]
OF_PAGE = ("config", "background", "padding", "autosize", "width", "resolve", "$schema")
"""Keys that the theme and the place decide."""
THEMED = {INK: "#7C7C7C", TARGET: "#D4526E", "#2B6299": "#3D85C6", "white": "transparent"}
"""Inks that show on light and on dark ground."""
FIT = {"type": "fit-x", "contains": "padding"}
KEPT = {
    "legend": {"orient": "top", "labelLimit": 220, "symbolSize": 90},
    "axis": {"labelOverlap": True, "labelLimit": 220, "labelFlush": False},
    "axisXQuantitative": {"tickCount": 8},
    "view": {"stroke": None},
    **{mark: {"color": "#7C7C7C"} for mark in ("rule", "text", "tick")},
}
"""Settings that no theme decides."""
NARROWEST_PX = 440
"""Place of a chart on a page of 800 pixels; legends keep their columns where the window is made narrower."""
ROOM = {"left": 5, "top": 5, "bottom": 5, "right": 45}
"""Around a chart with labels beside bars, for their ends."""
PAINTED = ("color", "fill", "stroke", "value", "range")
"""Keys of colours."""
LEGENDS = ("color", "fill", "shape", "strokeDash", "stroke", "opacity")
"""Channels that have one."""


def drawn_once(parts: Sequence[Part]) -> list[Part]:
    """The parts, whose charts are made when they are first shown, and kept: a page is run at every click."""
    return [replace(part, chart=_specified_once(part)) if part.chart else part for part in parts]


def _specified_once(part: Part) -> Any:
    return cache(lambda: _specified(part))


def _specified(part: Part) -> Spec | None:
    """The specification of the chart of a part; altair checks none of its pieces, which takes half of the time."""
    from altair.utils.schemapi import debug_mode

    with debug_mode(arg=False):
        return to_spec(part.chart()) if part.chart else None


def draw(chart: Any, name: str, width_px: int = 900) -> None:
    """The chart; one of several panels is drawn panel by panel, since such charts do not stretch.

    Args:
        chart: of altair, or its specification.
        name: for those who cannot see it.
        width_px: of its place, about.
    """
    spec = dict(chart) if isinstance(chart, dict) else to_spec(chart)
    data = spec.pop("datasets", {})
    title, subtitle = _heading(spec)
    if title:
        st.markdown(f"**{plain(title)}**")
    if _is_grid(spec):
        legends.draw(legends.swatches(_inked(spec)))
        spec = _without_legends(spec)
    _draw(spec, data, name, width_px)
    if subtitle:
        st.caption(plain(subtitle))


def _is_grid(spec: Spec) -> bool:
    """True if the chart has panels side by side."""
    return "hconcat" in spec or any("hconcat" in panel for panel in spec.get("vconcat", ()))


def _draw(spec: Spec, data: Spec, name: str, width_px: int, beside: int = 1) -> None:
    """A panel, or those of it; of rows of panels all have as many columns as the fullest, at least `beside`."""
    if "vconcat" in spec:
        shown: set[str] = set()
        most = max(len(panel.get("hconcat", ())) for panel in spec["vconcat"])
        for panel in spec["vconcat"]:
            told = _told(panel)
            _draw(_without_legends(panel) if told and told <= shown else panel, data, name, width_px, most)
            shown |= told
    elif "hconcat" in spec:
        count = max(len(spec["hconcat"]), beside)
        columns = st.columns(count, vertical_alignment="bottom")  # the time axes are on one line
        for column, panel in zip(columns, spec["hconcat"], strict=False):
            with column:
                _draw(panel, data, name, width_px // count)
    else:
        _panel(spec, data, name, width_px)


def _panel(spec: Spec, data: Spec, name: str, width_px: int) -> None:
    spec = {key: value for key, value in _inked(spec).items() if key not in OF_PAGE}
    title, _ = _heading(spec)
    if title:
        st.caption(plain(title))
    used = {one: data[one] for one in _used(spec) if one in data}
    fits = not {"facet", "repeat", "concat"} & spec.keys() and not _faceted(spec)
    if fits:
        spec["autosize"] = FIT
    spec["datasets"] = used
    spec["config"] = KEPT
    _inside(spec)
    if fits and _is_labelled(spec):
        spec["padding"] = ROOM
    _narrow_legends(spec, min(width_px, NARROWEST_PX) - _names_px(spec))
    _legends_of(set(legends.series(spec)), spec)
    st.vega_lite_chart(spec=spec, width="stretch" if fits else "content", alt=name)


def _names_px(spec: Spec) -> int:
    """Width of the names left of bars, about: the legend above them begins where the bars do."""
    height = spec.get("height")
    step = height.get("step", 0) if isinstance(height, dict) else 0
    channels = [layer.get("encoding", {}).get("y", {}) for layer in (spec, *spec.get("layer", ()))]
    names = [name for channel in channels for name in channel.get("sort") or ()] if step else []
    return max((7 * len(line) for name in names for line in label_lines(str(name), step)), default=0)


def _is_labelled(value: Any) -> bool:
    """True if texts stand right of marks, such as totals beside bars."""
    if isinstance(value, dict):
        mark = value.get("mark")
        beside = isinstance(mark, dict) and mark.get("type") == "text" and mark.get("align") == "left"
        return beside or any(map(_is_labelled, value.get("layer", ())))
    return False


def _heading(spec: Spec) -> tuple[str, str]:
    """Title and subtitle, taken out: those of Vega stay black on dark ground."""
    title = spec.pop("title", None)
    if not isinstance(title, dict):
        return str(title or ""), ""
    return _joined(title.get("text")), _joined(title.get("subtitle"))


def _joined(text: Any) -> str:
    return " ".join(text) if isinstance(text, list) else str(text or "")


def _faceted(spec: Spec) -> bool:
    return bool({"row", "column", "facet"} & spec.get("encoding", {}).keys())


def _inked(value: Any, of: str = "") -> Any:
    """The specification with inks for both themes."""
    if isinstance(value, dict):
        return {key: _inked(child, key) for key, child in value.items()}
    if isinstance(value, list):
        return [_inked(child, of) for child in value]
    return THEMED.get(value, value) if isinstance(value, str) and of in PAINTED else value


def _inside(value: Any) -> None:
    """Put labels that stand right of the plot inside it: their place is that of a chart of fixed width."""
    if isinstance(value, dict):
        x = value.get("encoding", {}).get("x", {}) if isinstance(value.get("encoding"), dict) else {}
        if isinstance(x, dict) and isinstance(x.get("value"), int | float) and x["value"] > WIDTH // 2:
            x["value"] = "width"
            value["mark"] = {**value["mark"], "align": "right", "dx": -4, "baseline": "bottom", "dy": -3}
        for child in value.values():
            _inside(child)
    elif isinstance(value, list):
        for child in value:
            _inside(child)


def _narrow_legends(value: Any, width_px: int) -> None:
    """Give every legend as many columns as fit."""
    if isinstance(value, dict):
        legend, scale = value.get("legend"), value.get("scale")
        if isinstance(legend, dict) and "orient" not in legend:
            names = scale.get("domain", ()) if isinstance(scale, dict) else ()
            longest = max((len(str(name)) for name in names), default=12)
            legend["columns"] = max(1, min((width_px - 60) // (7 * longest + 32), legend.get("columns", 6)))
        for child in value.values():
            _narrow_legends(child, width_px)
    elif isinstance(value, list):
        for child in value:
            _narrow_legends(child, width_px)


def _legends_of(series: set[str], value: Any) -> None:
    """Leave series out of legends that are drawn in another panel only; one series alone needs no legend."""
    if isinstance(value, dict):
        legend, scale = value.get("legend"), value.get("scale")
        named = scale.get("domain") if isinstance(scale, dict) else None
        if isinstance(legend, dict) and isinstance(named, list) and series & {str(name) for name in named}:
            drawn = [name for name in named if name in series]
            value["legend"] = {**legend, "values": drawn} if len(drawn) > 1 else None
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _legends_of(series, child)


def _told(value: Any) -> set[str]:
    """Series that the legends of a panel name."""
    if isinstance(value, dict):
        named = set().union(*(_domain(value[key]) for key in LEGENDS if isinstance(value.get(key), dict)))
        return named.union(*(_told(child) for child in value.values()))
    return set().union(*map(_told, value)) if isinstance(value, list) else set()


def _domain(channel: Spec) -> set[str]:
    """Names of the scale of a channel that has a legend."""
    scale = channel.get("scale")
    if not isinstance(scale, dict) or channel.get("legend", True) is None:
        return set()
    return {str(name) for name in scale.get("domain", ())}


def _without_legends(value: Any) -> Any:
    """The panel without legends, which those above it have."""
    if isinstance(value, dict):
        coloured = {key: {**value[key], "legend": None} for key in LEGENDS if isinstance(value.get(key), dict)}
        return {key: coloured.get(key) or _without_legends(child) for key, child in value.items()}
    return [_without_legends(child) for child in value] if isinstance(value, list) else value


def _used(value: Any) -> Iterator[str]:
    """Names of the data that a specification draws."""
    if isinstance(value, dict):
        named = value.get("data")
        if isinstance(named, dict) and "name" in named:
            yield str(named["name"])
        for child in value.values():
            yield from _used(child)
    elif isinstance(value, list):
        for child in value:
            yield from _used(child)
