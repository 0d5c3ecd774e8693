"""Quantities that a user states as a median and an 80 % interval."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt, Le, MaxLen, MinLen

if TYPE_CHECKING:
    from simcost.trace.series.series import Floats

Name = Annotated[str, MinLen(1)]
Factor = Annotated[float, Gt(0), Le(1e6)]
Interval = Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2), MaxLen(2)]
"""Ends of an 80 % interval: one chance in ten to lie below, one in ten above."""

_P90 = 1.2815515655446004  # quantile 0.9 of the standard normal


def check_interval(median: float, interval: tuple[float, ...] | None, field: str) -> None:
    """Raise ValueError where an interval does not hold its median."""
    if interval is not None and not interval[0] <= median <= interval[1]:
        raise ValueError(f"range {interval[0]:g} to {interval[1]:g} does not hold the {field} {median:g}")


def drawn(median: float, interval: tuple[float, ...] | None, luck: Floats) -> Floats:
    """A positive value a path: log-normal around its median, with the interval as P10 and P90.

    The sigma is log(median / lo) / 1.2816 below the median and log(hi / median) / 1.2816 above it; they are equal,
    and log(hi / lo) / 2.563, where the median is the geometric middle.

    Args:
        median: where the luck is 0.
        interval: None = the median always.
        luck: standard normal, shape (paths, 1).
    """
    import numpy as np

    if interval is None:
        return np.full_like(luck, median)
    below, above = log(median / interval[0]), log(interval[1] / median)
    drawn: Floats = median * np.exp(luck * np.where(luck < 0, below, above) / _P90)
    return drawn
