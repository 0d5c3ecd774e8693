"""Measured tables of a replica: a field that names a CSV file, in place of the fields which the file gives."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Plain, YamlNode, placed
from simcost.tables.paths import inside
from simcost.tables.records import read_records


def with_table(
    replica: YamlNode, key: str, field: str, read: Callable[[str], dict[str, Plain]], file: str, faults: list[Fault]
) -> YamlNode:
    """The replica with a table written in full, at the place of the table's name.

    Args:
        replica: as the scenario has it.
        key: field with the name of the table.
        field: that the table gives, and that the replica must not have.
        read: fields of the replica by the name of the table, the further ones for replicas that lack them; raises
            InputError.
        file: name of the scenario, for messages.
        faults: takes those found.
    """
    said = replica.get(key)
    if not isinstance(replica.value, dict) or said is None:
        return replica
    own = {name: child for name, child in replica.value.items() if name != key}
    if field in own:
        faults.append(fault_at(said, f"cannot be combined with `{field}`; write one of the two", file))
        return replace(replica, value=own)
    if not isinstance(said.value, str):
        faults.append(fault_at(said, f"{shown(said.value)} is not the name of a file", file))
        return replace(replica, value=own)
    try:
        given = {name: placed(value, said, (*replica.path, name)) for name, value in read(said.value).items()}
    except InputError as error:
        faults.append(fault_at(said, str(error), file))
        return replace(replica, value=own)
    return replace(replica, value={**given, **own})


def measured_rows(folder: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Place and cells, of the columns only, of each row of a table; a cell that is missing is empty.

    Raises:
        InputError: the file is missing, outside the folder, damaged, without a column or without rows.
    """
    try:
        records = read_records(inside(folder, name))
    except FileNotFoundError:
        raise InputError(f"no file {name!r}; put a CSV file with the columns {', '.join(columns)} there") from None
    except (OSError, csv.Error) as error:
        raise InputError(f"{name}: cannot be read: {error}") from error
    if records.faults:
        line, message = records.faults[0]
        raise InputError(f"{name}:{line}: {message}")
    header = [column.strip() for column in records.header]
    if any(column not in header for column in columns):
        raise InputError(f"{name}: has the columns {', '.join(header) or 'of no header'}, needs {', '.join(columns)}")
    if not any(cells for _, cells in records.rows):
        raise InputError(f"{name}: has no rows; give at least one measured time")
    places = [header.index(column) for column in columns]
    for line, cells in records.rows:
        if cells:
            yield f"{name}:{line}", [cells[place].strip() if place < len(cells) else "" for place in places]
