"""Horizons in months are of calendar months."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from simcost.forecast.horizon_steps import steps_ahead
from simcost.trace.series.series import Grid, Series
from simcost.units import MEAN_MONTH_S

DAY_S = 86400


def ends(at: datetime, step_s: int) -> Series:
    """A history of 100 steps that ends then."""
    grid = Grid(start_s=int(at.timestamp()) - 100 * step_s, step_s=step_s)
    return Series(name="chat", quantity="requests", grid=grid, values=np.ones(100))


@pytest.mark.parametrize(
    ("at", "months", "until"),
    [
        (date(2026, 1, 1), 3, date(2026, 4, 1)),
        (date(2025, 10, 4), 3, date(2026, 1, 4)),
        (date(2026, 1, 1), 12, date(2027, 1, 1)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
    ],
)
def test_months_over_the_end_of_the_year_are_those_of_the_calendar(at: date, months: int, until: date) -> None:
    days = ends(datetime(at.year, at.month, at.day, tzinfo=UTC), DAY_S)
    assert steps_ahead(days, months * MEAN_MONTH_S) == (until - at).days
    assert steps_ahead(days, 91 * DAY_S) == 91


def test_a_month_of_hours_follows_the_clock_of_the_zone() -> None:
    """March 2026 in Berlin has 31 days, of which one has 23 hours."""
    march = ends(datetime(2026, 2, 28, 23, tzinfo=UTC), 3600)
    assert steps_ahead(march, MEAN_MONTH_S, "Europe/Berlin") == 31 * 24 - 1
    assert steps_ahead(march, MEAN_MONTH_S) == 28 * 24
    weeks = ends(datetime(2026, 1, 5, tzinfo=UTC), 7 * DAY_S)
    assert steps_ahead(weeks, 3 * MEAN_MONTH_S) == 13
