"""Exports with one row per metric, as Prometheus writes them: one row per unit and time, with a column per metric."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from simcost.tables.cells import Flags
from simcost.tables.typed import TypedTable
from simcost.trace.utilization.samples import DUTY, ENGINE, METRIC, NUMBERS, TIME, Floats, Ints, called


def used_metrics(metrics: Iterable[str]) -> list[str | None]:
    """Our column of each metric; None where it is not used."""
    found = [name if name in NUMBERS else None for name in map(called, metrics)]
    return found if DUTY in found else [DUTY if name == ENGINE else name for name in found]


def pivoted(table: TypedTable) -> tuple[TypedTable, int]:
    """The table with a column per metric of the file, whose rows are all of used metrics; and how many values have the
    place of a later one.

    Rows belong together that agree in time and in all columns of text but the name of the metric.
    """
    if METRIC not in table.codes:
        return table, 0
    metrics = table.texts(METRIC)
    keys = [name for name in table.codes if name != METRIC]
    times_ns, metric, value = table.times_ns[TIME], table.codes[METRIC], table.numbers[DUTY]
    first, group = _groups([times_ns, *(table.codes[key] for key in keys)])
    places = group * len(metrics) + metric
    doubled = len(places) - len(np.unique(places))
    numbers: dict[str, Floats] = {}
    theirs = dict(table.theirs)
    for number, name in enumerate(used_metrics(metrics)):
        if name is not None and name not in numbers:
            numbers[name] = _placed(group, value, metric == number, len(first))
            theirs[name] = metrics[number]
    wide = replace(
        table,
        times_ns={TIME: times_ns[first]},
        codes={key: table.codes[key][first] for key in keys},
        numbers=numbers,
        wholes={name: values[first] for name, values in table.wholes.items()},
        theirs=theirs,
        rows=len(first),
        place=lambda i: table.place(int(first[i])),
    )
    return wide, doubled


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
