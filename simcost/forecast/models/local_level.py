"""Level and growth of a series of logarithms, with what is not known of either.

The model is a random walk with drift seen through noise. How much of what is seen is noise is not known either: every
share on a grid is filtered, weighed by its likelihood, and drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from simcost.trace.series.series import Floats

SHARES = np.array([0.0, 0.003, 0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Share of the walk in the variance of a step: at 0 the series is a line with noise, at 1 a random walk."""
LEAST_FREEDOM = 3.0
"""Degrees of freedom that the variance of a step counts for at least: of one or two steps, futures stay finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Growth of the logarithm per step: the expectation, and its standard error."""

    rate: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """One possible state of the series for each path."""

    level: Floats
    """Logarithm of the level at the last step, growth included; shape (count,)."""
    rate: Floats
    """Growth of the logarithm per step."""
    walk: Floats
    """Standard deviation of a step of the random walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLevel:
    """The filtered level at the last step, for each share of the walk; variances in units of `variance`."""

    weight: Floats
    """Posterior weights of the shares; they sum to 1."""
    filtered: Floats
    """Level without growth."""
    lever: Floats
    """Weight of growth in the level: a unit of it takes so much off."""
    uncertain: Floats
    """Variance of the level, growth known."""
    rate: Floats
    rate_variance: Floats
    variance: Floats
    """Of a step: walk and noise together."""
    freedom: float
    smallest_walk: float
    """Standard deviation that a step of the walk has at least."""

    @property
    def growth(self) -> Drift:
        """Growth over all shares of the walk."""
        rate = float(self.weight @ self.rate)
        spread = self.weight @ (self.rate_variance * self.variance + (self.rate - rate) ** 2)
        return Drift(rate=rate, error=float(np.sqrt(spread)))

    @property
    def noise(self) -> float:
        """Standard deviation of what does not last beyond a step."""
        return float(np.sqrt(self.weight @ ((1 - SHARES) * self.variance)))

    def level(self, rate: float) -> float:
        """The level at the last step, for a given growth."""
        return float(self.weight @ (self.filtered - rate * self.lever))

    def draw(self, count: int, kept: float, rng: np.random.Generator) -> Draws:
        """States of the series, their growth shrunk to the share `kept`; equal generators give equal draws.

        Growth varies by its error, and by what shrinking took off, which may have been right. With t = rate / error and
        kept = t^2 / (t^2 + 1) the square of that is kept (1 - kept) error^2; growth that is left out adds none.
        """
        place = np.searchsorted(np.cumsum(self.weight)[:-1], (rng.permutation(count) + 0.5) / count)
        scale = np.sqrt(self.variance[place] * self.freedom / rng.chisquare(self.freedom, count))
        doubt = kept * (1 - kept) * self.growth.error**2
        error = np.sqrt(self.rate_variance[place] * scale**2 + doubt) * stratified_normal(count, rng)
        rate = self.rate[place] + error
        level = self.filtered[place] - rate * self.lever[place]
        level += np.sqrt(self.uncertain[place]) * scale * stratified_normal(count, rng)
        walk = np.maximum(np.sqrt(SHARES[place]) * scale, self.smallest_walk)
        return Draws(level=level, rate=kept * self.rate[place] + error, walk=walk)


def stratified_normal(count: int, rng: np.random.Generator) -> Floats:
    """The quantiles in the middle of `count` equal parts of a normal law, in random order.

    Bands of independent draws would be too wide or too narrow by their luck, the same for all series of a seed.
    """
    found: Floats = _quantiles(count)[rng.permutation(count)]
    return found


@lru_cache(maxsize=8)
def _quantiles(count: int) -> Floats:
    law = NormalDist()
    return np.array([law.inv_cdf((i + 0.5) / count) for i in range(count)])


def variance_ratio(values: Floats, span: int) -> float:
    """Variance of changes over `span` steps, per step, over that of single ones; without bias for a random walk.

    1 = a random walk with growth, 1 / span = noise around a line. Source: Lo and MacKinlay, Review of Financial
    Studies 1(1), 1988.

    >>> back_at_once, lasting = np.array([0.0, 1] * 8 + [0]), np.array([0.0, 1, 2, 3, 4, 3, 2, 1] * 2 + [0])
    >>> variance_ratio(back_at_once, 2), round(variance_ratio(lasting, 2), 2)
    (0.0, 1.71)
    """
    single, steps = np.diff(values), len(values) - 1
    growth = float(single.mean())
    variance = float(np.square(single - growth).sum()) / (steps - 1)
    size = span * (steps - span + 1) * (1 - span / steps)
    long = float(np.square(values[span:] - values[:-span] - span * growth).sum()) / size
    return long / variance if variance > 0 else 1.0


def local_level(
    values: Floats, *, usual_sd: float, usual_steps: float, rate_sd: float, least_walk: float, line: float = 0.0
) -> LocalLevel:
    """Fit level and growth.

    Args:
        values: logarithms, at least one.
        usual_sd: standard deviation of a step where nothing else is known.
        usual_steps: steps of history that it is worth.
        rate_sd: that of growth per step.
        least_walk: the least standard deviation of a step of the walk, as a share of that of the recorded steps.
        line: the probability, before the values are seen, that the walk is absent.
    """
    steps = len(values)
    level, lever, uncertain, errors, levers, sizes = _filter(values)
    spread = float(np.var(np.diff(values), ddof=1)) if steps > 2 else usual_sd**2
    freedom = usual_steps + steps - 1
    known = (usual_steps * usual_sd**2 + (steps - 1) * spread) / freedom
    prior = known / rate_sd**2 * np.ones(len(SHARES))
    for _ in range(2):  # the second time in the units of each share
        precision = (levers**2 / sizes).sum(axis=0) + prior
        rate = (errors * levers / sizes).sum(axis=0) / precision
        squares = ((errors - rate * levers) ** 2 / sizes).sum(axis=0) + prior * rate**2
        variance = (usual_steps * usual_sd**2 + squares) / freedom
        prior = variance / rate_sd**2
    likelihood = -0.5 * (freedom * np.log(variance) + np.log(sizes).sum(axis=0) + np.log(precision))
    chance = np.where(SHARES > 0, (1 - line) / np.count_nonzero(SHARES), line)
    weight = chance * np.exp(likelihood - likelihood[chance > 0].max())
    return LocalLevel(
        weight=weight / weight.sum(),
        filtered=level,
        lever=lever,
        uncertain=uncertain,
        rate=rate,
        rate_variance=1 / precision,
        variance=variance,
        freedom=max(freedom, LEAST_FREEDOM),
        smallest_walk=least_walk * float(np.sqrt(known)),
    )


def _filter(values: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """The Kalman filter for every share, of the values and of time, counted back from the last step.

    Returns:
        Level, lever and variance at the last step; then, a row for each step after the first, the errors of the
        values, those of time, and their variances.
    """
    steps = len(values)
    noise = 1 - SHARES
    level, lever, variance = np.full(len(SHARES), values[0]), np.full(len(SHARES), 1.0 - steps), noise
    errors, levers, sizes = (np.empty((steps - 1, len(SHARES))) for _ in range(3))
    for step in range(1, steps):
        ahead = variance + SHARES
        size = ahead + noise
        gain = ahead / size
        error, lag = values[step] - level, step + 1 - steps - lever
        level, lever, variance = level + gain * error, lever + gain * lag, ahead * noise / size
        errors[step - 1], levers[step - 1], sizes[step - 1] = error, lag, size
    return level, lever, variance, errors, levers, sizes
