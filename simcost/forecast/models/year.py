"""Season of the year of logarithms of weeks or months, apart from growth and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcost.forecast.models.local_level import Drift
from simcost.trace.series.series import Floats

FADE = 0.7
"""Weight of a year in the season of the year, relative to the one after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearSeason:
    """Season of the year, and what fitting it does to the variance of the rest."""

    logs: Floats
    """Of each unit of a year; shape (period,)."""
    wider: float
    """Variance of what comes over that of what the season has left of the history: n / (n - p) for the p values that
    were fitted to it, times 1 + the variance of a fitted value, in units of that of the rest (least squares)."""


def season_of_the_year(logs: Floats, period: int) -> YearSeason:
    """Season of the year from two years on, shrunk by as much as noise makes up of it.

    Years count the less the older they are.
    """
    if len(logs) < 2 * period:
        return YearSeason(logs=np.zeros(period), wider=1.0)
    level = _level_of_years(logs, period)
    rest = np.full(-(-len(logs) // period) * period, np.nan)
    rest[: len(logs)] = logs - level[: len(logs)]
    table = rest.reshape(-1, period)
    ages = len(table) - 1 - np.arange(len(table))
    share = np.where(np.isfinite(table), (FADE**ages)[:, None], 0.0)
    total = share.sum(axis=0)
    means: Floats = (np.nan_to_num(table) * share).sum(axis=0) / total
    means -= means.mean()
    within = float((share * (np.nan_to_num(table) - means) ** 2).sum() / total.sum())
    count = total**2 / (share**2).sum(axis=0)
    between = max(float(means.var()) - within / float(count.mean()), 1e-12)
    kept = between / (between + within / count)
    fitted = float(kept.sum()) * (1 - 1 / period)
    wider = len(logs) / (len(logs) - fitted) * (1 + float((kept / count).mean()))
    return YearSeason(logs=means * kept, wider=wider)


def _level_of_years(logs: Floats, period: int) -> Floats:
    """The mean of the year around each unit; over the first and the last half-year it goes on as it grew in the year
    next to them, as far as changes from year to year show that growth: else growth would look like a season.
    """
    weights = np.concatenate(([0.5], np.ones(period - 1), [0.5])) / period
    middle = np.convolve(logs, weights, "valid")
    error = float(np.std(logs[period:] - logs[:-period])) / period
    first, last = (float(year[-1] - year[0]) / (period - 1) for year in (middle[:period], middle[-period:]))
    ages = np.arange(1, period // 2 + 1)
    before, after = (Drift(rate=rate, error=error).kept * rate * ages for rate in (first, last))
    return np.concatenate((middle[0] - before[::-1], middle, middle[-1] + after))
