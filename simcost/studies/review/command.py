"""`simcost report`: the review of a results folder as HTML, Markdown or PDF."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.errors import InputError
from simcost.outputs import whole_file
from simcost.present.parts import Part
from simcost.studies.options import Arguments, output, show, verb

if TYPE_CHECKING:
    from simcost.studies.review.result import Review
    from simcost.studies.review.view import Section

ReadRun = Callable[[Path], tuple[dict[str, Any], Mapping[str, Any], Sequence[Part]]]
"""The document of a results folder, its tables, and the parts that `simcost run` shows of it."""
PAPERS = ("a4", "letter")
SUFFIXES = (".html", ".md", ".pdf")


def add(verbs: Any, read_run: ReadRun) -> None:
    """The verb `report`."""
    report = verb(verbs, "report", _report, "write the capacity-planning review of a result: HTML, Markdown or PDF")
    report.add_argument("folder", type=Path, metavar="RUN", help="results folder of `simcost run`")
    output(
        report, "-o", "--output", required=True, metavar="FILE", help="review to write: .html, .md (folded), or .pdf"
    )
    report.add_argument("--author", default="", metavar="NAME", help="author, as its head says (default: none)")
    report.add_argument("--paper", choices=PAPERS, default="a4", help="of a PDF (default: %(default)s)")
    report.add_argument("--title", dest="heading", default="", metavar="TITLE", help="title (default: of the scenario)")
    report.set_defaults(read_run=read_run)


def _report(arguments: Arguments) -> None:
    from simcost.studies.review.result import written

    found = write_review(
        arguments.folder,
        arguments.output,
        arguments.read_run,
        author=arguments.author,
        title=arguments.heading,
        paper=arguments.paper,
    )
    show(arguments, written(found, os.path.relpath(arguments.output)), "review.view")


def write_review(
    folder: Path, file: Path, read_run: ReadRun, *, author: str = "", title: str = "", paper: str = "a4"
) -> Review:
    """Write the review of a results folder as HTML, Markdown or PDF, as the end of the name says.

    Raises:
        InputError: another end, no finished result in the folder, or no browser that prints.
    """
    suffix, browser = _format(file)
    found, laid_out = composed(folder, read_run, author=author, title=title)
    if suffix == ".md":
        from simcost.studies.review.summary import markdown

        _write(file, markdown(found, laid_out))
    else:
        from simcost.studies.review.page import page

        if browser:
            from simcost.studies.review.pdf import write_pdf

            write_pdf(file, page(found, laid_out, paper), browser)
        else:
            _write(file, page(found, laid_out))
    return found


def composed(folder: Path, read_run: ReadRun, *, author: str = "", title: str = "") -> tuple[Review, list[Section]]:
    """The review and its sections. Raises InputError where the folder holds no finished result."""
    from simcost.scenario.storage.results import other_version
    from simcost.studies.review.study import review
    from simcost.studies.review.view import sections

    try:
        document, tables, run = read_run(folder)
        date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        found = review(folder, document, tables, date=date, author=author, title=title)
        return found, sections(found, run)
    except (LookupError, TypeError, AttributeError) as error:
        raise other_version(folder, error) from error


def _format(path: Path) -> tuple[str, str]:
    """Suffix of the file, and the browser that prints it; empty where none is needed."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: end the name in {', '.join(SUFFIXES)}, which says what is written")
    if suffix != ".pdf":
        return suffix, ""
    from simcost.studies.review.pdf import find_browser

    return suffix, find_browser()


def _write(path: Path, text: str) -> None:
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")
