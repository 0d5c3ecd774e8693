"""Rarely used models: demand that is 0 in most steps and comes in bursts."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from simcost.errors import InputError
from simcost.forecast.models import base
from simcost.forecast.models.base import CleanedHistory, Fitting
from simcost.trace.series.series import Floats

MOSTLY_ZERO = 0.5
"""Share of zero steps above which a series counts as intermittent."""
WEEK = 7
"""Seasons (days) in a run of the history; with fewer, single steps are smoothed and drawn."""
CONSTANTS = (0.05, 0.1, 0.2, 0.3)
"""Smoothing constants tried for the probability and for the size of demand (range of Teunter et al. 2011)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Whole days of the history at the rate to expect."""

    days: Floats
    """The history as rows of one season."""
    rate: float
    """Mean demand to expect in a season."""
    horizon: int

    @property
    def point(self) -> Floats:
        """Mean demand per step, shape (horizon,)."""
        return np.resize(self.rate * _profile(self.days), self.horizon)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Weeks of whole days at a rate drawn per path, shape (count, horizon): zeros and bursts stay.

        A path's rate is the forecast times what another week of the history was relative to all: how long a
        lively or a quiet time lasts is unknown. Few weeks lie nearer to their own mean than to that of all time:
        distances are those of one more week from the mean of so many.
        """
        totals = self.days.sum(axis=1)
        mean = float(totals.mean())
        if mean == 0:
            return np.zeros((count, self.horizon))
        seasons = -(-self.horizon // self.days.shape[1])
        numbers = np.resize(np.arange(len(self.days), dtype=np.float64), len(self.days) + WEEK - 1)  # all days alike
        drawn = base.draw_blocks(numbers, WEEK, WEEK + seasons, count, rng).astype(np.intp)
        weeks = max(len(self.days) / WEEK, 2.0)
        apart = totals[drawn[:, :WEEK]].mean(axis=1) / mean - 1
        lively = np.maximum(1 + math.sqrt((weeks + 1) / (weeks - 1)) * apart, 0.0)
        factor = self.rate / mean * lively / max(float(lively.mean()), 1.0)
        found: Floats = self.days[drawn[:, WEEK:]].reshape(count, -1)[:, : self.horizon] * factor[:, None]
        return found


@dataclass(frozen=True, slots=True)
class Intermittent(Fitting):
    """The rate of demand by TSB over days, a shrunk daily profile, and paths of whole days of the history.

    TSB (Teunter, Syntetos and Babai 2011, EJOR 214) smooths the probability of demand in every period and
    its size in periods with demand, so the forecast fades when a model is no longer used. SBA (Syntetos and
    Boylan 2005, IJF 21) updates only at demand: it would keep the last rate of a dead model for ever, and its
    factor 1 - alpha/2 understates demand that comes every day.

    The point forecast is the mean rate, not the median: the median is 0 and would cost nothing. An error in
    absolute terms (MASE) therefore looks worse than that of forecasting 0.
    """

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "intermittent"

    def fit(self, seen: CleanedHistory, horizon: int) -> Bursts:
        """The rate to expect.

        Raises:
            InputError: values below 0.
        """
        days = _days(seen)
        totals = days.sum(axis=1)
        return Bursts(days=days, rate=float(_tsb(totals, *_constants(totals))[-1]), horizon=horizon)

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """Meaning of the point forecast, and what was smoothed."""
        totals = _days(seen).sum(axis=1)
        probability, size = _constants(totals)
        zeros = float(np.mean(seen.values == 0))
        said = f"{100 * zeros:.0f} % of steps are 0; the forecast is the mean rate (TSB over {len(totals)} periods)"
        return [f"intermittent: {said}, constants {probability} for the probability and {size} for the size"]


def is_intermittent(seen: CleanedHistory) -> bool:
    """True if more than half of the steps are 0 and none is below."""
    return seen.floor and float(np.mean(seen.values == 0)) > MOSTLY_ZERO


def _days(seen: CleanedHistory) -> Floats:
    """The history as rows of one season, counted back from its end; single steps while there are too few."""
    if seen.values.min() < 0:
        raise InputError(
            f"model intermittent: a value of {seen.values.min():g} is below 0: demand that is mostly 0 has no"
            " negative steps; use another model"
        )
    length = seen.season.short if len(seen.values) >= WEEK * seen.season.short else 1
    rows = len(seen.values) // length
    return seen.values[-rows * length :].reshape(rows, length)


def _constants(totals: Floats) -> tuple[float, float]:
    """The pair with the smallest squared error of one step ahead, after a first week.

    Squared, because its minimum is the mean; the absolute error is least at a rate of 0.
    """

    def error(pair: tuple[float, float]) -> float:
        return float(np.square(_tsb(totals, *pair)[WEEK:-1] - totals[WEEK:]).sum())

    return min(product(CONSTANTS, CONSTANTS), key=error)


def _tsb(totals: Floats, probability_constant: float, size_constant: float) -> Floats:
    """The rate forecast before each period and after the last, length len(totals) + 1.

    The probability starts at its share of the first ten periods, the size at its mean in them, or at the first demand
    where that comes later.
    """
    some = totals > 0
    if not some.any():
        return np.zeros(len(totals) + 1)
    probability = float(some[:10].mean())
    first = totals[: max(10, int(some.argmax()) + 1)]
    size = float(first[first > 0].mean())
    rates = [probability * size]
    for total in totals.tolist():
        probability += probability_constant * ((total > 0) - probability)
        if total > 0:
            size += size_constant * (total - size)
        rates.append(probability * size)
    return np.array(rates)


def _profile(days: Floats) -> Floats:
    """Each step's share of its period, drawn towards equal shares as far as the days disagree.

    Weight v_b / (v_b + v_w / days): v_b between the steps' means, v_w within a step over the days.
    """
    means = days.mean(axis=0)
    equal = np.full(len(means), 1 / len(means))
    if means.sum() <= 0 or len(means) == 1:
        return equal
    noise = days.var(axis=0).mean() / len(days)
    between = max(float(means.var() - noise), 0.0)
    weight = between / (between + noise) if between + noise > 0 else 0.0
    shares: Floats = weight * means / means.sum() + (1 - weight) * equal
    return shares
