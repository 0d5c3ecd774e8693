"""Sums over the lines of a cost file."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

COSTS = ("billed_usd", "effective_usd", "list_usd", "contracted_usd")
_VALUES = (*COSTS, "quantity", "rows", "no_list", "no_contracted", "used_usd", "unused_usd")
_MISSING = {"list_usd": "no_list", "contracted_usd": "no_contracted"}


def month(lines: pa.Table) -> pa.Table:
    """The lines with the month of each, as `2026-03`."""
    months = lines["day"].to_numpy().astype("datetime64[D]").astype("datetime64[M]").astype(str)
    return lines.append_column("month", pa.array(months, pa.string()).dictionary_encode())


def is_(lines: pa.Table, column: str, *values: str) -> pa.Table:
    """The lines with one of the values in a column."""
    return lines.filter(pc.is_in(lines[column].cast(pa.string()), pa.array(values)))


def summed(lines: pa.Table, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Sums of the values by key, in the order of the keys; days as dates. One row of all without keys, none of none."""
    if not lines.num_rows:
        return []
    table = lines.select([*keys, *_VALUES])
    for key in keys:
        if pa.types.is_dictionary(table[key].type):
            place = table.schema.get_field_index(key)
            table = table.set_column(place, key, table[key].cast(pa.string()))
    sums = table.group_by(list(keys), use_threads=False).aggregate([(name, "sum") for name in _VALUES])
    named = sums.select([*keys, *(f"{name}_sum" for name in _VALUES)]).rename_columns([*keys, *_VALUES])
    if "day" in keys:
        days = named["day"].cast(pa.int32()).cast(pa.date32())
        named = named.set_column(named.schema.get_field_index("day"), "day", days)
    ordered = named.sort_by([(key, "ascending") for key in keys]) if keys else named
    rows: list[dict[str, Any]] = ordered.to_pylist()
    return rows


def cost(row: Mapping[str, Any], name: str) -> float | None:
    """A sum of costs; None where no row has one."""
    missing = _MISSING.get(name)
    return None if missing and row[missing] >= row["rows"] else float(row[name])


def unit_price(row: Mapping[str, Any], name: str) -> float | None:
    """A cost per unit; None where it is not known of every row."""
    missing = _MISSING.get(name)
    return None if missing and row[missing] else per(row[name], row["quantity"])


def per(value: float, of: float) -> float | None:
    """A ratio; None where there is nothing to divide by."""
    return value / of if of else None
