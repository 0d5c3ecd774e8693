"""A finished result on the page: verdict, three figures, then what is behind them, one tab a question."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from simcost.documents import to_document
from simcost.errors import SimcostError
from simcost.present.html import bullets
from simcost.present.parts import Part, provenance
from simcost.scenario.storage.folders import stamp_of
from simcost.studies.plans import sections
from simcost.studies.plans.key_figures import KeyFigure, key_figures, outcome
from views.charts import draw, drawn_once
from views.table import table
from views.text import NO_FIELDS, RENAME, on_page, plain, same_command

TABS: Mapping[str, tuple[str, ...]] = {
    "Summary": (),
    "Latency": (
        "Service level",
        "Latency",
        "Requests without an answer",
        "Retries",
        "By priority",
        "Prefixes",
        "Jobs",
        "Waiting",
        "Cost against waiting",
    ),
    "Fleet": (
        "Demand and fleet",
        "Fleet",
        "Paid and needed",
        "How the fleets",
        "Against a perfect",
        "GPUs over time",
        "GPU time",
        "Where the GPU time",
    ),
    "Cost": ("Differences", "What drives", "Charge by charge", "Unit costs"),
    "Assumptions": ("Assumptions", "Quality"),
}
"""By tab, how the titles of its parts begin; all others belong to the first."""
TAKEN_ALONG = {
    "review.html": "For those who decide, to read, print and sign: what to take, what it costs, its risks",
    "review.md": "The same for a pull request or a wiki",
    "review.pdf": "The same on A4, to sign; made when you press, which takes some seconds",
    "report.html": "All tables and charts of this result on one page",
    "scenario.yaml": "The scenario as it was run",
    "result.json": "All figures, for other programs",
}
"""Files of a result, and what each is for."""
UNREADABLE = (
    "The result {} cannot be shown: another version of simcost has written it, or one of its files has changed."
)
AGAIN = "Simulations of this version that are stored are used."
FOREIGN = "Its scenario is not among those on the left: put its file into the folder `scenarios`, then run it."
SIDE_BY_SIDE = ("Where the money went", "Cost against service level")


def show(
    folder: Path,
    scenario: str,
    seeds: int | None,
    *,
    badge: str,
    editor: Callable[..., None],
    again: Callable[[], None] | None,
) -> None:
    """The whole result, or why it cannot be read.

    Args:
        folder: of the result.
        scenario: text of the scenario, as it was run.
        seeds: replications, where they are others than those of the text.
        badge: what the reader has to know of the result, such as `Sample`; empty = nothing.
        editor: draws the text that may be changed; is told `is_open`, True if its tab is open.
        again: runs the scenario of one that cannot be read; None where it is of no file.
    """
    try:
        document, figures, grouped = _read(folder, stamp_of(folder, folder / "tables"))
    except (SimcostError, LookupError, TypeError, ValueError):
        _unreadable(folder.name, again)
        st.fragment(lambda: editor(is_open=True))()
        return
    _verdict(to_document(document), figures, badge)
    _tabs(document, grouped, editor)
    offer(folder, document["scenario"], scenario, seeds)
    if len(document["provenance"]["inputs"]) > 1:
        st.caption("The scenario names other files by paths from its own folder: save it in that folder.")


def _unreadable(name: str, again: Callable[[], None] | None) -> None:
    """The error, and what to do."""
    st.title("Plans")
    st.error(plain(UNREADABLE.format(name)))
    if again is None:
        st.info(FOREIGN)
    else:
        st.button("Run it again", type="primary", on_click=again, help=AGAIN)


@st.cache_resource(max_entries=16, show_spinner=False)
def _read(folder: Path, stamp: object) -> tuple[Mapping[str, Any], Sequence[KeyFigure], Mapping[str, list[Part]]]:
    """The document of a result, its key figures, and its parts by tab; read again where a file of it has changed."""
    del stamp
    document, shown = sections.read(folder)
    return document, key_figures(document), _grouped(drawn_once(sections.parts(document, shown)))


@st.fragment
def _tabs(document: Mapping[str, Any], grouped: Mapping[str, list[Part]], editor: Callable[..., None]) -> None:
    """One tab a question; only the open one is drawn, and another one draws no more of the page."""
    names = [name for name in TABS if grouped[name]]
    tabs = st.tabs([*names, "YAML"], key="tab", on_change="rerun", bind="query-params")
    with tabs[-1]:
        editor(is_open=bool(tabs[-1].open))
    for tab, name in zip(tabs, names, strict=False):
        if not tab.open:
            continue
        with tab:
            body(_ordered(grouped[name]) if name == "Summary" else grouped[name])
            if name == "Assumptions":
                with st.expander("Provenance"):
                    st.dataframe(provenance(dict(document)), hide_index=True, alt="Provenance")


def _verdict(document: Mapping[str, Any], figures: Sequence[KeyFigure], badge: str) -> None:
    """The card: met or missed, the answer, its evidence, three figures."""
    sentence, _, rest = document["verdict"].partition("; next is ")
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(outcome(dict(document)), color="green" if document["best"] else "red")
            if badge:
                st.badge(badge, color="blue" if badge == "Sample" else "orange")
            if document.get("question"):
                st.caption(plain(document["question"]))
        st.header(plain(sentence.rstrip(".") + "."))
        if rest:
            st.caption(plain(f"Next is {rest}"))
        for column, figure in zip(st.columns(3), figures, strict=True):
            with column:
                _metric(figure)


def _metric(figure: KeyFigure) -> None:
    colours = {True: "green", False: "red", None: "gray"}
    st.metric(
        figure.label,
        plain(figure.value),
        delta=plain(figure.note) or None,
        delta_arrow="off",
        delta_color=colours[figure.good],  # type: ignore[arg-type]
        border=True,
        height="stretch",
    )


def _grouped(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Parts that show something, by tab."""
    found: dict[str, list[Part]] = {name: [] for name in TABS}
    for part in parts:
        if part.rows or part.said or part.chart:
            name = next((tab for tab, begins in TABS.items() if begins and part.title.startswith(begins)), "Summary")
            found[name].append(part)
    return found


def _ordered(parts: Sequence[Part]) -> list[Part]:
    """Charts of money before the table, all else after it."""
    first = [part for part in parts if part.title in SIDE_BY_SIDE]
    return [*first, *(part for part in parts if part not in first)]


def body(parts: Sequence[Part], columns: str = RENAME, fields: Mapping[str, str] = NO_FIELDS) -> None:
    """Each part under its heading; a chart has its own. Two charts that belong together share a row."""
    rest = list(parts)
    pair = [part for part in parts[:2] if part.title in SIDE_BY_SIDE]
    if len(pair) == 2:
        for column, part in zip(st.columns([6, 5]), pair, strict=True):
            with column:
                _part(part, columns, fields, width_px=440)
        rest = rest[2:]
    for part in rest:
        _part(part, columns, fields)


def _part(part: Part, columns: str, fields: Mapping[str, str], width_px: int = 900) -> None:
    if part.rows and part.closed:
        with st.expander(plain(part.title)):
            table(part.rows, part.title)
        return
    if part.title and (part.rows or part.said):
        st.subheader(plain(part.title))
    if part.rows:
        table(part.rows, part.title)
    said = [on_page(line, columns, fields) for line in part.said]
    if len(said) == 1:
        (st.caption if part.rows else st.markdown)(footnote(said[0]))
    elif said:
        st.html(bullets(said))
    if part.chart:
        draw(part.chart(), part.title, width_px)


def footnote(text: str) -> str:
    """The one note of a table as Markdown."""
    return plain(text).replace("\\`", "`")


def offer(folder: Path, name: str, scenario: str, seeds: int | None) -> None:
    """Buttons to take the result along; the report is made when it is asked for."""
    files: dict[str, tuple[Any, str]] = {
        "review.html": (partial(_review, folder), "text/html"),
        "review.md": (partial(_review_as_markdown, folder), "text/markdown"),
        "review.pdf": (partial(_review_as_pdf, folder), "application/pdf"),
        "report.html": (partial(_report, folder), "text/html"),
        "scenario.yaml": (scenario, "application/yaml"),
        "result.json": ((folder / "result.json").read_bytes, "application/json"),
    }
    unprinted = why_unprinted()
    with st.container(horizontal=True):
        for file, (content, kind) in files.items():
            st.download_button(
                f"Download {file}",
                content,
                f"{name}-{file}",
                kind,
                on_click="ignore",
                help=TAKEN_ALONG[file],
                type="primary" if file == "review.html" else "secondary",
                disabled=file == "review.pdf" and bool(unprinted),
            )
    if unprinted:
        st.caption(plain(unprinted))
    out = f"results/{name}"
    asked = [f"--seeds={seeds}"] if seeds else []
    commands = (["run", f"{name}-scenario.yaml", *asked, "--out", out], ["report", out, "-o", "review.html"])
    same_command("\n".join(shlex.join(["simcost", *words]) for words in commands))


def why_unprinted() -> str:
    """The reason why no PDF can be made here, and what to do; empty where one can."""
    from simcost.studies.review.pdf import find_browser

    try:
        find_browser()
    except SimcostError as error:
        return f"review.pdf: {error}."
    return ""


def _review(folder: Path) -> bytes:
    from simcost.cli.report import read_run
    from simcost.studies.review.command import composed
    from simcost.studies.review.page import page

    return page(*composed(folder, read_run)).encode()


def _review_as_markdown(folder: Path) -> bytes:
    from simcost.cli.report import read_run
    from simcost.studies.review.command import composed
    from simcost.studies.review.summary import markdown

    return markdown(*composed(folder, read_run)).encode()


def _review_as_pdf(folder: Path) -> bytes:
    from simcost.cli.report import read_run
    from simcost.studies.review.command import write_review

    with TemporaryDirectory() as place:
        file = Path(place) / "review.pdf"
        write_review(folder, file, read_run)
        return file.read_bytes()


def _report(folder: Path) -> bytes:
    return sections.write_html(folder).read_bytes()
