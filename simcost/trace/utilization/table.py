"""Rows of a monitoring export as arrays, in the order of the file; bad cells are collected with their places.

Exports with one row per metric, as Prometheus writes them, become one row per GPU and time.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from simcost.errors import TraceError
from simcost.tables.cells import Flags
from simcost.tables.header import Head
from simcost.tables.typed import TypedTable, read_typed
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
    """All rows of an export, wide tables unfolded to one row per GPU and time. Raises as `read_typed`."""
    table = read_typed(path, head, UTILISATION, theirs)
    wide = [name for name in table.numbers if name.startswith(WIDE)]
    if not wide:
        return table
    duty = np.concatenate([table.numbers[name] for name in wide])
    seen = np.flatnonzero(~np.isnan(duty))
    if not len(seen):
        raise TraceError(f"{path}: no values; give samples of at least two times")
    rows = len(table)
    return replace(
        table,
        times_ns={TIME: np.tile(table.times_ns[TIME], len(wide))[seen]},
        codes={UNIT: seen // rows},
        words={UNIT: {name.removeprefix(WIDE): i for i, name in enumerate(wide)}},
        numbers={DUTY: duty[seen]},
        theirs={DUTY: "its columns"},
        rows=len(seen),
        place=lambda i: table.place(int(seen[i]) % rows),
    )


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
