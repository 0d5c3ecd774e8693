"""Outages of a recorded history: runs of almost nothing between normal demand."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from simcost.trace.series.series import Floats

Bools = npt.NDArray[np.bool_]
LOW = 0.02
"""Share of the usual value of its phase below which a step counts as an outage."""
STOP_DAYS = 2
"""Days up to which a stop that came once is an outage."""


def runs(mask: Bools) -> list[tuple[int, int]]:
    """The maximal runs of true steps, as `(first, last)` with `last` not included."""
    if not mask.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def outages_of(known: Floats, usual: Floats, masked: Bools | None, day: int) -> Iterator[tuple[int, int]]:
    """Runs of 2..18 hours that are missing or almost nothing, with at least 4 hours after them; and a single stop."""
    missing = np.isnan(known)
    low = missing | ((usual > 0) & (known < LOW * usual))
    if masked is not None:
        low &= ~masked
    shortest, after = (max(1, round(hours * day / 24)) for hours in (2, 4))
    found = runs(low)
    stops = [(first, last) for first, last in found if last - first > longest(day)]
    for first, last in found:
        if (first, last) in stops:
            outage = len(stops) == 1 and last - first <= STOP_DAYS * day and _ended(low, first, last, day)
        else:
            outage = last - first >= shortest and len(known) - last >= after
        if outage:
            yield first, last


def longest(day: int) -> int:
    """Steps up to which any run of almost nothing is an outage: 18 hours."""
    return max(1, round(18 * day / 24))


def _ended(low: Bools, first: int, last: int, day: int) -> bool:
    """True if there was demand for a day before and after, and the same hours of a week before or after show that it is
    not weekly.

    Of a weekend without demand that was seen but once neither is known.
    """
    sides = (low[max(first - day, 0) : first], low[last : last + day])
    weeks = [low[first + shift : last + shift] for shift in (-7 * day, 7 * day) if 0 <= first + shift <= len(low)]
    told = [week for week in weeks if len(week) == last - first]
    around = all(len(side) == day and side.mean() < 0.5 for side in sides)
    return around and bool(told) and all(week.mean() < 0.5 for week in told)
