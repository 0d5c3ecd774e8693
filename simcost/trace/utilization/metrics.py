"""Exports with one row per metric, as Prometheus writes them, to one row per GPU and time."""

import numpy as np

from simcost.errors import TraceError
from simcost.trace.utilization.columns import DUTY, METRIC, NAMES, NUMBERS, called
from simcost.trace.utilization.samples import Flags, Floats, Ints
from simcost.trace.utilization.table import Table


def pivoted(table: Table) -> tuple[Table, int]:
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
