"""Intermittent demand: the mean rate, fading when a model dies, and paths that keep zeros and bursts."""

import csv
import gzip

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.models.base import CleanedHistory
from simcost.forecast.models.intermittent import Intermittent, is_intermittent
from simcost.forecast.season import Season
from simcost.rng import stream


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
