"""Columns of labels of a stored trace: by which a workload tells adapters or tenants apart."""

from functools import cache
from pathlib import Path

from simcost.errors import InputError
from simcost.trace.requests.store import open_trace, read_tables


def check_column(path: Path, column: str, otherwise: str) -> None:
    """Raise InputError if a trace has no such column.

    Args:
        path: the trace.
        column: of labels.
        otherwise: said at the end, what to do without it.
    """
    columns = open_trace(path).columns
    if column not in columns:
        there = [name for name in ("adapter", "model", "tenant") if name in columns]
        other = f"; it has {', '.join(there)}" if there else ""
        raise InputError(
            f"{path.name} has no column {column!r}{other}: import the log with --map {column}=COLUMN, or {otherwise}"
        )


def column_values(path: Path, column: str) -> tuple[str | None, ...]:
    """Values of a column of labels, each once, in the order of their first request; None = a request without one.

    Raises:
        TraceError: a trace that cannot be read.
    """
    stat = path.stat()
    return _values(path, column, (stat.st_size, stat.st_mtime_ns))


@cache
def _values(path: Path, column: str, _state: tuple[int, int]) -> tuple[str | None, ...]:
    """The values, read again where the file has changed."""
    found: dict[str | None, None] = {}
    for table in read_tables(path, [column]):
        found.update(dict.fromkeys(table.column(0).unique().to_pylist()))
    return tuple(found)
