"""A page of questions: ask one, look at the answer, take it and the command along."""

import json
import shlex
import threading
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from simcost.cli.main import parsed
from simcost.documents import to_document
from simcost.errors import InputError, SimcostError
from simcost.present.parts import page
from simcost.progress import heard_by
from views import background, fields
from views.charts import drawn_once
from views.files import COLUMNS, Chosen, Words, Written, numbered
from views.result import body
from views.text import headline, on_page, plain, same_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, which a command answers."""

    ask: Callable[[Path, Path], Words]
    """Asks for what it needs to know, given the folders of scenarios and results: the words of a command."""
    needs: str
    """Markdown: the input it takes, shown until there is an answer."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Its fields that other pages do not have, by their options."""
    button: str = "Answer"
    """Label of the button that asks it."""


def show(
    title: str,
    questions: Mapping[str, Question],
    scenarios: Path,
    results: Path,
    lock: threading.Lock,
) -> None:
    """The page, from top to bottom."""
    st.title(title)
    asked = st.segmented_control(
        "Question",
        list(questions),
        default=next(iter(questions)),
        required=True,
        key=f"{title} question",
        label_visibility="collapsed",
        persist_state="session",
    )
    ask(asked, questions[asked], scenarios, results, lock)


def ask(asked: str, question: Question, scenarios: Path, results: Path, lock: threading.Lock) -> None:
    """Fields of a question in the sidebar, and its answer."""
    fields.begin(asked)
    with st.sidebar:
        words = question.ask(scenarios, results)
        ready = all(word for word in words if isinstance(word, Chosen))
        finished = background.taken(asked)
        busy = asked in background.works()
        pressed = st.button(question.button, type="primary", width="stretch", disabled=busy or not ready)
    answers: dict[str, Any] = st.session_state.setdefault("answers", {})
    if pressed:
        answers.pop(asked, None)
        background.start(asked, partial(run, words), lock, f"the answer to '{asked}'")
    if finished is not None:
        answers[asked] = finished.result
        for line in finished.error.splitlines():
            st.error(plain(on_page(line, COLUMNS, question.fields)))
    if asked in background.works():
        background.watch(asked)
    elif answers.get(asked):
        if answers[asked]["of"] != told_apart(words):
            st.warning(f"This answers an earlier question; press {question.button} for what is asked now.")
        answer(answers[asked], question)
    elif finished is None or finished.cancelled.is_set():
        then = "Then press" if ready else "Choose on the left what is missing, then press"
        st.info(f"{question.needs} {then} {question.button}.")


def shown(words: Words) -> list[str]:
    """The words of the command, files by their names."""
    return [word.name if isinstance(word, Chosen) else word for word in words]


def told_apart(words: Words) -> list[Any]:
    """The words, files by what tells those of one name apart."""
    return [word.identity if isinstance(word, Chosen) else word for word in words]


def run(words: Words, tell: background.Progress) -> dict[str, Any]:
    """The answer to a question.

    Raises:
        InputError: why there is none, without the places where files lay for a moment.
    """
    tell(0.0, "Works")
    words = numbered(words)
    with TemporaryDirectory() as folder:
        places = [str(word.on_disk(Path(folder))) if isinstance(word, Chosen) else word for word in words]
        try:
            with heard_by(lambda share, note: tell(share, note or "Works")):
                return _answered(words, places)
        except (SimcostError, OSError) as error:
            raise InputError(_placeless(str(error), places)) from error


def _placeless(value: Any, places: list[str]) -> Any:
    """Texts, also those of mappings and lists, with files by their names: the folders are those of this machine."""
    if isinstance(value, dict):
        return {_placeless(key, places): _placeless(child, places) for key, child in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_placeless(child, places) for child in value)
    if isinstance(value, str):
        folders = {f"{Path(place).parent}/" for place in places if place.startswith("/")}
        for folder in sorted(folders, key=len, reverse=True):  # a folder before the one that it lies in
            value = value.replace(folder, "") if folder in value else value
    return value


def _answered(words: Words, places: list[str]) -> dict[str, Any]:
    arguments = parsed([*places, "--quiet"])
    result, view = _result(arguments)
    if isinstance(result, dict):
        result = _placeless(result, places)
    document = _placeless(to_document(result), places)
    if "provenance" in document:
        inputs = document["provenance"]["inputs"]
        document["provenance"]["inputs"] = {Path(name).name: digest for name, digest in inputs.items()}
    parts = import_module(f"simcost.studies.{view}").parts(result)
    return {
        "document": document,
        "parts": drawn_once(parts),
        "of": told_apart(words),
        "command": shlex.join(["simcost", *shown(words)]),
        "html": page(arguments.title, document, parts) if "verdict" in document else "",
        "written": {word.title: word.text for word in words if isinstance(word, Written)},
    }


def _result(arguments: Namespace) -> tuple[Any, str]:
    """The result of a command, and the module that lays it out; of a command that writes files too."""
    if "answer" in arguments:
        return arguments.answer(arguments), arguments.view
    shown: list[tuple[Any, str]] = []
    arguments.shown = lambda result, view: shown.append((result, view))
    arguments.verb(arguments)
    return shown[-1]


def answer(found: dict[str, Any], question: Question) -> None:
    """Verdict, tables, charts, files, command of the answer to a question."""
    if verdict := found["document"].get("verdict"):
        headline(verdict)
    body(found["parts"], COLUMNS, question.fields)
    same_command(found["command"])
    files = {
        "answer.json": (json.dumps(found["document"], allow_nan=False, indent=1), "application/json"),
        **({"answer.html": (found["html"], "text/html")} if found["html"] else {}),
        **{name: (text, "application/yaml") for name, text in found["written"].items()},
    }
    with st.container(horizontal=True):
        for file, (content, kind) in files.items():
            st.download_button(f"Download {file}", content.encode(), file, kind, on_click="ignore")
