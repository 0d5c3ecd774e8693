"""Regression: calendar effects and the user's regressors are found, and must be known for the future."""

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.regression import Regression
from simcost.forecast.season import Season
from simcost.rng import stream

HOURLY = Season(24, 168)


def weekly(steps, starts_at=0):
    """Multiplied effects of hour and of a weekend whose days begin at midnight, not where the history begins."""
    t = np.arange(steps) + starts_at
    return (100 + 30 * np.sin(2 * np.pi * t / 24)) * np.where(t // 24 % 7 >= 5, 0.5, 1.0)


@pytest.mark.parametrize("starts_at", [0, 13])
def test_hours_and_days_of_the_week_are_recovered_wherever_the_history_begins(starts_at):
    both = weekly(672 + 168, starts_at)
    known = CleanedHistory(values=both[:672], season=HOURLY, floor=True)
    assert np.allclose(Regression().point(known, 168), both[672:], rtol=0.002)


def test_the_effect_of_a_regressor_is_carried_to_the_future():
    promoted = (stream(1, "days").random(300) < 0.3).astype(float)
    noise = np.exp(0.02 * stream(1, "noise").standard_normal(300))
    values = 50 * 1.8**promoted * noise
    known = CleanedHistory(values=values[:250], season=Season(7), floor=True, regressors=promoted[:, None])
    error = np.abs(Regression().point(known, 50) / (50 * 1.8 ** promoted[250:]) - 1)
    assert error.max() < 0.05
    blind = CleanedHistory(values=values[:250], season=Season(7), floor=True)
    assert np.abs(Regression().point(blind, 50) / (50 * 1.8 ** promoted[250:]) - 1).max() > 0.3


def test_paths_are_as_wide_as_the_noise_and_reproducible():
    values = weekly(672) * np.exp(0.1 * stream(2).standard_normal(672))
    known = CleanedHistory(values=values, season=HOURLY, floor=True)
    paths = Regression().paths(known, 48, 200, stream(3))
    assert np.array_equal(paths, Regression().paths(known, 48, 200, stream(3)))
    assert 0.07 < np.log(paths).std(axis=0).mean() < 0.14


@pytest.mark.parametrize(("rows", "lacks"), [(100, 24), (110, 14)])
def test_regressors_that_end_before_the_horizon_are_refused(rows, lacks):
    known = CleanedHistory(values=np.arange(100.0), season=Season(7), floor=True, regressors=np.ones((rows, 1)))
    with pytest.raises(InputError, match=f"lack {lacks} of the 24 steps"):
        Regression().point(known, 24)


def test_a_gap_in_a_regressor_is_located():
    rows = np.ones((124, 2))
    rows[6, 1] = np.nan
    known = CleanedHistory(values=np.arange(100.0), season=Season(7), floor=True, regressors=rows)
    with pytest.raises(InputError, match="regressor 2 has no value at step 7"):
        Regression().point(known, 24)
