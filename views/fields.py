"""Fields of a page that keep what was written, chosen or uploaded while other pages and questions are looked at."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from views.text import plain

_PAGE, _UPLOADS = "page of fields", "uploads"


def begin(page: str) -> None:
    """The page or question that the fields drawn next belong to: those of another may have the same labels."""
    st.session_state[_PAGE] = page


def _kept(widget: Callable[..., Any]) -> Callable[..., Any]:
    def field(label: str, *args: Any, key: str | None = None, **more: Any) -> Any:
        own = key or f"{st.session_state.get(_PAGE, '')}: {label}"
        return widget(label, *args, key=own, persist_state="session", **more)

    return field


text: Callable[..., str] = _kept(st.text_input)
area: Callable[..., str] = _kept(st.text_area)
number: Callable[..., Any] = _kept(st.number_input)
choice: Callable[..., Any] = _kept(st.selectbox)
choices: Callable[..., list[Any]] = _kept(st.multiselect)
check: Callable[..., bool] = _kept(st.checkbox)
slider: Callable[..., Any] = _kept(st.slider)


def upload(label: str, kinds: Sequence[str], key: str) -> Any:
    """A file of the user's own; None where there is none. Streamlit forgets it with the page: it is kept here."""
    uploads: dict[str, Any] = st.session_state.setdefault(_UPLOADS, {})
    shown = st.file_uploader(label, type=list(kinds), key=key, on_change=_take, args=(key,))
    if shown is not None:
        uploads[key] = shown
    elif key in uploads:
        st.caption(plain(f"{uploads[key].name} is still chosen."))
        st.button("Leave it out", key=f"leave out {key}", on_click=uploads.pop, args=(key, None))
    return uploads.get(key)


def _take(key: str) -> None:
    """The user removed the file: it is gone here too."""
    if st.session_state[key] is None:
        st.session_state[_UPLOADS].pop(key, None)
