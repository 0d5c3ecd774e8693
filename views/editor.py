"""The editor of a scenario's text: colours, faults at their lines, and the completion of the schema.

It is a component of our own, of `editor.js` and `editor.css`, around a plain text area: docs/design.md says why.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import time_ns
from typing import Any

import streamlit as st

from simcost.errors import Fault
from views import drafts

NAME = "simcost_editor"
LABEL = "Scenario as YAML: edit it or paste your own"


def show(draft: drafts.Draft, faults: Sequence[Fault], *, is_open: bool = True) -> None:
    """The text of a scenario, which the user may edit or paste over; to be drawn in a fragment, as it is often.

    Args:
        draft: the scenario and its text.
        faults: of this text.
        is_open: False where it is behind another tab, and need not be loaded.
    """
    if is_open:
        _draw(draft, faults)
    if st.session_state.pop("text taken", False):
        st.rerun()  # of the whole page: its levers, faults and badge follow the text


def _draw(draft: drafts.Draft, faults: Sequence[Fault]) -> None:
    """The component, with what it asked for while its user types."""
    key, text = f"editor of {draft.file.name}", _text(draft.file)
    turns = st.session_state.setdefault("turns of editors", {})
    answer = st.session_state.pop(f"answer of {key}", {"faults": faults, "text": draft.text, "completion": None})
    _component()(
        key=key,
        data={
            "label": LABEL,
            "longest": drafts.LONGEST,
            "text": text,
            "turn": turns.setdefault(key, time_ns() // 1_000_000),  # later than those of an ended session
            "faults": [{"line": one.line, "message": _message(one)} for one in answer["faults"]],
            "checked": answer["text"],
            "completion": answer["completion"],
        },
        on_typed_change=lambda: _take(key, draft.file),
    )


def keep() -> None:
    """Put what is typed and not yet applied into the drafts, as another page is looked at."""
    for file in list(_typed()):
        drafts.write(file, _text(file))
    _typed().clear()


def _text(file: Path) -> str:
    """The text that is typed, unless a lever or an upload has changed the draft since; then the draft."""
    draft = drafts.draft(file).text
    before, text = _typed().get(file, (draft, draft))
    return text if before == draft else draft


def _typed() -> dict[Path, tuple[str, str]]:
    """By scenario, the draft and the text that is being typed in its place."""
    found: dict[Path, tuple[str, str]] = st.session_state.setdefault("typed", {})
    return found


def _component() -> Callable[..., Any]:
    """The component, known to this server."""
    return st.components.v2.component(
        NAME, html='<div class="simcost-editor"></div>', css=_file("css"), js=_file("js"), isolate_styles=False
    )


@cache
def _file(kind: str) -> str:
    return Path(__file__).with_suffix(f".{kind}").read_text(encoding="utf-8")


def _take(key: str, file: Path) -> None:
    """Put the text of the editor into the draft; the page follows it, or it is checked while its user types on."""
    event = st.session_state.get(key, {}).get("typed")
    turns = st.session_state["turns of editors"]
    if not event or event["turn"] <= turns[key]:
        return
    turns[key], text, halves = event["turn"], _clean(event["text"]), event["halves"]
    if event["apply"]:
        _typed().pop(file, None)
        drafts.write(file, text)
        st.session_state["text taken"] = True
        return
    _typed()[file] = (drafts.draft(file).text, text)
    st.session_state[f"answer of {key}"] = {
        "text": text,
        "faults": drafts.Draft(file=file, text=text).faults(),
        "completion": halves and _completion(event["turn"], _clean(halves["before"]), _clean(halves["after"])),
    }


def _clean(text: str) -> str:
    """A text of a browser that can be stored: not too long, and without halves of surrogate pairs."""
    return text[: drafts.LONGEST].encode("utf-8", errors="replace").decode("utf-8")


def _completion(question: int, before: str, after: str) -> dict[str, Any]:
    from simcost.catalog import load_catalog
    from simcost.scenario.files.completion import catalog_names, complete

    found = complete(before, after, catalog_names(load_catalog()))
    suggestions = [(one.text, one.meaning) for one in found.suggestions]
    return {"question": question, "before": found.before, "after": found.after, "suggestions": suggestions}


def _message(fault: Fault) -> str:
    return f"{fault.path}: {fault.message}" if fault.path else fault.message
