"""A whole log of jobs as columns of our names, each row with its place."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from simcost.tables.sources import Container, Find, IsNumber, open_chunks
from simcost.tables.spool import ColumnSpool

WHAT = "log of jobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTable:
    """The rows of a log in its order.

    Attributes:
        columns: ours -> values, as text or as the log's own type, of equal length.
        rows: their number.
        theirs: ours -> the log's column, for messages.
        place: where the i-th row stands, e.g. `row 17 (line 18)`.
        malformed: rows that are not in `columns` because they could not be split: place and reason.
        findings: what the reader of the format left out or assumed: `kind`, `count`, `message`.
        grace: whether the scheduler let jobs run a little over their limits; such limits are raised.
    """

    columns: Mapping[str, pa.Array]
    rows: int
    theirs: Mapping[str, str]
    place: Callable[[int], str]
    malformed: Sequence[tuple[str, str]] = ()
    findings: list[dict[str, Any]] = field(default_factory=list)
    grace: bool = False

    def __len__(self) -> int:
        return self.rows


def read_table(
    path: Path, container: Container, find: Find, what: str = WHAT, is_number: IsNumber | None = None
) -> LogTable:
    """All rows of a CSV or Parquet file, with numbers as `open_chunks` gives them. Raises TraceError as it does."""
    columns = ColumnSpool(path)
    places: list[Callable[[int], str]] = []
    starts, malformed, theirs = [0], [], {}
    for chunk in open_chunks(path, container, find, what, is_number=is_number):
        malformed += chunk.malformed
        theirs = dict(chunk.theirs)
        rows = next((len(column) for column in chunk.columns.values()), 0)
        if rows:
            columns.add(chunk.columns)
            places.append(chunk.place)
            starts.append(starts[-1] + rows)

    def place(i: int) -> str:
        part = bisect_right(starts, i) - 1
        return places[part](i - starts[part])

    columns.finish()
    nothing = {ours: pa.array([], pa.string()) for ours in theirs}
    return LogTable(
        columns=columns if starts[-1] else nothing, theirs=theirs, place=place, malformed=malformed, rows=starts[-1]
    )
