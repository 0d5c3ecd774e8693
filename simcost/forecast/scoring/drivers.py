"""What the error of a forecast is made of: its level, its days, the shape of its day, and the rest."""

from dataclasses import dataclass

import numpy as np

from simcost.forecast.events.horizon import Integers
from simcost.trace.series.series import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """Shares of the squared error, which sum to 1; all 0 for a forecast without error."""

    level: float
    """The mean error: too high or too low throughout."""
    day_to_day: float
    """Days that came higher or lower than forecast, beyond the level."""
    hour_of_day: float
    """Times of the day at which it was too high or too low on all days."""
    rest: float
    """Single steps, without a pattern."""
    worst_slot: int
    """The time of day, as number of its step, whose mean error is largest beyond level and day."""
    slot_error: float
    """That mean error, forecast less actual."""


def drivers(error: Floats, day: Integers, slot: Integers) -> Drivers:
    """Split the squared error by three projections, one after the other: the mean, then the means of days, then the
    means of times of day of what is left. Each takes away just its own squared length, whether or not steps are
    missing, so that the four add up (sequential sums of squares, as in the analysis of variance).

    Args:
        error: forecast less actual, of the steps that can be compared.
        day: number of the day of each step.
        slot: number of each step within its day.
    """
    whole = float(error @ error)
    level = np.full_like(error, error.mean())
    by_day = _means(error - level, day)
    by_slot = _means(error - level - by_day, slot)
    parts = [float(part @ part) / whole if whole else 0.0 for part in (level, by_day, by_slot)]
    worst = int(np.abs(by_slot).argmax())
    return Drivers(
        level=parts[0],
        day_to_day=parts[1],
        hour_of_day=parts[2],
        rest=max(1.0 - sum(parts), 0.0) if whole else 0.0,
        worst_slot=int(slot[worst]),
        slot_error=float(by_slot[worst]),
    )


def _means(values: Floats, group: Integers) -> Floats:
    """Each value replaced by the mean of its group."""
    means: Floats = np.bincount(group, values) / np.maximum(np.bincount(group), 1)
    return means[group]
