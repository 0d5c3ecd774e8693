"""First rows of a log before it is imported, and the columns that are probably the needed ones."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from simcost.tables.json_objects import at_path, json_values, paths
from simcost.tables.sources import csv_head, open_stream, reading
from simcost.trace.requests.formats import NEEDED, LogFormat, columns_by_name, likely_column
from simcost.trace.requests.log_files import container_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """The columns of a log and its first rows, cells as text."""

    names: Sequence[str]
    rows: Sequence[Sequence[str]]


def read_head(path: Path, form: LogFormat, rows: int = 5) -> LogHead:
    """The beginning of a log; of nested objects the fields within, by dotted path.

    Args:
        path: the log, packed or not.
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
    for ours in NEEDED:
        free = [name for name in present if name not in found.values()]
        if ours not in found and (theirs := likely_column(ours, free)):
            found[ours] = theirs
    return found


def _of_objects(path: Path, rows: int) -> LogHead:
    with io.BufferedReader(open_stream(path)) as stream:
        values = islice((value for _, value, _ in json_values(stream, path)), rows)
        return _of_nested([value for value in values if isinstance(value, dict)])


def _of_parquet(path: Path, rows: int) -> LogHead:
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=rows), None)
        return _of_nested(batch.to_pylist() if batch is not None else [], tuple(file.schema_arrow.names))


def _of_nested(found: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> LogHead:
    """Rows whose columns, known ones first, are the dotted paths of what is not nested further."""
    names = dict.fromkeys((*columns, *chain.from_iterable(map(paths, found))))
    nested = {name for name in names for one in found if isinstance(at_path(one, name), Mapping)}
    shown = [name for name in names if name not in nested]
    return LogHead(names=shown, rows=[[_cell(at_path(one, name)) for name in shown] for one in found])


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
