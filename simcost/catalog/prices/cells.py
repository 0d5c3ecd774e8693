"""Values out of rows that may lack them or hold something else."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

from simcost.errors import Fault, FaultsError, did_you_mean
from simcost.tables.records import read_records

GIB = 2.0**30
HOURS_PER_YEAR = 8760.0


class UnreadableError(ValueError):
    """A row that lacks something; the message says what."""


def inner(row: Any, *keys: str) -> Any:
    """The value under nested keys. Raises UnreadableError where one is missing."""
    for key in keys:
        if not isinstance(row, Mapping):
            raise UnreadableError(f"no object where {key!r} should stand")
        if key not in row:
            raise UnreadableError(f"{key!r} is missing")
        row = row[key]
    return row


def words(row: Any, *keys: str) -> str:
    """The text under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, str) or not value.strip():
        raise UnreadableError(f"{keys[-1]!r} is {value!r}, no text")
    return value.strip()


def said(row: Any, key: str) -> str:
    """The text under a key, empty where there is none."""
    value = row.get(key) if isinstance(row, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def listed(row: Any, *keys: str) -> list[Any]:
    """The list under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, list):
        raise UnreadableError(f"{keys[-1]!r} is no list")
    return value


def mapped(row: Any, *keys: str) -> dict[str, Any]:
    """The object under nested keys. Raises UnreadableError where there is none."""
    value = inner(row, *keys)
    if not isinstance(value, dict):
        raise UnreadableError(f"{keys[-1] if keys else 'the row'!r} is no object")
    return value


def number(value: Any) -> float:
    """A number or its text; NaN where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return nan
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return nan
    return found if isfinite(found) else nan


def whole(value: Any) -> int | None:
    """A positive whole number, None where there is none."""
    found = number(value)
    return int(found) if found >= 1 and found == int(found) and found < 1e6 else None


def size_bytes(value: Any, unit_bytes: float) -> float | None:
    """A positive size, None where there is none."""
    found = number(value)
    return found * unit_bytes if found > 0 else None


def csv_rows(file: Path, needed: Sequence[str], example: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV with a header, each with its place; rows of another length raise.

    Raises:
        FaultsError: the file is no CSV, or lacks a column that is needed.
    """
    try:
        records = read_records(file)
    except csv.Error as error:
        raise FaultsError([Fault(file=str(file), message=f"cannot be read as UTF-8 CSV: {error}")]) from None
    header = [name.strip() for name in records.header]
    rows = [(line, cells) for line, cells in records.rows if any(cells)]
    missing = [name for name in needed if name not in header]
    if missing:
        hint = did_you_mean(missing[0], header)
        message = f"has no column {missing[0]!r}{hint}; a file of this format begins {example}"
        raise FaultsError([Fault(file=str(file), line=1, column=1, message=message)])
    repeated = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if repeated:
        message = f"columns that appear more than once: {', '.join(repeated)}; leave one of each"
        raise FaultsError([Fault(file=str(file), line=1, column=1, message=message)])
    faults = [Fault(file=str(file), line=line, message=message) for line, message in records.faults]
    faults += [
        Fault(file=str(file), line=line, column=1, message=f"{len(cells)} cells under {len(header)} columns")
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if faults:
        raise FaultsError(sorted(faults, key=lambda fault: fault.line))
    for line, cells in rows:
        yield f"line {line}", dict(zip(header, map(str.strip, cells), strict=True))
