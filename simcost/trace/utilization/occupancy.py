"""How many GPUs of a sample are there, held, down, and how busy the held ones are."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simcost.tables.cells import Flags
from simcost.trace.series.resample import finding
from simcost.trace.utilization.columns import ALLOCATED, DOWN, DUTY, GPUS, IDLE, POD, UNIT, stated_scale
from simcost.trace.utilization.samples import Floats, Ints
from simcost.trace.utilization.table import Table

Findings = list[dict[str, Any]]
Occupancy = tuple[Floats, Floats, Floats, Floats, Findings]


def occupancy(table: Table, order: Ints) -> Occupancy:
    """Duty (0 to 1, NaN = not measured), allocated, gpus and down of some rows, and what was assumed.

    Counts that contradict each other are noted among the table's faults.
    """
    duty, findings = _duty(table, order)
    gpus, said = _gpus(table, order)
    findings += said
    allocated, said = _allocated(table, order, gpus, duty)
    findings += said
    down = _column(table, DOWN, order)
    if IDLE in table.numbers:
        idle = _column(table, IDLE, order)
        _wrong(table, order, allocated + idle > gpus, lambda i:
               f"allocated {allocated[i]:g} + idle {idle[i]:g} exceed {gpus[i]:g} GPUs")  # fmt: skip
        down = np.maximum(down, gpus - allocated - idle)
    over = allocated + down > gpus
    _wrong(
        table, order, over, lambda i: f"allocated {allocated[i]:g} + down {down[i]:g} exceed {gpus[i]:g} GPUs"
    )
    return duty, allocated, gpus, down, findings


def _duty(table: Table, order: Ints) -> tuple[Floats, Findings]:
    """As a share; whether the file means per cent is in the name of the column, else in its largest value."""
    if DUTY not in table.numbers:
        return np.full(len(order), np.nan), []
    name, duty = table.theirs[DUTY], table.numbers[DUTY][order]
    stated = stated_scale(name)
    scale = stated or (100.0 if np.nanmax(duty, initial=0.0) > 1 else 1.0)
    _wrong(table, order, duty > scale, lambda i: f"{name}: duty {duty[i]:g} exceeds {scale:g}")
    words = "per cent" if scale == 100 else "a share from 0 to 1"
    fractions = ((duty > 0) & (duty < 1)).any() and np.nanmax(duty) <= 1
    why = "" if stated else ", by its largest value"
    if stated == 100 and fractions:
        why = (
            ", as its name says, but no value is above 1: if they are shares, call it duty_ratio, and say "
            "--map duty=duty_ratio"
        )
    return duty / scale, [finding("duty_unit", "", 1, f"{name} was read as {words}{why}")] if why else []


def _gpus(table: Table, order: Ints) -> tuple[Floats, Findings]:
    if GPUS not in table.numbers:
        one = finding("gpus", "", 1, "the file does not say how many GPUs a unit has; one each was taken")
        return np.ones(len(order)), [] if UNIT in table.codes else [one]
    gpus = _column(table, GPUS, order)
    return gpus, []


def _allocated(table: Table, order: Ints, gpus: Floats, duty: Floats) -> tuple[Floats, Findings]:
    """Given; or where a pod is named on a GPU; else all. What works is held, whatever is said."""
    if ALLOCATED in table.numbers:
        allocated = _column(table, ALLOCATED, order)
        allocated = np.where(np.isnan(table.numbers[ALLOCATED][order]) & ~np.isnan(duty), gpus, allocated)
        findings: Findings = []
    elif POD in table.codes and UNIT in table.codes:
        empty = table.words[POD].get("", -1)
        allocated = np.where(table.codes[POD][order] == empty, 0.0, gpus)
        findings = [finding("allocated", "", 1, "a GPU was taken as allocated while a pod is named on it")]
    else:
        allocated = gpus
        findings = [
            finding("allocated", "", 1, "the file does not say which GPUs are allocated; all were taken so")
        ]
    busy = (allocated == 0) & (duty > 0) & (gpus > 0)
    if busy.any():
        text = (
            f"{int(busy.sum()):,} samples show work on GPUs that nobody holds; they were taken as allocated"
        )
        findings.append(finding("busy_unallocated", "", int(busy.sum()), text))
    return np.where(busy, gpus, allocated), findings


def _column(table: Table, name: str, order: Ints) -> Floats:
    """A column of counts; an empty cell is none."""
    if name not in table.numbers:
        return np.zeros(len(order))
    return np.nan_to_num(table.numbers[name][order])


def _wrong(table: Table, order: Ints, bad: Flags, say: Callable[[int], str]) -> None:
    table.faults.add_all(np.flatnonzero(bad), lambda i: (table.place(int(order[i])), say(i)))
