"""The page of the catalog: models, hardware and prices that simcost knows, with their sources."""

import shlex
import threading
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.documents import KINDS, catalog_list, catalog_show
from simcost.errors import InputError, SimcostError
from simcost.scenario.storage.folders import stamp_of
from simcost.studies.argument_types import condition
from simcost.studies.catalog.view import parts
from views import ask
from views.own_facts import ADD, FOLDER
from views.result import body
from views.table import table
from views.text import plain, same_command

KNOWN, ADDED = "Known facts", "Add your own"
OWN = ("--catalog", FOLDER)
FIRST = "offers"
EXAMPLE = "e.g. h100 us-east-1, or accelerator=l4 region=us-*"
HELP = (
    "Words that a row has, and `COLUMN=VALUE`: what a column of the facts holds, exactly, or with `*` how it begins. "
    "Values of one column are alternatives."
)
_NAMED = ("accelerators", "models", "offers", "token-prices")
"""Kinds whose rows have a name that can be looked up."""


def show(scenarios: Path, results: Path, lock: threading.Lock) -> None:
    """The page, from top to bottom."""
    st.title("Catalog")
    st.caption(
        "Facts that answers rest on, with source, date and quality. "
        f"Your own are taken by a scenario that says `catalog: {FOLDER}`."
    )
    part = st.segmented_control(
        "Part",
        [KNOWN, ADDED],
        default=KNOWN,
        required=True,
        key="catalog part",
        label_visibility="collapsed",
        persist_state="session",
    )
    if part == ADDED:
        ask.ask(ADDED, ADD, scenarios, results, lock)
    else:
        _known(scenarios / FOLDER)


def _known(folder: Path) -> None:
    """Facts of a kind, and all about one name."""
    own = folder.is_dir() and st.checkbox(
        f"With your own, of the folder {FOLDER}", value=True, key="with your own", persist_state="session"
    )
    try:
        catalog = _catalog(folder, stamp_of(folder)) if own else _catalog(None, None)
    except SimcostError as error:
        st.error(plain(str(error).replace(f"{folder.parent}/", "")))
        return
    left, right = st.columns([1, 2])
    kind = left.selectbox("Kind", list(KINDS), index=list(KINDS).index(FIRST), key="catalog kind", bind="query-params")
    wanted = right.text_input("Rows with", placeholder=EXAMPLE, help=HELP, key="catalog words", persist_state="session")
    where, words = _asked(wanted)
    try:
        document = catalog_list(catalog, kind, where)
    except InputError as error:
        st.error(plain(str(error)))
        return
    if not document["rows"]:
        st.info(f"The catalog has no {kind}. A folder of your own may: `simcost catalog list {kind} --catalog DIR`.")
        return
    [listed] = parts(_having(document, words))
    if not listed.rows:
        st.info("No row has all these words.")
        return
    rows = listed.rows
    key = f"catalog {kind} {wanted}"  # of other rows none is selected
    chosen = table(rows, kind, key=key, selection="single-row").selection.rows if kind in _NAMED else []
    if kind not in _NAMED:
        table(rows, kind)
    for line in listed.said:
        st.caption(plain(line))
    if chosen and chosen[0] < len(rows):
        _facts(catalog, next(iter(rows[chosen[0]].values())), own=own)
    elif kind in _NAMED:
        st.info("Select a row (by keyboard with Shift+Space) for all that is known of it.")
    if not words:  # the command has no search of words
        conditions = [f"--where={at}={one}" for at, one in where]
        same_command(shlex.join(["simcost", "catalog", "list", kind, *conditions, *(OWN if own else ())]))


@st.cache_resource(show_spinner=False, max_entries=4)
def _catalog(folder: Path | None, stamp: object) -> Catalog:
    """The catalog with the facts of a folder, read again where a file of it has changed. Raises SimcostError."""
    del stamp
    return load_catalog(folder)


def _asked(wanted: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Conditions on columns, and the other words; quotes hold together what has blanks."""
    try:
        parts_of = shlex.split(wanted)
    except ValueError:  # a quote is open
        parts_of = wanted.split()
    where = [condition(word) for word in parts_of if word.find("=") > 0]
    return where, [word.lower() for word in parts_of if word.find("=") <= 0]


def _having(document: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """The facts whose rows have all the words."""
    [listed] = parts(document)
    texts = [" ".join(row.values()).lower() for row in listed.rows or ()]
    kept = [fact for fact, text in zip(document["rows"], texts, strict=True) if all(word in text for word in words)]
    return document | {"rows": kept}


def _facts(catalog: Catalog, name: str, *, own: bool) -> None:
    """Everything about one name."""
    try:
        found = catalog_show(catalog, name)
    except InputError as error:
        st.error(plain(str(error)))
        return
    st.subheader(plain(name), anchor=False)
    body(parts(found))
    same_command(shlex.join(["simcost", "catalog", "show", name, *(OWN if own else ())]))
