"""Intermittent demand: the mean rate, fading when a model dies, and paths that keep zeros and bursts."""

import csv
import gzip

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.forecast import forecast
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.intermittent import Intermittent, is_intermittent
from simcost.forecast.season import Season
from simcost.rng import stream
from simcost.trace.series.series import Grid, Series


def seen(values):
    return CleanedHistory(values=np.asarray(values, dtype=np.float64), season=Season(24, 168), floor=True)


def bursts(days, rate=0.2):
    """Demand in office hours only, in sizes of 1 to 9."""
    draws = stream(5, "bursts")
    hours = np.arange(days * 24) % 24
    some = (draws.random(days * 24) < 3 * rate) & (hours >= 9) & (hours < 17)
    return some * draws.integers(1, 10, days * 24)


def test_the_forecast_is_the_mean_rate_in_the_hours_of_demand():
    values = bursts(60)
    point = Intermittent().point(seen(values), 48)
    assert point.mean() == pytest.approx(values.mean(), rel=0.25)
    assert point[9:17].min() > 10 * point[:9].max()


def test_the_rate_fades_when_a_model_is_no_longer_used():
    lively = bursts(30)
    dead = np.concatenate([lively, np.zeros(30 * 24)])
    before = Intermittent().point(seen(lively), 24).sum()
    assert Intermittent().point(seen(dead), 24).sum() < 0.3 * before


def test_paths_keep_zeros_bursts_and_the_rate():
    values = bursts(60)
    paths = Intermittent().paths(seen(values), 168, 300, stream(1))
    assert paths.shape == (300, 168)
    assert paths.min() == 0
    assert np.mean(paths == 0) == pytest.approx(np.mean(values == 0), abs=0.03)
    assert paths.mean() == pytest.approx(Intermittent().point(seen(values), 168).mean(), rel=0.1)
    assert paths.max() > 10 * paths.mean()
    assert np.array_equal(paths, Intermittent().paths(seen(values), 168, 300, stream(1)))


def test_no_demand_at_all_stays_none():
    assert Intermittent().point(seen(np.zeros(100)), 5).tolist() == [0] * 5
    assert not Intermittent().paths(seen(np.zeros(100)), 5, 3, stream(1)).any()


def test_a_constant_rate_in_every_step_is_itself():
    assert np.allclose(Intermittent().point(seen(np.full(24 * 10, 3.0)), 30), 3)


def test_what_counts_as_intermittent():
    assert is_intermittent(seen([0, 0, 0, 1]))
    assert not is_intermittent(seen([0, 0, 1, 1]))
    below = CleanedHistory(values=np.array([0, 0, 0, -1.0]), season=Season(24, 168), floor=False)
    assert not is_intermittent(below)
    with pytest.raises(InputError, match="-1 is below 0"):
        Intermittent().point(below, 1)


@pytest.mark.slow
def test_on_rarely_used_clusters_the_daily_rate_is_nearer_than_that_of_the_last_day(shared):
    counts = {}
    with gzip.open(shared / "data" / "philly_jobs.csv.gz", "rt") as rows:
        for row in csv.DictReader(rows):
            hour = np.datetime64(row["submit_time"].replace(" ", "T"), "h") - np.datetime64("2017-10-02T00", "h")
            if 0 <= hour.astype(int) < 1680:
                counts.setdefault(row["vc"], np.zeros(1680))[hour.astype(int)] += 1
    errors = []
    for values in (counts[name] for name in ("ee9e8c", "103959", "7f04ca", "2869ce", "e13805")):
        for origin in range(28 * 24, 1680 - 168 + 1, 168):
            past, actual = values[:origin], values[origin : origin + 168].mean()
            ours = Intermittent().point(seen(past), 168).mean()
            errors.append((abs(ours - actual), abs(past[-24:].mean() - actual)))
    ours, last_day = np.mean(errors, axis=0)
    assert ours < 0.75 * last_day


BURSTY = np.array([92, 34, 3, 0.3, 0.3, 0.3, 1.3, 304, 6, 3.5, 83, 1.6, 4, 4])
"""Days of a client of ServeGen, in thousands."""


def test_the_paths_of_a_few_bursty_days_have_the_mean_of_the_forecast():
    """Two days after these were 286,000 requests in the mean of the paths and 82,000 in the forecast: the largest day
    was in most blocks, and the level error, cut at 0, multiplied that.
    """
    hours = np.zeros((len(BURSTY), 24))
    hours[:, 9:13] = BURSTY[:, None] / 4
    grid = Grid(start_s=0, step_s=3600)
    found = forecast(Series(name="x", quantity="requests", grid=grid, values=hours.ravel()), 48, paths=2000)
    assert found.model == "intermittent"
    assert found.mean.sum() == pytest.approx(2 * BURSTY.mean(), rel=0.2)
    assert found.paths.sum(axis=1).mean() == pytest.approx(found.mean.sum(), rel=0.1)


def test_a_burst_in_the_last_days_may_come_again():
    """No block of days began there, so that all paths of a client with one burst were 0."""
    days = np.zeros((14, 24))
    days[9, 9:13] = 5
    paths = Intermittent().paths(seen(days.ravel()), 48, 2000, stream(2))
    assert paths.sum(axis=1).mean() == pytest.approx(Intermittent().point(seen(days.ravel()), 48).sum(), rel=0.15)


def test_a_large_first_day_is_not_the_size_of_all():
    values = np.zeros((len(BURSTY), 24))
    values[:, 9:13] = BURSTY[:, None] / 4
    assert Intermittent().point(seen(values.ravel()), 24).sum() == pytest.approx(BURSTY.mean(), rel=0.3)
