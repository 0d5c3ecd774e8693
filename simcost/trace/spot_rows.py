"""Rows of a file of spot availability or prices, by trace and in the order of time.

Beside CSV and Parquet, the JSON of `aws ec2 describe-spot-price-history` is read, and records of the same columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.encoding import without_mark
from simcost.tables.faults import Faults
from simcost.tables.header import peek
from simcost.tables.json_objects import read_objects
from simcost.tables.sources import open_stream, reading
from simcost.tables.typed import TypedTable, read_typed, typed_of_chunks
from simcost.units import NS_PER_S

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
TRACE, TIME, AVAILABLE, PRICE = "trace", "timestamp", "nodes_available", "price_usd_h"
SPOT = DeclaredTable(
    what="spot trace",
    columns=(
        Column(name=TRACE, aliases=("zone", "availabilityzone", "availability_zone")),
        Column(
            name=TIME,
            kind="time",
            low=0,
            filled=True,
            remedy="write a time from 1970 on, with its zone in all rows or in none",
        ),
        Column(name="start_tick", kind="number", low=0, filled=True),
        Column(name="ticks", kind="number", low=0, filled=True),
        Column(name="gap_s", kind="number", low=0, above=True, filled=True),
        Column(name=AVAILABLE, aliases=("available", "nodes"), kind="whole", low=0, high=1e9, filled=True),
        Column(
            name=PRICE,
            aliases=("price", "price_usd_per_h", "spotprice", "spot_price"),
            kind="number",
            low=0,
            filled=True,
        ),
        Column(name="instance_type", aliases=("instancetype",)),
        Column(name="product", aliases=("productdescription", "product_description")),
    ),
)


_LABELS = ("instance_type", "product")
_AWS = "SpotPriceHistory"
"""The list in the answer of AWS."""


@dataclass(frozen=True, slots=True)
class SpotRows:
    """The rows of one trace in a file, by time where they have one, else in its order."""

    name: str
    columns: Mapping[str, Floats]
    place: Callable[[int], str]
    dated: bool
    """The times count from 1970, not from an unknown start."""
    notation: tuple[str, ...]
    """Sentences on how the times were read, where that was found out."""


def column_names(path: Path) -> list[str]:
    """The columns of a file. Raises TraceError if it cannot be read."""
    if not _is_json(path):
        return peek(path, SPOT.what).names
    found: list[str] = []

    def note(names: Sequence[str]) -> dict[str, str]:
        found.extend(names)
        return {}

    with reading(path, "jsonl", SPOT.what):
        next(read_objects(path, note, _records), None)
    return found


def read_rows(path: Path, value: str) -> tuple[list[SpotRows], Faults]:
    """The rows of each trace, and where to note what is wrong with them.

    Args:
        path: CSV, Parquet or JSON.
        value: the column that is asked for, AVAILABLE or PRICE.

    Raises:
        FaultsError: cells that are not a number or a time, or negative; located.
        TraceError: a file that cannot be read, or a column that is not there.
    """
    table = _table(path, value)
    columns = {
        **table.numbers,
        **{ours: values.astype(np.float64) for ours, values in table.wholes.items()},
        **{ours: values / NS_PER_S for ours, values in table.times_ns.items()},
    }
    code, names = _traces(table)
    parts = []
    for one, name in enumerate(names):
        row = np.flatnonzero(code == one)
        if TIME in columns:
            row = _by_time(row, columns)
        own = {ours: values[row] for ours, values in columns.items()}
        parts.append(
            SpotRows(
                name=name or path.name.split(".")[0],
                columns=own,
                place=partial(_place, table, row),
                dated=all(rule.epoch for rule in table.rules.values()),
                notation=tuple(text for _, _, text in table.time_findings()),
            )
        )
    return parts, table.faults


def _is_json(path: Path) -> bool:
    with reading(path, "jsonl", SPOT.what), open_stream(path) as stream:
        return without_mark(stream.read(64)).lstrip()[:1] in (b"{", b"[")


def _records(value: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The prices in an answer of AWS, or a record itself."""
    listed = value.get(_AWS)
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return [("", value)]
    return [(f"{_AWS} {number}", item) for number, item in enumerate(listed, start=1)]


def _table(path: Path, value: str) -> TypedTable:
    if not _is_json(path):
        head = peek(path, SPOT.what)
        return read_typed(path, head, SPOT, _find(head.names, value, path))
    theirs = _find(column_names(path), value, path)
    with reading(path, "jsonl", SPOT.what):
        return typed_of_chunks(path, SPOT, theirs, partial(read_objects, path, lambda _: theirs, _records))


def _traces(table: TypedTable) -> tuple[Ints, list[str]]:
    """The trace of each row, and their names; those of a zone whose rows are of several types of instance, or products,
    are one for each.
    """
    none = np.zeros(len(table), np.int64)
    code, names = table.codes.get(TRACE, none), list(table.texts(TRACE))
    for label in _LABELS:
        own = table.codes.get(label, none)
        both, split = np.unique(np.stack([code, own]), axis=1, return_inverse=True)
        if both.shape[1] == len(names):
            continue
        texts = table.texts(label)
        code, names = split.reshape(-1), [f"{names[one]} {texts[other]}".strip() for one, other in both.T]
    return code, names


def _by_time(row: Ints, columns: Mapping[str, Floats]) -> Ints:
    """Rows in the order of their times, without those that repeat the one before: AWS lists the newest first."""
    row = row[np.argsort(columns[TIME][row], kind="stable")]
    cells = np.stack([values[row] for values in columns.values()])
    kept: Ints = row[np.append(True, (cells[:, 1:] != cells[:, :-1]).any(axis=0))]
    return kept


def _place(table: TypedTable, row: Ints, i: int) -> str:
    return table.place(int(row[i]))


def _find(names: Sequence[str], value: str, path: Path) -> dict[str, str]:
    """Ours -> theirs. Raises TraceError for the columns missing."""
    found, faults = SPOT.match(names)
    runs = ["start_tick", "ticks", *(["gap_s"] if value == AVAILABLE else [])]
    needed = [*(runs if "ticks" in found else [TIME]), value]
    if missing := [name for name in needed if name not in found]:
        example = "timestamp,available" if value == AVAILABLE else "timestamp,price_usd_h"
        said = f"no {' and no '.join(missing)} column found"
        faults.append(f"{said}; write {example}, or runs with trace, start_tick and ticks")
    SPOT.refuse(faults, names, path)
    return {name: found[name] for name in (*needed, PRICE, TRACE, *_LABELS) if name in found}
