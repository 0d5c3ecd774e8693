"""A review as one HTML page that needs nothing else: for a screen, light or dark, and for paper, A4 or Letter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from simcost.present.format import seconds, shortened
from simcost.present.html import bullets, escape, frame, table
from simcost.present.parts import Part, figure
from simcost.studies.review.condensed import is_of_all_services
from simcost.studies.review.result import Review
from simcost.studies.review.view import KEY_FIGURES, Section
from simcost.units import plural

_MOST_LINES = 2000
"""Lines of the scenario that are shown: thirty pages of paper."""
_STYLE = """
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.facts { color: var(--soft); font-size: .9rem; margin: .6rem 0 0; }
.badge { display: inline-block; margin: .8rem 0 0; padding: .2rem .7rem; border: 1.5px solid; border-radius: 6px;
  font-weight: 600; color: light-dark(#00634a, #4fd0a8); }
.missed { color: light-dark(#b00020, #ff7a8a); }
.asked { border-left: 3px solid var(--accent); padding-left: .7rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin: 0; }
.figures div { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .7rem; }
.figures dt, .figures small { color: var(--soft); font-size: .8rem; line-height: 1.35; display: block; }
.figures dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.best td { background: light-dark(#e8f1f8, #1b2c3a); font-weight: 600; }
figure { margin: 1.2rem 0 0; } figure svg { max-width: 48rem; }
pre { font-size: .8rem; overflow-x: auto; background: var(--band); padding: .8rem; }
summary { cursor: pointer; }
@media print {
  @page { margin: 12mm 12mm 15mm; font: 8pt sans-serif; color: #444;
    @bottom-left { content: "LABEL"; } @bottom-right { content: counter(page) " / " counter(pages); } }
  body { font: 8.5pt/1.3 Arial, "Liberation Sans", Helvetica, sans-serif; } h1 { font-size: 12pt; }
  h2 { font-size: 11pt; margin: 4mm 0 1.5mm; }
  h3 { font-size: 9pt; margin: 2.5mm 0 1mm; break-after: avoid; } section { break-inside: auto; }
  table { font-size: 7.5pt; margin-bottom: 2mm; } th, td { padding: .6mm 1mm; }
  .left td { padding: .1mm 1mm; }
  ul { margin: 1mm 0; padding-left: 4mm; }
  .short, .figures div { break-inside: avoid; }
  .figures { grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 1.5mm; }
  .figures dt, .figures small { font-size: 7.5pt; line-height: 1.2; } .facts { font-size: 8pt; }
  .figures dd { font-size: 10pt; } .figures div { padding: 1mm 1.5mm; }
  .charts figure { margin: 2.5mm 0 0; } .charts figure svg { max-width: none; max-height: 77mm; }
  .charts .tall svg { max-height: 150mm; } .charts .page svg { max-height: 240mm; }
  .charts svg text[font-size="10px"] { font-size: 11.5px; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  pre { font-size: 7.5pt; line-height: 1.15; columns: 2; column-gap: 4mm; white-space: pre-wrap; overflow: visible;
    padding: 1mm; background: none; }
}
"""
_SHORT = 12
"""Rows of a table, or sentences of a list, that paper keeps together."""
_PATH = re.compile(r' d="[^"]*"')
_HEIGHT = re.compile(r'<svg[^>]* height="([0-9.]+)"')
_TALL, _PAGE = 600, 850
"""Pixels from which a chart gets more of a page."""
_DIGITS = re.compile(r"(\.\d)\d+")
"""Digits of a path beyond a tenth of a pixel."""


def page(review: Review, sections: Sequence[Section], paper: str = "") -> str:
    """The page; every text of the result is escaped.

    Args:
        review: the review.
        sections: of the view.
        paper: size of the paper, in CSS; empty = that of the printer.
    """
    numbered = iter(range(10**6))
    body = "".join(_section(review, section, numbered) for section in sections)
    label = re.sub(r"[\"\\\n<]", " ", shortened(review.title, 60))
    style = _STYLE.replace("LABEL", label) + (f"@page {{ size: {paper}; }}\n" if paper else "")
    return frame(review.title, review.recommendation, review.document["question"] or "", body, style)


def _section(review: Review, section: Section, numbered: Iterator[int]) -> str:
    if section.title == "Decision":
        return _decision(review) + "".join(_part(review, part, section.title) for part in section.parts[1:])
    if section.title == KEY_FIGURES:
        body = _figures(section.parts[0])
    else:
        body = "".join(_part(review, part, section.title) for part in section.parts) + _charts(
            review, section, numbered
        )
    if section.title == "Reproduce":
        scenario = _lines(_first_lines(review.scenario))
        body += f"<details><summary>Scenario as it was run</summary><pre>{scenario}</pre></details>\n"
    kind = "" if any(part.rows or part.said for part in section.parts) else ' class="short"'
    return f"<section{kind}><h2>{escape(section.title)}</h2>\n{body}</section>\n"


def _first_lines(scenario: str) -> str:
    """The scenario, as far as a reader of paper turns its pages."""
    lines = scenario.splitlines(keepends=True)
    more = len(lines) - _MOST_LINES
    return scenario if more <= 0 else f"{''.join(lines[:_MOST_LINES])}# {plural(more, 'more line')}: scenario.yaml\n"


def _decision(review: Review) -> str:
    """Facts of the review, badge, verdict, reasons, and what is asked for."""
    document = review.document
    origin = document["provenance"]
    facts = [
        *([review.author] if review.author else []),
        review.date,
        f"scenario {document['scenario']}",
        f"{seconds(origin['horizon_s'])} simulated, replications: {document['replications']}",
        f"prices as of {origin['catalog_date']}",
    ]
    said = " \N{MIDDLE DOT} ".join(facts)
    met = "" if document["best"] else " missed"
    why = bullets(document["drivers"][:3])
    return (
        f'<p class="facts">{escape(said)}</p>\n'
        f'<p class="badge{met}">{escape(review.badge)}</p>\n<p>{escape(document["verdict"])}</p>\n{why}'
        f'<p class="asked"><strong>Decision asked for:</strong> {escape(review.decision)}</p>\n'
    )


def _figures(part: Part) -> str:
    cards = "".join(
        f"<div><dt>{escape(row['Figure'])}</dt><dd>{escape(row['Value'])}</dd>"
        f"<dd><small>{escape(row['Basis'])}</small></dd></div>"
        for row in part.rows or []
    )
    return f'<dl class="figures">{cards}</dl>\n'


def _part(review: Review, part: Part, section: str) -> str:
    """Table and sentences under their title."""
    rows = part.rows or []
    body = table(rows, left=part.title == "Provenance", words=part.left, marked=review.chosen) + bullets(part.said)
    if not body:
        return ""
    kind = ' class="short"' if max(len(rows), len(part.said)) <= _SHORT else ""
    title = f"<h3>{escape(part.title)}</h3>\n" if part.titled and part.title and part.title != section else ""
    return f"<div{kind}>{title}{body}</div>\n"


def _charts(review: Review, section: Section, numbered: Iterator[int]) -> str:
    """The charts, beside each other on paper; those of a service under its name."""
    named = [f" of {service['name']}" for service in review.document["plans"][0].get("services", ())]
    figures = ""
    for part in section.parts:
        if part.chart:
            drawn = figure(part.title, part.chart, next(numbered))
            caption = (
                f"<figcaption>{escape(part.title)}</figcaption>" if any(one in part.title for one in named) else ""
            )
            if kind := _height_class(part, drawn):
                drawn = drawn.replace("<figure", f'<figure class="{kind}"', 1)
            figures += _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), drawn).replace("<svg", f"{caption}<svg", 1)
    return f'<div class="charts">{figures}</div>\n' if figures else ""


def _height_class(part: Part, drawn: str) -> str:
    """Room on paper of a chart that is higher than others, as of many plans: half of a page, or a whole one."""
    found = _HEIGHT.search(drawn)
    height = float(found[1]) if found else 0.0
    if height > _PAGE:
        return "page"
    return "tall" if height > _TALL or is_of_all_services(part) else ""


def _lines(text: str) -> str:
    return "\n".join(map(escape, text.rstrip("\n").split("\n")))
