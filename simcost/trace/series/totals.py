"""Series of a file that hold the total of its others, as the last row of a table in a dashboard does."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from simcost.trace.series.resample import finding
from simcost.trace.series.series import Series

KIND = "total_of_others"
_STEPS, _NEAR, _MOST = 8, 0.005, 0.95
"""Fewest steps that tell, and the share of them at which the sum is that near the series."""


def totals_of_others(read: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """A finding for each series that is the sum of two others or more: what is added up of all counts it twice."""
    if len(read) < 3 or len({one.grid.step_s for one in read}) > 1:
        return
    times = [one.grid.times(len(one)).astype(np.int64) for one in read]
    every = np.unique(np.concatenate(times))
    known = np.zeros((len(read), len(every)))
    for values, one, at in zip(known, read, times, strict=True):
        values[np.searchsorted(every, at)] = np.nan_to_num(one.values)
    for one, row in zip(read, known, strict=True):
        there, others = row > 0, known.sum(axis=0) - row
        parts = int((known[:, there] > 0).any(axis=1).sum()) - 1
        near = np.abs(others[there] - row[there]) <= _NEAR * row[there]
        if parts > 1 and len(near) >= _STEPS and near.mean() >= _MOST:
            yield finding(
                KIND,
                one.name,
                1,
                "its values are the sum of the other series: the bill of all leaves it out; leave its rows out where "
                "series are to add up",
            )
