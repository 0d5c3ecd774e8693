"""The page of the catalog: models, hardware and prices that simcost knows, with their sources."""

from typing import Any

import streamlit as st

from simcost.catalog import Catalog, load_catalog
from simcost.catalog.documents import KINDS, catalog_list, catalog_show
from simcost.errors import InputError
from simcost.studies.catalog.view import parts
from views.result import body
from views.table import table
from views.text import plain, same_command

FIRST = "offers"
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
    wanted = right.text_input("Rows with", placeholder="e.g. h100 us-east-1", key="catalog words")
    catalog = _catalog()
    [listed] = parts(catalog_list(catalog, kind))
    if not listed.rows:
        st.info(f"The catalog has no {kind}. A folder of your own may: `simcost catalog list {kind} --catalog DIR`.")
        return
    rows = [row for row in listed.rows if _has(row, wanted)]
    if not rows:
        st.info("No row has all these words.")
        return
    chosen = table(rows, key=f"catalog {kind}", selection="single-row").selection.rows if kind in _NAMED else []
    if kind not in _NAMED:
        table(rows)
    for line in listed.said:
        st.caption(plain(line))
    if chosen and chosen[0] < len(rows):
        _facts(catalog, next(iter(rows[chosen[0]].values())))
    elif kind in _NAMED:
        st.info("Select a row (by keyboard with Shift+Space) for all that is known of it.")
    same_command(f"simcost catalog list {kind}")


@st.cache_resource(show_spinner=False)
def _catalog() -> Catalog:
    return load_catalog()


def _has(row: Any, wanted: str) -> bool:
    """True if a row has all the words."""
    text = " ".join(row.values()).lower()
    return all(word in text for word in wanted.lower().split())


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
