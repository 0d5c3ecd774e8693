"""Findings while a cost file is read: how many rows, the first of them, and how they were handled."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simcost.tables.cells import Flags
from simcost.trace.focus.cells import FocusRows, pieces
from simcost.trace.focus.rules import READING

Place = Callable[[int], str]
"""Location of the i-th row of a chunk."""
WRITTEN = {
    "literal_null": ("have a word such as NULL for no value", "read as empty"),
    "unreadable": ("have no number or no time where one should be", "read as empty"),
    "respelled": ("have another spelling, or a time without T or Z", "read as what is meant, times as UTC"),
}


@dataclass(slots=True)
class Finding:
    """Something that was found."""

    says: str
    done: str
    example: str | None = None
    rows: int | None = 0
    """None = all rows."""
    columns: dict[str, None] = field(default_factory=dict)

    def document(self, rule: str, total: int) -> dict[str, Any]:
        """As a row of the table; the share is of all rows."""
        where = f": {', '.join(self.columns)}" if self.columns else ""
        rows = total if self.rows is None else self.rows
        share = rows / total if total else 0.0
        return {
            "rule": rule,
            "says": self.says + where,
            "rows": rows,
            "share": share,
            "example": self.example,
            "done": self.done,
        }


@dataclass(slots=True)
class Quality:
    """Collects findings chunk by chunk."""

    rows: int = 0
    found: dict[str, Finding] = field(default_factory=dict)

    def look(self, rows: FocusRows, place: Place) -> None:
        """Take the rows of a chunk through the rules of reading."""
        self.inspect_cells(rows, place)
        there = set(rows.mended)
        for rule in READING:
            if there.issuperset(rule.needs):
                self.note(rule.name, rule.says, rule.done, rule.broken(rows), place)

    def inspect_cells(self, rows: FocusRows, place: Place) -> None:
        """Count the rows of a chunk, and those with cells that are written otherwise than they should be."""
        self.rows += rows.count
        for kind, (says, done) in WRITTEN.items():
            columns = dict(pieces(rows, kind))
            if columns:
                self.note(kind, says, done, np.logical_or.reduce(list(columns.values())), place)
                self.found[kind].columns.update(dict.fromkeys(columns))

    def note(self, rule: str, says: str, done: str, flags: Flags, place: Place) -> None:
        """Count the rows of a flag for a rule."""
        count = int(np.count_nonzero(flags))
        if count:
            self.count(rule, says, done, count, place(int(flags.argmax())))

    def count(self, rule: str, says: str, done: str, rows: int, example: str | None = None) -> None:
        """Count so many rows for a rule."""
        one = self.found.setdefault(rule, Finding(says, done, example))
        one.rows = (one.rows or 0) + rows

    def columns(self, rule: str, says: str, names: Iterable[str], done: str) -> None:
        """Note findings about all rows: columns that are missing, unknown or named otherwise."""
        for name in names:
            self.found.setdefault(rule, Finding(says, done, rows=None)).columns[name] = None

    def table(self) -> list[dict[str, Any]]:
        """One row per finding, the most frequent first."""
        rows = [one.document(rule, self.rows) for rule, one in self.found.items()]
        return sorted(rows, key=lambda row: -row["rows"])
