"""The rows of one series on their way to a grid, and the notes that are taken on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simcost.tables.cells import Flags, Floats, Ints
from simcost.tables.faults import Faults
from simcost.trace.series.resample import finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The rows of one series, sorted by time; arrays of equal length."""

    name: str
    quantity: str
    time_s: Ints
    """Seconds since 1970: UTC, or the wall clock for steps of a day or more; or months since 1970."""
    values: Floats
    regressors: Floats
    """Shape (rows, regressors)."""
    row: Ints
    """Row of the file of each value."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Flags | Ints) -> "Points":
        return replace(
            self,
            time_s=self.time_s[rows],
            values=self.values[rows],
            regressors=self.regressors[rows],
            row=self.row[rows],
        )


@dataclass(slots=True)
class Notes:
    """Notes on the series of a file: faults, repairs and assumptions."""

    faults: Faults
    place: Callable[[int], str]
    """Location of a row of the file."""
    findings: list[dict[str, Any]] = field(default_factory=list)

    def wrong(self, points: Points, at: Ints, say: Callable[[int], str]) -> None:
        """A fault for each of the points `at`, worded by `say`."""
        several = f"series {points.name!r}: "
        self.faults.add_all(at, lambda i: (self.place(int(points.row[i])), several + say(i)))

    def found(self, kind: str, points: Points, count: int, message: str) -> None:
        """A finding on a series."""
        self.findings.append(finding(kind, points.name, count, message))


def iso(time_s: int | np.int64) -> str:
    """A time as text: `2024-05-12 08:00`, with seconds where there are some, the date alone at 00:00."""
    text = str(np.datetime64(int(time_s), "s")).replace("T", " ")
    return text.removesuffix(":00").removesuffix(" 00:00")
