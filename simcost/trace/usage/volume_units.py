"""Units of volumes in files of usage: GB that are kept or sent, or GB-months in all of a row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.usage.usage import Floats

_GB = ("", "gb")
_GB_MONTHS = ("gb-month", "gb-months", "gb-mo")


def in_gb(table: TypedTable) -> Flags:
    """Rows that say GB."""
    return table.where("unit", lambda unit: pc.is_in(pc.utf8_lower(unit), pa.array(_GB)))


def in_months(table: TypedTable) -> Flags:
    """Rows that say GB-months in all, however many GB were there at a time."""
    return table.where("unit", lambda unit: pc.is_in(pc.utf8_lower(unit), pa.array(_GB_MONTHS)))


def gb_at_a_time(gb_months: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """GB that were kept from start to end, where they are so many GB-months of calendar months.

    >>> day = np.array([1772323200.0])  # the first day of March 2026
    >>> gb_at_a_time(np.array([2.0]), day, day + 86400.0).round(9).tolist()
    [62.0]
    """
    months = _months(end_s) - _months(start_s)
    return np.divide(gb_months, months, out=np.zeros_like(months), where=months > 0)


def _months(time_s: Floats) -> Floats:
    """Calendar months (UTC) since January 1970, the part of the last one included."""
    month = np.floor(time_s).astype(np.int64).astype("datetime64[s]").astype("datetime64[M]")
    steps = np.array([[0], [1]], "timedelta64[M]")
    start, end = (month + steps).astype("datetime64[s]").astype(np.int64)
    result: Floats = month.astype(np.int64).astype(np.float64) + (time_s - start) / (end - start)
    return result
