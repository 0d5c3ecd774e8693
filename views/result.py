"""A finished result on the page: verdict, tables, charts, files."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from simcost.errors import SimcostError
from simcost.present.chart_style import to_spec
from simcost.present.html import bullets
from simcost.present.parts import Part, provenance
from simcost.studies.plans import sections
from views.table import table
from views.text import plain


def show(folder: Path) -> None:
    """The whole result, or why it cannot be read."""
    try:
        document, shown = sections.read(folder)
    except SimcostError as error:
        st.error(plain(str(error)))
        return
    st.header(plain(document["verdict"]))
    body(sections.parts(document, shown))
    with st.expander("Provenance"):
        st.dataframe(provenance(document), hide_index=True)
    offer(folder, document["scenario"])


def body(parts: Sequence[Part]) -> None:
    """Each part under its heading; a chart has its own."""
    for part in parts:
        if part.rows and part.closed:
            with st.expander(plain(part.title)):
                table(part.rows)
            continue
        if part.rows or part.said:
            st.subheader(plain(part.title))
        if part.rows:
            table(part.rows)
        if part.said:
            st.html(bullets(part.said))
        if part.chart:
            st.vega_lite_chart(spec=to_spec(part.chart()), theme=None, width="content")


def offer(folder: Path, scenario: str) -> None:
    """Buttons to take the result along."""
    kinds = {"result.json": "application/json", "report.html": "text/html"}
    for column, (name, kind) in zip(st.columns(2), kinds.items(), strict=True):
        if (folder / name).is_file():
            file = (folder / name).read_bytes()
            column.download_button(f"Download {name}", file, f"{scenario}-{name}", kind, on_click="ignore")
