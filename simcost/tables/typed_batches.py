"""Typed columns of a declared table, batch by batch: in memory is one batch, and what the caller keeps of it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.errors import TraceError
from simcost.tables.columns import DeclaredTable
from simcost.tables.dates import TimeRule, TimeUnit, time_findings
from simcost.tables.faults import Faults
from simcost.tables.header import Head
from simcost.tables.row_filter import RowFilter
from simcost.tables.sources import Chunk, open_chunks
from simcost.tables.typed import ZONES, Check, TypedIntake, TypedTable, passed_over


@dataclass(slots=True, kw_only=True)
class TypedBatches:
    """The rows of a declared table as tables of some rows each, in the order of the file.

    The batches of a file with faults are given as well; `finish` raises them all at once, as `read_typed` does. No
    column of the table may be `unique`.

    Attributes:
        check: notes what is wrong with rows whose cells are good, by those rows alone.
        where: rows that are asked for; the others are not read.
        documented_unit: of times that are numbers, by the documentation of the export; another one is a finding.
        faults: bad cells so far.
        noted: (column, message) -> what `check` noted so far.
    """

    path: Path
    head: Head
    declared: DeclaredTable
    theirs: Mapping[str, str]
    check: Check
    where: RowFilter = field(default_factory=RowFilter)
    documented_unit: TimeUnit | None = None
    faults: Faults = field(init=False)
    noted: dict[tuple[str, str], Faults] = field(default_factory=dict)
    _rules: dict[str, TimeRule] = field(default_factory=dict)
    _naive: dict[str, Faults] = field(default_factory=dict)
    """Dates that do not say their zone, by column: faults where another row says one."""
    _zoned: set[str] = field(default_factory=set)
    _places: list[Callable[[int], str]] = field(default_factory=list)
    _starts: list[int] = field(default_factory=lambda: [0])
    _blank: int = 0
    _no_zone: int = 0

    def __post_init__(self) -> None:
        self.faults = Faults(self.path)

    def __len__(self) -> int:
        """Rows read so far."""
        return self._starts[-1]

    def __iter__(self) -> Iterator[TypedTable]:
        """Each batch. Raises TraceError for a column of a type that cannot be read, or a damaged file."""
        for chunk in self._chunks():
            intake = TypedIntake(self._empty())
            try:
                intake.add(self.where.taken(chunk))
            except pa.ArrowException as error:
                raise TraceError(f"{self.path}: a column holds neither text nor numbers nor times: {error}") from error
            table = intake.gathered
            self._blank += table.blank
            if intake.rows:
                intake.join()
                self._no_zone += table.no_zone
                self._zones(table)
                self.check(table)
                self._places.append(intake.places[0])
                self._starts.append(self._starts[-1] + len(table))
                yield table

    def _chunks(self) -> Iterator[Chunk]:
        return open_chunks(
            self.path,
            self.head.container,
            self._find,
            self.declared.what,
            is_number=lambda ours: ours in self.theirs and self.declared.holds_numbers(ours),
        )

    def _find(self, present: Sequence[str]) -> dict[str, str]:
        """Columns of the table and of the conditions, as the file calls them."""
        return dict(self.theirs) | self.where.columns(self.theirs, present, str(self.path))

    def _empty(self) -> TypedTable:
        return TypedTable(
            declared=self.declared,
            path=self.path,
            theirs=self.theirs,
            faults=self.faults,
            rules=self._rules,
            noted=self.noted,
            again=self._chunks,
        )

    def _zones(self, table: TypedTable) -> None:
        for ours, naive in table.naive.items():
            if self.declared.column(ours).one_zone:
                if (~naive & ~table.missing[ours]).any():
                    self._zoned.add(ours)
                faults = self._naive.setdefault(ours, Faults(self.path))
                faults.add_all(np.flatnonzero(naive), table.teller(ours, ZONES))

    def place(self, row: int) -> str:
        """The place of a row, counted from 0 over all batches."""
        part = bisect_right(self._starts, row) - 1
        return self._places[part](row - self._starts[part])

    def findings(self) -> list[tuple[str, int, str]]:
        """Findings as those of the whole table."""
        found_out = {ours: rule for ours, rule in self._rules.items() if rule.unit != (self.documented_unit or "")}
        times = time_findings({self.theirs[ours]: rule for ours, rule in found_out.items()})
        return [*self.where.finding(), *passed_over(self.declared, self._blank, self._no_zone), *times]

    def finish(self) -> None:
        """Raise FaultsError for all faults of the file, TraceError if it had no row."""
        if not len(self):
            self.faults.check()
            if self.where.left_out:
                raise TraceError(f"{self.path}: {self.where.explanation()}")
            raise TraceError(f"{self.path}: no rows; give a {self.declared.what}")
        for ours, naive in self._naive.items():
            if ours in self._zoned:
                self.faults.extend(naive)
        for noted in self.noted.values():
            self.faults.extend(noted)
        self.faults.check()
