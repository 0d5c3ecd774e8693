"""Replicas with a latency table: `replica: {latency_table: table.csv}` as a measured step time."""

from __future__ import annotations

import csv
from dataclasses import replace
from math import isfinite
from pathlib import Path

from simcost.errors import Fault, InputError
from simcost.scenario.files.faults import fault_at, shown
from simcost.scenario.files.nodes import Plain, YamlNode, placed
from simcost.tables.paths import inside
from simcost.tables.records import Records, read_records

KEY = "latency_table"
COLUMNS = ("batch_size", "seconds")
_ROOM_TOKENS = 1_000_000
"""Of a KV cache, in which requests of one token never run short."""


def with_latency_table(replica: YamlNode, folder: Path, file: str, faults: list[Fault]) -> YamlNode:
    """The replica with its table as `step`: a batch of n requests, each of one token, takes the n-th time."""
    said = replica.get(KEY)
    if not isinstance(replica.value, dict) or said is None:
        return replica
    own = {key: child for key, child in replica.value.items() if key != KEY}
    if "step" in own:
        faults.append(fault_at(said, "cannot be combined with `step`; write one of the two", file))
        return replace(replica, value=own)
    knots = _knots(said, folder, file, faults)
    if not knots:
        return replace(replica, value=own)
    base: list[Plain] = [{"tokens": size, "seconds": seconds} for size, seconds in knots]
    step: dict[str, Plain] = dict.fromkeys("abcd", 0.0)
    step |= {"base": base, "source": f"latency table {said.value}"}
    found = {"step": placed(step, said, (*replica.path, "step")), **own}
    found.setdefault("kv_tokens", placed(_ROOM_TOKENS, said, (*replica.path, "kv_tokens")))
    return replace(replica, value=found)


def _knots(said: YamlNode, folder: Path, file: str, faults: list[Fault]) -> list[tuple[int, float]]:
    """Sizes of batches and their seconds; none where the table cannot be used, with a fault at its name."""
    if not isinstance(said.value, str):
        faults.append(fault_at(said, f"{shown(said.value)} is not the name of a file", file))
        return []
    try:
        return _read(read_records(inside(folder, said.value)), said.value)
    except InputError as error:
        faults.append(fault_at(said, str(error), file))
    except FileNotFoundError:
        message = f"no file {said.value!r}; put a CSV file with the columns {', '.join(COLUMNS)} there"
        faults.append(fault_at(said, message, file))
    except (OSError, csv.Error) as error:
        faults.append(fault_at(said, f"{said.value}: cannot be read: {error}", file))
    return []


def _read(records: Records, name: str) -> list[tuple[int, float]]:
    """The rows of a table, smallest batch first. Raises InputError for the first that is wrong."""
    if records.faults:
        line, message = records.faults[0]
        raise InputError(f"{name}:{line}: {message}")
    header = [one.strip() for one in records.header]
    if any(column not in header for column in COLUMNS):
        raise InputError(f"{name}: has the columns {', '.join(header) or 'of no header'}, needs {', '.join(COLUMNS)}")
    places = [header.index(column) for column in COLUMNS]
    rows = {}
    for line, cells in records.rows:
        if not cells:
            continue
        size, seconds = _row(cells, places, f"{name}:{line}")
        if size in rows:
            raise InputError(f"{name}:{line}: batch_size {size} appears twice; give each size one time")
        rows[size] = seconds
    if not rows:
        raise InputError(f"{name}: has no rows; give at least the time of a batch of 1")
    return sorted(rows.items())


def _row(cells: list[str], places: list[int], where: str) -> tuple[int, float]:
    try:
        size, seconds = int(cells[places[0]]), float(cells[places[1]])
    except (IndexError, ValueError):
        raise InputError(f"{where}: {','.join(cells)!r} is not a batch size and its seconds, as 8,0.012") from None
    if size < 1 or not isfinite(seconds) or seconds <= 0:
        raise InputError(f"{where}: batch sizes are 1 or more, and seconds above 0, not {','.join(cells)}")
    return size, seconds
