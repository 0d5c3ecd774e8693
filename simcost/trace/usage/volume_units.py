"""Units of volumes in files of usage: GB that are kept or sent, or GB-months or GB-hours in all of a row."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.focus.lines import unit_of
from simcost.trace.usage.usage import Floats
from simcost.units import SECONDS_PER_HOUR


def in_gb(table: TypedTable) -> Flags:
    """Rows that say GB."""
    return _units(table, ("", "GB"))


def in_all(table: TypedTable) -> Flags:
    """Rows that say GB-months or GB-hours in all, however many GB were there at a time."""
    return _units(table, ("GB-month", "GB-h"))


def _units(table: TypedTable, units: Collection[str]) -> Flags:
    known = [text for text in table.texts("unit") if unit_of(text) in {(1.0, unit) for unit in units}]
    return table.where("unit", lambda text: pc.is_in(text, pa.array(known, pa.string())))


def kept_at_a_time(table: TypedTable, quantity: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """GB that were kept from start to end, of rows that say GB-months or GB-hours in all."""
    hours = (end_s - start_s) / SECONDS_PER_HOUR
    by_hours = np.divide(quantity, hours, out=np.zeros_like(hours), where=hours > 0)
    return np.where(_units(table, ("GB-h",)), by_hours, gb_at_a_time(quantity, start_s, end_s))


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
