"""First rows of a log before it is imported, and the columns that are probably the needed ones."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from simcost.tables.sources import csv_head, open_stream, reading
from simcost.trace.requests.column_words import alike
from simcost.trace.requests.formats import ALSO_CALLED, NEEDED, LogFormat, columns_by_name
from simcost.trace.requests.log_files import container_of

_HEAD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """The columns of a log and its first rows, cells as text."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_head(path: Path, form: LogFormat, rows: int = 5) -> LogHead:
    """The beginning of a log; of nested JSON the outer fields.

    Args:
        path: the log, gzipped or not.
        form: its format.
        rows: to read, at most.

    Raises:
        TraceError: the file is missing, empty or of another format, or its delimiter is not certain.
    """
    with reading(path, form.container or "csv", "request log"):
        container = form.container or container_of(path)
        if container == "jsonl":
            return _of_objects(path, rows)
        if container == "parquet":
            return _of_parquet(path, rows)
        _, (names, *cells) = csv_head(path, rows + 1)
        return LogHead(names=names, rows=cells)


def likely_columns(form: LogFormat, present: Sequence[str]) -> dict[str, str]:
    """Ours -> the log's column that is or probably is it, of the needed ones that a column resembles.

    Columns that the format takes go first, then names in use elsewhere, then names made of the same words.
    """
    found = {ours: theirs for ours, theirs in columns_by_name(present).items() if ours in NEEDED}
    for ours, names in form.columns.items():
        if ours in NEEDED and (known := next((name for name in names if name in present), None)):
            found[ours] = known
    lower = {name.lower(): name for name in reversed(present)}
    for ours in NEEDED:
        if ours not in found and (also := next((lower[name] for name in ALSO_CALLED[ours] if name in lower), None)):
            found[ours] = also
    for ours in NEEDED:
        free = [name for name in present if name not in found.values()]
        if ours not in found and (theirs := alike(ours, free)):
            found[ours] = theirs
    return found


def _of_objects(path: Path, rows: int) -> LogHead:
    with open_stream(path) as stream:
        text = stream.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    found = [one for line in islice(text.splitlines(), rows) if (one := _object(line))]
    names = list(dict.fromkeys(name for one in found for name in one))
    return LogHead(names=names, rows=[[_cell(one.get(name)) for name in names] for one in found])


def _object(line: str) -> dict[str, Any]:
    """The object of a line; empty if the line is not a complete one."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_parquet(path: Path, rows: int) -> LogHead:
    with pq.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        batch = next(file.iter_batches(batch_size=rows), None)
    cells = batch.to_pylist() if batch is not None else []
    return LogHead(names=names, rows=[[_cell(row[name]) for name in names] for row in cells])


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
