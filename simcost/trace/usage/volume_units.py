"""Units of volumes in files of usage: bytes that are kept or sent, or GB-months or GB-hours in all of a row."""

import re
from collections.abc import Collection
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.focus.lines import unit_of
from simcost.trace.usage.usage import Floats
from simcost.units import BYTE_SIZES, GB, SECONDS_PER_HOUR

GB_MONTH, GB_HOUR = "GB-month", "GB-h"


_GB = {name.lower(): size / GB for name, size in BYTE_SIZES.items()} | {
    f"{prefix}byte": BYTE_SIZES[name] / GB
    for prefix, name in (
        *(("", "B"), ("kilo", "kB"), ("mega", "MB"), ("giga", "GB"), ("tera", "TB")),
        *(("kibi", "KiB"), ("mebi", "MiB"), ("gibi", "GiB"), ("tebi", "TiB")),
    )
}
"""GB of a unit of bytes, in lower case, without the s of the plural."""
_KEPT = {"month": GB_MONTH, "mo": GB_MONTH, "mth": GB_MONTH, "hour": GB_HOUR, "hr": GB_HOUR, "h": GB_HOUR}


@lru_cache(1024)
def volume_of(text: str) -> tuple[float, str] | None:
    """GB in a unit of bytes, and `GB`, or `GB-month` or `GB-h` where it is kept; None of other units.

    >>> volume_of("TB"), volume_of("GB-Mo"), volume_of("gibibyte month"), volume_of("requests")
    ((1000.0, 'GB'), (1.0, 'GB-month'), (1.073741824, 'GB-month'), None)
    """
    if not text:
        return 1.0, "GB"
    factor, unit = unit_of(text)
    bytes_of, *kept = re.split(r"[-/ ]+", unit.strip().lower())
    size = _GB.get(bytes_of, _GB.get(bytes_of.removesuffix("s")))
    how = "GB" if not kept else _KEPT.get(kept[0].removesuffix("s")) if len(kept) == 1 else None
    return None if size is None or how is None else (factor * size, how)


def gb_per_unit(table: TypedTable) -> Floats:
    """[row] GB in the unit of each row; 1 of units that are not of volumes."""
    sizes = [1.0 if known is None else known[0] for known in map(volume_of, table.texts("unit"))]
    factors: Floats = np.array([*sizes, 1.0])[table.codes["unit"]] if "unit" in table else np.ones(len(table))
    return factors


def sent(table: TypedTable) -> Flags:
    """Rows that say GB, or another unit of bytes."""
    return _units(table, ("GB",))


def in_all(table: TypedTable) -> Flags:
    """Rows that say GB-months or GB-hours in all, however many GB were there at a time."""
    return _units(table, (GB_MONTH, GB_HOUR))


def _units(table: TypedTable, units: Collection[str]) -> Flags:
    known = [text for text in table.texts("unit") if (found := volume_of(text)) is not None and found[1] in units]
    return table.where("unit", lambda text: pc.is_in(text, pa.array(known, pa.string())))


def kept_at_a_time(table: TypedTable, quantity: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """GB that were kept from start to end, of rows that say GB-months or GB-hours in all."""
    hours = (end_s - start_s) / SECONDS_PER_HOUR
    by_hours = np.divide(quantity, hours, out=np.zeros_like(hours), where=hours > 0)
    return np.where(_units(table, (GB_HOUR,)), by_hours, gb_at_a_time(quantity, start_s, end_s))


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
