"""Sums over rows that stand from a start to an end, at each time; in memory are the times at which they change."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Stretches of time in which nothing changes."""

    times_s: Floats
    """Begin of each stretch, and the end of the last."""
    sums: tuple[Floats, ...]
    """Of each value over the rows that stand; one per stretch."""

    @property
    def length_s(self) -> Floats:
        """Length of each stretch."""
        return np.diff(self.times_s)


Rows = tuple[Floats, ...]
"""From, to, and values that stand in between; arrays of equal length."""


def sweep(rows: Callable[[], Iterable[Rows]]) -> Sweep:
    """Add up values that stand from a start to an end; integers below 2^53 add up exactly.

    Args:
        rows: gives some rows after the other, the same at each call; in memory are the different times.
    """
    times, begun, ended = _times(rows()), list[Floats](), list[Floats]()
    for start_s, end_s, *values in rows():
        first, end = np.searchsorted(times, start_s), np.searchsorted(times, end_s)
        begun = begun or [np.zeros(len(times)) for _ in values]
        ended = ended or [np.zeros(len(times)) for _ in values]
        for value, begins, ends in zip(values, begun, ended, strict=True):
            np.add.at(begins, first, value)
            np.add.at(ends, end, value)
    sums = tuple(np.cumsum(begins - ends)[:-1] for begins, ends in zip(begun, ended, strict=True))
    return Sweep(times_s=times, sums=sums)


def _times(rows: Iterable[Rows]) -> Floats:
    """The different times at which a row begins or ends, in order."""
    times, fresh, count = np.empty(0), list[Floats](), 0
    for start_s, end_s, *_ in rows:
        found = np.unique(np.concatenate([start_s, end_s]))
        place = np.minimum(np.searchsorted(times, found), max(len(times) - 1, 0))
        found = found[times[place] != found] if len(times) else found
        fresh, count = [*fresh, found], count + len(found)
        if count > len(times):
            times, fresh, count = np.unique(np.concatenate([times, *fresh])), [], 0
    return np.unique(np.concatenate([times, *fresh]))


@dataclass(frozen=True, slots=True, eq=False)
class Borrowed:
    """Share of the idle GPUs, but for those that their own pool waits for, that jobs of other pools could use."""

    times_s: Floats
    until: Floats
    """Integral of the share to each of the times."""

    def integral(self, start_s: Floats, end_s: Floats) -> Floats:
        """Of the share from a start to an end, both among the times."""
        first, end = np.searchsorted(self.times_s, start_s), np.searchsorted(self.times_s, end_s)
        found: Floats = self.until[end] - self.until[first]
        return found


def quantile(values: Floats, weight: Floats, level: float) -> float:
    """The smallest value that is not exceeded for a share `level` of the weight, as time."""
    there = weight > 0
    order = np.argsort(values[there], kind="stable")
    total = np.cumsum(weight[there][order])
    at = int(np.searchsorted(total, level * total[-1] * (1 - 1e-12)))
    return float(values[there][order][min(at, len(total) - 1)])
