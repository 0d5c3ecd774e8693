"""Weeks or months without demand between others: how often they come, apart from the level of the others."""

from __future__ import annotations

import numpy as np

from simcost.trace.series.series import Floats


def logs_of_demand(values: Floats, offset: float) -> Floats:
    """Logarithms of values plus an offset; of values of 0, on a line between their neighbours, or of the offset
    where all are 0.

    >>> logs_of_demand(np.array([1.0, 0.0, 1.0, 0.0]), 0.0).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    at = np.flatnonzero(values > 0)
    if not len(at):
        return np.full(len(values), np.log(offset))
    logs: Floats = np.log(values[at] + offset)
    return logs if len(at) == len(values) else np.interp(np.arange(len(values)), at, logs)


def chance_of_demand(values: Floats, period: int) -> Floats:
    """Probability that a unit has any demand, for each unit of a year; shape (period,).

    It is the share of units that had some, since the first. Units of the year in which none had any, of two years or
    more, are pauses of each year: they have none again.

    >>> chance_of_demand(np.array([0.0, 5, 0, 4, 6]), 12).tolist()[0]
    0.75
    >>> chance_of_demand(np.array([5.0, 0, 5, 0, 5, 0, 5, 5]), 4).round(2).tolist()
    [0.83, 0.0, 0.83, 0.83]
    """
    some = values > 0
    since = int(np.argmax(some))
    if len(values) < 2 * period:
        return np.full(period, some[since:].mean())
    paused = ~np.array([some[unit::period].any() for unit in range(period)])
    open_ = some[since:][~np.resize(paused, len(values))[since:]]
    return np.where(paused, 0.0, open_.mean())
