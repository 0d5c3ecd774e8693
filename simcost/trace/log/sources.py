"""Logs as streams of columns, each row with its place: CSV (also gzipped) and Parquet."""

import csv
import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.trace.log.cells import as_text
from simcost.trace.log.struct_fields import field_of, field_paths, values_at

Container = Literal["csv", "psv", "parquet"]
"""`psv`: as CSV, but with | between the cells and no quotes."""
Find = Callable[[Sequence[str]], dict[str, str]]
"""From the columns present to ours -> theirs; raises TraceError for those missing."""

_BLOCK_BYTES = 2_097_152  # Arrow holds a few dozen of them
_PARQUET_ROWS = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows of a log.

    Attributes:
        columns: ours -> values, as text or as the log's own type.
        theirs: ours -> the log's column, for messages.
        place: where the i-th row of the chunk stands, e.g. `row 17 (line 18)`.
        malformed: rows that are not in `columns` because they could not be split: place and reason.
    """

    columns: Mapping[str, pa.Array]
    theirs: Mapping[str, str]
    place: Callable[[int], str]
    malformed: list[tuple[str, str]]


def open_chunks(
    path: Path, container: Container, find: Find, what: str = "request log", *, nested: bool = False,
    delimiter: str = ",",
) -> Iterator[Chunk]:  # fmt: skip
    """The rows of a log in its order, streamed.

    Args:
        path: the log, gzipped or not.
        container: how it is written.
        find: which of its columns are read, and what we call them.
        what: the kind of file wanted, for messages.
        nested: whether cells may hold lists or maps, and columns be fields of others by dotted path.
        delimiter: between the cells of a `csv`.

    Raises:
        TraceError: missing, empty, damaged, or without the columns needed.
    """
    readers: dict[str, Callable[[Path, Find], Iterator[Chunk]]] = {
        "csv": partial(_csv_chunks, delimiter=delimiter), "psv": partial(_csv_chunks, delimiter="|"),
        "parquet": partial(_parquet_chunks, nested=nested),
    }  # fmt: skip
    with reading(path, container, what):
        yield from readers[container](path, find)


@contextmanager
def reading(path: Path, container: Container | Literal["jsonl"], what: str) -> Iterator[None]:
    """Check that a file is there, and turn what goes wrong while it is read into a TraceError."""
    if not path.is_file():
        raise TraceError(f"{path}: {'is no file' if path.exists() else 'no such file'}; give a {what}")
    if path.stat().st_size == 0:
        raise TraceError(f"{path}: the file is empty; give a {what} with at least one row")
    try:
        yield
    except (pa.ArrowException, csv.Error, OSError, EOFError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: cannot be read as {container}: {' '.join(str(error).split())}; "
                         "is it damaged, or of another format?") from error  # fmt: skip


def open_stream(path: Path) -> Any:
    """The bytes of a file, gunzipped where its first bytes say so."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return pa.input_stream(str(path), compression="gzip" if packed else None)


def csv_head(path: Path, rows: int = 1, delimiter: str = ",") -> list[list[str]]:
    """The header and the rows after it, `rows` in all if the first 64 KiB hold them."""
    with open_stream(path) as stream:
        head = stream.read(65_536).decode("utf-8-sig", "replace")
    return list(islice(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), rows))


def _csv_chunks(path: Path, find: Find, delimiter: str = ",") -> Iterator[Chunk]:
    """Cells stay bytes until `cells` reads them. Rows of a wrong length are set aside by Arrow's callback."""
    theirs = find(next(iter(csv_head(path, delimiter=delimiter)), []))
    if "prefix_hashes" in theirs:
        raise TraceError(
            f"{path}: prefix_hashes cannot be read from CSV; use Parquet, --format jsonl or mooncake"
        )
    lines = _CsvLines()
    with open_stream(path) as stream:
        reader = pacsv.open_csv(
            stream,
            pacsv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            pacsv.ParseOptions(delimiter=delimiter, quote_char=delimiter != "|" and '"', ignore_empty_lines=False,
                               invalid_row_handler=lines.set_aside),
            pacsv.ConvertOptions(include_columns=list(dict.fromkeys(theirs.values())),
                                 column_types=dict.fromkeys(theirs.values(), pa.binary())),
        )  # fmt: skip
        row = 0
        for table in reader:
            columns = {ours: as_text(table[name]) for ours, name in theirs.items()}
            yield Chunk(columns=columns, theirs=theirs, place=lines.placer(row), malformed=lines.take())
            row += table.num_rows
    yield Chunk(columns={}, theirs=theirs, place=lines.placer(row), malformed=lines.take())


class _CsvLines:
    """Line numbers of the rows that Arrow's reader keeps, given those it set aside."""

    def __init__(self) -> None:
        self._before: list[int] = []  # line of each row set aside, less how many were before it
        self._new: list[tuple[str, str]] = []

    def set_aside(self, row: Any) -> str:
        self._before.append(row.number - len(self._before))
        reason = f"{row.actual_columns} values, but the header has {row.expected_columns} columns"
        self._new.append((f"row {row.number - 1} (line {row.number})", reason))
        return "skip"

    def take(self) -> list[tuple[str, str]]:
        new, self._new = self._new, []
        return new

    def placer(self, first: int) -> Callable[[int], str]:
        """The place of the i-th row after `first` kept rows; line 1 is the header."""

        def place(i: int) -> str:
            line = first + i + 2
            line += bisect_right(self._before, line)
            return f"row {line - 1} (line {line})"

        return place


def _row(first: int, i: int) -> str:
    return f"row {first + i}"


def _parquet_chunks(path: Path, find: Find, *, nested: bool) -> Iterator[Chunk]:
    with pq.ParquetFile(path, pre_buffer=False) as file:
        theirs = find(field_paths(file.schema_arrow) if nested else file.schema_arrow.names)
        for name in theirs.values():
            kind = field_of(file.schema_arrow, name).type
            if pa.types.is_nested(kind) and not nested:
                raise TraceError(f"{path}: column {name!r} holds neither text nor numbers nor times, but {kind}; write "
                                 "one value a row")  # fmt: skip
        row = 1
        for table in file.iter_batches(_PARQUET_ROWS, columns=list(dict.fromkeys(theirs.values()))):
            columns = {ours: values_at(table, name) for ours, name in theirs.items()}
            yield Chunk(columns=columns, theirs=theirs, malformed=[], place=partial(_row, row))
            row += table.num_rows
