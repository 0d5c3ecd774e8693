"""The header of a table: how the file is written, its columns, and those of numbers and dates."""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simcost.errors import TraceError
from simcost.tables.sources import Container, csv_head, reading

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+|\d{1,3}(,\d{3})+\.\d+)([eE][-+]?\d+)?")
"""Also with commas between thousands and a decimal point, which is read in one way."""
_MARKED_NUMBER = re.compile(r"[-+]?[\d.,' \u00a0\u202f]*\d[.,]?([eE][-+]?\d+)?")
"""Also with a decimal comma and marks between thousands."""
_DATE = re.compile(r"\d{4}-\d\d(-\d\d.*)?|\d{1,2}([./-])\d{1,2}\2(\d\d|\d{4})([ ,T].*)?")
"""Also with the day or the month first."""
_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Head:
    """Facts about a table that are known before it is read."""

    container: Container
    names: list[str]
    numeric: frozenset[str]
    """Columns of numbers."""
    dates: frozenset[str]
    """Columns of times or dates."""


def header(path: Path, what: str) -> tuple[Container, list[str]]:
    """Container and columns of a table. Raises TraceError if it cannot be read, which says what it should be."""
    container = _container(path, what)
    with reading(path, container, what):
        if container == "parquet":
            return container, list(pq.read_schema(path).names)
        return container, csv_head(path)[1][0]


def peek(path: Path, what: str) -> Head:
    """The columns of a CSV or of a Parquet file. Raises TraceError as `header` does."""
    container = _container(path, what)
    with reading(path, container, what):
        if container == "parquet":
            schema = pq.read_schema(path)
            numbers = [
                f.name
                for f in schema
                if pa.types.is_integer(f.type) or pa.types.is_floating(f.type) or pa.types.is_decimal(f.type)
            ]
            times = [f.name for f in schema if pa.types.is_temporal(f.type)]
            return Head("parquet", schema.names, frozenset(numbers), frozenset(times))
        delimiter, (names, *rows) = csv_head(path, _SAMPLE)
        _check_header(names, path)
        number = _NUMBER if delimiter == "," else _MARKED_NUMBER
        dates = _filled(names, rows, _DATE)
        return Head("csv", names, _filled(names, rows, number) - dates, dates)


def _container(path: Path, what: str) -> Container:
    with reading(path, "csv", what), path.open("rb") as file:
        packed = file.read(4) == b"PAR1" or path.suffix == ".parquet"
    return "parquet" if packed else "csv"


def _check_header(names: list[str], path: Path) -> None:
    """Raise TraceError for a header that is not text, or whose names are separated by none of the usual delimiters."""
    if any("\0" in name for name in names):
        raise TraceError(f"{path}: its header is not text; save it as CSV in UTF-8")
    other = len(names) == 1 and "|" in names[0]
    if other or (names and names[0].startswith("{")):
        by = f", {names[0]!r}, is not separated by commas, semicolons or tabs" if other else " is JSON, no CSV header"
        raise TraceError(f"{path}: its first line{by}; write it as CSV with commas, a row for each record or sample")


def _filled(names: list[str], rows: list[list[str]], pattern: re.Pattern[str]) -> frozenset[str]:
    """Columns of which every cell that is not empty matches; the last row may be cut off."""
    whole = [row for row in rows if len(row) == len(names)]
    cells = {name: [row[i].strip() for row in whole if row[i].strip()] for i, name in enumerate(names)}
    return frozenset(name for name, texts in cells.items() if texts and all(map(pattern.fullmatch, texts)))
