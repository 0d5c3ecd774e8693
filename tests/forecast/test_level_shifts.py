"""Planning over a level that moved once and for all, and over a service that has ended."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.forecast.forecast import Forecast, forecast
from simcost.forecast.models.level_shift import at_the_last_level, idle_at_the_end, shifts
from simcost.forecast.models.long_horizon import Planning
from simcost.trace.series.series import Floats, Grid, Series


def planned(values: Floats, step_s: int = 86400, horizon: int = 91) -> Forecast:
    series = Series(name="chat", quantity="requests", grid=Grid(start_s=0, step_s=step_s), values=values)
    return forecast(series, horizon, model=Planning(), paths=200)


def noisy(levels: Floats, seed: int = 1) -> Floats:
    found: Floats = np.round(levels * np.exp(0.05 * np.random.default_rng(seed).standard_normal(len(levels))))
    return found


@pytest.mark.parametrize("at", [250, 300, 330])
@pytest.mark.parametrize("after", [3e5, 3e4])
def test_a_level_that_moved_stays_where_it_is(at: int, after: float) -> None:
    """As a step of the walk it made levels of a twelfth to five times what came, and a mean of 3.4 times."""
    days = np.arange(365)
    found = planned(noisy(np.where(days < at, 1e5, after)))
    low, high = np.quantile(found.paths.sum(axis=1), [0.1, 0.9])
    assert low < 91 * after < high
    assert high - low < 0.8 * 91 * after
    assert any("the level moved to" in str(finding["message"]) for finding in found.findings)


def test_a_service_that_has_ended_has_no_demand() -> None:
    """Its forecast had 2.9 million as median, and 2e13 as P90."""
    found = planned(noisy(np.where(np.arange(365) < 250, 1e5, 0.0)))
    assert not found.mean.any()
    assert not found.paths.any()
    assert any("the last 16 weeks are 0" in str(finding["message"]) for finding in found.findings)


@pytest.mark.parametrize(("days", "ended"), [(8, False), (15, True), (30, True)])
def test_days_of_nothing_at_the_end_do_not_explode(days: int, *, ended: bool) -> None:
    """Their P90 was 1e6 times all that had been seen in ten days of nothing."""
    values = noisy(np.where(np.arange(365) < 365 - days, 1e5, 0.0))
    found = planned(values)
    assert (not found.paths.any()) == ended
    assert np.quantile(found.paths.sum(axis=1), 0.9) < 10 * values.sum()


def test_a_service_that_hardly_goes_on_hardly_goes_on() -> None:
    values = np.random.default_rng(1).poisson(np.where(np.arange(365) < 250, 1e5, 5.0)).astype(float)
    assert np.quantile(planned(values).paths.sum(axis=1), [0.1, 0.9]) == pytest.approx([91 * 5] * 2, rel=0.4)


@given(st.integers(0, 200), st.sampled_from([0.02, 0.05, 0.1]))
def test_a_random_walk_has_no_shifts(seed: int, weekly: float) -> None:
    walk = np.cumsum(weekly * np.random.default_rng(seed).standard_normal(60))
    assert not shifts(walk).any()


@given(st.integers(3, 56), st.floats(0.5, 3), st.integers(0, 99), st.floats(0, 1))
def test_a_shift_is_taken_out_whole_also_one_within_a_week(at: int, size: float, seed: int, part: float) -> None:
    logs = 0.02 * np.random.default_rng(seed).standard_normal(60)
    moved = logs + size * (np.arange(60) > at)
    moved[at] += part * size
    assert np.abs(np.diff(at_the_last_level(moved, shifts(moved)))).max() < 0.5


def test_a_week_of_outage_and_one_of_a_rush_are_no_shifts() -> None:
    for size in (-3.0, 2.0):
        logs = np.zeros(30)
        logs[15] = size
        assert not shifts(logs).any()
    assert idle_at_the_end(np.array([3.0, 0, 0]), 3) == 0
