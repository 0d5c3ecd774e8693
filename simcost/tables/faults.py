"""Located faults of a file: the first are shown, the rest counted."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.errors import Fault, FaultsError
from simcost.tables.cells import LARGEST, Flags, Ints

FAULTS_SHOWN = 10
_LINE = re.compile(r"line (\d+)")
_LONGEST = 40
_PLAIN = r"[-+]?\d+(\.\d+)?"
_DRESSED = r"[$€£¥]? ?[-+]?(\d{1,3}([,.' ]\d{3})+|\d+)([.,]\d+)? ?([$€£¥%]|[A-Za-z]{1,4})?"
"""A number, without and with a currency, a unit or marks between thousands."""
_LAST_DAY = "2116-02-20"
"""Its nanoseconds since 1970 reach 2**62, so that differences stay within 64 bits."""


def located(path: Path, place: str, message: str) -> Fault:
    """A fault of a file at a place as a `Chunk` says it, or empty."""
    line = _LINE.search(place)
    return Fault(file=str(path), line=int(line[1]) if line else 0, path="" if line else place, message=message)


@dataclass(slots=True)
class Faults:
    """Located faults of one file: the first are shown, the rest counted."""

    path: Path
    shown: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, place: str, message: str) -> None:
        """Note a fault; `place` is as a `Chunk` says it, or empty."""
        if len(self.shown) < FAULTS_SHOWN:
            self.shown.append(located(self.path, place, message))
        self.count += 1

    def add_all(self, at: Ints, say: Callable[[int], tuple[str, str]]) -> None:
        """A fault for each of the rows `at`; `say` gives place and message of those that are shown."""
        for i in at[:FAULTS_SHOWN]:
            self.add(*say(int(i)))
        self.count += max(len(at) - FAULTS_SHOWN, 0)

    def extend(self, others: "Faults") -> None:
        """Add the faults of another list."""
        self.shown += others.shown[: FAULTS_SHOWN - len(self.shown)]
        self.count += others.count

    def check(self) -> None:
        """Raise FaultsError if there are any."""
        more = self.count - len(self.shown)
        if more > 0:
            self.shown.append(Fault(file=str(self.path), message=f"and {more:,} more"))
        if self.shown:
            raise FaultsError(self.shown)


def written(column: pa.Array, i: int) -> str:
    """A cell as text, empty if it is null."""
    if pa.types.is_timestamp(column.type):  # may be beyond what Python's datetime holds
        return "beyond 2262" if column[i].is_valid else ""
    return "" if column[i].as_py() is None else str(column[i].as_py()).strip()


def quoted(cell: str) -> str:
    """A cell for messages, cut where long."""
    return repr(cell if len(cell) <= _LONGEST else cell[:_LONGEST] + "...")


def first_rows(flags: Flags) -> list[int]:
    """The rows flagged of which a message may be shown."""
    rows: list[int] = np.flatnonzero(flags)[:FAULTS_SHOWN].tolist()
    return rows


def dressed(cell: str) -> bool:
    """True if a cell is a number with something around it or within: a unit, a currency, marks between thousands.

    >>> [dressed(cell) for cell in ("12,345", "$7", "1.5k", "60 %", "-5", "1e9", "inf", "gpu-7")]
    [True, True, True, True, False, False, False, False]
    """
    return re.fullmatch(_PLAIN, cell) is None and re.fullmatch(_DRESSED, cell) is not None


def beyond(cell: str) -> str:
    """Words for a cell that is a time or a number, but beyond all that are read; empty = it is not.

    >>> beyond("2117-01-01"), beyond("1e308"), beyond("soon")
    (': the last day that is read is 2116-02-20', ': the largest number that is read is 1e+100', '')
    """
    if re.match(r"\d{4}-\d\d-\d\d", cell) and cell[:10] > _LAST_DAY:
        return f": the last day that is read is {_LAST_DAY}"
    with suppress(ValueError):
        if LARGEST < abs(float(cell)) < inf:
            return f": the largest number that is read is {LARGEST:g}"
    return ""
