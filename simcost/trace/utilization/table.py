"""Rows of a monitoring export as arrays, in the order of the file; bad cells are collected with their places.

Exports with one row per metric, as Prometheus writes them, become one row per GPU and time.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simcost.errors import TraceError
from simcost.tables.cells import Flags, TimeRule, as_text, instants, real_numbers, time_rule, without_zone
from simcost.tables.faults import FAULTS_SHOWN, Faults, written
from simcost.tables.sources import Chunk
from simcost.trace.series.cells import codes
from simcost.trace.utilization.samples import (
    ALLOCATED,
    DUTY,
    METRIC,
    NAMES,
    NUMBERS,
    TIME,
    WIDE,
    Floats,
    Ints,
    called,
)

_NAIVE = "naive"
_UNIT_OF_CELL = r"\s*(%|MiB)\s*$"
_SLASHED = r"^\s*(\d{4})/(\d\d)/(\d\d)"
_FLAGS = {"true": "1", "false": "0", "yes": "1", "no": "0"}


@dataclass(slots=True)
class UtilizationTable:
    """Columns by our names: codes of text with their words, and numbers."""

    path: Path
    faults: Faults
    time_ns: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    epoch: bool = False
    """Times count from 1970."""
    naive: int = 0
    """Dates that say no zone."""
    codes: dict[str, Ints] = field(default_factory=dict)
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    numbers: dict[str, Floats] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    place: Callable[[int], str] = str

    def __len__(self) -> int:
        return len(self.time_ns)

    def names(self, ours: str) -> tuple[str, ...]:
        """The words of a column of text."""
        return tuple(self.words[ours])


def read_table(chunks: Iterable[Chunk], path: Path) -> UtilizationTable:
    """All rows of an export, wide tables unfolded to one row per GPU and time.

    Raises:
        FaultsError: cells that are no time or no number, rows that could not be split.
        TraceError: a column of a type that cannot be read, or no rows.
    """
    table = UtilizationTable(path, Faults(path))
    parts, places, starts = [], [], [0]
    rule: TimeRule | None = None
    try:
        for chunk in chunks:
            for place, reason in chunk.malformed:
                table.faults.add(place, reason)
            if not chunk.columns or not len(chunk.columns[TIME]):
                continue
            times = _times(chunk.columns[TIME])
            rule = rule or time_rule(times, chunk.theirs[TIME], None)
            parts.append(_part(table, chunk, times, rule))
            places.append(chunk.place)
            starts.append(starts[-1] + len(times))
    except pa.ArrowException as error:
        raise TraceError(f"{path}: a column holds neither text nor numbers: {error}") from error
    table.faults.check()
    if rule is None:
        raise TraceError(f"{path}: no rows; give samples of at least two times")
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table.epoch = rule.epoch
    table.place = _placer(places, starts)
    table.naive = _naive(table, joined.pop(_NAIVE))
    return _unfolded(_filled(table, joined))


def _naive(table: UtilizationTable, naive: Flags) -> int:
    """Number of dates without a zone: all or none of them, else they are faults."""
    if naive.any() and not naive.all():
        wrong = f"{table.theirs[TIME]}: says no zone, but others of this file do; say it in all"
        table.faults.add_all(np.flatnonzero(naive), lambda i: (table.place(i), wrong))
        table.faults.check()
    return int(naive.sum())


def _placer(places: list[Callable[[int], str]], starts: list[int]) -> Callable[[int], str]:
    def place(row: int) -> str:
        part = bisect_right(starts, row) - 1
        return places[part](row - starts[part])

    return place


def _part(table: UtilizationTable, chunk: Chunk, times: pa.Array, rule: TimeRule) -> dict[str, Any]:
    """The arrays of one chunk; empty numbers are NaN."""
    table.theirs |= chunk.theirs
    time_ns, ok = instants(times, rule)
    naive = without_zone(times) if rule.unit is None else np.zeros(len(times), np.bool_)
    read: dict[str, Any] = {TIME: time_ns, _NAIVE: naive}
    _note(table, chunk, TIME, ~ok, "is not a time; write ISO time, as 2024-05-12T08:00:00Z, or epoch seconds")
    for ours, column in chunk.columns.items():
        if ours in NAMES:
            read[ours] = codes(table.words.setdefault(ours, {}), as_text(column))
        elif ours in NUMBERS or ours.startswith(WIDE):
            read[ours], good = real_numbers(_bare(ours, column))
            _note(table, chunk, ours, ~good, "is not a number; leave the cell empty if it is unknown")
            _note(table, chunk, ours, read[ours] < 0, "is negative; leave the cell empty if it is unknown")
    return read


def _times(column: pa.Array) -> pa.Array:
    """Dates with slashes, as nvidia-smi writes them, as ISO dates."""
    if not pa.types.is_string(column.type):
        return column
    return pc.replace_substring_regex(column, _SLASHED, r"\1-\2-\3")


def _bare(ours: str, column: pa.Array) -> pa.Array:
    """Cells without the unit that nvidia-smi writes in each, and flags as numbers."""
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    if not pa.types.is_string(column.type):
        return column
    if ours == ALLOCATED:
        for word, digit in _FLAGS.items():
            column = pc.if_else(pc.equal(pc.utf8_lower(column), word), digit, column)
    return pc.replace_substring_regex(column, _UNIT_OF_CELL, "")


def _note(table: UtilizationTable, chunk: Chunk, ours: str, bad: Flags, wrong: str) -> None:
    """A fault for each bad cell of a column."""
    rows = np.flatnonzero(bad)
    cells = {int(i): written(chunk.columns[ours], int(i)) for i in rows[:FAULTS_SHOWN]}
    name = chunk.theirs[ours]
    table.faults.add_all(rows, lambda i: (chunk.place(i), f"{name}: {cells[i]!r} {wrong}"))


def _filled(table: UtilizationTable, joined: Mapping[str, Any]) -> UtilizationTable:
    table.time_ns = joined[TIME]
    table.codes = {name: joined[name] for name in joined if name in NAMES}
    table.numbers = {name: joined[name] for name in joined if name not in NAMES and name != TIME}
    return table


def _unfolded(table: UtilizationTable) -> UtilizationTable:
    """A table with a column per GPU as rows; cells without a value are passed over."""
    wide = [name for name in table.numbers if name.startswith(WIDE)]
    if not wide:
        return table
    rows, place = len(table), table.place
    duty = np.concatenate([table.numbers[name] for name in wide])
    seen = np.flatnonzero(~np.isnan(duty))
    if not len(seen):
        raise TraceError(f"{table.path}: no values; give samples of at least two times")
    return UtilizationTable(
        table.path,
        table.faults,
        time_ns=np.tile(table.time_ns, len(wide))[seen],
        epoch=table.epoch,
        naive=table.naive,
        codes={"unit": seen // rows},
        words={"unit": dict(_numbered(wide))},
        numbers={"duty": duty[seen]},
        theirs={"duty": "its columns"},
        place=lambda i: place(int(seen[i]) % rows),
    )


def _numbered(wide: list[str]) -> Iterator[tuple[str, int]]:
    return ((name.removeprefix(WIDE), i) for i, name in enumerate(wide))


def pivoted(table: UtilizationTable) -> tuple[UtilizationTable, int]:
    """The table with a column per metric, and how many rows had a metric that is not used here.

    Rows belong together that agree in time and in all columns of text but the name of the metric.

    Raises:
        TraceError: no row has a known metric.
    """
    if METRIC not in table.codes:
        return table, 0
    ours = [called(name) for name in table.names(METRIC)]
    used = [name if name in NUMBERS else None for name in ours]
    known = np.array([name is not None for name in used])[table.codes[METRIC]]
    if not known.any():
        names = ", ".join(table.names(METRIC)[:10])
        raise TraceError(f"{table.path}: none of its metrics is known: {names}; export DCGM_FI_DEV_GPU_UTIL")
    keys = [name for name in table.codes if name in NAMES and name != METRIC]
    first, group = _groups([table.time_ns[known], *(table.codes[key][known] for key in keys)])
    rows = np.flatnonzero(known)
    metric, value = table.codes[METRIC][known], table.numbers[DUTY][known]
    table.numbers = {}
    for number, name in enumerate(used):
        if name is not None and name not in table.numbers and (metric == number).any():
            table.numbers[name] = _placed(group, value, metric == number, len(first))
            table.theirs[name] = table.names(METRIC)[number]
    place = table.place
    table.place = lambda i: place(int(rows[first[i]]))
    table.time_ns = table.time_ns[known][first]
    table.codes = {key: table.codes[key][known][first] for key in keys}
    return table, int((~known).sum())


def _groups(columns: list[Ints]) -> tuple[Ints, Ints]:
    """The first row of each group of equal rows, in order, and the group of each row."""
    whole = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, number = np.unique(column, return_inverse=True)
        _, whole = np.unique(whole * (int(number.max()) + 1) + number, return_inverse=True)
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    return first, group


def _placed(group: Ints, value: Floats, mine: Flags, count: int) -> Floats:
    column = np.full(count, np.nan)
    column[group[mine]] = value[mine]
    return column
