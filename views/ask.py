"""A page of questions: ask one, look at the answer, take it and the command along."""

import json
import shlex
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from simcost.cli import parsed
from simcost.errors import SimcostError
from simcost.report.study import page
from views.files import Chosen, Words
from views.result import body, plain

Question = Callable[[Path, Path], Words]
"""Asks for what it needs to know, given the folders of scenarios and results: the words of a command."""


def show(
    title: str,
    questions: Mapping[str, Question],
    scenarios: Path,
    results: Path,
    lock: AbstractContextManager[Any],
) -> None:
    """The page, from top to bottom."""
    st.title(title)
    asked = st.segmented_control("Question", list(questions), default=next(iter(questions)), key=f"{title} question",
                                 label_visibility="collapsed")  # fmt: skip
    if asked is None:
        st.info("Choose a question.")
        return
    with st.sidebar:
        words = questions[asked](scenarios, results)
        ready = all(word for word in words if isinstance(word, Chosen))
        pressed = st.button("Answer", type="primary", width="stretch", disabled=not ready)
    answers: dict[str, Any] = st.session_state.setdefault("answers", {})
    if pressed:
        answers.pop(asked, None)
        with lock, st.spinner("Working"), TemporaryDirectory() as folder:
            run(asked, words, Path(folder), answers)
    if asked in answers:
        answer(answers[asked])
    elif not pressed:
        st.info(
            "Fill in what you know and press Answer."
            if ready
            else "Choose a file, or upload one, and press Answer."
        )


def run(asked: str, words: Words, folder: Path, answers: dict[str, Any]) -> None:
    """Answer the question, or say why not."""
    places = [str(word.on_disk(folder)) if isinstance(word, Chosen) else word for word in words]
    try:
        arguments = parsed([*places, "--quiet"])
        document = arguments.answer(arguments)
        if "provenance" in document:
            inputs = document["provenance"]["inputs"]
            document["provenance"]["inputs"] = {Path(name).name: digest for name, digest in inputs.items()}
        parts = import_module(f"simcost.report.{arguments.report}").parts(document)
        answers[asked] = {
            "document": document,
            "parts": parts,
            "command": shlex.join(
                ["simcost", *(word.name if isinstance(word, Chosen) else word for word in words)]
            ),
            "html": page(arguments.report.replace("_", " "), document, parts),
        }
    except (SimcostError, OSError) as error:
        told = str(error)
        for place in {str(Path(place).parent) for place in places if place.startswith("/")}:
            told = told.replace(f"{place}/", "")
        for line in told.splitlines():
            st.error(plain(line))


def answer(found: dict[str, Any]) -> None:
    """Verdict, tables, charts, files, command."""
    st.header(plain(found["document"]["verdict"]))
    body(found["parts"])
    st.caption("The same on the command line")
    st.code(found["command"], language="sh", wrap_lines=True)
    files = {
        "answer.json": (json.dumps(found["document"], allow_nan=False, indent=1), "application/json"),
        "answer.html": (found["html"], "text/html"),
    }
    for column, (file, (content, kind)) in zip(st.columns(2), files.items(), strict=True):
        column.download_button(f"Download {file}", content.encode(), file, kind, on_click="ignore")
