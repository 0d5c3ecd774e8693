"""Hours of days that were forecast as a whole: totals stay, shapes are recorded ones, days may have 23 hours."""

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.hours import DayShapes, hourly
from simcost.forecast.sample_paths import Paths
from simcost.trace.series.series import Floats, Grid, Series

MONDAY_S = 1_772_409_600  # 2026-03-02
DAY_S = 86_400


def recorded(days: int, start_s: int = MONDAY_S) -> Series:
    """Hours with a shape of their own on each day, some hours missing before the first midnight."""
    values = np.random.default_rng(1).gamma(2.0, size=5 + 24 * days)
    grid = Grid(start_s=start_s - 5 * 3600, step_s=3600)
    return Series(name="x", quantity="requests", grid=grid, values=values)


def paths(days: int, start_s: int = MONDAY_S) -> Paths:
    values: Floats = np.random.default_rng(2).gamma(9.0, 100.0, size=(8, days))
    return Paths(series="x", quantity="requests", grid=Grid(start_s=start_s, step_s=DAY_S), values=values)


def test_each_day_keeps_its_total_and_takes_a_recorded_day_of_its_weekday() -> None:
    history, ahead = recorded(21), paths(14)
    made = hourly(ahead, DayShapes.of(history, "UTC"), "UTC", seed=1)
    assert made.grid == Grid(start_s=MONDAY_S, step_s=3600)
    table = made.values.reshape(8, 14, 24)
    np.testing.assert_allclose(table.sum(axis=2), ahead.values)
    days = history.values[5:].reshape(3, 7, 24)
    shares = days / days.sum(axis=2, keepdims=True)
    for day in range(14):
        of_its_weekday = shares[:, day % 7]
        distance = np.abs(table[:, day, None] / ahead.values[:, day, None, None] - of_its_weekday).max(axis=2)
        assert (distance.min(axis=1) < 1e-12).all()
    assert (hourly(ahead, DayShapes.of(history, "UTC"), "UTC", seed=1).values == made.values).all()


def test_days_of_the_clock_change_have_23_and_25_hours_and_their_totals() -> None:
    for start, hours in ((1_774_742_400, 23), (1_792_886_400, 25)):  # 2026-03-29 and 2026-10-25 in Berlin
        ahead = paths(2, start)
        made = hourly(ahead, DayShapes.stated(tuple(map(float, range(1, 25)))), "Europe/Berlin", seed=1)
        assert made.values.shape == (8, hours + 24)
        np.testing.assert_allclose(made.values[:, :hours].sum(axis=1), ahead.values[:, 0])
        np.testing.assert_allclose(made.values[:, hours:].sum(axis=1), ahead.values[:, 1])


def test_a_weekday_that_was_never_recorded_takes_any_day() -> None:
    made = hourly(paths(7), DayShapes.of(recorded(1), "UTC"), "UTC", seed=1)
    first = made.values[0].reshape(7, 24)
    shares = first / first.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, np.broadcast_to(shares[0], (7, 24)))


def test_no_whole_day_is_named() -> None:
    history = Series(name="x", quantity="requests", grid=Grid(start_s=MONDAY_S, step_s=3600), values=np.ones(23))
    with pytest.raises(InputError, match="no whole day of hours"):
        DayShapes.of(history, "UTC")
