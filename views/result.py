"""A finished result on the page: verdict, tables, charts, files."""

import re
from pathlib import Path

import streamlit as st

from simcost.errors import SimcostError
from simcost.report import futures, html, job_tables, tables
from simcost.report.page import bullets
from simcost.report.style import to_spec


def show(folder: Path) -> None:
    """The whole result, or why it cannot be read."""
    try:
        document, shown = html.read(folder)
    except SimcostError as error:
        st.error(plain(str(error)))
        return
    st.header(plain(document["verdict"]))
    st.dataframe(tables.comparison(document), hide_index=True)
    over = futures.table(document)
    if over:
        st.subheader("Over the futures")
        st.dataframe(over, hide_index=True)
    for title, points in (
        ("What not knowing the demand costs", futures.sentences(document)),
        ("Targets missed", tables.missed(document)),
        ("What drives the difference", document["drivers"]),
    ):
        if points:
            st.subheader(title)
            st.html(bullets(points))
    for _, chart in html.pictures(document, shown):
        st.vega_lite_chart(spec=to_spec(chart), theme=None, width="content")
    sides = {
        "Jobs": (job_tables.times(document), job_tables.gpu_time(document)),
        "Requests": (tables.objectives(document), tables.service_levels(document)),
    }
    for title, rows in sides.items():
        if rows[0]:
            st.subheader(title)
            for one in rows:
                st.dataframe(one, hide_index=True)
    if "demand" in document:
        st.subheader("Demand")
        st.html(bullets(futures.demand_sentences(document["demand"])))
    with st.expander("Assumptions and provenance"):
        st.html(bullets(document["assumptions"]))
        st.dataframe(tables.provenance(document), hide_index=True)
    offer(folder, document["scenario"])


def offer(folder: Path, scenario: str) -> None:
    """Buttons to take the result along."""
    kinds = {"result.json": "application/json", "report.html": "text/html"}
    for column, (name, kind) in zip(st.columns(2), kinds.items(), strict=True):
        if (folder / name).is_file():
            file = (folder / name).read_bytes()
            column.download_button(f"Download {name}", file, f"{scenario}-{name}", kind, on_click="ignore")


def plain(text: str) -> str:
    """Text that Markdown shows as it is: money is no formula, an underscore no emphasis."""
    return re.sub(r"([\\`*_\[\]<>#~$:|])", r"\\\1", text)
