"""Declared columns: what a table must have, what its columns may be called, and what their cells may hold."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal

import pyarrow as pa

from simcost.errors import TraceError, columns_said, did_you_mean

Kind = Literal["text", "number", "whole", "time", "choice"]
_NONE: Mapping[str, str] = {}
_OTHER_UNIT = re.compile(
    "ns|nanoseconds|us|micros|microseconds|ms|msec|millis|milliseconds|m|mins?|minutes|h|hrs?|hours|d|days"
)
"""Last words of names of columns of time that is not in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    A name that ends with a colon, as `tag:`, is that of all columns whose names begin so.
    """

    name: str
    """Ours."""
    aliases: tuple[str, ...] = ()
    """Other names, the commonest first; ours comes before them unless it is among them. Case and spaces around do not
    matter."""
    kind: Kind = "text"
    """`choice`: one of `words`."""
    low: float = -inf
    """Least number, or seconds of a time."""
    high: float = inf
    above: bool = False
    """Numbers are above `low`, not at it."""
    words: Mapping[str, float] | None = None
    """Texts that stand for numbers, in lower case."""
    required: bool = False
    """The table must have it."""
    filled: bool = False
    """No cell may be empty."""
    unique: bool = False
    """No text is there twice."""
    one_zone: bool = True
    """Either all dates say their zone, or none does."""
    on_bad: Literal["fault", "empty", "drop"] = "fault"
    """A bad cell is a fault, or counts as empty, or its row is left out by the reader of the table, which says so."""
    remedy: str = ""
    """Advice for a bad cell; empty = what follows from the kind."""
    spelled: Callable[[pa.Array], pa.Array] | None = None
    """From the cells as such files write them to plain numbers and ISO times."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names, the commonest first."""
        return self.aliases if self.name in self.aliases else (self.name, *self.aliases)

    @property
    def expected(self) -> str:
        """Content of a cell, for messages."""
        if self.kind == "choice":
            return f"one of {', '.join(self.words or ())}"
        if self.kind == "time":
            return "a time" if self.low == -inf else "a time from 1970 on"
        bounds = f" from {self.low:,.16g} up" if self.low > -inf else ""
        if self.high < inf:
            bounds = f" from {self.low:,.16g} to {self.high:,.16g}"
        if self.above:
            bounds = f" above {self.low:,.16g}"
        return ("a whole number" if self.kind == "whole" else "a number") + bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTable:
    """A kind of table: its columns, and what to call it in messages."""

    what: str
    """As in `give a {what}`."""
    columns: tuple[Column, ...]
    blank: tuple[str, ...] | None = None
    """Rows in which these are all empty are passed over and counted; None = all columns that are read."""
    time_format: bool = False
    """The command takes `--time-format`."""
    missing: str = "pass --map {name}=COLUMN"
    """Remedy where a required column is not there."""

    def column(self, ours: str) -> Column:
        """The declaration of a column, also of one of several whose names begin alike."""
        family = ours.partition(":")[0] + ":"
        return next(column for column in self.columns if column.name in (ours, family))

    def holds_numbers(self, ours: str) -> bool:
        """True if a column holds numbers; times may be numbers."""
        return self.column(ours).kind in ("number", "whole", "time")

    def find(self, names: Sequence[str], path: Path, mapping: Mapping[str, str] = _NONE) -> dict[str, str]:
        """Ours -> the file's. Raises TraceError for columns that are unknown, missing or there twice, all of them."""
        result, faults = self.match(names, mapping)
        self.refuse([*faults, *self.lacking(result)], names, path)
        return result

    def match(self, names: Sequence[str], mapping: Mapping[str, str] = _NONE) -> tuple[dict[str, str], list[str]]:
        """Ours -> the file's, first of `mapping`, then by name; and what is wrong with both."""
        known = [column.name for column in self.columns if not column.name.endswith(":")]
        families = [column.name for column in self.columns if column.name.endswith(":")]
        mapping, faults = self._ours(mapping)
        faults += [
            f"{ours!r} is not a known column{did_you_mean(ours, known)} (known: {', '.join(known)})"
            for ours in mapping
            if ours not in known and not ours.startswith(tuple(families))
        ]
        faults += [
            f"no column {theirs!r}{did_you_mean(theirs, names)}" for theirs in mapping.values() if theirs not in names
        ]
        numbers = {column.name for column in self.columns if column.kind == "number"}
        for ours in filter(numbers.__contains__, mapping):
            faults += other_unit(ours, mapping[ours])
        found = dict(mapping)
        free = [name for name in names if name not in mapping.values()]
        by_key = {_key(name): name for name in reversed(free)}
        for column in self.columns:
            theirs = next((by_key[key] for key in map(_key, column.spellings) if key in by_key), None)
            if column.name not in found and theirs is not None:
                found[column.name] = theirs
                del by_key[_key(theirs)]
                faults += _twins(theirs, free)
        faults += [f"column {name!r} is there twice" for name in mapping.values() if names.count(name) > 1]
        return found, faults

    def _ours(self, mapping: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """The mapping with our names for others of the same columns, as `hour` for `start`; and what is named twice."""
        own = {_key(name): column.name for column in reversed(self.columns) for name in column.spellings}
        own |= {_key(column.name): column.name for column in self.columns}
        found: dict[str, str] = {}
        faults = []
        for name, theirs in mapping.items():
            ours = own.get(_key(name), name)
            if ours in found:
                faults.append(f"{ours} is mapped to {found[ours]} and to {theirs}; name one")
            found.setdefault(ours, theirs)
        return found, faults

    def lacking(self, found: Mapping[str, str]) -> list[str]:
        """Required columns that were not found, each with the remedy."""
        lacking = [column for column in self.columns if column.required and column.name not in found]
        called = {column.name: "timestamp" if column.kind == "time" else column.name for column in lacking}
        return [f"no {called[name]} column found; {self.missing.format(name=name)}" for name in called]

    def refuse(self, faults: Sequence[str], names: Sequence[str], path: Path) -> None:
        """Raise TraceError if there are faults of the header."""
        if faults:
            raise TraceError(f"{path}: {'; '.join(faults)}; {columns_said(names)}")


def other_unit(ours: str, theirs: str, remedy: str = "convert it, and rename the column") -> list[str]:
    """A fault if a column of ours in seconds is mapped to one whose name ends with another unit of time.

    >>> other_unit("duration_s", "duration_ms")
    ['duration_s is in seconds, and duration_ms is not, by its name; convert it, and rename the column']
    >>> len(other_unit("duration_s", "Duration (ms)")), len(other_unit("duration_s", "Duration (s)"))
    (1, 0)
    """
    word = re.split(r"[^a-z]+", re.sub(r"[^a-z0-9]+$", "", theirs.lower()))[-1]
    if not ours.endswith("_s") or not _OTHER_UNIT.fullmatch(word):
        return []
    return [f"{ours} is in seconds, and {theirs} is not, by its name; {remedy}"]


def _key(name: str) -> str:
    """Common form of all spellings of a name: `Submit Time` of a spreadsheet is `submit_time`.

    >>> _key(" Submit Time")
    'submit_time'
    """
    return "_".join(name.lower().split())


def _twins(theirs: str, names: Sequence[str]) -> list[str]:
    """A fault if a column is there again, or under a name that differs in case or spaces alone."""
    same = [name for name in names if _key(name) == _key(theirs)]
    if len(same) == 1:
        return []
    other = next((name for name in same if name != theirs), None)
    return [f"column {theirs!r} is there twice" + (f", also as {other!r}" if other else "")]
