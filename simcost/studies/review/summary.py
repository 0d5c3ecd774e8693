"""A review in Markdown, for pull requests and wikis: the decision and the plans, the rest folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simcost.present.markdown import escaped, summary
from simcost.present.parts import Part
from simcost.studies.review.result import Review
from simcost.studies.review.view import Section

LARGEST = 60_000
"""Characters that a comment on a pull request holds."""


def markdown(review: Review, sections: Sequence[Section]) -> str:
    """The review; the scenario, and then the longest folded parts, are left out where it would be too long."""
    parts = [part for section in sections for part in _parts(section)]
    head = f"<!-- simcost: {review.document['scenario'].replace('--', '')} -->\n"
    facts = " \N{MIDDLE DOT} ".join(filter(None, (review.author, review.date, str(review.document["question"] or ""))))
    document = {"verdict": review.recommendation}
    text = head + summary(review.title, document, [Part(said=[facts], titled=False), *parts])
    while len(text) > LARGEST and any(part.detail for part in parts):
        parts.remove(max((part for part in parts if part.detail), key=_size))
        left = Part(said=["Parts were left out, since they are too long here: the HTML review has them."], titled=False)
        text = head + summary(review.title, document, [Part(said=[facts], titled=False), *parts, left])
    scenario = _scenario(review.scenario)
    return text + scenario if len(text) + len(scenario) <= LARGEST else text


def _parts(section: Section) -> Iterator[Part]:
    """Parts whose titles say their section, without charts."""
    for part in section.parts:
        if part.rows or part.said:
            own = part.title and part.title != section.title and part.titled
            title = f"{section.title}: {part.title}" if own else section.title
            yield replace(part, title=title, titled=part.titled or bool(part.rows), detail=section.folded)


def _size(part: Part) -> int:
    return sum(len(cell) for row in part.rows or () for cell in row.values()) + sum(map(len, part.said))


def _scenario(text: str) -> str:
    """The YAML, folded; its fence is longer than any in it."""
    fence = "`" * 4
    while fence in text:
        fence += "`"
    title = escaped("Scenario as it was run")
    return f"\n<details><summary>{title}</summary>\n\n{fence}yaml\n{text.rstrip()}\n{fence}\n\n</details>\n"
