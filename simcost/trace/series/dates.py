"""Dates of demand series as people write them, as ISO text: months, weeks, names of months, day or month first."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import as_text
from simcost.tables.dates import TimePattern

_HEAD = 1000
_COMPACT = {
    r"^\s*(\d{4}-\d\d)\s*$": r"\1-01",
    r"^\s*((?:19|20)\d\d)([01]\d)([0-3]\d)\s*$": r"\1-\2-\3",
    r"^\s*((?:19|20)\d\d)(0[1-9]|1[0-2])\s*$": r"\1-\2-01",
}
"""Forms of a month or a day, and what makes ISO of them."""
_WEEK = re.compile(r"(\d{4})-?W(\d\d)")
_NUMBERED, _NAMED = re.compile(r"\d\d?[/.]\d{4}"), re.compile(r"[^\W\d_]{3}")
"""A month and its year in numbers, and what a time with the name of its month has in it: three letters."""
_MONTHS = ("%b %Y", "%b-%Y", "%b-%y", "%b %y", "%b/%Y")
_DAYS = ("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y", "%d. %b %Y", "%b %d, %Y", "%b %d %Y", "%a, %d %b %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %H:%M:%S %z")


@dataclass(slots=True)
class DateSpelling:
    """Times as a file writes them, as ISO text; its first cells decide how all of them are read.

    Attributes:
        file: the file, for messages.
        column: name of its column of times.
        pattern: that of strptime which its times have; None = it is found out.
    """

    file: str
    column: str
    pattern: str | None = None
    finding: str = field(default="", init=False)
    """Notation that was found out; empty where there was no doubt."""
    _spell: Callable[[pa.Array], pa.Array] | None = field(default=None, init=False)
    _decided: bool = field(default=False, init=False)

    def __call__(self, column: pa.Array) -> pa.Array:
        """The cells as ISO text, where they are written in another way; others as they are."""
        if pa.types.is_timestamp(column.type) or pa.types.is_floating(column.type):
            return column
        text = as_text(column)
        if not self._decided:
            cells = [cell.strip() for cell in text[:_HEAD].to_pylist() if cell and cell.strip()]
            self._decided = bool(cells)
            self._spell = self._found(cells) if cells else None
        if self._spell is None:
            return column
        spelled = self._spell(text)
        return pc.if_else(pc.is_valid(spelled), spelled, text)

    def _found(self, cells: list[str]) -> Callable[[pa.Array], pa.Array] | None:
        """The way from these cells to ISO text; None where they are ISO, or numbers of seconds."""
        if self.pattern is not None:
            return _by_pattern(self.pattern)
        for form, iso in _COMPACT.items():
            if _most(re.match(form, cell) for cell in cells):
                return lambda column: pc.replace_substring_regex(column, form, iso)  # ends the loop
        if _most(map(_WEEK.fullmatch, cells)):
            return _of_weeks
        if (named := _named(cells)) is not None:
            self.finding = f"{self.column} was read as {named}"
            return _by_pattern(named)
        return None


def _by_pattern(pattern: str) -> Callable[[pa.Array], pa.Array]:
    """Cells of a pattern as ISO text, null where they are not written so; of one without a day the first of the month.

    Raises:
        TraceError: a pattern that leaves the date open.
    """
    if any(day in pattern for day in ("%d", "%D", "%F")):
        return TimePattern(pattern).iso
    dated_first = f"%d {pattern}"
    try:
        of_first = TimePattern(dated_first).iso
    except TraceError as error:
        raise TraceError(str(error).replace(repr(dated_first), repr(pattern))) from error
    return lambda text: of_first(pc.binary_join_element_wise("1", pc.utf8_trim_whitespace(text), " "))


def _named(cells: list[str]) -> str | None:
    """The pattern of most cells, with the name of the month or without a day; None = none of those known."""
    patterns: Iterable[str] = ()
    if _most(map(_NUMBERED.fullmatch, cells)):
        patterns = ("%m/%Y", "%m.%Y")
    elif _most(map(_NAMED.search, cells)):
        patterns = (*_MONTHS, *("".join(parts) for parts in product(_DAYS, _CLOCKS)))
    text = pa.array(cells)
    for pattern in patterns:
        if _most(_by_pattern(pattern)(text).to_pylist()):
            return pattern
    return None


def _most(found: Iterable[object]) -> bool:
    """True if there is something in more than half of the places."""
    there = [each is not None for each in found]
    return 2 * sum(there) > len(there)


def _of_weeks(text: pa.Array) -> pa.Array:
    """Mondays of weeks such as 2025-W01; null for weeks that no year has."""
    encoded = pc.utf8_trim_whitespace(text).dictionary_encode()
    return pa.array([_monday(word) for word in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _monday(week: str) -> str | None:
    found = _WEEK.fullmatch(week)
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1).isoformat() if found else None
    except ValueError:
        return None
