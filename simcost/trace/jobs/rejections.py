"""Rejected rows of a job log: counted, located, and reported with their reason; nothing vanishes silently."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.tables.table import LogTable
from simcost.units import how_many

_PLACES = 5


def finding(kind: str, count: int, message: str) -> dict[str, Any]:
    """A thing that a reader of the results should know."""
    return {"kind": kind, "count": count, "message": message}


def kept_out(count: int) -> str:
    """`1 job was kept out`, `2 jobs were kept out`."""
    return f"{how_many(count, 'job was', 'jobs were')} kept out"


@dataclass(slots=True)
class Sieve:
    """Rows of a table that are still good, and findings about the others.

    Attributes:
        keep: flag for each row.
        findings: one for each reason, with the first places.
        dropped: rows kept out, those that could not be split included.
    """

    path: Path
    table: LogTable
    keep: Flags = field(init=False)
    findings: list[dict[str, Any]] = field(init=False)
    dropped: int = 0

    def __post_init__(self) -> None:
        self.keep = np.ones(len(self.table), np.bool_)
        self.findings = list(self.table.findings)
        if malformed := self.table.malformed:
            reason = malformed[0][1]
            self._note("malformed", [place for place, _ in malformed], f"cannot be read: {reason}", "")

    def drop(self, bad: Flags, kind: str, ours: str, wrong: str) -> None:
        """Keep out the rows flagged that are not out already.

        Args:
            bad: flag for each row.
            kind: the reason in one word.
            ours: the column at fault; empty = all of them.
            wrong: what is wrong with it, in words.
        """
        at = np.flatnonzero(bad & self.keep)
        if len(at) == 0:
            return
        self.keep &= ~bad
        self._note(
            kind, [self.table.place(int(i)) for i in at[:_PLACES]], wrong, self._named(ours, int(at[0])), len(at)
        )

    def place_of(self, row: int, ours: str) -> str:
        """A cell and where it stands, for a message."""
        return f"{self.table.place(row)}: {self._named(ours, row)}"

    def _named(self, ours: str, row: int) -> str:
        """The cell of a column with the name of this, empty of none."""
        return f"{self.table.theirs.get(ours, ours)} {self._cell(ours, row)}" if ours else ""

    def _note(self, kind: str, places: list[str], wrong: str, cell: str, count: int | None = None) -> None:
        count = len(places) if count is None else count
        self.dropped += count
        where = f"{places[0]}: {cell}" if cell else places[0]
        said = finding(kind, count, f"{kept_out(count)}: {wrong}; first: {where.strip()}")
        self.findings.append(said | {"dropped": True, "places": places[:_PLACES]})

    def _cell(self, ours: str, i: int) -> str:
        """A cell as it is written, cut where long."""
        column = self.table.columns.get(ours)
        if column is None or not column[i].is_valid:
            return "is missing"
        cell = str(column[i].cast(pa.string())) if pa.types.is_timestamp(column.type) else str(column[i].as_py())
        return f"is {(cell if len(cell) <= 40 else cell[:40] + '...')!r}" if cell else "is empty"

    def check(self) -> None:
        """Raise TraceError if no job is left."""
        if not self.keep.any():
            said = "; ".join(each["message"] for each in self.findings) or "it has no rows"
            raise TraceError(f"{self.path}: no job is left: {said}")
