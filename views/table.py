"""Tables on the page: numbers are columns of numbers, which sort by value and show as the text of the report."""

from math import inf, isfinite, nextafter
from typing import Any

import streamlit as st

from simcost.present.format import in_full, sentence_case
from simcost.present.markdown import BEST
from simcost.present.parts import Table
from simcost.units import Formatted
from views.text import plain

NONE = "\N{EN DASH}"
LONG, MOST_PX = 24, 580
"""Characters of a text that would be cut in a column of the usual width, and the widest column."""
SENTENCE, MOST_ROWS = 90, 40
"""Characters of a text that no column can show on one line, and rows of a table whose lines break."""
NARROW_PX, NUMBER_PX = 435, 85
"""Width of a table on a page of 800 pixels, and of a column of numbers."""
NAME_PX, NAME_ROW_PX, HEAD_PX, MOST_SEEN = 210, 62, 38, 10
"""Of a table that is too narrow for its texts and numbers: width of a column whose texts break, height of a row of
three lines, as Streamlit breaks none in rows that are lower, and of the head, and rows that are seen at a time."""

TINT = "background-color: rgba(0, 114, 178, 0.12)"
"""Of the row of the best plan."""


def table(rows: Table, title: str, **options: Any) -> Any:
    """The rows of a report.

    Args:
        rows: as parts have them.
        title: of the table, as screen readers say it.
        options: `key`, and with `selection` the way in which rows are selected; what is selected is returned, and
            `on_select` is called where it changes.
    """
    import numpy as np
    import pandas as pd

    rows = [{sentence_case(name): cell for name, cell in row.items()} for row in rows]
    if (
        "selection" not in options
        and len(rows) <= MOST_ROWS
        and any(_longest(rows, name) > SENTENCE for name in rows[0])
    ):
        return st.table([{name: _marked(cell) for name, cell in row.items()} for row in rows], hide_index=True)
    numbers = [name for name in rows[0] if _is_numeric([row[name] for row in rows])]
    frame = pd.DataFrame({name: _column(rows, name, numeric=name in numbers) for name in rows[0]})
    style = frame.style.format({name: _texts(rows, name).__getitem__ for name in numbers}, na_rep=NONE)
    marked = [any(cell.endswith(BEST) for cell in row.values()) for row in rows]
    if any(marked):
        tints = np.where(np.array(marked)[:, None], TINT, "").repeat(len(rows[0]), axis=1)
        style = style.apply(lambda _frame: tints, axis=None)
    widths = {name: 7 * _longest(rows, name) for name in rows[0] if name not in numbers}
    fits = sum(widths.values()) + NUMBER_PX * len(numbers) <= NARROW_PX or all(
        width <= NAME_PX for width in widths.values()
    )
    breaks = len(rows) <= MOST_ROWS and "selection" not in options and not fits  # a list to choose from stays dense
    most_px = NAME_PX if breaks else MOST_PX
    options["column_config"] = {
        name: st.column_config.Column(width=min(width, most_px)) for name, width in widths.items() if width > 7 * LONG
    }
    if breaks:
        options |= {"row_height": NAME_ROW_PX, "height": HEAD_PX + NAME_ROW_PX * min(len(rows), MOST_SEEN)}
    selection = options.pop("selection", None)
    if selection:
        options = {"on_select": "rerun"} | options | {"selection_mode": selection}
    return st.dataframe(style, hide_index=True, placeholder=NONE, alt=title or None, **options)


def _marked(cell: str) -> str:
    """A cell as Markdown, of which it has code alone."""
    return "`".join(plain(part) if i % 2 == 0 else part for i, part in enumerate(in_full(cell).split("`")))


def _longest(rows: Table, name: str) -> int:
    """Characters of the longest cell."""
    return max(len(in_full(row[name])) for row in rows)


def _is_numeric(cells: list[str]) -> bool:
    """True if cells are numbers, but for some that say in words that there is none."""
    words = [cell for cell in cells if not isinstance(cell, Formatted)]
    return len(words) < len(cells) and not any(letter.isdigit() for cell in words for letter in cell)


def _column(rows: Table, name: str, *, numeric: bool) -> Any:
    """The cells as floats, or as objects, which cost less time here than the strings of pandas."""
    import numpy as np

    if numeric:
        return np.array([value for value, _ in _values(rows, name)], np.float64)
    return np.array([in_full(row[name]) for row in rows], object)


def _texts(rows: Table, name: str) -> dict[Any, str]:
    return {value: text for value, text in _values(rows, name) if value is not None}


def _values(rows: Table, name: str) -> list[tuple[float | None, str]]:
    """Value and text of each cell; the texts go by their values, so those of two texts differ in the last digit."""
    found: dict[float, str] = {}
    values = []
    for cell in (row[name] for row in rows):
        value = cell.value if isinstance(cell, Formatted) else None
        while value is not None and isfinite(value) and found.setdefault(value, str(cell)) != str(cell):
            value = nextafter(value, inf)
        values.append((value, str(cell)))
    return values
