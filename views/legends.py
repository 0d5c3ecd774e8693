"""One legend above a grid of panels: those of its panels would repeat, and leave the panels unequally high."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

COLOURS, DASH = ("color", "fill", "stroke"), "strokeDash"
LINE, SQUARE = (26, 3), 11
"""Pixels of a swatch: length and width of a line, side of a square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """Colour and dash of a series."""

    colour: str = ""
    dash: tuple[int, ...] | None = None
    """Of its line; None = an area or a mark."""


def swatches(spec: Any) -> dict[str, Swatch]:
    """The series of all panels by their names, those alone that a panel draws; none where there is one series."""
    found: dict[str, Swatch] = {}
    for channel, name, value in _entries(spec):
        old = found.get(name, Swatch())
        if channel == DASH:
            found[name] = replace(old, dash=tuple(value))
        elif not old.colour:
            found[name] = replace(old, colour=str(value))
    drawn = set(series(spec))
    kept = {name: one for name, one in found.items() if one.colour and (name in drawn or not drawn)}
    return kept if len(kept) > 1 else {}


def draw(found: Mapping[str, Swatch]) -> None:
    """A line of text: each series with its swatch."""
    items = "".join(
        f'<span style="white-space:nowrap">{_picture(one)}{html.escape(name)}</span>' for name, one in found.items()
    )
    style = "display:flex;flex-wrap:wrap;gap:0.2rem 1.1rem;font-size:0.87rem"
    st.html(f'<div style="{style}" aria-label="Legend" role="group">{items}</div>')


def series(value: Any) -> Iterator[str]:
    """Names of the columns that a panel draws as series, where it has such."""
    if isinstance(value, dict):
        yield from value.get("fold", ())
        colour = value.get("color")
        if isinstance(colour, dict) and isinstance(colour.get("datum"), str):
            yield colour["datum"]
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from series(child)


def _entries(value: Any) -> Iterator[tuple[str, str, Any]]:
    """Channel, name of a series and what stands for it."""
    if isinstance(value, dict):
        for channel in (*COLOURS, DASH):
            given = value.get(channel)
            scale = given.get("scale") if isinstance(given, dict) else None
            told = channel == DASH or (isinstance(given, dict) and given.get("legend", True) is not None)
            if told and isinstance(scale, dict) and "domain" in scale and "range" in scale:
                for name, one in zip(scale["domain"], scale["range"], strict=False):
                    yield channel, str(name), one
        mark, colour = value.get("mark"), value.get("encoding", {}).get("color") if "encoding" in value else None
        if isinstance(mark, dict) and mark.get("type") == "line" and isinstance(colour, dict) and "datum" in colour:
            yield DASH, str(colour["datum"]), mark.get(DASH, (1, 0))
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _entries(child)


def _picture(one: Swatch) -> str:
    """A line with its dashes, or a square; Streamlit leaves pictures out of such a text."""
    if one.dash is None:
        size, ground = f"width:{SQUARE}px;height:{SQUARE}px", one.colour
    else:
        size, at, stops = f"width:{LINE[0]}px;height:{LINE[1]}px", 0, []
        for i, length in enumerate(one.dash):
            stops.append(f"{'transparent' if i % 2 else one.colour} {at}px {at + length}px")
            at += length
        ground = f"repeating-linear-gradient(90deg, {', '.join(stops)})"
    style = f"display:inline-block;vertical-align:middle;margin-right:0.35rem;{size};background:{ground}"
    return f'<span style="{style}"></span>'
