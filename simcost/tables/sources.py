"""Logs as streams of columns, each row with its place: CSV (also gzipped) and Parquet."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.tables.cells import Ints, bytes_of, undecodable
from simcost.tables.delimited import (
    BLOCK_BYTES,
    Malformed,
    RecordBlock,
    TextDialect,
    count_lines,
    read_blocks,
    read_header,
    wrong_count,
)
from simcost.tables.encoding import not_utf8
from simcost.tables.struct_fields import field_of, field_paths, values_at

Container = Literal["csv", "psv", "parquet"]
"""`psv`: as CSV, but with | between the cells and no quotes."""
Find = Callable[[Sequence[str]], dict[str, str]]
"""From the columns present to ours -> theirs; raises TraceError for those missing."""

_HEAD_BYTES = 65_536
_PARQUET_ROWS = 65_536


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
    path: Path,
    container: Container,
    find: Find,
    what: str = "request log",
    *,
    nested: bool = False,
    delimiter: str = ",",
) -> Iterator[Chunk]:
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
        "csv": partial(_csv_chunks, delimiter=delimiter),
        "psv": partial(_csv_chunks, delimiter="|"),
        "parquet": partial(_parquet_chunks, nested=nested),
    }
    with reading(path, container, what):
        yield from readers[container](path, find)


@contextmanager
def reading(path: Path, container: Container | Literal["jsonl"], what: str) -> Iterator[None]:
    """Check that a file is there, and turn what goes wrong while it is read into a TraceError."""
    if not path.is_file():
        raise TraceError(f"{path}: {'is not a file' if path.exists() else 'no such file'}; give a {what}")
    if path.stat().st_size == 0:
        raise TraceError(f"{path}: the file is empty; give a {what} with at least one row")
    try:
        yield
    except csv.Error as error:
        raise TraceError(f"{path}: {error}") from error
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise TraceError(
            f"{path}: cannot be read as {container}: {' '.join(str(error).split())}; "
            "is it damaged, or of another format?"
        ) from error


def open_stream(path: Path) -> Any:
    """The bytes of a file, gunzipped where its first bytes say so."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return pa.input_stream(str(path), compression="gzip" if packed else None)


def csv_head(path: Path, rows: int = 1, delimiter: str = ",") -> list[list[str]]:
    """The header and the rows after it, `rows` in all if the first 64 KiB hold them. Raises csv.Error."""
    with open_stream(path) as stream:
        head = _head(stream)
    names, header = read_header(head, delimiter, quoted=delimiter != "|")
    after = io.StringIO(head[len(header) :].decode("utf-8", "replace"), newline="")
    return [names, *islice(csv.reader(after, delimiter=delimiter), rows - 1)]


def _head(stream: Any) -> bytes:
    """The first bytes of a file, with a whole line if it has one."""
    head: bytes = stream.read(_HEAD_BYTES)
    while not (b"\n" in head or b"\r" in head) and len(head) < BLOCK_BYTES and (more := stream.read(_HEAD_BYTES)):
        head += more
    return head


def _csv_chunks(path: Path, find: Find, delimiter: str = ",") -> Iterator[Chunk]:
    """Cells are UTF-8. Lines that are not records, and records of a wrong length, are set aside."""
    with open_stream(path) as stream:
        head = _head(stream)
        names, header = read_header(head, delimiter, quoted=delimiter != "|")
        theirs = find(names)
        if "prefix_hashes" in theirs:
            raise TraceError(f"{path}: prefix_hashes cannot be read from CSV; use Parquet, --format jsonl or mooncake")
        _refuse_repeated(path, theirs, names)
        read = {ours: names.index(name) for ours, name in theirs.items()}
        layout = TextDialect(delimiter=delimiter, quoted=delimiter != "|", names=names, read=sorted(set(read.values())))
        for block in read_blocks(stream, layout, begun=head[len(header) :], line=count_lines(header) + 1):
            yield _parsed(block, layout, theirs, read)
    yield Chunk(columns={}, theirs=theirs, place=str, malformed=[])


def _parsed(block: RecordBlock, layout: TextDialect, theirs: Mapping[str, str], read: Mapping[str, int]) -> Chunk:
    """The records of a block as columns. Raises csv.Error if the parser counts other records than the block has."""
    aside: list[Any] = []
    columns: Mapping[str, pa.Array] = {}

    def set_aside(row: Any) -> str:
        aside.append(row)
        return "skip"

    if block.count:
        wanted = [str(i) for i in layout.read]
        table = pacsv.read_csv(
            pa.BufferReader(block.data),
            pacsv.ReadOptions(
                use_threads=False,
                block_size=len(block.data) + 1,
                column_names=[str(i) for i in range(len(layout.names))],
            ),
            pacsv.ParseOptions(
                delimiter=layout.delimiter,
                quote_char=layout.quoted and '"',
                ignore_empty_lines=False,
                newlines_in_values=True,
                invalid_row_handler=set_aside,
            ),
            pacsv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), check_utf8=False
            ),
        )
        if table.num_rows + len(aside) != block.count:
            raise csv.Error(f"lines {block.line} and later cannot be split into rows")
        columns = {ours: table[str(i)].combine_chunks() for ours, i in read.items()}
    short = [
        Malformed(*block.number(row.number - 1), wrong_count(row.actual_columns, row.expected_columns)) for row in aside
    ]
    malformed = sorted([*block.malformed, *short], key=lambda each: each.row)
    return Chunk(
        columns=columns,
        theirs=theirs,
        place=block.placer([row.number - 1 for row in aside]),
        malformed=[(each.place, each.reason) for each in malformed],
    )


def _refuse_repeated(path: Path, theirs: Mapping[str, str], present: Sequence[str]) -> None:
    """Raise TraceError if a column that is read is there more than once."""
    repeated = [f"column {name!r} is there twice" for name in dict.fromkeys(theirs.values()) if present.count(name) > 1]
    if repeated:
        raise TraceError(f"{path}: {'; '.join(repeated)}; leave one of each, or rename the others")


def _parquet_chunks(path: Path, find: Find, *, nested: bool) -> Iterator[Chunk]:
    """Rows with text that is not UTF-8 are set aside."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        theirs = find(field_paths(file.schema_arrow) if nested else file.schema_arrow.names)
        _refuse_repeated(path, theirs, file.schema_arrow.names)
        for name in theirs.values():
            kind = field_of(file.schema_arrow, name).type
            if pa.types.is_nested(kind) and not nested:
                raise TraceError(
                    f"{path}: column {name!r} holds neither text nor numbers nor times, but {kind}; write "
                    "one value a row"
                )
            if pa.types.is_duration(kind):
                raise TraceError(
                    f"{path}: column {name!r} holds durations ({kind}), whose unit its name may not say; write numbers "
                    "of a stated unit, as df[name].dt.total_seconds() gives seconds"
                )
        row = 1
        for table in file.iter_batches(_PARQUET_ROWS, columns=list(dict.fromkeys(theirs.values()))):
            cells = {name: values_at(table, name) for name in theirs.values()}
            bad: dict[int, str] = {}
            for name, column in cells.items():
                for i in undecodable(column):
                    bad.setdefault(i, f"{name}: {not_utf8(bytes_of(column, i))}")
            kept = np.delete(np.arange(table.num_rows), list(bad))
            good = {name: column.take(pa.array(kept)) if bad else column for name, column in cells.items()}
            yield Chunk(
                columns={ours: good[name] for ours, name in theirs.items()},
                theirs=theirs,
                malformed=[(f"row {row + i}", reason) for i, reason in sorted(bad.items())],
                place=partial(_row, row + kept if bad else range(row, row + table.num_rows)),
            )
            row += table.num_rows


def _row(numbers: Sequence[int] | Ints, i: int) -> str:
    return f"row {numbers[i]}"
