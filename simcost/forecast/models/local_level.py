"""Level and growth of a series of logarithms, with what is not known of either.

The model is a random walk with drift in continuous time, summed over each step and seen through noise. How much of what
is seen is noise is not known either: every share on a grid is filtered, weighed by its likelihood, and drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from simcost.trace.series.series import Floats

SHARES = np.array([0.0, 0.003, 0.01, 0.03, 0.07, 0.13, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Share of the walk in the variance of a step: at 0 the series is a line with noise, at 1 a random walk."""
WITHIN = 1 / 12
"""Variance of the mean of a random walk over a step around the middle of its two ends, as a share of the step's."""
DOUBT = 1.0
"""The point forecast keeps growth at t^2 / (t^2 + 1), t = its ratio to its error: half at one error."""
LEAST_SPREAD = 0.01
"""Least variance of the changes of a history, as a share of the usual one: one without any change has bands too."""
LEAST_FREEDOM = 8.0
"""Degrees of freedom that the variance of a step counts for at least: with fewer, one of some hundred futures of a few
weeks of history grows beyond all others together, and the mean of the futures is that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Growth of the logarithm per step: the expectation, and its standard error."""

    rate: float
    error: float

    @property
    def kept(self) -> float:
        """Share of the growth that a point forecast goes on with, by its ratio to its error."""
        square = self.rate**2
        return square / (square + DOUBT * self.error**2) if square else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Expectations of a series before its values are seen; arrays have an element for each share of the walk."""

    chance: Floats
    """Probability of the share; they sum to 1."""
    variance: Floats
    """Usual variance of a step: walk and noise together."""
    steps: float
    """Steps of history that the usual variance is worth."""
    rate_sd: float
    """Standard deviation of growth per step."""
    learned: float
    """Steps of history after which the usual variance has come half way to that of its changes, in logarithms."""
    halved: float
    """Steps after which an error says half as much about the variance to come."""

    def beside(self, spread: float | Floats, steps: int) -> Prior:
        """Expectations for a history of so many steps whose changes have this variance: of one far calmer than usual,
        a few steps of the usual variance would otherwise be most of the sum.
        """
        own = (steps - 1) / (self.learned + steps - 1)
        variance = self.variance ** (1 - own) * np.maximum(spread, LEAST_SPREAD * self.variance) ** own
        return replace(self, variance=variance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """One possible state of the series for each path."""

    level: Floats
    """Logarithm of the level at the end of the last step, growth up to its middle included; shape (count,)."""
    rate: Floats
    """Growth of the logarithm per step."""
    walk: Floats
    """Standard deviation of a step of the random walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLevel:
    """The filtered level at the end of the last step, for each share of the walk; variances in units of `variance`."""

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

    def wider(self, factor: float) -> LocalLevel:
        """The same with all variances that much larger, as where its values are what another fit has left."""
        return replace(self, variance=factor * self.variance)

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
        """The level at the end of the last step, for a given growth up to its middle."""
        return float(self.weight @ (self.filtered - rate * self.lever))

    def kept(self, usual: float) -> Floats:
        """Part of the growth that goes on, for each share of the walk: v / (v + error^2), v = rate^2 + usual^2.

        That is the mean of growth as measured and none, each weighed by its certainty, for growth of the size v. Where
        the error is much less than `usual`, nearly all is kept, even of growth near 0: so of a line, not of a walk.

        Args:
            usual: growth per step that is nothing unusual.
        """
        size = self.rate**2 + usual**2
        found: Floats = size / (size + self.rate_variance * self.variance)
        return found

    def draw(self, count: int, kept: Floats, rng: np.random.Generator) -> Draws:
        """States of the series; equal generators give equal draws.

        Growth varies by its error, and by what shrinking took off, which may have been right: kept (1 - kept) error^2
        is the square of that for growth of the size v. Growth that is left out adds none.

        Args:
            count: of the states.
            kept: part of the growth that goes on, for each share of the walk.
            rng: source of the draws.
        """
        place = np.searchsorted(np.cumsum(self.weight)[:-1], (rng.permutation(count) + 0.5) / count)
        scale = np.sqrt(self.variance[place] * self.freedom / rng.chisquare(self.freedom, count))
        doubt = kept * (1 - kept) * self.rate_variance * self.variance
        error = np.sqrt(self.rate_variance[place] * scale**2 + doubt[place]) * stratified_normal(count, rng)
        rate = self.rate[place] + error
        level = self.filtered[place] - rate * self.lever[place]
        level += np.sqrt(self.uncertain[place]) * scale * stratified_normal(count, rng)
        walk = np.maximum(np.sqrt(SHARES[place]) * scale, self.smallest_walk)
        return Draws(level=level, rate=(kept * self.rate)[place] + error, walk=walk)


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


def prior_of(
    weeks: float,
    *,
    weekly_sd: float,
    steps: float,
    rate_sd: float,
    line: float,
    as_weeks: bool,
    learned: float,
    halved: float,
) -> Prior:
    """Expectations of a series whose steps are so many weeks long.

    A series is the same process whether it is recorded by weeks or by months: over a month its walk adds up and its
    noise averages out.

    Args:
        weeks: length of a step.
        weekly_sd: usual standard deviation of a week, walk and noise together.
        steps: steps of history that it is worth.
        rate_sd: standard deviation of growth per step.
        line: probability that the walk is absent.
        as_weeks: True if the shares of the walk are equally likely in weeks, False if in the steps.
        learned: steps after which the usual variance has come half way to that of the history.
        halved: steps after which an error says half as much about the variance to come.

    >>> prior = prior_of(4, weekly_sd=0.1, steps=1, rate_sd=0.1, line=0.5, as_weeks=True, learned=3, halved=13)
    >>> prior.variance[[0, -1]].round(4).tolist(), round(float(prior.chance[SHARES > 0.75].sum()), 2)
    ([0.0025, 0.04], 0.33)
    """
    weekly = _share_of_weeks(SHARES, weeks)
    edges = np.concatenate(([0.0], (SHARES[1:-1] + SHARES[2:]) / 2, [1.0]))
    cells = np.diff(np.interp(_share_of_weeks(edges, weeks if as_weeks else 1.0), edges, np.arange(float(len(edges)))))
    return Prior(
        chance=np.concatenate(([line], (1 - line) / cells.sum() * cells)),
        variance=weekly_sd**2 * (weeks * weekly + (1 - weekly) / weeks),
        steps=steps,
        rate_sd=rate_sd,
        learned=learned,
        halved=halved,
    )


def _share_of_weeks(shares: Floats, weeks: float) -> Floats:
    """Share of the walk in the variance of a week, from that in a step of so many weeks."""
    found: Floats = shares / (weeks**2 * (1 - shares) + shares)
    return found


def local_level(values: Floats, prior: Prior, *, least_walk: float) -> LocalLevel:
    """Fit level and growth.

    Shares of the walk are told apart by all errors alike; the variance to come by late ones more than by old ones.

    Args:
        values: logarithms of sums over steps, at least one.
        prior: expectations before they are seen.
        least_walk: the least standard deviation of a step of the walk, as a share of that of the recorded changes.
    """
    steps = len(values)
    level, lever, uncertain, errors, levers, sizes = _filter(values)
    spread = float(np.var(np.diff(values), ddof=1)) if steps > 2 else prior.variance
    prior = prior.beside(spread, steps)
    freedom = prior.steps + steps - 1
    known = variance = (prior.steps * prior.variance + (steps - 1) * spread) / freedom
    for _ in range(2):  # the second time in the units of each share
        usual = variance / prior.rate_sd**2
        precision = (levers**2 / sizes).sum(axis=0) + usual
        rate = (errors * levers / sizes).sum(axis=0) / precision
        squares = ((errors - rate * levers) ** 2 / sizes).sum(axis=0) + usual * rate**2
        variance = (prior.steps * prior.variance + squares) / freedom
    likelihood = prior.steps * np.log(prior.variance) - freedom * np.log(variance)
    likelihood += np.log(usual) - np.log(precision) - np.log(sizes).sum(axis=0)
    weight = prior.chance * np.exp((likelihood - likelihood[prior.chance > 0].max()) / 2)
    recent = _by_age(steps - 1, prior.halved)
    freedom = prior.steps + float(recent.sum())
    squares = recent @ ((errors - rate * levers) ** 2 / sizes) + usual * rate**2
    return LocalLevel(
        weight=weight / weight.sum(),
        filtered=level,
        lever=lever,
        uncertain=uncertain,
        rate=rate,
        rate_variance=1 / precision,
        variance=(prior.steps * prior.variance + squares) / freedom,
        freedom=max(freedom, LEAST_FREEDOM),
        smallest_walk=least_walk * float(np.sqrt(known[-1])),
    )


def _by_age(count: int, halved: float) -> Floats:
    """Weights of errors, the last one the most; they sum to the number of equal ones that say as much."""
    weights = 0.5 ** (np.arange(count - 1.0, -1.0, -1.0) / halved)
    found: Floats = weights * (weights.sum() / max(float((weights**2).sum()), 1.0))
    return found


def _filter(values: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """The Kalman filter for every share, of the values and of time, counted back from the last step.

    A value is the mean of the walk over its step, with noise. With q the variance of a step of the walk, it varies
    by q / 3 around the level before the step, and its covariance with the level after it is q / 2. Source: Working,
    Econometrica 28(4), 1960.

    Returns:
        Level, lever and variance at the end of the last step; then, a row for each step after the first, the errors of
        the values, those of time, and their variances.
    """
    steps = len(values)
    within = SHARES / 3 + 1 - SHARES
    level, lever, variance = np.full(len(SHARES), values[0]), np.full(len(SHARES), 1.0 - steps), within
    errors, levers, sizes = (np.empty((steps - 1, len(SHARES))) for _ in range(3))
    for step in range(1, steps):
        size = variance + within
        shared = variance + SHARES / 2
        gain = shared / size
        error, lag = values[step] - level, step + 1 - steps - lever
        level, lever, variance = level + gain * error, lever + gain * lag, variance + SHARES - gain * shared
        errors[step - 1], levers[step - 1], sizes[step - 1] = error, lag, size
    return level, lever, variance, errors, levers, sizes
