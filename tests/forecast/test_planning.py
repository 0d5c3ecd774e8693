"""Weekly and monthly demand: the model follows the length of the history, and says which it is."""

import numpy as np
import pytest

from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.season import Season
from simcost.rng import stream


def yearly(steps, period, noise=0.02):
    t = np.arange(steps)
    shape = 1 + 0.3 * np.sin(2 * np.pi * t / period)
    return 1000 * shape * np.exp(noise * stream(1, "planning").standard_normal(steps))


def seen(values, period):
    return CleanedHistory(values=values, season=Season(period), floor=True)


@pytest.mark.parametrize(
    ("steps", "period", "used"),
    [
        (9, 12, "median is repeated"),
        (9, 52, "median is repeated"),
        (20, 12, "no yearly season"),
        (100, 52, "no yearly season"),
        (24, 12, "theta: season 12"),
        (120, 52, "theta: no season found"),
        (170, 52, "autoregression of logs on lags 1, 2, 3, 4, 52, 53"),
    ],
)
def test_the_length_of_the_history_decides(steps, period, used):
    known = seen(yearly(steps, period), period)
    assert used in " ".join(Planning().remarks(known))
    assert np.isfinite(Planning().point(known, 13)).all()


@pytest.mark.parametrize(("steps", "period"), [(36, 12), (208, 52)])
def test_the_season_of_the_year_is_carried_on(steps, period):
    both = yearly(steps + period, period)
    expected = 1000 * (1 + 0.3 * np.sin(2 * np.pi * np.arange(steps, steps + period) / period))
    error = np.abs(Planning().point(seen(both[:steps], period), period) / expected - 1)
    assert error.mean() < 0.05


def test_few_steps_have_wide_bands():
    paths = Planning().paths(seen(np.full(6, 100.0), 12), 3, 2000, stream(2))
    lo, hi = np.quantile(paths[:, 0], [0.1, 0.9])
    assert 45 < lo < 55
    assert 185 < hi < 215


def test_paths_of_the_recursion_are_reproducible_and_spread_about_the_noise():
    known = seen(yearly(208, 52, noise=0.1), 52)
    paths = Planning().paths(known, 13, 300, stream(4))
    assert np.array_equal(paths, Planning().paths(known, 13, 300, stream(4)))
    assert 0.06 < np.log(paths).std(axis=0).mean() < 0.2
