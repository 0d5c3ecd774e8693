"""Rows of a monitoring export as arrays, in the order of the file; bad cells are collected with their places.

Exports with one row per metric, as Prometheus writes them, become one row per GPU and time.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.tables.header import Head
from simcost.tables.typed import TypedTable
from simcost.tables.typed_batches import TypedBatches
from simcost.trace.utilization.samples import (
    DUTY,
    METRIC,
    NUMBERS,
    TIME,
    UNIT,
    UTILISATION,
    WIDE,
    Floats,
    Ints,
    called,
)


def read_table(path: Path, head: Head, theirs: Mapping[str, str]) -> TypedTable:
    """All rows of an export, wide tables unfolded to one row per GPU and time; in memory are its cells alone.

    Raises:
        FaultsError: bad cells, and rows that could not be split or are not UTF-8, with their lines, all at once.
        TraceError: a column of a type that cannot be read, a damaged file, no rows or no values.
    """
    batches = TypedBatches(path=path, head=head, declared=UTILISATION, theirs=theirs, check=lambda _: None)
    gathered = _Gathered()
    for table in batches:
        gathered.add(table, len(batches) - len(table))
    batches.finish()
    if not gathered.rows:
        raise TraceError(f"{path}: no values; give samples of at least two times")
    return gathered.table(batches)


class _Gathered:
    """Columns of batches, without what reading them needs besides."""

    def __init__(self) -> None:
        self.rows = 0
        self._last: TypedTable
        self._words: dict[str, dict[str, int]] = {}
        self._parts: dict[tuple[str, str], list[Any]] = {}
        self._blank = self._no_zone = 0

    def add(self, table: TypedTable, before: int) -> None:
        """The rows of a batch, before which the file has so many."""
        self._last = table
        self._blank += table.blank
        self._no_zone += table.no_zone
        wide = [name for name in table.numbers if name.startswith(WIDE)]
        if wide:
            duty = np.concatenate([table.numbers[name] for name in wide])
            seen = np.flatnonzero(~np.isnan(duty))
            row = seen % len(table)
            self._keep("times", TIME, table.times_ns[TIME][row])
            self._keep("codes", UNIT, (seen // len(table)).astype(np.int32))
            self._keep("numbers", DUTY, duty[seen])
            self._keep("row", "", row + before)
            self._words[UNIT] = {name.removeprefix(WIDE): i for i, name in enumerate(wide)}
            self.rows += len(seen)
            return
        self._keep("times", TIME, table.times_ns[TIME])
        for name, values in table.numbers.items():
            self._keep("numbers", name, values)
        for name, codes in table.codes.items():
            known = self._words.setdefault(name, {})
            number = np.array([known.setdefault(word, len(known)) for word in table.texts(name)], np.int32)
            self._keep("codes", name, number[codes])
        self.rows += len(table)

    def _keep(self, what: str, name: str, values: Any) -> None:
        self._parts.setdefault((what, name), []).append(values)

    def table(self, batches: TypedBatches) -> TypedTable:
        """All rows as one table."""
        found: dict[str, dict[str, Any]] = {"times": {}, "numbers": {}, "codes": {}, "row": {}}
        for what, name in list(self._parts):
            found[what][name] = np.concatenate(self._parts.pop((what, name)))
        row = found["row"].get("")
        return replace(
            self._last,
            times_ns=found["times"],
            numbers=found["numbers"],
            codes=found["codes"],
            words=self._words,
            missing={},
            naive={},
            theirs=self._last.theirs if row is None else {DUTY: "its columns"},
            rows=self.rows,
            blank=self._blank,
            no_zone=self._no_zone,
            noted=None,
            place=batches.place if row is None else lambda i: batches.place(int(row[i])),
        )


def arranged(table: TypedTable, order: Ints) -> TypedTable:
    """Some rows of the table in an order; column by column, so that memory never holds two whole tables."""
    stores: tuple[dict[str, Any], ...] = (table.times_ns, table.numbers, table.codes)
    for columns in stores:
        for name in columns:
            columns[name] = columns[name][order]
    return replace(table, rows=len(order), place=lambda i: table.place(int(order[i])))


def pivoted(table: TypedTable) -> tuple[TypedTable, int]:
    """The table with a column per metric, and how many rows had a metric that is not used here.

    Rows belong together that agree in time and in all columns of text but the name of the metric.

    Raises:
        TraceError: no row has a known metric.
    """
    if METRIC not in table.codes:
        return table, 0
    metrics = table.texts(METRIC)
    used = [name if name in NUMBERS else None for name in map(called, metrics)]
    known = np.array([name is not None for name in used])[table.codes[METRIC]]
    if not known.any():
        names = ", ".join(metrics[:10])
        raise TraceError(f"{table.path}: none of its metrics is known: {names}; export DCGM_FI_DEV_GPU_UTIL")
    keys = [name for name in table.codes if name != METRIC]
    times_ns = table.times_ns[TIME][known]
    first, group = _groups([times_ns, *(table.codes[key][known] for key in keys)])
    rows = np.flatnonzero(known)
    metric, value = table.codes[METRIC][known], table.numbers[DUTY][known]
    numbers: dict[str, Floats] = {}
    theirs = dict(table.theirs)
    for number, name in enumerate(used):
        if name is not None and name not in numbers and (metric == number).any():
            numbers[name] = _placed(group, value, metric == number, len(first))
            theirs[name] = metrics[number]
    one_each = replace(
        table,
        times_ns={TIME: times_ns[first]},
        codes={key: table.codes[key][known][first] for key in keys},
        numbers=numbers,
        theirs=theirs,
        rows=len(first),
        place=lambda i: table.place(int(rows[first[i]])),
    )
    return one_each, int((~known).sum())


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
