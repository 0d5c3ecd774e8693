"""Units of machine time in files of usage: machines that ran at a time, or hours, minutes and seconds in all."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import nan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.focus.lines import unit_of
from simcost.trace.usage.usage import HOURLY, Floats
from simcost.units import how_many

_AT_A_TIME = ("", HOURLY, "instances")
"""Units of quantities that are machines which ran all the time."""


@lru_cache(1024)
def hours_per(unit: str) -> float:
    """Hours of a machine in a unit of time in all, however many ran at a time; NaN of units that are not.

    >>> hours_per("Hrs"), hours_per("Seconds") * 3600, hours_per("h")
    (1.0, 1.0, nan)
    """
    if unit.strip().lower() in _AT_A_TIME:
        return nan
    factor, found = unit_of(unit)
    return factor if found == HOURLY else nan


def hours_per_unit(table: TypedTable) -> Floats:
    """The same of the unit of each row."""
    if "unit" not in table:
        return np.full(len(table), nan)
    factors: Floats = np.array([*map(hours_per, table.texts("unit")), nan])[table.codes["unit"]]
    return factors


def in_all(table: TypedTable) -> Flags:
    """Rows that say hours in all, or parts of hours."""
    return ~np.isnan(hours_per_unit(table))


def are_times(units: pa.Array) -> pa.Array:
    """Flags of the units, in lower case, that are machines or their time."""
    known = [unit for unit in pc.unique(units).to_pylist() if unit in _AT_A_TIME or hours_per(unit) > 0]
    return pc.is_in(units, pa.array(known, pa.string()))


def converted(table: TypedTable) -> dict[str, int]:
    """Rows by their unit, where it is a time other than an hour."""
    if "unit" not in table:
        return {}
    counts = np.bincount(table.codes["unit"], minlength=len(table.texts("unit")))
    units = zip(table.texts("unit"), counts.tolist(), strict=False)
    return {unit: count for unit, count in units if count and abs(hours_per(unit) - 1) > 0}


def told(rows: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Findings on rows whose times were converted."""
    for unit, count in rows.items():
        are = how_many(count, "row is", "rows are")
        message = f"{are} in {unit!r}: taken as hours in all, so that prices are those of an hour"
        yield {"kind": "converted", "count": count, "message": message}
