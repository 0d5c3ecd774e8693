"""The error of the level as a whole, measured on past origins and added to every path."""

import math

import numpy as np

from simcost.forecast.quantiles import median, quantiles
from simcost.trace.series.series import Floats

Levels = dict[int, tuple[Floats, Floats]]
"""Per level, in percent, its lower and upper end at every step."""

FREEDOM = 5
FARTHEST = 4.0


def level_error(errors: Floats, variances: Floats) -> float:
    """Standard deviation of the mean over a horizon that the paths do not show by themselves.

    sqrt(max(0, mean error^2 - mean variance)): what past errors of the horizon mean exceed the variance of that
    mean among paths by; 0 where fewer than 2 origins tell.

    Args:
        errors: actual mean less the median of the paths' means, one per origin.
        variances: the variance of the paths' means, one per origin.
    """
    if len(errors) < 2:
        return 0.0
    return math.sqrt(max(0.0, float(np.mean(errors**2) - np.mean(variances))))


def level_draws(count: int, rng: np.random.Generator) -> Floats:
    """Number of level errors by which each path is off: Student's t with 5 degrees of freedom at unit variance, within
    4.

    Series that draw from equal streams are off together: the cautious choice for their sum.
    """
    drawn = rng.standard_t(FREEDOM, count) / math.sqrt(FREEDOM / (FREEDOM - 2))
    return np.clip(drawn, -FARTHEST, FARTHEST)


def with_level(paths: Floats, sigma: float, draws: Floats, *, floor: bool) -> Floats:
    """The paths, each moved by its draw times sigma in the shape of the median path."""
    shape = np.abs(median(paths))
    size = float(shape.mean())
    if sigma == 0 or size == 0:
        return paths
    moved = paths + draws[:, None] * (sigma * shape / size)
    return np.maximum(moved, 0.0) if floor else moved


def widened(paths: Floats, factor: float, *, floor: bool) -> Floats:
    """The paths at `factor` times their distance from the median path."""
    centre = median(paths)
    found: Floats = centre + factor * (paths - centre)
    return np.maximum(found, 0.0) if floor else found


def levels_of(paths: Floats, levels: tuple[int, ...]) -> Levels:
    """The levels of the paths: the quantiles of the paths that leave equal tails."""
    tails = [(100 - level) / 200 for level in levels]
    found = quantiles(paths, [*tails, *(1 - tail for tail in tails)])
    return {level: (found[i], found[i + len(levels)]) for i, level in enumerate(levels)}
