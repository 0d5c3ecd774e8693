"""A review in Markdown, for pull requests and wikis: the decision and the plans, the rest folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simcost.present.markdown import LARGEST, escaped, fitted
from simcost.present.parts import Part
from simcost.studies.review.result import Review
from simcost.studies.review.view import Section


def markdown(review: Review, sections: Sequence[Section]) -> str:
    """The review; the scenario, and then the longest folded parts, are left out where it would be too long."""
    parts = [part for section in sections for part in _parts(section)]
    head = f"<!-- simcost: {review.document['scenario'].replace('--', '')} -->\n"
    facts = " \N{MIDDLE DOT} ".join(filter(None, (review.author, review.date, str(review.document["question"] or ""))))
    document = {"verdict": review.recommendation}
    said = [Part(said=[facts], titled=False), *parts]
    most = LARGEST - len(head) - len(_NO_ROOM)
    text = head + fitted(review.title, document, said, elsewhere="the HTML review", most=most)
    scenario = _scenario(review.scenario)
    return text + (scenario if len(text) + len(scenario) <= LARGEST else _NO_ROOM)


_NO_ROOM = "\n- The scenario is too long to stand here: the HTML review has it.\n"


def _parts(section: Section) -> Iterator[Part]:
    """Parts whose titles say their section, without charts."""
    for part in section.parts:
        if part.rows or part.said:
            own = part.title and part.title != section.title and part.titled
            title = f"{section.title}: {part.title}" if own else section.title
            yield replace(part, title=title, titled=part.titled or bool(part.rows), detail=section.folded)


def _scenario(text: str) -> str:
    """The YAML, folded; its fence is longer than any in it."""
    fence = "`" * 4
    while fence in text:
        fence += "`"
    title = escaped("Scenario as it was run")
    return f"\n<details><summary>{title}</summary>\n\n{fence}yaml\n{text.rstrip()}\n{fence}\n\n</details>\n"
