"""The members of the combination, each also a model of its own: naive, autoregressive, profile, flat."""

import math
from dataclasses import dataclass

import numpy as np

from simcost.forecast.models import base, ridge
from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting, Transformed, lasting_share
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

DOUBTFUL = math.log(2) / 1.2815515655446004
"""Spread of the logarithm of demand where too little was seen to measure it: half to double at 80 %."""


EXPLOSIVE = 3.0
"""Response to noise at the end of the horizon from which a recursion explodes: of M4 hourly it is below 2 a week ahead,
of histories that end in an outage of days up to 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """A forecast with past errors added in blocks; the error does not grow with the horizon."""

    point: Floats
    errors: Floats
    block: int
    floor: bool
    either_sign: bool = False
    """Blocks of errors come with both signs, equally often."""

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """The forecast plus blocks of errors."""
        block, steps = min(self.block, len(self.errors)), len(self.point)
        noise = base.draw_blocks(self.errors, block, steps, count, rng)
        if self.either_sign:
            signs = rng.choice((-1.0, 1.0), (count, -(-steps // block)))
            noise = noise * np.repeat(signs, block, axis=1)[:, :steps]
        found: Floats = self.point + noise
        return np.maximum(found, 0.0) if self.floor else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A forecast times one stated factor per path, where the history is too short to show errors."""

    point: Floats

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """The forecast times a log-normal factor: half to double at 80 %."""
        return self.point * np.exp(DOUBTFUL * rng.standard_normal((count, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedAutoregression:
    """A fitted autoregression with what was taken off before it, on the scale of its transform."""

    transformed: Transformed
    centre: Floats
    response: Floats
    residuals: Floats
    block: int

    @property
    def point(self) -> Floats:
        """The recursion without noise."""
        return self.transformed.back(self.centre)

    @property
    def explodes(self) -> bool:
        """True if noise grows from day to day, or the forecast leaves all that was seen: a step down that came but once
        looks like a way to go on.
        """
        grows = np.abs(self.response[-self.block :]).max() > EXPLOSIVE
        return bool(grows) or self.transformed.clips(self.centre)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """The recursion with blocks of residuals in it: it is linear, so they pass through its response."""
        noise = base.draw_blocks(self.residuals, self.block, len(self.centre), count, rng)
        return self.transformed.back(self.centre + base.through(noise, self.response))


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalNaive(Fitting):
    """Repeat the last season: of a day, or of a week where that was seen; the last value where none was."""

    week: bool = False
    least_days: int = 7
    """History from which a week is repeated."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "seasonal-naive-week" if self.week else "seasonal-naive"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """The last season, and the differences between seasons as errors; between days where only a week was seen."""
        y, season = seen.values, seen.season
        enough = self.week and len(y) >= self.least_days * season.short
        lag = season.long if enough and season.long else season.short
        lag = lag if len(y) >= lag else 1
        point = np.resize(y[-lag:], horizon)
        back = lag if len(y) >= lag + season.short else min(lag, season.short)
        if len(y) < back + min(lag, season.short):
            return Scaled(point=point)
        errors = y[back:] - y[:-back]
        if len(errors) < 2 * season.short:
            return _around_few(point, errors, season.short, floor=seen.floor)
        return Around(point=point, errors=errors, block=season.short, floor=seen.floor)


def _around_few(point: Floats, errors: Floats, season: int, *, floor: bool) -> Around:
    """The forecast with the differences of hardly more than one season, which nearly all blocks of a season share.

    Blocks of half a season, around the end too, of either sign: else all paths move as the last season did.
    """
    block = max(season // 2, 1)
    around = np.concatenate([errors, errors[: block - 1]])
    return Around(point=point, errors=around, block=block, floor=floor, either_sign=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat(Fitting):
    """The median of all that was seen, at every step."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "flat"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """The median, and the distances from it as errors."""
        level = float(np.median(seen.values))
        point = np.full(horizon, level)
        if len(seen.values) < 2 * seen.season.short:
            return Scaled(point=point)
        return Around(point=point, errors=seen.values - level, block=seen.season.short, floor=seen.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoregression(Fitting):
    """Ridge autoregression on seasonal lags, of the logarithm or of the values as they are."""

    log: bool = True

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "autoregression" if self.log else "autoregression-raw"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """The recursion on the transformed history."""
        transformed = seen.on_scale(log=self.log)
        return _linear(transformed, transformed.z, np.zeros(horizon), seen.season, remainder=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalProfile(Fitting):
    """A profile of the day and, shrunk, of the week, with a ridge autoregression of what they leave."""

    log: bool = True
    recent: bool = False
    """True if of the last two weeks alone."""

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "profile-recent" if self.recent else "profile" if self.log else "profile-raw"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """Profiles by phase, and the recursion on the remainder."""
        season, transformed = seen.season, seen.on_scale(log=self.log)
        if self.recent:
            last = seen.values[-2 * (season.long or season.short) :]
            transformed = Transformed.of(last, log=self.log, floor=seen.floor)
        z, steps = transformed.z, np.arange(len(transformed.z) + horizon)
        one = _shape(z, season)
        if season.long and not self.recent and len(one) > 1:
            one = _shape_beside_lasting_noise(z, season, one)
        past, future = np.split(one[steps % len(one)], [len(z)])
        return _linear(transformed, z - past, future, season, remainder=True, recent=self.recent)


def _shape(x: Floats, season: Season) -> Floats:
    """Profile of the day and, shrunk, of the week, over one period; 0 where none was seen twice."""
    found = np.zeros(1)
    for period, shrunk in ((season.short, False), (season.long or 1, True)):
        if 1 < period <= len(x) // 2:
            days = found[np.arange(period) % len(found)]
            found = days + profile(_rest(x, found), period, shrunk=shrunk)
    return found


def _rest(x: Floats, shape: Floats) -> Floats:
    rest: Floats = x - shape[np.arange(len(x)) % len(shape)]
    return rest


def _shape_beside_lasting_noise(z: Floats, season: Season, first: Floats) -> Floats:
    """Profile of z where a share of the noise is kept from step to step: generalised least squares.

    What each step adds beyond that share of the one before has noise that does not last. Its profile passes through
    the recursion, which is a product of Fourier transforms as both are periodic; what of it is of the week is shrunk.
    The share is that of the noise beside a first profile.
    """
    kept, period = lasting_share(_rest(z, first)), len(first)
    before = np.concatenate((z[period - 1 : period], z[:-1]))
    added, variance, count = _robust_means(z - kept * before, period)
    passed = np.fft.rfft(added)
    turns = np.arange(len(passed)) / period
    found: Floats = np.fft.irfft(passed / (1 - kept * np.exp(-2j * np.pi * turns)), period)
    if period == season.short:
        return found
    days = found.reshape(-1, season.short).mean(axis=0)[np.arange(period) % season.short]
    of_week: Floats = days + _shrunk(found - days, variance / (1 - kept**2), count)
    return of_week


def _robust_means(x: Floats, period: int) -> tuple[Floats, float, Floats]:
    """The mean of x by phase, where what is far from it counts as less far; the variance around it, and the counts."""
    phase = np.arange(len(x)) % period
    count = np.bincount(phase, minlength=period).astype(np.float64)
    means: Floats = np.bincount(phase, weights=x, minlength=period) / count
    errors = x - means[phase]
    most = ridge.farthest(errors)
    for _ in range(ridge.LIMITED):
        means = means + np.bincount(phase, weights=ridge.limited(errors, most), minlength=period) / count
        errors = x - means[phase]
    noise = ridge.limited(errors, most)
    return means, float(np.mean(noise * noise)), count


def profile(x: Floats, period: int, *, shrunk: bool) -> Floats:
    """The mean of x by phase; shrunk towards 0 by as much as noise makes up of it (empirical Bayes)."""
    phase = np.arange(len(x)) % period
    count = np.bincount(phase, minlength=period).astype(np.float64)
    means: Floats = np.bincount(phase, weights=x, minlength=period) / count
    if not shrunk:
        return means
    errors = x - means[phase]
    return _shrunk(means, float(np.mean(errors * errors)), count)


def _shrunk(means: Floats, variance: float, count: Floats) -> Floats:
    """Means of so many values each, of this variance, without the share of noise in them."""
    apart = means - means.sum() / len(means)
    between = max(float(apart @ apart) / len(means) - variance * len(means) / float(count.sum()), 1e-12)
    found: Floats = means * between / (between + variance / count)
    return found


def _linear(
    transformed: Transformed, x: Floats, shape: Floats, season: Season, *, remainder: bool, recent: bool = False
) -> FittedAutoregression:
    lags, penalty = ridge.lags_for(season, len(x), remainder=remainder)
    fitted = ridge.fit(x, lags, penalty, halved=2 * season.long if season.long and not recent else None)
    forecast, response = fitted.ahead(len(shape))
    return FittedAutoregression(
        transformed=transformed,
        centre=forecast + shape,
        response=response,
        residuals=fitted.residuals,
        block=season.short,
    )
