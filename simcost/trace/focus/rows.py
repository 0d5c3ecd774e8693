"""Some rows of a cost file, cleaned: a column each of words, numbers or times."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.cells import Flags, Floats, Ints
from simcost.trace.focus.cells import Mended, Words, numbers, times, words
from simcost.trace.focus.columns import COLUMNS


@dataclass(frozen=True, slots=True)
class Rows:
    """Cleaned rows; a column that the file lacks is empty in all of them."""

    count: int
    words: Mapping[str, Words]
    numbers: Mapping[str, Floats]
    """NaN where there is none."""
    times_s: Mapping[str, Ints]
    """Since 1970 UTC."""
    timed: Mapping[str, Flags]
    """Rows that have a time."""
    mended: Mapping[str, Mended]

    def word(self, column: str) -> Words:
        """A column of text."""
        return self.words.get(column) or Words(np.full(self.count, -1, np.int64), pa.array([], pa.string()))

    def number(self, column: str) -> Floats:
        """A column of numbers."""
        return self.numbers[column] if column in self.numbers else np.full(self.count, np.nan)

    def is_(self, column: str, *words: str) -> Flags:
        """Rows with one of the words in a column."""
        return self.word(column).equal(*words)

    def has(self, column: str) -> Flags:
        """Rows with a value in a column."""
        if column in self.numbers:
            return ~np.isnan(self.numbers[column])
        if column in self.timed:
            return self.timed[column]
        return self.word(column).given

    @property
    def used(self) -> Flags:
        """Rows of usage, without what stands for an unused commitment or reservation."""
        unused = self.is_("CommitmentDiscountStatus", "Unused")
        return (
            self.is_("ChargeCategory", "Usage") & ~unused & ~self.is_("CapacityReservationStatus", "Unused")
        )


def clean(columns: Mapping[str, pa.Array]) -> Rows:
    """The columns of a chunk, each by its kind; what is no column of FOCUS is text.

    Raises:
        TraceError: a column of a type that cannot be read.
    """
    found: dict[str, Words] = {}
    floats: dict[str, Floats] = {}
    seconds: dict[str, Ints] = {}
    timed: dict[str, Flags] = {}
    mended: dict[str, Mended] = {}
    for name, column in columns.items():
        kind = COLUMNS[name].kind if name in COLUMNS else "string"
        try:
            if kind == "decimal":
                floats[name], mended[name] = numbers(column)
            elif kind == "time":
                seconds[name], timed[name], mended[name] = times(column)
            else:
                allowed = COLUMNS[name].allowed if name in COLUMNS else ()
                found[name], mended[name] = words(column, allowed)
        except pa.ArrowException as error:
            raise TraceError(f"column {name!r} holds {column.type}; write one value a row") from error
    count = len(next(iter(columns.values()))) if columns else 0
    return Rows(count, found, floats, seconds, timed, mended)


def pieces(rows: Rows, what: str) -> Iterator[tuple[str, Flags]]:
    """The columns in which something of a kind was mended, and in which rows."""
    for name, one in rows.mended.items():
        flags: Flags = getattr(one, what)
        if flags.any():
            yield name, flags
