"""Exponential smoothing with a season of the day and one of the week, whose errors last a while."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from simcost.forecast.models.base import CleanedHistory, Fitting, Transformed, lasting_share
from simcost.forecast.models.members import FittedAutoregression
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

LEVEL, DAY, WEEK = 0.03, 0.15, 0.1
"""Shares of an error by which level, profile of the day and profile of the week move."""
MOST_WEEKS = 8
"""Older weeks are forgotten anyway."""


@dataclass(frozen=True, slots=True)
class SeasonalSmoothing(Fitting):
    """Level, profile of the day and profile of the week of the logarithm, each moved by a share of every error u.

    z = level + day + week + u, and u = phi u' + noise, with u' one step before. Source: Taylor, Journal of the
    Operational Research Society 54(8), 2003.
    """

    @property
    def name(self) -> str:
        """As the table of a backtest lists it."""
        return "smoothing"

    def fit(self, seen: CleanedHistory, horizon: int) -> FittedAutoregression:
        """Smooth a history of more than two weeks whose steps are shorter than a day."""
        season, week = seen.season, seen.season.long or seen.season.short
        known = seen.values[-MOST_WEEKS * week :]
        transformed = Transformed.of(known, log=True, floor=seen.floor)
        first = _repeated(transformed.z[:week], season)
        errors = _errors(transformed.z[week:] - np.resize(first, len(known) - week), season)
        ahead = np.arange(len(errors), len(errors) + horizon)
        phi = lasting_share(errors[len(errors) // 2 :])
        lasting = phi ** np.arange(float(horizon))
        response = lasting + np.convolve(_moves(season, horizon), lasting)[:horizon]
        noise = errors[1:] - phi * errors[:-1]
        return FittedAutoregression(
            transformed=transformed,
            centre=(first + _moved(errors, season))[ahead % week] + phi * errors[-1] * response,
            response=response,
            residuals=noise - noise.mean(),
            block=season.short,
        )


def _repeated(values: Floats, season: Season) -> Floats:
    """The first profile of the week: half of what one week showed beyond the mean of its days."""
    days = np.resize(values.reshape(-1, season.short).mean(axis=0), len(values))
    found: Floats = (values + days) / 2
    return found


def _moves(season: Season, steps: int) -> Floats:
    """By how much a unit of error moves the expectation of its own step (0) and of each one after it."""
    found = np.full(steps, LEVEL)
    found[0] = 0.0
    found[season.short :: season.short] += DAY
    found[season.long or season.short :: season.long or season.short] += WEEK
    return found


def _moved(errors: Floats, season: Season) -> Floats:
    """By how much all errors moved the expectation of each phase of the week."""
    day, week = season.short, season.long or season.short
    phase = np.arange(len(errors)) % week
    daily = np.bincount(phase % day, errors, day)[np.arange(week) % day]
    found: Floats = LEVEL * errors.sum() + DAY * daily + WEEK * np.bincount(phase, errors, week)
    return found


def _errors(values: Floats, season: Season) -> Floats:
    """Error of each step: its value less what the errors before it moved.

    The recursion is linear: the values pass through its response, by Fourier transform.
    """
    size = 1 << (2 * len(values) - 1).bit_length()
    found: Floats = np.fft.irfft(np.fft.rfft(values, size) * _response(size, season), size)[: len(values)]
    return found


@lru_cache(maxsize=8)
def _response(size: int, season: Season) -> npt.NDArray[np.complex128]:
    """Transform of the first half of `size` errors after a unit value: one over 1 + moves, as a power series."""
    found, moves = np.ones(1), _moves(season, size // 2)
    moves[0] = 1.0
    while len(found) < size // 2:  # each of Newton's steps doubles the terms that are right
        terms = 2 * len(found)
        known = np.fft.rfft(found, 2 * terms)
        rest = -np.fft.irfft(known * np.fft.rfft(moves[:terms], 2 * terms), 2 * terms)[:terms]
        rest[0] += 2.0
        found = np.fft.irfft(known * np.fft.rfft(rest, 2 * terms), 2 * terms)[:terms]
    transform: npt.NDArray[np.complex128] = np.fft.rfft(found, size)
    return transform
