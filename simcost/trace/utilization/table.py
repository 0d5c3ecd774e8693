"""Rows of a monitoring export, stored so that those of some units can be read at a time; bad cells are collected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.errors import TraceError
from simcost.tables.header import Head
from simcost.tables.row_filter import Conditions, RowFilter
from simcost.tables.typed import TypedTable
from simcost.tables.typed_batches import TypedBatches
from simcost.trace.utilization.blocks import Columns, RowBlocks
from simcost.trace.utilization.metric_rows import pivoted, used_metrics
from simcost.trace.utilization.samples import (
    DUTY,
    METRIC,
    MODEL,
    NODE,
    POD,
    POOL,
    TIME,
    UNIT,
    UTILISATION,
    WIDE,
    WIDE_SAID,
    Ints,
    counts_pools,
    whole_units,
)

SORTED_ROWS = 1_000_000
"""Rows that are sorted by unit and stored at a time."""
_ROW = ("wholes", "row")
"""Number of the row in the file."""


def read_table(path: Path, head: Head, theirs: Mapping[str, str], where: Conditions = ()) -> "StoredTable":
    """The rows of an export that are asked for, wide tables unfolded to one row per GPU and time.

    Raises:
        FaultsError: bad cells, and rows that could not be split or are not UTF-8, with their lines, all at once.
        TraceError: a column of a type that cannot be read, a damaged file, no rows, no values, no
            known metric, or none of the rows asked for.
    """
    batches = TypedBatches(
        path=path, head=head, declared=UTILISATION, theirs=theirs, check=lambda _: None, where=RowFilter(where)
    )
    stored = StoredTable(batches)
    for table in batches:
        if not batches.faults.count:
            stored.add(table, len(batches) - len(table))
    batches.finish()
    stored.finish()
    return stored


class StoredTable:
    """Rows of an export in blocks; within a block those of a unit stand together, in the order of the file."""

    def __init__(self, batches: TypedBatches) -> None:
        self.path = batches.path
        self.others = 0
        """Rows of metrics that are not used."""
        self.doubled = 0
        """Values of a metric, in the parts read so far, of which a later row of the same unit and time has another."""
        self.passed_over: list[tuple[str, int, str]] = []
        """Kind, number and message of rows without anything in them, and of times without a zone."""
        self.units: tuple[str, ...] = ()
        """Names of the units, once all rows are there."""
        self.words: dict[str, dict[str, int]] = {}
        """Texts of each column, with their codes."""
        self.place = batches.place
        """Place of a row of the file, by its number."""
        self._batches, self._blocks = batches, RowBlocks(batches.path)
        self._waiting: list[Columns] = []
        self._keys: list[str] | None = None
        """Columns that name a unit; None = it is not known before all rows are."""
        self._codes: list[Ints] = []
        """Codes of the keys of the units in each block; shape (keys, units), in the order of the block."""
        self._counts: list[Ints] = []
        """Rows of the units in each block."""
        self._distinct = np.empty(0, np.int64)
        """Codes of the keys of each unit, as one number."""
        self._last: TypedTable

    def add(self, table: TypedTable, before: int) -> None:
        """The rows of a batch, before which the file has so many."""
        self._last = table
        wide = [name for name in table.numbers if name.startswith(WIDE)]
        columns = self._unfolded(table, before, wide) if wide else self._plain(table, before)
        if METRIC in table.codes:
            used = np.array([name is not None for name in used_metrics(self.words[METRIC])], np.bool_)
            known = used[columns["codes", METRIC]]
            self.others += int((~known).sum())
            columns = {name: column[known] for name, column in columns.items()}
        if len(columns[_ROW]):
            self._waiting.append(columns)
            if sum(len(one[_ROW]) for one in self._waiting) >= SORTED_ROWS:
                self._store()

    def finish(self) -> None:
        """Make all rows readable. Raises TraceError if there are none."""
        self.passed_over = self._batches.findings()
        if self._waiting:
            self._store()
        if not self._blocks.rows and self.others:
            names = ", ".join(list(self.words[METRIC])[:10])
            raise TraceError(f"{self.path}: none of its metrics is known: {names}; export DCGM_FI_DEV_GPU_UTIL")
        if not self._blocks.rows:
            raise TraceError(f"{self.path}: no values; give samples of at least two times")
        if self._keys is None:
            found = [self._blocks.read(block) for block in range(len(self._blocks.rows))]
            of_pools = counts_pools(self._pivoted(found)[0].numbers)
            self._keys = unit_columns([name for what, name in found[0] if what == "codes"], self._theirs, of_pools)
            self._codes = [np.array([one["codes", key] for key in self._keys]) for one in found]
        if self._keys:
            self._distinct = np.unique(np.concatenate([self._flat(codes) for codes in self._codes]))
        self.units = self._names()

    def parts(self) -> Iterator[tuple[TypedTable, Ints]]:
        """Rows of whole units with a column per metric, and the unit of each; parts are in the order of units."""
        if not self._counts:
            yield self._part([self._blocks.read(block) for block in range(len(self._blocks.rows))])
            return
        units = [np.searchsorted(self._distinct, self._flat(codes)) for codes in self._codes]
        ends = [np.concatenate([[0], np.cumsum(counts)]) for counts in self._counts]
        rows = np.zeros(len(self.units), np.int64)
        for unit, count in zip(units, self._counts, strict=True):
            rows[unit] += count
        for first, last in whole_units(rows):
            found = []
            for block, (unit, end) in enumerate(zip(units, ends, strict=True)):
                begin, stop = (int(end[at]) for at in np.searchsorted(unit, [first, last]))
                if stop > begin:
                    found.append(self._blocks.read(block, begin, stop))
            yield self._part(found)

    @property
    def _theirs(self) -> Mapping[str, str]:
        wide = any(name.startswith(WIDE) for name in self._last.numbers)
        return {DUTY: WIDE_SAID} if wide else self._last.theirs

    def _unfolded(self, table: TypedTable, before: int, wide: list[str]) -> Columns:
        duty = np.concatenate([table.numbers[name] for name in wide])
        seen = np.flatnonzero(~np.isnan(duty))
        row = seen % len(table)
        self.words[UNIT] = {name.removeprefix(WIDE): i for i, name in enumerate(wide)}
        return {
            ("times", TIME): table.times_ns[TIME][row],
            ("codes", UNIT): (seen // len(table)).astype(np.int32),
            ("numbers", DUTY): duty[seen],
            _ROW: row + before,
        }

    def _plain(self, table: TypedTable, before: int) -> Columns:
        columns: dict[tuple[str, str], npt.NDArray[Any]] = {("times", TIME): table.times_ns[TIME]}
        for name, values in table.numbers.items():
            columns["numbers", name] = values
        for name, codes in table.codes.items():
            known = self.words.setdefault(name, {})
            number = np.array([known.setdefault(word, len(known)) for word in table.texts(name)], np.int32)
            if name != MODEL:  # told, and no key: metrics of one GPU may lack it
                columns["codes", name] = number[codes]
        columns[_ROW] = np.arange(before, before + len(table))
        return columns

    def _store(self) -> None:
        """Store the rows that wait as a block, sorted by unit."""
        columns = joined(self._waiting)
        self._waiting = []
        if not self._blocks.rows:
            text, numbers = ([name for what, name in columns if what == kind] for kind in ("codes", "numbers"))
            known = METRIC not in text or POOL not in text or UNIT in text
            self._keys = unit_columns(text, self._theirs, counts_pools(numbers)) if known else None
        if self._keys:
            order = np.lexsort([columns["codes", key] for key in reversed(self._keys)])
            codes = np.array([columns["codes", key][order] for key in self._keys])
            begin = np.flatnonzero(np.append(True, (np.diff(codes) != 0).any(axis=0)))
            self._codes.append(codes[:, begin])
            self._counts.append(np.diff(np.append(begin, len(order))))
            columns = {name: column[order] for name, column in columns.items()}
        self._blocks.append(columns)

    def _flat(self, codes: Ints) -> Ints:
        sizes = [len(self.words[key]) for key in self._keys or ()]
        found: Ints = np.ravel_multi_index(tuple(codes), sizes)
        return found

    def _names(self) -> tuple[str, ...]:
        if not self._keys:
            return (self.path.name.split(".")[0],)
        said = [list(self.words[key]) for key in self._keys]
        parts = np.unravel_index(self._distinct, [len(words) for words in said])
        rows = zip(*parts, strict=True)
        return tuple("/".join(words[i] for words, i in zip(said, row, strict=True)) for row in rows)

    def _part(self, found: Sequence[Columns]) -> tuple[TypedTable, Ints]:
        table, doubled = self._pivoted(found)
        self.doubled += doubled
        if not self._keys:
            return table, np.zeros(len(table), np.int64)
        codes = np.array([table.codes[key] for key in self._keys])
        return table, np.searchsorted(self._distinct, self._flat(codes))

    def _pivoted(self, found: Sequence[Columns]) -> tuple[TypedTable, int]:
        like = replace(self._last, words=self.words, missing={}, naive={}, theirs=self._theirs, noted=None)
        return pivoted(table_of(like, joined(found), self.place))


def columns_of(table: TypedTable, rows: Ints) -> Columns:
    """Columns of some rows of a table, by kind and name."""
    stores: dict[str, dict[str, Any]] = {
        "times": table.times_ns,
        "numbers": table.numbers,
        "codes": table.codes,
        "wholes": table.wholes,
    }
    return {(kind, name): values[rows] for kind, store in stores.items() for name, values in store.items()}


def table_of(like: TypedTable, columns: Columns, place: Callable[[int], str]) -> TypedTable:
    """Rows as a table.

    Args:
        like: a table with such columns.
        columns: as `columns_of` gives them.
        place: of a row of the file, by its number.
    """
    stores: dict[str, dict[str, Any]] = {"times": {}, "numbers": {}, "codes": {}, "wholes": {}}
    for (kind, name), column in columns.items():
        stores[kind][name] = column
    row = columns[_ROW]
    return replace(
        like,
        times_ns=stores["times"],
        numbers=stores["numbers"],
        codes=stores["codes"],
        wholes=stores["wholes"],
        rows=len(row),
        place=lambda i: place(int(row[i])),
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """Rows of several parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def unit_columns(text: list[str], theirs: Mapping[str, str], of_pools: bool) -> list[str]:
    """Columns that name a unit: pools by their name, GPUs by UUID, or by node and index; else pods.

    Args:
        text: columns of text that there are.
        theirs: ours -> the file's.
        of_pools: True if the file says how many GPUs a row is of.
    """
    given = [name for name in (NODE, UNIT) if name in text]
    if UNIT in given and theirs.get(UNIT, "").lower() in ("uuid", "gpu_uuid"):
        return [UNIT]
    if of_pools and POOL in text and UNIT not in given:
        return [POOL]
    keys = given if UNIT in given else [POD] if POD in text else given
    return keys or [name for name in (POOL,) if name in text]
