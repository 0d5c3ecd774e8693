"""Widths of forecasts over weeks: a calm history is not taken for a usual one, late errors count most, and a season
that was fitted to few years makes the rest look smaller than what comes.
"""

import numpy as np
import pytest

from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.local_level import SHARES, local_level, prior_of
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.models.year import season_of_the_year
from simcost.forecast.season import Season
from simcost.rng import stream

WEEKS = Season(52)
USUAL = prior_of(1, weekly_sd=0.05, steps=3, rate_sd=0.02, line=0, as_weeks=True, learned=12, halved=52)
WALK = int(np.flatnonzero(SHARES == 1)[0])


def walk(number, sd, steps):
    """Means over steps of a walk, of which 12 instants are taken."""
    instants = sd / np.sqrt(12) * stream(number, "width").standard_normal(12 * steps)
    return np.cumsum(instants).reshape(steps, 12).mean(axis=1)


@pytest.mark.parametrize("sd", [0.005, 0.05, 0.2])
def test_the_variance_of_a_walk_is_its_own(sd):
    """Of a year of weeks, whether it is calm or not: mean of 60 walks."""
    found = [local_level(walk(number, sd, 60), USUAL, least_walk=0).variance[WALK] for number in range(60)]
    assert np.mean(found) == pytest.approx(sd**2, rel=0.15)


def test_late_errors_count_more_than_old_ones():
    y = np.concatenate((walk(1, 0.05, 104), walk(2, 0.01, 104)))
    calmer, rougher = (local_level(part, USUAL, least_walk=0).variance[WALK] for part in (y, y[::-1]))
    assert rougher > 2 * calmer


def test_two_equal_years_say_nothing_of_errors_but_a_year_of_them_is_fitted():
    """All of the season is kept: 51 of 104 values are fitted, and each to two years, the last of which counts most."""
    year = 0.3 * np.sin(2 * np.pi * np.arange(52) / 52)
    found = season_of_the_year(np.tile(year, 2), 52)
    weights = np.array([0.7, 1]) / 1.7
    assert found.wider == pytest.approx(104 / (104 - 51) * (1 + weights @ weights), rel=1e-3)
    assert season_of_the_year(year, 52).wider == 1


def test_of_many_years_of_noise_hardly_a_season_is_fitted():
    noise = stream(3, "width").standard_normal(52 * 40)
    assert 1 <= season_of_the_year(noise, 52).wider < 1.1


@pytest.mark.slow
@pytest.mark.parametrize("amplitude", [0.0, 0.15])
@pytest.mark.parametrize("years", [2, 3])
def test_totals_of_a_quarter_after_few_years_are_covered(years, amplitude):
    """A walk of 3 % a month; without the doubt about the season 54 % were covered after two years with one."""
    inside = []
    for number in range(150):
        time = np.arange(52 * years + 13)
        logs = walk(number, 0.0144, len(time)) + amplitude * np.sin(2 * np.pi * time / 52 + number)
        y = 1e4 * np.exp(logs + 0.02 * stream(number, "noise").standard_normal(len(time)))
        made = Planning().fit(CleanedHistory(values=y[:-13], season=WEEKS, floor=True), 13)
        lo, hi = np.quantile(made.draw(200, stream(number)).sum(axis=1), [0.1, 0.9])
        inside.append(lo <= y[-13:].sum() <= hi)
    assert 0.65 <= np.mean(inside) <= 0.92
