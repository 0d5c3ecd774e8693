"""Lasting shifts of the level of weeks or months: a customer came or left, once."""

from __future__ import annotations

import math

import numpy as np

from simcost.forecast.models.base import DEVIATION
from simcost.forecast.outages import runs
from simcost.trace.series.series import Floats

FAR = 8.0
"""Robust deviations of a change from the middle one beyond which it is a shift."""
LEAST = math.log(1.35)
"""Least change of the logarithm that is a shift."""
NOISE = 0.02
"""Deviation of changes that is nothing unusual."""
STEPS = 8
"""Steps of history that tell what is unusual."""
SIDE, LEAST_SIDE = 4, 3
"""Steps before and after a shift whose medians are compared, and how many there are at least."""
LONGEST = 2
"""Changes that a shift takes: one, or two where it comes within a step."""


def shifts(logs: Floats) -> Floats:
    """Logarithm by which the level moved once and for all after each step, shape (steps - 1,); 0 where it did not.

    A change is one where it is far beyond the others, and where the steps after it stay away from those before it.
    """
    moved = np.zeros(max(len(logs) - 1, 0))
    if len(logs) < STEPS:
        return moved
    changes = np.diff(logs)
    beyond = changes - np.median(changes)
    least = max(FAR * (DEVIATION * float(np.median(np.abs(beyond))) + NOISE), LEAST)
    for start, end in runs(np.abs(beyond) > least):
        before, after = logs[max(start + 1 - SIDE, 0) : start + 1], logs[end : end + SIDE]
        if end - start > LONGEST or min(len(before), len(after)) < LEAST_SIDE:
            continue
        size = float(beyond[start:end].sum())
        stays = float(np.median(after) - np.median(before)) * size > 0.5 * size**2
        if stays and abs(size) > least:
            moved[start:end] = beyond[start:end]
    return moved


def at_the_last_level(logs: Floats, moved: Floats) -> Floats:
    """The logarithms as if all had been at the level after the last shift."""
    later: Floats = logs + np.append(np.cumsum(moved[::-1])[::-1], 0.0)
    return later


def idle_at_the_end(values: Floats, least: int) -> int:
    """Steps of nothing at the end, at least so many, where they are more than ever before in the history; else 0.

    >>> idle_at_the_end(np.array([5.0, 4, 6, 0, 0, 0]), 3), idle_at_the_end(np.array([5.0, 0, 0, 0, 6, 0, 0, 0]), 3)
    (3, 0)
    """
    spans = [(first, end) for first, end in runs(values == 0) if first > 0]
    if not spans or spans[-1][1] < len(values):
        return 0
    *before, idle = [end - first for first, end in spans]
    return idle if idle >= least and idle > max(before, default=0) else 0
