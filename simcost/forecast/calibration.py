"""Levels that learn from their misses, for forecasts that are issued again every day.

One factor per level scales the distance of its ends from the median; after each day it grows where more was missed
than promised, and shrinks where less was (Gibbs and Candes, NeurIPS 2021, with a multiplicative step). It repairs
levels, not paths: one factor cannot serve 80 % and 95 % at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from simcost.forecast.cleaning import History
from simcost.forecast.level_error import Levels, levels_of
from simcost.forecast.models.base import ForecastModel, fitted
from simcost.forecast.quantiles import median
from simcost.rng import stream
from simcost.trace.series.series import Floats

WIDE = 90
"""Levels from here on learn twice as fast and may grow wider: their misses are rare."""
PATHS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """By how much a level is widened, as learnt so far."""

    level: int
    value: float = 1.0

    def update(self, missed: float) -> Self:
        """The factor after a day of which a share of steps was missed."""
        rate, most = (1.0, 5.0) if self.level >= WIDE else (0.5, 4.0)
        learnt = self.value * math.exp(rate * (missed - (1 - self.level / 100)))
        return replace(self, value=min(max(learnt, 0.6), most))

    def scaled(self, centre: Floats, lo: Floats, hi: Floats) -> tuple[Floats, Floats]:
        """The ends of the level at this factor."""
        return centre - self.value * (centre - lo), centre + self.value * (hi - centre)


def missed(actual: Floats, lo: Floats, hi: Floats) -> float | None:
    """The share of the recorded steps that lie outside; None where nothing was recorded."""
    known = np.isfinite(actual)
    return float(np.mean(((actual < lo) | (actual > hi))[known])) if known.any() else None


def replay(factors: Sequence[Factor], actual: Floats, paths: Floats) -> tuple[Factor, ...]:
    """The factors after one more day, given its actual values and the paths that had been sampled for it."""
    centre, bands = median(paths), levels_of(paths, tuple(factor.level for factor in factors))
    found = []
    for factor in factors:
        share = missed(actual, *factor.scaled(centre, *bands[factor.level]))
        found.append(factor if share is None else factor.update(share))
    return tuple(found)


def adapted(
    history: History, model: ForecastModel, levels: Sequence[int], days: int, seed: int = 1
) -> tuple[tuple[Factor, ...], int]:
    """The factors learnt over the last days of a history, a refit at the start of each; and over how many.

    Days with less than four days of history before them are left out; without any day there are no factors.
    """
    turn = history.season.turn
    learnt = max(0, min(days, len(history) // turn - 4))
    if not learnt:
        return (), 0
    factors = tuple(Factor(level=level) for level in levels)
    for end in range(len(history) - learnt * turn, len(history), turn):
        seen, _ = history.seen(end)
        paths = fitted(model, seen, turn).draw(PATHS, stream(seed, "adapt", end))
        factors = replay(factors, history.actual(end, end + turn), paths)
    return factors, learnt


def scaled_levels(levels: Levels, centre: Floats, factors: Sequence[Factor], *, floor: bool) -> Levels:
    """The levels at their factors, around the median of the paths."""
    found = {factor.level: factor.scaled(centre, *levels[factor.level]) for factor in factors}
    if not floor:
        return found
    return {level: (np.maximum(lo, 0.0), np.maximum(hi, 0.0)) for level, (lo, hi) in found.items()}
