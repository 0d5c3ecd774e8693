"""Occupancy of monitored GPUs: how many are allocated, down and busy, by the columns that a file has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simcost.tables.cells import Flags
from simcost.tables.faults import Faults
from simcost.tables.typed import TypedTable
from simcost.trace.series.resample import finding
from simcost.trace.utilization.samples import (
    ALLOCATED,
    DOWN,
    DUTY,
    ENGINE,
    FREE,
    GPUS,
    IDLE,
    POD,
    TOTAL,
    UNIT,
    USED,
    WIDE_SAID,
    Floats,
    bytes_per,
    counts_idle,
    stated_scale,
)
from simcost.units import how_many

Findings = list[dict[str, Any]]
_DOUBTFUL = 0.25
"""Part of values below 1 from which on it is in doubt that a column is in per cent."""
_SUMMED = "; of a row for several GPUs it is their mean, and a column `gpus` says how many they are"


@dataclass(slots=True)
class Occupancy:
    """Reading of the counts of a file, part by part; what depends on all rows is gathered first, with `see`."""

    path: Path
    busy_unallocated: int = 0
    """Samples with work on GPUs that are not allocated."""
    _most: float = 0.0
    """Largest duty."""
    _fractions: int = 0
    """Samples whose duty is between 0 and 1."""
    _working: int = 0
    """Samples whose duty is above 0."""
    _by_engine: int = 0
    """Samples whose duty another metric says."""
    _faults: dict[str, Faults] = field(default_factory=dict)

    def see(self, table: TypedTable) -> None:
        """Note how large the duty of some rows is."""
        if DUTY in table.numbers:
            duty = table.numbers[DUTY]
            self._most = max(self._most, float(np.nanmax(duty, initial=0.0)))
            self._fractions += int(((duty > 0) & (duty < 1)).sum())
            self._working += int((duty > 0).sum())
            if ENGINE in table.numbers:
                self._by_engine += int((np.isnan(duty) & ~np.isnan(table.numbers[ENGINE])).sum())

    def of(self, table: TypedTable) -> tuple[Floats, Floats, Floats, Floats]:
        """Duty (0 to 1, NaN = not measured), allocated, gpus and down of some rows; contradictions are faults."""
        duty = self._duty(table)
        gpus = _capacity(table)
        allocated = self._allocated(table, gpus, duty)
        down = column(table, DOWN)
        if IDLE in table.numbers:
            idle = column(table, IDLE)
            self._wrong(
                table,
                allocated + idle > gpus,
                lambda i: f"allocated {allocated[i]:g} + idle {idle[i]:g} exceed {gpus[i]:g} GPUs",
                "idle",
            )
            down = np.maximum(down, gpus - allocated - idle)
        over = allocated + down > gpus
        self._wrong(
            table, over, lambda i: f"allocated {allocated[i]:g} + down {down[i]:g} exceed {gpus[i]:g} GPUs", "down"
        )
        return duty, allocated, gpus, down

    def check(self) -> None:
        """Raise FaultsError for counts that contradict each other."""
        faults = Faults(self.path)
        for kind in ("duty", "idle", "down"):
            faults.extend(self._faults.get(kind, Faults(self.path)))
        faults.check()

    def findings(self, table: TypedTable) -> Findings:
        """Findings on what was assumed, once all parts were read; `table` is any of them."""
        found = self._of_scale(table)
        if self._by_engine:
            have = how_many(self._by_engine, "sample has", "samples have")
            text = f"{have} no {table.theirs[DUTY]}; {table.theirs[ENGINE]} was read in its place"
            found.append(finding("engine_active", "", self._by_engine, text))
        if counts_idle(table.numbers):
            found.append(finding("gpus", "", 1, "the GPUs of a pool were taken as allocated + idle + down"))
        elif GPUS not in table.numbers and UNIT not in table.codes:
            found.append(finding("gpus", "", 1, "the file does not say how many GPUs a unit has; one each was taken"))
        if ALLOCATED not in table.numbers:
            named = POD in table.codes and UNIT in table.codes
            text = "the file does not say which GPUs are allocated; all were taken so"
            text = "a GPU was taken as allocated while a pod is named on it" if named else text
            found.append(finding("allocated", "", 1, text))
        if busy := self.busy_unallocated:
            show = how_many(busy, "sample shows", "samples show")
            text = f"{show} work on GPUs that are not allocated; taken as allocated"
            found.append(finding("busy_unallocated", "", busy, text))
        return found

    def _scale(self, table: TypedTable) -> float:
        """Duty at full load: it is in the name of the column, else in its largest value."""
        return stated_scale(table.theirs[DUTY]) or (100.0 if self._most > 1 else 1.0)

    def _of_scale(self, table: TypedTable) -> Findings:
        if DUTY not in table.numbers:
            return []
        name = table.theirs[DUTY]
        stated = stated_scale(name)
        words = "per cent" if self._scale(table) == 100 else "a share from 0 to 1"
        why = "" if stated else ", by its largest value"
        was = "were" if name == WIDE_SAID else "was"
        remedy = "call it duty_ratio, and say --map duty=duty_ratio"
        if stated == 100 and self._fractions and self._most <= 1:
            why = f", as its name says, but no value is above 1: if they are shares, {remedy}"
        elif words == "per cent" and self._fractions >= _DOUBTFUL * self._working > 0:
            by = "as its name says" if stated else f"by its largest value, {self._most:g}"
            few = f"{self._fractions:,} of the {self._working:,} above 0 are below 1"
            why = f", {by}, but {few}: if those are shares, bring the others to shares too and {remedy}"
        return [finding("duty_unit", "", 1, f"{name} {was} read as {words}{why}")] if why else []

    def _duty(self, table: TypedTable) -> Floats:
        """As a share."""
        if DUTY not in table.numbers:
            return _everywhere(table, np.nan)
        name, duty, scale = table.theirs[DUTY], table.numbers[DUTY], self._scale(table)
        self._wrong(table, duty > scale, lambda i: f"{name}: duty {duty[i]:g} exceeds {scale:g}{_SUMMED}", "duty")
        if ENGINE not in table.numbers:
            return duty / scale
        active = table.numbers[ENGINE]
        said = f"{table.theirs[ENGINE]}: duty"
        self._wrong(table, active > 1, lambda i: f"{said} {active[i]:g} exceeds 1{_SUMMED}", "duty")
        return np.where(np.isnan(duty), active, duty / scale)

    def _allocated(self, table: TypedTable, gpus: Floats, duty: Floats) -> Floats:
        """Given; or where a pod is named on a GPU; else all. A working GPU is allocated, whatever the file says."""
        if ALLOCATED in table.numbers:
            unknown = np.isnan(table.numbers[ALLOCATED]) & ~np.isnan(duty)
            allocated = np.where(unknown, gpus, column(table, ALLOCATED))
        elif POD in table.codes and UNIT in table.codes:
            empty = table.words[POD].get("", -1)
            allocated = np.where(table.codes[POD] == empty, 0.0, gpus)
        else:
            allocated = gpus
        busy = (allocated == 0) & (duty > 0) & (gpus > 0)
        self.busy_unallocated += int(busy.sum())
        return np.where(busy, gpus, allocated)

    def _wrong(self, table: TypedTable, bad: Flags, say: Callable[[int], str], kind: str) -> None:
        faults = self._faults.setdefault(kind, Faults(self.path))
        faults.add_all(np.flatnonzero(bad), lambda i: (table.place(i), say(i)))


def _capacity(table: TypedTable) -> Floats:
    """GPUs of each row: given, or allocated + idle + down, or one."""
    if counts_idle(table.numbers):
        return column(table, ALLOCATED) + column(table, IDLE) + column(table, DOWN)
    return column(table, GPUS) if GPUS in table.numbers else _everywhere(table, 1.0)


def column(table: TypedTable, name: str) -> Floats:
    """A column of counts; an empty cell is none."""
    if name not in table.numbers:
        return _everywhere(table, 0.0)
    return np.nan_to_num(table.numbers[name])


def _everywhere(table: TypedTable, value: float) -> Floats:
    """The same in each row, which takes no memory: of most columns a file says nothing."""
    return np.broadcast_to(np.float64(value), len(table))


def memory(table: TypedTable, name: str) -> Floats:
    """A column of memory in bytes; NaN where it was not measured."""
    if name not in table.numbers:
        return _everywhere(table, np.nan)
    return table.numbers[name] * bytes_per(table.theirs[name])


def total_memory(table: TypedTable) -> Floats:
    """The memory of the unit: given, or used + free (without what the driver keeps)."""
    if TOTAL in table.numbers or not {USED, FREE} <= table.numbers.keys():
        return memory(table, TOTAL)
    return memory(table, USED) + memory(table, FREE)
