"""A result, part by part: what the terminal, its page and the explorer show below the verdict."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from simcost.documents import FindingDocument
from simcost.execution.cycles import freed_cycles
from simcost.outputs import whole_file
from simcost.present.chart_style import Document, to_svg
from simcost.present.html import bullets, escape, frame, section, table

Table = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something under one heading."""

    title: str = ""
    rows: Table | None = None
    said: Sequence[str] = ()
    chart: Callable[[], Any] | None = None
    """Draws it: an Altair chart."""
    sketch: str = ""
    """A picture of signs, which the terminal shows."""
    titled: bool = True
    """True if the terminal shows the title, and a dash before each sentence."""
    left: int = 1
    """Leading columns of words, which the terminal aligns left."""
    most: int | None = None
    """Rows in the terminal, at most."""
    bar: str = ""
    """Column of numbers that the terminal draws as bars too."""
    whole: bool = False
    """True if the terminal shows all words of a table, however wide they are."""
    detail: bool = False
    """Left out in the terminal."""
    closed: bool = False
    """True if the page and the explorer show the rows on demand."""


class _WithFindings(Protocol):
    @property
    def findings(self) -> Sequence[FindingDocument]: ...


def notes(result: Mapping[str, Any] | _WithFindings, *more: str) -> Part:
    """The findings of a result, and what else to know of it."""
    findings = result.get("findings", ()) if isinstance(result, Mapping) else result.findings
    return Part(title="Notes", said=[*(finding["message"] for finding in findings), *more])


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


@freed_cycles()
def page(name: str, document: Document, parts: Sequence[Part]) -> str:
    """The page; every text of the document is escaped."""
    body = [_part(part, i) for i, part in enumerate(parts)]
    if "provenance" in document:
        body.append(section("Provenance", table(provenance(document), left=True)))
    return frame(name, document["verdict"], document.get("question", ""), "".join(body))


def _part(part: Part, index: int) -> str:
    drawn = figure(part.title, part.chart, index) if part.chart else ""
    body = table(part.rows or [], words=part.left) + bullets(part.said)
    if part.closed and body:
        return f"{drawn}<details><summary>{escape(part.title)}</summary>\n{body}</details>\n"
    return drawn + section(part.title, body)


def figure(title: str, chart: Callable[[], Any], index: int) -> str:
    """The chart as inline SVG, its ids made unique on the page and its white ground left out."""
    svg = re.sub(r'<rect width="\d+" height="\d+" fill="white"/>', "", to_svg(chart()), count=1)
    svg = re.sub(r'(\bid="|url\(#)', rf"\g<1>chart{index}-", svg)
    return f'<figure role="img" aria-label="{escape(title)}">{svg}</figure>\n'


def provenance(document: Document) -> Table:
    """Provenance of the numbers: versions, seed, dates and the hashes of all inputs."""
    facts = dict(document["provenance"])
    inputs = facts.pop("inputs")
    facts.pop("prices", None)  # the assumptions say them
    rows = [{"What": fact_name(name), "Value": fact(value)} for name, value in facts.items()]
    return rows + [{"What": path, "Value": f"sha256 {digest}"} for path, digest in inputs.items()]


def fact_name(name: str) -> str:
    """A key in words, with its unit."""
    return f"{name.removesuffix('_s')} (s)" if name.endswith("_s") else name.replace("_", " ")


def fact(value: Any) -> str:
    """A value in words."""
    return ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, Mapping) else str(value)
