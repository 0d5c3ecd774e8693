"""Error of the level as a whole, day by day: measured on past origins at the same lead, and added to every path."""

import math
from collections.abc import Sequence
from math import fsum

import numpy as np
import numpy.typing as npt

from simcost.forecast.quantiles import median, quantiles
from simcost.trace.series.series import Floats

Levels = dict[int, tuple[Floats, Floats]]
"""Per level, in percent, its lower and upper end at every step."""

FREEDOM = 5
FARTHEST = 4.0
P90_STUDENT = 1.4758840488244818
P90_NORMAL = 1.2815515655446004
"""Quantiles of 90 %."""
USUAL = 1.9
"""Usual ratio of squared errors of day totals to the variance among paths, one and two days ahead (M4 hourly and AI
demand, origins inside the histories)."""
USUAL_OF_A_WEEK = 1.4
"""The same a week ahead: by then the paths' own noise has added up."""
USUAL_ORIGINS = 4
"""Origins that the usual ratio counts for, beside those measured."""
MOST = 25.0
LEAST = 0.01
"""Share of the median below which a day mean counts as this share, in logarithms."""
MOST_NEAR_ZERO = 0.01
"""Share of day means below that, beyond which logarithms tell how near to 0 paths are, not how wide."""
LASTING = 0.6
"""Share of the variance that is the same on all days of a path."""


def by_day(values: Floats, day: int) -> Floats:
    """Means over whole days, the last axis; over all steps where there is no whole day."""
    days = max(values.shape[-1] // day, 1)
    cut = values[..., : days * day] if values.shape[-1] >= day else values
    means: Floats = cut.reshape(*values.shape[:-1], days, -1).mean(axis=-1)
    return means


def excess(actual: Floats, paths: Floats, day: int, *, by_factors: bool = False) -> float | None:
    """Squared errors of day means over their variance among paths, the mean over the days of an origin.

    1 = the paths are as wide as they should be. None where no whole day was recorded, or the paths are all one.
    Paths that vary `by_factors` are compared in logarithms: in plain numbers their few highest make up the variance.
    """
    came, means = by_day(actual, day), by_day(paths, day)
    if by_factors:
        centre = median(means)
        came, means = _logarithms(came, centre), _logarithms(means, centre)
    variances = means.var(axis=0)
    seen = np.isfinite(came) & (variances > 0)
    if not seen.any():
        return None
    ratios = (came - median(means))[seen] ** 2 / variances[seen]
    return float(np.minimum(ratios, MOST).mean())


def _logarithms(values: Floats, centre: Floats) -> Floats:
    """Logarithms of values as shares of a centre, at least those of `LEAST`; 0 where the centre is 0."""
    shares = np.divide(values, centre, out=np.ones_like(values), where=centre > 0)
    logs: Floats = np.log(np.maximum(shares, LEAST))
    return logs


def usual_spread_ratio(days: float) -> float:
    """Usual ratio so many days ahead.

    >>> usual_spread_ratio(1), usual_spread_ratio(2), usual_spread_ratio(7), usual_spread_ratio(28)
    (1.9, 1.9, 1.4, 1.4)
    """
    share = (7 - days) / (7 - 2)
    return USUAL_OF_A_WEEK + (USUAL - USUAL_OF_A_WEEK) * min(max(share, 0.0), 1.0)


def spread_ratio(ratios: Sequence[float | None], usual: float) -> float:
    """Variance of day totals over that among paths: measured at the origins, and the usual one beside them; >= 1."""
    known = [ratio for ratio in ratios if ratio is not None]
    return max((fsum(known) + USUAL_ORIGINS * usual) / (len(known) + USUAL_ORIGINS), 1.0)


def level_draws(count: int, days: int, rng: np.random.Generator) -> Floats:
    """Number of level errors by which each path is off on each day; shape (count, days).

    Student's t with 5 degrees of freedom, within 4, at the scale where its middle 80 % are those of a normal law; at
    unit variance they would be 11 % narrower. Most of the variance is of the whole path, the rest of the day. Equal
    streams make series be off together: the cautious choice for their sum.
    """
    scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, (count, 1))) * P90_NORMAL / P90_STUDENT
    whole, single = rng.standard_normal((count, 1)), rng.standard_normal((count, days))
    drawn = scale * (math.sqrt(LASTING) * whole + math.sqrt(1 - LASTING) * single)
    errors: Floats = np.clip(drawn, -FARTHEST, FARTHEST)
    return errors


def with_level(
    paths: Floats, ratio: float, day: int, rng: np.random.Generator, *, floor: bool, by_factors: bool = False
) -> Floats:
    """The paths, each moved on each day in the shape of the median path: day totals vary `ratio` times as much.

    Paths that vary `by_factors` are multiplied: the logarithms of their day totals vary as much.

    Where hours would fall below 0 they are cut there, and the other hours of the day make up for it: else no low path
    could move as far down as a high one moves up, and totals would be too high. So they would be too where whole days
    would fall below 0, as those of rarely used models do: the paths of such a day keep the mean that they had.
    """
    shape = np.abs(median(paths))
    sizes = by_day(shape, day)
    if ratio <= 1 or sizes.max() <= 0:
        return paths
    means = by_day(paths, day)
    spread = _logarithms(means, median(means)) if by_factors else means
    if by_factors and float(np.mean(means < LEAST * median(means))) > MOST_NEAR_ZERO:
        return paths
    moves = level_draws(len(paths), len(sizes), rng) * np.sqrt((ratio - 1) * spread.var(axis=0))
    place = np.minimum(np.arange(paths.shape[1]) // day, len(sizes) - 1)
    if by_factors:
        raised: Floats = paths * np.exp(moves)[:, place]
        return raised
    relative = np.divide(shape, sizes[place], out=np.zeros(len(shape)), where=sizes[place] > 0)
    moved: Floats = paths + moves[:, place] * relative
    return _cut(moved, _at_or_above_zero(means, means + moves), day, place) if floor else moved


def _at_or_above_zero(means: Floats, moved: Floats) -> Floats:
    """Day means of the paths after a move, none below 0; of a day that has some there, on average those before it."""
    raised: Floats = np.maximum(moved, 0.0)
    sums = raised.sum(axis=0)
    kept = np.divide(means.sum(axis=0), sums, out=np.ones_like(sums), where=(moved < 0).any(axis=0) & (sums > 0))
    raised *= np.minimum(kept, 1.0)
    return raised


def _cut(paths: Floats, means: Floats, day: int, place: npt.NDArray[np.intp]) -> Floats:
    """The paths at or above 0, and no day above the mean it is to have; `place` is the day of each step."""
    raised: Floats = np.maximum(paths, 0.0)
    high = by_day(raised, day)
    factors = np.divide(means, high, out=np.ones_like(high), where=high > means)
    raised *= factors[:, place]
    return raised


def at_or_above_zero(paths: Floats, day: int) -> Floats:
    """The paths cut at 0, where the other steps of a day make up for what is cut as far as it lasts."""
    means = np.maximum(by_day(paths, day), 0.0)
    place = np.minimum(np.arange(paths.shape[1]) // day, means.shape[1] - 1)
    return _cut(paths, means, day, place)


def widened(paths: Floats, factor: float, *, floor: bool) -> Floats:
    """The paths at `factor` times their distance from the median path."""
    centre = median(paths)
    moved: Floats = centre + factor * (paths - centre)
    return np.maximum(moved, 0.0) if floor else moved


def levels_of(paths: Floats, levels: tuple[int, ...]) -> Levels:
    """The levels of the paths: the quantiles of the paths that leave equal tails."""
    tails = [(100 - level) / 200 for level in levels]
    ends = quantiles(paths, [*tails, *(1 - tail for tail in tails)])
    return {level: (ends[i], ends[i + len(levels)]) for i, level in enumerate(levels)}
