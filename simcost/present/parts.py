"""A study in parts: the content of its page and of the explorer below the verdict."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from simcost.outputs import whole_file
from simcost.present.chart_style import Document, to_svg
from simcost.present.html import bullets, frame, section, table

Table = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something under one heading."""

    title: str
    rows: Table | None = None
    said: Sequence[str] = ()
    chart: Callable[[], Any] | None = None
    """Draws it: an Altair chart."""
    listed: bool = False
    """True if the terminal sets a dash before each sentence."""
    titled: bool = True
    """True if the terminal shows the title: a table's own heads may say it."""


def write_page(path: Path, name: str, document: Document, parts: Sequence[Part]) -> None:
    """Write one HTML page that needs nothing else.

    Raises:
        InputError: nothing can be written there.
    """
    with whole_file(path) as draft:
        draft.write_text(page(name, document, parts), encoding="utf-8")


def write_svg(path: Path, chart: Any) -> None:
    """Write a chart. Raises as `write_page`."""
    with whole_file(path) as draft:
        draft.write_text(to_svg(chart), encoding="utf-8")


def page(name: str, document: Document, parts: Sequence[Part]) -> str:
    """The page; every text of the document is escaped."""
    body = [_part(part, i) for i, part in enumerate(parts)]
    if "provenance" in document:
        body.append(section("Provenance", table(provenance(document), left=True)))
    return frame(name, document["verdict"], document.get("question", ""), "".join(body))


def _part(part: Part, index: int) -> str:
    drawn = figure(part.title, part.chart(), index) if part.chart else ""
    body = table(part.rows or []) + bullets(list(part.said))
    return drawn + section(part.title, body)


def figure(title: str, chart: Any, index: int) -> str:
    """The chart as inline SVG, its ids made unique on the page and its white ground left out."""
    svg = re.sub(r'<rect width="\d+" height="\d+" fill="white"/>', "", to_svg(chart), count=1)
    svg = re.sub(r'(\bid="|url\(#)', rf"\g<1>chart{index}-", svg)
    return f'<figure role="img" aria-label="{escape(title)}">{svg}</figure>\n'


def provenance(document: Document) -> Table:
    """Provenance of the numbers: versions, seed, dates and the hashes of all inputs."""
    facts = dict(document["provenance"])
    inputs = facts.pop("inputs")
    facts.pop("prices", None)  # the assumptions say them
    rows = [{"What": name.replace("_", " "), "Value": str(value)} for name, value in facts.items()]
    return rows + [{"What": path, "Value": f"sha256 {digest}"} for path, digest in inputs.items()]
