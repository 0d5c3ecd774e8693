"""Weeks or months without demand between others: how often they come, apart from the level of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.trace.series.series import Floats

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandChance:
    """Probability that a week (month) has any demand."""

    share: float
    """Of the units without a pause."""
    of: int
    """Units of history that show it."""
    open: Flags
    """False for the units of a year that are a pause of each year; shape (period,)."""

    def at(self, units: Ints) -> Floats:
        """Probability of units, numbered from the first of the history."""
        return np.where(self.open[units % len(self.open)], self.share, 0.0)

    def draw(self, units: Ints, count: int, rng: np.random.Generator) -> Flags:
        """Units with demand in each future, which has its own probability; shape (count, units)."""
        chance: Floats | float = self.share
        if 0 < self.share < 1:
            chance = rng.beta(self.share * self.of, (1 - self.share) * self.of, (count, 1))
        drawn: Flags = (rng.random((count, len(units))) < chance) & self.open[units % len(self.open)]
        return drawn


def chance_of_demand(values: Floats, period: int) -> DemandChance:
    """Probability of demand since the first, by the share of units that had some.

    Units of the year in which none had any, of two years or more, are a pause of each year if most units of 0 lie in
    them.

    >>> chance_of_demand(np.array([0.0, 5, 0, 4, 6]), 12).share
    0.75
    >>> chance_of_demand(np.array([5.0, 0, 5, 5, 5, 0, 5, 5]), 4).at(np.arange(8, 12)).tolist()
    [1.0, 0.0, 1.0, 1.0]
    """
    some = values > 0
    since = int(np.argmax(some))
    open_ = np.ones(period, np.bool_)
    if some.any() and len(values) >= 2 * period:
        open_ = np.array([some[unit::period].any() for unit in range(period)])
        if 2 * int((~some & np.resize(open_, len(some)))[since:].sum()) >= int((~some[since:]).sum()):
            open_ = np.ones(period, np.bool_)
    told = some[since:][np.resize(open_, len(some))[since:]]
    return DemandChance(share=float(told.mean()), of=len(told), open=open_)
