"""Typed columns of a declared table, read chunk by chunk, with a located fault for each bad cell.

The meaning of an empty cell, a number and a time is decided here and in `cells`, for all tables alike.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import (
    Flags,
    Floats,
    Ints,
    as_text,
    empty,
    real_numbers,
    whole_numbers,
)
from simcost.tables.columns import Column, DeclaredTable
from simcost.tables.dates import TimeRule, TimeSource, instants, time_findings, time_rule, without_zone
from simcost.tables.faults import Faults, beyond, dressed, first_rows, quoted, written
from simcost.tables.header import Head, peek
from simcost.tables.sources import Chunk, open_chunks, row_of
from simcost.units import NS_PER_S, how_many, plural

_NONE: Mapping[str, str] = {}
ZONES = "says no zone, but others of this file do; say it in all"
LATEST_NS = 2**62
"""Differences of times below stay within 64 bits."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one column.

    Attributes:
        values: of numbers and choices NaN where there is none, of whole numbers and times (ns) 0; of text an Arrow
            array without spaces around.
        empty: cells that hold nothing.
        bad: cells that hold what they must not.
    """

    values: Any
    empty: Flags
    bad: Flags


def read_cells(column: pa.Array, declared: Column, rule: TimeRule | None = None) -> Cells:
    """The cells of a column as it is declared; `rule` says how times are read. Raises ArrowException for odd types."""
    if declared.kind == "text":
        text = pc.fill_null(pc.utf8_trim_whitespace(as_text(column)), "")
        return Cells(text, pc.equal(text, "").to_numpy(zero_copy_only=False), np.zeros(len(text), np.bool_))
    if declared.spelled is not None:
        column = declared.spelled(column)
    if declared.kind == "time":
        return _times(column, declared, rule or rule_of(column, declared.name, TimeSource()))
    if declared.words is not None:
        return _worded(column, declared, declared.words)
    if declared.kind == "whole":
        whole, ok = whole_numbers(column)
        missing = ~ok if ok.all() else empty(column, words=True)
        ok &= ~missing & _within(whole, declared)
        return Cells(np.where(ok, whole, 0), missing, ~ok & ~missing)
    return _numbers(column, declared)


def _numbers(column: pa.Array, declared: Column) -> Cells:
    values, ok = real_numbers(column)
    missing = np.isnan(values) & ok
    ok &= ~missing & _within(values, declared)
    return Cells(np.where(ok, values, np.nan), missing, ~ok & ~missing)


def rule_of(column: pa.Array, name: str, source: TimeSource) -> TimeRule:
    """Rule for the times of a column, by its cells that are not empty."""
    return time_rule(column.filter(pa.array(~empty(column, words=True))), name, None, source)


def _times(column: pa.Array, declared: Column, rule: TimeRule) -> Cells:
    values, ok = instants(column, rule)
    missing = ~ok if ok.all() else empty(column, words=True)
    ok &= (np.abs(values) < LATEST_NS) & ~missing & (values >= declared.low * NS_PER_S)
    return Cells(np.where(ok, values, 0), missing, ~ok & ~missing)


def _worded(column: pa.Array, declared: Column, words: Mapping[str, float]) -> Cells:
    """Numbers, or words that stand for them; of a choice, words alone."""
    text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(column)))
    index = pc.index_in(text, pa.array(list(words))).fill_null(-1).to_numpy(zero_copy_only=False)
    said: Flags = index >= 0
    missing: Flags = empty(text, words=True) & ~said
    values: Floats = np.append(list(words.values()), np.nan)[index]
    if declared.kind == "choice":
        return Cells(values, missing, ~said & ~missing)
    others = _numbers(pc.if_else(pa.array(said), pa.scalar(None, pa.string()), text), declared)
    return Cells(np.where(said, values, others.values), missing, others.bad)


def _within(values: Floats | Ints, declared: Column) -> Flags:
    above = values > declared.low if declared.above else values >= declared.low
    return np.asarray(above & (values <= declared.high), np.bool_)


@dataclass(slots=True, kw_only=True)
class TypedTable:
    """The rows of a declared table in its order, without the blank ones; arrays of equal length.

    Attributes:
        theirs: ours -> the file's column, for messages.
        numbers: NaN where empty; of choices the number of the word.
        wholes: 0 where empty.
        times_ns: since 1970, or since an unknown zero as `rules` says; 0 where empty.
        naive: dates that do not say their zone.
        codes: of text, indices into `words`.
        words: the texts of a column in order of appearance; the empty text is that of empty cells.
        missing: cells without a value: empty, or bad.
        blank: how many rows were passed over.
        no_zone: how many rows have dates that do not say their zone.
        again: reads the file from its beginning once more; None = it cannot.
        noted: (column, message) -> faults noted of several batches; None of a whole table, whose notes are in `faults`.
    """

    declared: DeclaredTable
    path: Path
    theirs: Mapping[str, str]
    faults: Faults
    numbers: dict[str, Floats] = field(default_factory=dict)
    wholes: dict[str, Ints] = field(default_factory=dict)
    times_ns: dict[str, Ints] = field(default_factory=dict)
    naive: dict[str, Flags] = field(default_factory=dict)
    codes: dict[str, Ints] = field(default_factory=dict)
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    missing: dict[str, Flags] = field(default_factory=dict)
    rules: dict[str, TimeRule] = field(default_factory=dict)
    rows: int = 0
    blank: int = 0
    no_zone: int = 0
    again: Callable[[], Iterable[Chunk]] | None = None
    noted: dict[tuple[str, str], Faults] | None = None
    place: Callable[[int], str] = str

    def __len__(self) -> int:
        return self.rows

    def __contains__(self, ours: str) -> bool:
        return ours in self.theirs

    def text(self, ours: str) -> pa.Array:
        """A column of text; empty in all rows where there is none."""
        if ours not in self.codes:
            return pa.array([""] * len(self))
        return pa.array(list(self.words[ours]), pa.string()).take(pa.array(self.codes[ours]))

    def where(self, ours: str, test: Callable[[pa.Array], pa.Array]) -> Flags:
        """Rows whose text passes a test, which each different text takes once."""
        passed: Flags = test(pa.array(self.texts(ours), pa.string())).to_numpy(zero_copy_only=False)
        return passed[self.codes[ours]] if ours in self.codes else np.full(len(self), passed[0])

    def texts(self, ours: str) -> tuple[str, ...]:
        """The different texts of a column, in order of appearance; one, empty, where there is no such column."""
        return tuple(self.words.get(ours, ("",)))

    def cell(self, ours: str, i: int) -> str:
        """A cell for messages."""
        if ours in self.codes:
            return repr(self.texts(ours)[self.codes[ours][i]])
        if ours in self.times_ns:
            time_ns = int(self.times_ns[ours][i])
            return str(np.datetime64(time_ns // NS_PER_S, "s")) if self.rules[ours].epoch else f"{time_ns / NS_PER_S:g}"
        return f"{self.numbers[ours][i] if ours in self.numbers else self.wholes[ours][i]:.15g}"

    def findings(self) -> list[tuple[str, int, str]]:
        """Findings on rows passed over and times assumed: kind, count and message."""
        return passed_over(self.declared, self.blank, self.no_zone) + self.time_findings()

    def time_findings(self) -> list[tuple[str, int, str]]:
        """Findings on the notations of times that were found out: kind, count and message."""
        return time_findings({self.theirs[ours]: rule for ours, rule in self.rules.items()})

    def note(self, ours: str, bad: Flags, wrong: str) -> None:
        """A fault for each of the rows flagged."""
        faults = self.faults if self.noted is None else self.noted.setdefault((ours, wrong), Faults(self.path))
        faults.add_all(np.flatnonzero(bad), self.teller(ours, wrong))

    def teller(self, ours: str, wrong: str) -> Callable[[int], tuple[str, str]]:
        """Place and message of a row whose cell is wrong."""
        name = self.theirs[ours]
        return lambda i: (self.place(i), f"{name}: {self.cell(ours, i)} {wrong}")


def passed_over(declared: DeclaredTable, blank: int, no_zone: int) -> list[tuple[str, int, str]]:
    """Findings on rows passed over and times assumed: kind, count and message."""
    nothing = "anything in them" if declared.blank is None else " and ".join(declared.blank)
    have = how_many(no_zone, "row has", "rows have")
    found = [
        ("blank", blank, f"{plural(blank, 'row')} without {nothing}: passed over"),
        ("no_zone", no_zone, f"{have} times that say no zone; they were read as UTC"),
    ]
    return [(kind, count, message) for kind, count, message in found if count]


Check = Callable[[TypedTable], None]


def read_declared(
    path: Path, declared: DeclaredTable, mapping: Mapping[str, str] = _NONE, check: Check | None = None
) -> TypedTable:
    """All rows of a table, whose columns are found by their names. Raises as `DeclaredTable.find` and `read_typed`."""
    head = peek(path, declared.what)
    return read_typed(path, head, declared, declared.find(head.names, path, mapping), check)


def read_typed(
    path: Path, head: Head, declared: DeclaredTable, theirs: Mapping[str, str], check: Check | None = None
) -> TypedTable:
    """All rows of a table, whose columns are found already.

    Args:
        path: the file.
        head: its header.
        declared: what its columns hold.
        theirs: ours -> the file's, as `DeclaredTable.find` gives them.
        check: notes what is wrong with rows whose cells are good.

    Raises:
        FaultsError: bad cells, and rows that could not be split or are not UTF-8, with their lines, all at once.
        TraceError: a column of a type that cannot be read, a damaged file, or no rows.
    """
    chunks = partial(
        open_chunks, path, head.container, lambda _: dict(theirs), declared.what, is_number=declared.holds_numbers
    )
    return typed_of_chunks(path, declared, theirs, chunks, check)


def typed_of_chunks(
    path: Path,
    declared: DeclaredTable,
    theirs: Mapping[str, str],
    chunks: Callable[[], Iterable[Chunk]],
    check: Check | None = None,
) -> TypedTable:
    """All rows of chunks, which may be read twice. Args and raises as `read_typed`."""
    table = TypedTable(declared=declared, path=path, theirs=theirs, faults=Faults(path), again=chunks)
    intake = TypedIntake(table)
    for chunk in chunks():
        try:
            intake.add(chunk)
        except pa.ArrowException as error:
            raise TraceError(f"{path}: a column holds neither text nor numbers nor times: {error}") from error
    return intake.table(check)


@dataclass(slots=True)
class TypedIntake:
    """Gatherer of the columns of chunks."""

    gathered: TypedTable
    parts: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    places: list[Callable[[int], str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])

    def add(self, chunk: Chunk) -> None:
        """The rows of a chunk; the faults of its cells are in the order of its rows."""
        for place, reason in chunk.malformed:
            self.gathered.faults.add(place, reason)
        rows = len(next(iter(chunk.columns.values()), ()))
        if not rows:
            return
        read = {ours: self._cells(ours, column, chunk) for ours, column in chunk.columns.items()}
        kept = self._kept(read, rows)
        self._note(chunk, read, kept)
        at = np.flatnonzero(kept)
        for ours, cells in read.items():
            self._keep(ours, cells, chunk.columns[ours], at)
        self.places.append(chunk.place if kept.all() else partial(row_of, chunk.place, at))
        self.starts.append(self.starts[-1] + len(at))

    def _cells(self, ours: str, column: pa.Array, chunk: Chunk) -> Cells:
        """One column of a chunk. The first that has a time says how the times of its column are read."""
        declared, table = self.gathered.declared.column(ours), self.gathered
        if declared.kind != "time":
            return read_cells(column, declared)
        rule = table.rules.get(ours)
        if rule is None:
            spelled = column if declared.spelled is None else declared.spelled(column)
            again = table.again or tuple[Chunk, ...]
            source = TimeSource(
                place=str(table.path),
                option=table.declared.time_format,
                rest=lambda: (part.columns[ours] for part in again() if ours in part.columns),
            )
            rule = rule_of(spelled, chunk.theirs[ours], source)
        cells = read_cells(column, declared, rule)
        if not cells.empty.all():
            table.rules[ours] = rule
        return cells

    def _kept(self, read: Mapping[str, Cells], rows: int) -> Flags:
        """Rows that are not blank."""
        decisive = self.gathered.declared.blank
        names = read if decisive is None else [name for name in decisive if name in read]
        blank: Flags = np.logical_and.reduce([read[ours].empty for ours in names]) if names else np.zeros(rows, bool)
        self.gathered.blank += int(blank.sum())
        return ~blank

    def _note(self, chunk: Chunk, read: Mapping[str, Cells], kept: Flags) -> None:
        found: list[tuple[int, str]] = []
        table, count = self.gathered, 0
        for ours, cells in read.items():
            declared = table.declared.column(ours)
            none = np.zeros(len(kept), np.bool_)
            bad = none if declared.on_bad == "empty" else cells.bad
            faulty = kept & (bad | (cells.empty if declared.filled else none))
            count += int(faulty.sum())
            found += [(i, ours) for i in first_rows(faulty)]
        for i, ours in sorted(found, key=lambda each: each[0]):
            said = message(table.declared.column(ours), written(chunk.columns[ours], i))
            table.faults.add(chunk.place(i), f"{chunk.theirs[ours]}: {said}")
        table.faults.count += count - len(found)

    def _keep(self, ours: str, cells: Cells, column: pa.Array, at: Ints) -> None:
        table, declared = self.gathered, self.gathered.declared.column(ours)
        if declared.kind == "text":
            values: Any = codes(table.words.setdefault(ours, {}), cells.values.take(pa.array(at)))
        else:
            values = cells.values[at]
        self.parts.setdefault(("values", ours), []).append(values)
        self.parts.setdefault(("missing", ours), []).append((cells.empty | cells.bad)[at])
        if declared.kind == "time":
            in_utc = table.theirs[ours].strip().lower().endswith("_utc")
            dated = ours in table.rules and table.rules[ours].unit is None and not in_utc
            naive = np.zeros(len(column), np.bool_)
            if dated:
                naive = without_zone(column, table.rules[ours]) & ~(cells.empty | cells.bad)
            self.parts.setdefault(("naive", ours), []).append(naive[at])

    def table(self, check: Check | None) -> TypedTable:
        """All rows. Raises FaultsError for bad cells, TraceError without a row."""
        table = self.gathered
        if not self.rows:
            table.faults.check()
            raise TraceError(f"{table.path}: no rows; give a {table.declared.what}")
        self.join()
        for ours in table.theirs:
            self._check(ours, table.declared.column(ours))
        if check is not None:
            check(table)
        table.faults.check()
        return table

    @property
    def rows(self) -> int:
        """Rows gathered."""
        return self.starts[-1]

    def join(self) -> None:
        """Make arrays of the parts."""
        table = self.gathered
        table.rows, table.place = self.rows, partial(_placed, self.starts, self.places)
        for what, ours in list(self.parts):
            values = np.concatenate(self.parts.pop((what, ours)))
            if what == "missing":
                table.missing[ours] = values
            elif what == "naive":
                table.naive[ours] = values
            else:
                self._stores(ours)[ours] = values
        table.no_zone = int(np.sum(np.logical_or.reduce(list(table.naive.values())))) if table.naive else 0

    def _stores(self, ours: str) -> dict[str, Any]:
        table = self.gathered
        kind = table.declared.column(ours).kind
        stores: dict[str, dict[str, Any]] = {"text": table.codes, "whole": table.wholes, "time": table.times_ns}
        return stores.get(kind, table.numbers)

    def _check(self, ours: str, declared: Column) -> None:
        """Note faults that only all rows together show."""
        table = self.gathered
        if declared.unique:
            again = ~table.missing[ours]
            again[np.unique(table.codes[ours], return_index=True)[1]] = False
            table.note(ours, again, "is there twice")
        if declared.kind == "time" and declared.one_zone:
            naive = table.naive[ours]
            if (~naive & ~table.missing[ours]).any():
                table.note(ours, naive, ZONES)


def _placed(starts: Sequence[int], places: Sequence[Callable[[int], str]], row: int) -> str:
    """The place of a row, without a hold on the table: memory of a batch is free once nobody needs it."""
    part = bisect_right(starts, row) - 1
    return places[part](row - starts[part])


def codes(known: dict[str, int], text: pa.Array) -> Ints:
    """Each text as its number in `known`, which learns new ones; null is the empty text."""
    encoded = pc.fill_null(text, "").dictionary_encode()
    numbers = [known.setdefault(word, len(known)) for word in encoded.dictionary.to_pylist()]
    result: Ints = np.array(numbers, np.int64)[encoded.indices.to_numpy()]
    return result


def message(declared: Column, cell: str) -> str:
    """Message for a bad cell, with what to write instead."""
    usual = {"time": "write ISO time, as 2026-01-05T08:00:00Z, or epoch seconds"}
    remedy = declared.remedy or usual.get(declared.kind, "")
    if declared.kind in ("number", "whole") and dressed(cell):
        remedy = "write the number in digits alone, without a unit, a currency or marks between thousands"
    said = f"{quoted(cell)} is not {declared.expected}{beyond(cell)}" if cell else "the cell is empty"
    return f"{said}; {remedy}" if remedy else said
