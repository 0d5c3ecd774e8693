"""Cells of a table of demand: names, dates, and messages about those that cannot be read."""

import math
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import LARGEST, Ints, as_text
from simcost.trace.series.columns import BY, REGRESSOR, SERIES, TIMESTAMP, VALUE
from simcost.trace.series.from_traces import joined

_OTHER_DATES = {r"^\s*(\d{4}-\d\d)\s*$": r"\1-01", r"^\s*((?:19|20)\d\d)([01]\d)([0-3]\d)\s*$": r"\1-\2-\3"}


def labels(columns: Mapping[str, pa.Array], otherwise: str) -> pa.Array:
    """The name of each row's series; `otherwise` if the table names none."""
    by = [as_text(columns[name]) for name in columns if name.startswith(BY)]
    if by:
        return joined(by)
    return as_text(columns[SERIES]) if SERIES in columns else pa.array([otherwise] * len(columns[VALUE]))


def codes(known: dict[str, int], text: pa.Array) -> Ints:
    """Each text as its number in `known`, which learns new ones; null is the empty text."""
    encoded = pc.fill_null(text, "").dictionary_encode()
    numbers = [known.setdefault(word, len(known)) for word in encoded.dictionary.to_pylist()]
    codes: Ints = np.array(numbers, np.int64)[encoded.indices.to_numpy()]
    return codes


def dates(column: pa.Array) -> pa.Array:
    """Text such as `2024-05` or `20240512`, and integers such as the latter, as ISO dates."""
    if pa.types.is_timestamp(column.type) or pa.types.is_floating(column.type):
        return column
    text = as_text(column)
    first = next((cell.as_py() for cell in text if cell.is_valid and cell.as_py()), "")
    for pattern, iso in _OTHER_DATES.items():
        if re.match(pattern, first):
            return pc.replace_substring_regex(text, pattern, iso)
    return column


def wrong(ours: str, cell: str) -> str:
    """Message about a wrong cell, as `written` has it, and what to write."""
    if not cell:
        return "the cell is empty" + ("; write 0 or the value" if ours.startswith(REGRESSOR) else "")
    shown = repr(cell if len(cell) <= 40 else cell[:40] + "...")
    if ours == TIMESTAMP:
        return f"{shown} is not a time, or out of range; write ISO time, as 2024-05-12T08:00:00Z, or epoch seconds"
    if re.match(r"-(?!inf)", cell) and ours == VALUE:
        return f"{shown} is negative, but demand cannot be; leave it empty if it is unknown"
    if _number(cell) > LARGEST and ours == VALUE:
        return f"{shown} is beyond any demand; leave it empty if it is unknown"
    return f"{shown} is not a number; write digits with a decimal point, or leave it empty if it is unknown"


def _number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
