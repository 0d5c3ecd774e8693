"""Files of one import, standard input among them: how each is written, and its rows."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from simcost.errors import TraceError
from simcost.outputs import temporary_folder
from simcost.tables.delimiter import AmbiguousDelimiterError
from simcost.tables.json_objects import read_objects
from simcost.tables.object_stores import original_uri
from simcost.tables.sources import Chunk, Find, open_chunks, open_stream, reading
from simcost.trace.requests.formats import LogFormat

STANDARD_INPUT = "-"
_HEAD_BYTES = 65_536
_PACKED = (".gz", ".zst", ".bz2", ".xz")
"""Ends of packed files; those of xz are refused by their first bytes."""
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def shown_name(path: Path) -> str:
    """A file in messages."""
    return "standard input" if str(path) == STANDARD_INPUT else original_uri(path) or str(path)


def format_of_name(name: str) -> str | None:
    """The format that the end of a file's name says: `csv`, `jsonl` or `parquet`; None where it says none.

    >>> format_of_name("log.CSV.gz"), format_of_name("spans.json.zst"), format_of_name("access.log")
    ('csv', 'jsonl', None)
    """
    path = Path(name.lower())
    return _SUFFIXES.get(Path(path.stem).suffix if path.suffix in _PACKED else path.suffix)


@contextmanager
def local(path: Path) -> Iterator[Path]:
    """The file itself; of standard input a copy, which messages name as such."""
    if str(path) != STANDARD_INPUT:
        yield path
        return
    with temporary_folder() as folder:
        copy = folder / "stdin"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield copy
        except TraceError as error:
            raise TraceError(str(error).replace(str(copy), shown_name(path))) from error


def open_log(path: Path, form: LogFormat, find: Find, *, delimiter: str | None) -> Iterator[Chunk]:
    """The rows of a log in its order, streamed.

    Args:
        path: the log, packed or not.
        form: its format.
        find: which of its columns are read, and what we call them.
        delimiter: between the cells of a CSV file; None = the one in its header.

    Raises:
        TraceError: missing, empty, damaged, without the columns needed, or of a delimiter that is not certain.
    """
    with reading(path, form.container or "csv", "request log"):
        container = form.container or container_of(path)
    if container == "jsonl":
        with reading(path, container, "request log"):
            yield from read_objects(path, find, form.rows)
    else:
        with _remedy(path):
            yield from open_chunks(path, container, find, nested=True, delimiter=delimiter)


@contextmanager
def _remedy(path: Path) -> Iterator[None]:
    """Name the option that decides where several characters may be the delimiter."""
    try:
        yield
    except TraceError as error:
        if isinstance(error.__cause__, AmbiguousDelimiterError):
            names = error.__cause__.names
            raise TraceError(
                f"{path}: its header has {' and '.join(names)}; pass the one between its cells, e.g. --delimiter "
                f"'{names[0]}'"
            ) from error
        raise


def container_of(path: Path) -> Literal["csv", "jsonl", "parquet"]:
    """JSON, Parquet or CSV, by the first bytes."""
    with open_stream(path) as stream:
        head = stream.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if head[:1] in (b"{", b"[") else "csv"
