"""Logs as streams of columns, each row with its place: CSV (also packed) and Parquet."""

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
from simcost.tables.decimals import DecimalMark, decimal_mark, doubt, plain_numbers, without_thousands
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
from simcost.tables.delimiter import delimiter_of
from simcost.tables.encoding import not_text, not_utf8
from simcost.tables.struct_fields import field_of, field_paths, values_at

Container = Literal["csv", "psv", "parquet"]
"""`psv`: as CSV, but with | between the cells and no quotes."""
Find = Callable[[Sequence[str]], dict[str, str]]
"""From the columns present to ours -> theirs; raises TraceError for those missing."""

IsNumber = Callable[[str], bool]
"""True if a column, as we call it, holds numbers."""

_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
"""First bytes of packed files, and what unpacks them."""
_HEAD_BYTES = 65_536
_SAMPLE_ROWS = 200
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


def row_of(place: Callable[[int], str], rows: Ints, i: int) -> str:
    """The place of the i-th of some rows of a chunk."""
    return place(int(rows[i]))


def open_chunks(
    path: Path,
    container: Container,
    find: Find,
    what: str = "request log",
    *,
    nested: bool = False,
    delimiter: str | None = None,
    is_number: IsNumber | None = None,
) -> Iterator[Chunk]:
    """The rows of a log in its order, streamed.

    Args:
        path: the log, packed or not.
        container: how it is written.
        find: which of its columns are read, and what we call them.
        what: the kind of file wanted, for messages.
        nested: whether cells may hold lists or maps, and columns be fields of others by dotted path.
        delimiter: between the cells of a `csv`; None = the one in its header.
        is_number: columns whose numbers may have a decimal comma where the delimiter is none; their cells come with a
            decimal point and without marks between thousands, and rows with a number that can be read in two ways are
            malformed. None = cells as they are.

    Raises:
        TraceError: missing, empty, damaged, or without the columns needed.
    """
    readers: dict[str, Callable[[Path, Find], Iterator[Chunk]]] = {
        "csv": partial(_csv_chunks, delimiter=delimiter, is_number=is_number),
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
    """The bytes of a file, unpacked where its first bytes say that it is packed."""
    with path.open("rb") as file:
        begins = file.read(4)
    packed = next((codec for mark, codec in _CODECS.items() if begins.startswith(mark)), None)
    return pa.input_stream(str(path), compression=packed)


def csv_head(path: Path, rows: int = 1) -> tuple[str, list[list[str]]]:
    """The delimiter, and the header and the rows after it, `rows` in all if the first 64 KiB hold them.

    Raises csv.Error, AmbiguousDelimiterError among them.
    """
    with open_stream(path) as stream:
        head = _head(stream)
    delimiter = _delimiter(head)
    names, header = read_header(head, delimiter, quoted=True)
    return delimiter, [names, *_first_rows(head[len(header) :], delimiter, rows - 1)]


def _delimiter(head: bytes) -> str:
    """The delimiter in the header; a comma where it is not text, which reading it says."""
    return "," if not_text(head) else delimiter_of(head)


def _first_rows(after: bytes, delimiter: str, rows: int) -> Iterator[list[str]]:
    """Rows at the beginning of bytes whose end may be cut off."""
    text = io.StringIO(after.decode("utf-8", "replace"), newline="")
    return islice(csv.reader(text, delimiter=delimiter), rows)


def _head(stream: Any) -> bytes:
    """The first bytes of a file, with a whole line if it has one."""
    head: bytes = stream.read(_HEAD_BYTES)
    while not (b"\n" in head or b"\r" in head) and len(head) < BLOCK_BYTES and (more := stream.read(_HEAD_BYTES)):
        head += more
    return head


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Columns of numbers that may have a decimal comma, as we call them, and the decimal mark of the doubtful ones."""

    columns: frozenset[str]
    mark: DecimalMark | None


def _csv_chunks(
    path: Path, find: Find, delimiter: str | None = None, is_number: IsNumber | None = None
) -> Iterator[Chunk]:
    """Cells are UTF-8. Lines that are not records, and records of a wrong length, are set aside."""
    with open_stream(path) as stream:
        head = _head(stream)
        delimiter = delimiter or _delimiter(head)
        names, header = read_header(head, delimiter, quoted=delimiter != "|")
        theirs = find(names)
        if "prefix_hashes" in theirs:
            raise TraceError(f"{path}: prefix_hashes cannot be read from CSV; use Parquet, --format jsonl or mooncake")
        _refuse_repeated(path, theirs, names)
        read = {ours: names.index(name) for ours, name in theirs.items()}
        layout = TextDialect(delimiter=delimiter, quoted=delimiter != "|", names=names, read=sorted(set(read.values())))
        begun = head[len(header) :]
        numbers = None
        if is_number is not None:
            numbers = _numbers(begun, layout, {ours: i for ours, i in read.items() if is_number(ours)})
        for block in read_blocks(stream, layout, begun=begun, line=count_lines(header) + 1):
            yield _parsed(block, layout, theirs, read, numbers)
    yield Chunk(columns={}, theirs=theirs, place=str, malformed=[])


def _numbers(begun: bytes, layout: TextDialect, read: Mapping[str, int]) -> _Numbers:
    """The columns of numbers, and the decimal mark that their first cells show."""
    try:
        rows = [row for row in _first_rows(begun, layout.delimiter, _SAMPLE_ROWS) if len(row) == len(layout.names)]
    except csv.Error:
        rows = []
    return _Numbers(frozenset(read), decimal_mark(row[i] for row in rows for i in read.values()))


def _parsed(
    block: RecordBlock,
    layout: TextDialect,
    theirs: Mapping[str, str],
    read: Mapping[str, int],
    numbers: _Numbers | None = None,
) -> Chunk:
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
    wrong = {row.number - 1: wrong_count(row.actual_columns, row.expected_columns) for row in aside}
    if numbers is not None and layout.delimiter == "," and b'"' in block.data:
        columns = {k: without_thousands(v) if k in numbers.columns else v for k, v in columns.items()}
    elif numbers is not None and columns and layout.delimiter != ",":
        columns, doubts = _with_points(columns, numbers, theirs)
        kept = [i for i in range(block.count) if i not in wrong] if doubts else []
        wrong |= {kept[i]: reason for i, reason in doubts.items()}
    malformed = [*block.malformed, *(Malformed(*block.number(i), reason) for i, reason in wrong.items())]
    malformed.sort(key=lambda each: each.row)
    return Chunk(
        columns=columns,
        theirs=theirs,
        place=block.placer(sorted(wrong)),
        malformed=[(each.place, each.reason) for each in malformed],
    )


def _with_points(
    columns: Mapping[str, pa.Array], numbers: _Numbers, theirs: Mapping[str, str]
) -> tuple[dict[str, pa.Array], dict[int, str]]:
    """The columns with decimal points, without the rows whose numbers can be read in two ways; and those rows."""
    plain, doubts = dict(columns), dict[int, str]()
    for ours in numbers.columns:
        plain[ours], doubtful = plain_numbers(columns[ours], numbers.mark)
        for i in np.flatnonzero(doubtful).tolist():
            doubts.setdefault(i, f"{theirs[ours]}: {doubt(columns[ours][i].as_py())}")
    if doubts:
        rows = len(next(iter(plain.values())))
        kept = pa.array(np.delete(np.arange(rows), list(doubts)))
        plain = {ours: column.take(kept) for ours, column in plain.items()}
    return plain, doubts


def _refuse_repeated(path: Path, theirs: Mapping[str, str], present: Sequence[str]) -> None:
    """Raise TraceError if a column that is read is there more than once."""
    repeated = [f"column {name!r} is there twice" for name in dict.fromkeys(theirs.values()) if present.count(name) > 1]
    if repeated:
        raise TraceError(f"{path}: {'; '.join(repeated)}; leave one of each, or rename the others")


def _parquet_chunks(path: Path, find: Find, *, nested: bool) -> Iterator[Chunk]:
    """Rows with text that is not UTF-8 are set aside."""
    with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
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
    yield Chunk(columns={}, theirs=theirs, place=str, malformed=[])


def _row(numbers: Sequence[int] | Ints, i: int) -> str:
    return f"row {numbers[i]}"
