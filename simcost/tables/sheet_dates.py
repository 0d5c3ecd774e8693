"""Dates as spreadsheets store them: days since 1899-12-30, which exports of cells without a date format hold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_FIRST, _END = 36_526.0, 73_051.0
"""The years 2000 to 2099."""


def sheet_dates(numbers: npt.NDArray[np.floating[Any]]) -> str:
    """Sentence on numbers that are dates of our time as spreadsheets store them; empty = not all of them are."""
    if len(numbers) < 2 or not (numbers.min() >= _FIRST and numbers.max() < _END):
        return ""
    first = float(numbers[0])
    date = (_ZERO + timedelta(days=first)).isoformat(" ", "minutes")[:16]
    return (
        f"{first:.10g} and the others would be dates of a spreadsheet, {date} and so on, which it stores as days since "
        "1899-12-30: if they are, format the column there as yyyy-mm-dd hh:mm:ss, and export it again"
    )
