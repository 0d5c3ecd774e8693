"""Hours of days that were forecast as a whole: each day to come takes the shape of a recorded day of its weekday."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from simcost.errors import InputError
from simcost.forecast.events.horizon import edges_s
from simcost.forecast.sample_paths import Paths
from simcost.rng import stream
from simcost.tables.calendar import DAY_S, find_zone
from simcost.tables.cells import Ints
from simcost.trace.series.local_time import local_values, offsets
from simcost.trace.series.series import Floats, Grid, Series

HOUR_S = 3600
HOURS = DAY_S // HOUR_S
FIRST_WEEKDAY = 3
"""Weekday of 1970-01-01, with 0 = Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayShapes:
    """Shares of the hours in their day, by the clock of the users."""

    shares: Floats
    """Shape (days, 24); each row sums to 1."""
    weekdays: Ints | None
    """Weekday of each row, 0 = Monday; None = a row for any."""

    @classmethod
    def of(cls, series: Series, zone: str) -> Self:
        """Shapes of the whole days of a series in steps of an hour.

        Raises:
            InputError: no day is whole, or nothing was recorded on any.
        """
        grid, values = local_values(series.grid, series.values, zone)
        first = -grid.start_s // HOUR_S % HOURS
        count = max((len(values) - first) // HOURS, 0)
        table = values[first : first + count * HOURS].reshape(count, HOURS)
        used = np.isfinite(table).all(axis=1) & (table.sum(axis=1) > 0) & (table >= 0).all(axis=1)
        if not used.any():
            raise InputError(f"series {series.name!r}: has no whole day of hours; give at least one, better four weeks")
        days = (grid.start_s + first * HOUR_S) // DAY_S + np.arange(count)
        rows = table[used]
        return cls(shares=rows / rows.sum(axis=1, keepdims=True), weekdays=(days[used] + FIRST_WEEKDAY) % 7)

    @classmethod
    def stated(cls, daily: tuple[float, ...]) -> Self:
        """The same shape on all days, without noise."""
        return cls(shares=np.array([daily]) / np.sum(daily), weekdays=None)

    def of_weekday(self, weekday: int) -> Floats:
        """Shapes recorded on a day of the week; of a day that was never recorded, those of all days."""
        if self.weekdays is None:
            return self.shares
        found = self.shares[self.weekdays == weekday]
        return found if len(found) else self.shares


def hourly(days: Paths, shapes: DayShapes, zone: str, seed: int) -> Paths:
    """Sample paths by the hour; each day keeps its total, and takes a shape drawn for this path.

    Args:
        days: sample paths in steps of a day.
        shapes: to draw from.
        zone: of the users; its days may have 23 or 25 hours.
        seed: of the sample paths.
    """
    edges = edges_s(days.grid, days.values.shape[1], find_zone(zone)).astype(np.int64)
    utc_s = np.arange(edges[0], edges[-1], HOUR_S)
    local_s = offsets(zone, utc_s).local(utc_s)
    hour, ends = local_s % DAY_S // HOUR_S, np.searchsorted(utc_s, edges)
    weekdays = (days.grid.start_s // DAY_S + np.arange(len(edges) - 1) + FIRST_WEEKDAY) % 7
    rng = stream(seed, "forecast", "hours")
    values = np.empty((len(days.values), len(utc_s)))
    for day, (first, last) in enumerate(pairwise(ends.tolist())):
        known = shapes.of_weekday(int(weekdays[day]))
        shares = known[rng.integers(len(known), size=len(values))][:, hour[first:last]]
        total = shares.sum(axis=1, keepdims=True)
        even = np.full_like(shares, 1 / (last - first))
        shares = np.divide(shares, total, out=even, where=total > 0)
        values[:, first:last] = days.values[:, day : day + 1] * shares
    return replace(days, grid=Grid(start_s=int(utc_s[0]), step_s=HOUR_S), values=values)
