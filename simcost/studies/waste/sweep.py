"""Sums over everything that stands at an instant, exact between the instants at which something changes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Stretches of time in which nothing changes."""

    length_s: Floats
    sums: tuple[Floats, ...]
    """Of each value over the rows that stand; one per stretch."""
    first: Ints
    """The stretch in which each row begins."""
    end: Ints
    """The stretch after the last of each row."""

    def integral(self, rate: Floats) -> Floats:
        """The time integral of a rate (one per stretch) over the time for which each row stands."""
        total = np.concatenate([[0.0], np.cumsum(rate * self.length_s)])
        found: Floats = total[self.end] - total[self.first]
        return found


def sweep(start_s: Floats, end_s: Floats, *values: Floats) -> Sweep:
    """Add up values that stand from a start to an end; integers below 2^53 add up exactly."""
    times, place = np.unique(np.concatenate([start_s, end_s]), return_inverse=True)
    first, end = place.reshape(2, -1)
    sums = tuple(_sum(first, end, value, len(times)) for value in values)
    return Sweep(length_s=np.diff(times), sums=sums, first=first, end=end)


def _sum(first: Ints, end: Ints, value: Floats, times: int) -> Floats:
    change = np.bincount(first, value, times) - np.bincount(end, value, times)
    total: Floats = np.cumsum(change)[:-1]
    return total


def quantile(values: Floats, weight: Floats, level: float) -> float:
    """The smallest value that is not exceeded for a share `level` of the weight, as time."""
    there = weight > 0
    order = np.argsort(values[there], kind="stable")
    total = np.cumsum(weight[there][order])
    at = int(np.searchsorted(total, level * total[-1] * (1 - 1e-12)))
    return float(values[there][order][min(at, len(total) - 1)])
