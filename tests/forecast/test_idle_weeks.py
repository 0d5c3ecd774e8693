"""Weeks and months without demand between others: they come as often again, and are not a level."""

import numpy as np
import pytest

from simcost.forecast.cleaning import history_of
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.season import MONTHLY, WEEKLY, Season
from simcost.rng import stream
from simcost.trace.series.series import Grid, Series


def seen(values, season):
    return CleanedHistory(values=np.asarray(values, float), season=season, floor=True)


@pytest.mark.parametrize("season", [WEEKLY, MONTHLY], ids=["weeks", "months"])
@pytest.mark.parametrize("share", [0.025, 0.1, 0.3, 0.45])
def test_demand_with_idle_steps_goes_on_at_its_mean(season: Season, share: float) -> None:
    """With 30 % of the weeks at 0, totals were forecast up to 48 times too high; one of 40 made them 30 % too high."""
    rng = stream(7, "idle")
    values = rng.uniform(80, 120, 40)
    values[rng.permutation(40)[: round(40 * share)]] = 0
    ahead = Planning().fit(seen(values, season), 12)
    totals = ahead.draw(2000, stream(2)).sum(axis=1)
    assert ahead.point.sum() == pytest.approx(12 * values.mean(), rel=0.25)
    assert totals.mean() == pytest.approx(ahead.point.sum(), rel=0.1)
    lo, hi = np.quantile(totals, [0.1, 0.9])
    assert lo < 12 * values.mean() < hi
    assert hi < 2 * 12 * values.mean()


def test_idle_weeks_before_a_lasting_level_have_a_forecast() -> None:
    """Zeros before the last shift of the level had a logarithm of 0: no forecast, or a traceback."""
    values = np.concatenate((np.full(10, 100.0), np.zeros(6), np.arange(100.0, 124.0)))
    point = Planning().fit(seen(values, WEEKLY), 13).point
    assert (point > 80).all()
    assert (point < 140).all()


def test_a_pause_of_each_year_comes_again() -> None:
    months = np.tile([100.0] * 6 + [0.0, 0.0] + [100.0] * 4, 3)
    ahead = Planning().fit(seen(months, MONTHLY), 12)
    paths = ahead.draw(50, stream(1))
    assert np.flatnonzero(ahead.point == 0).tolist() == [6, 7]
    assert (paths[:, [6, 7]] == 0).all()
    assert (np.delete(paths, [6, 7], axis=1) > 0).all()


@pytest.mark.parametrize(("idle", "left_out"), [(2, 0), (3, 3), (20, 20)])
def test_a_service_of_some_weeks_begins_with_its_demand(idle: int, left_out: int) -> None:
    """Before a year of nothing, weeks without demand counted as a level that was multiplied later."""
    values = np.append(np.zeros(idle), np.arange(100.0, 120.0))
    weeks = Series(name="s", quantity="requests", grid=Grid(start_s=0, step_s=604800), values=values)
    history = history_of(weeks, (), None)
    assert history.idle == left_out


def test_weeks_without_any_demand_have_none_to_come() -> None:
    """A service of a few days, of which the only whole week is idle."""
    days = np.append(np.full(3, 100.0), np.zeros(7))
    ahead = Planning().fit(seen(days, Season(7)), 28)
    assert ahead.point.sum() == 0
    assert not ahead.draw(10, stream(1)).any()


@pytest.mark.slow
@pytest.mark.parametrize(("season", "steps", "horizon"), [(WEEKLY, 60, 13), (MONTHLY, 30, 6)], ids=["weeks", "months"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_totals_are_covered_where_steps_are_idle(season: Season, steps: int, horizon: int, share: float) -> None:
    """How many of a quarter are 0 is as uncertain as their number is small, and as their share is known."""
    inside = []
    for number in range(120):
        rng = stream(number, "idle")
        walked = np.cumsum(0.04 * rng.standard_normal(steps + horizon))
        demand = 1000 * np.exp(walked) * (rng.random(steps + horizon) > share)
        paths = Planning().fit(seen(demand[:steps], season), horizon).draw(200, stream(2))
        lo, hi = np.quantile(paths.sum(axis=1), [0.1, 0.9])
        inside.append(lo <= demand[steps:].sum() <= hi)
    assert 0.65 <= np.mean(inside) <= 0.93


def test_idle_weeks_are_told() -> None:
    values = np.array([100.0, 90, 0, 110, 105, 0, 95, 100])
    (note,) = Planning().remarks(seen(values, WEEKLY))
    assert note == (
        "planning: 2 of 8 weeks are 0, apart from which the level is measured: as many of those to come are 0, in a "
        "pause of each year the same ones; of an outage, leave the rows out"
    )
    assert not Planning().remarks(seen(values + 1, WEEKLY))
