"""The page of the catalog: models, hardware and prices that simcost knows, with their sources."""

import shlex
from typing import Any

import streamlit as st

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.documents import KINDS, catalog_list, catalog_show
from simcost.errors import InputError
from simcost.studies.argument_types import condition
from simcost.studies.catalog.view import parts
from views.result import body
from views.table import table
from views.text import plain, same_command

FIRST = "offers"
EXAMPLE = "e.g. h100 us-east-1, or accelerator=l4 region=us-*"
HELP = (
    "Words that a row has, and `COLUMN=VALUE`: what a column of the facts holds, exactly, or with `*` how it begins. "
    "Values of one column are alternatives."
)
_NAMED = ("accelerators", "models", "offers", "token-prices")
"""Kinds whose rows have a name that can be looked up."""


def show() -> None:
    """The page, from top to bottom."""
    st.title("Catalog")
    st.caption(
        "Facts that answers rest on, with source, date and quality. "
        "Your own stand in a folder that a scenario names: `catalog: FOLDER`."
    )
    left, right = st.columns([1, 2])
    kind = left.selectbox("Kind", list(KINDS), index=list(KINDS).index(FIRST), key="catalog kind", bind="query-params")
    wanted = right.text_input("Rows with", placeholder=EXAMPLE, help=HELP, key="catalog words")
    catalog, (where, words) = _catalog(), _asked(wanted)
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
    chosen = table(rows, key=key, selection="single-row").selection.rows if kind in _NAMED else []
    if kind not in _NAMED:
        table(rows)
    for line in listed.said:
        st.caption(plain(line))
    if chosen and chosen[0] < len(rows):
        _facts(catalog, next(iter(rows[chosen[0]].values())))
    elif kind in _NAMED:
        st.info("Select a row (by keyboard with Shift+Space) for all that is known of it.")
    if not words:  # the command has no search of words
        same_command(shlex.join(["simcost", "catalog", "list", kind, *(f"--where={at}={one}" for at, one in where)]))


@st.cache_resource(show_spinner=False)
def _catalog() -> Catalog:
    return load_catalog()


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


def _facts(catalog: Catalog, name: str) -> None:
    """Everything about one name."""
    try:
        found = catalog_show(catalog, name)
    except InputError as error:
        st.error(plain(str(error)))
        return
    st.subheader(plain(name), anchor=False)
    body(parts(found))
    same_command(f"simcost catalog show {name}")
