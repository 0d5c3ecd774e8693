"""Levels that learn from their misses."""

from dataclasses import replace

import numpy as np
import pytest

from simcost.forecast.calibration import Factor, adapted, replay, scaled_levels
from simcost.forecast.cleaning import History
from simcost.forecast.forecast import forecast
from simcost.forecast.level_error import levels_of
from simcost.forecast.models.members import SeasonalNaive
from simcost.forecast.quantiles import median
from simcost.forecast.season import Season
from simcost.trace.series.series import Grid, Series


def test_a_pool_half_as_wide_as_it_should_be_comes_to_cover() -> None:
    rng = np.random.default_rng(1)
    factors: tuple[Factor, ...] = (Factor(level=80), Factor(level=95))
    inside: dict[int, list[float]] = {80: [], 95: []}
    for _ in range(60):
        paths, actual = rng.normal(0, 0.5, (120, 24)), rng.normal(0, 1, 24)
        bands = scaled_levels(levels_of(paths, (80, 95)), median(paths), factors, floor=False)
        for level, (lo, hi) in bands.items():
            inside[level].append(float(np.mean((lo <= actual) & (actual <= hi))))
        factors = replay(factors, actual, paths)
    assert np.mean(inside[80][:3]) < 0.6
    assert np.mean(inside[80][30:]) == pytest.approx(0.80, abs=0.03)
    assert np.mean(inside[95][30:]) == pytest.approx(0.95, abs=0.03)
    assert [factor.value for factor in factors] == pytest.approx([2, 2], rel=0.4)


def test_a_factor_stays_within_its_bounds() -> None:
    wide = tight = Factor(level=80)
    for _ in range(60):
        wide, tight = wide.update(1.0), tight.update(0.0)
    assert (wide.value, tight.value) == (4.0, 0.6)
    assert Factor(level=95).update(0.05).value == 1


def test_a_day_without_record_teaches_nothing() -> None:
    factors = (Factor(level=80),)
    assert replay(factors, np.full(24, np.nan), np.random.default_rng(1).normal(size=(50, 24))) == factors


def test_replay_over_a_history() -> None:
    """A series that grows noisier than its past makes levels of the past too narrow."""
    rng = np.random.default_rng(1)
    y = 100 + rng.normal(0, np.repeat([1.0, 6.0], [480, 120]))
    history = History(raw=y, season=Season(24, 168), rules=())
    factors, learnt = adapted(history, SeasonalNaive(), (80, 95), days=5)
    assert learnt == 5
    assert all(factor.value > 1.5 for factor in factors)
    assert adapted(history, SeasonalNaive(), (80,), days=0) == ((), 0)
    assert adapted(history, SeasonalNaive(), (80,), days=10_000)[1] == 21


def test_forecast_tells_that_levels_and_not_paths_were_adapted() -> None:
    y = np.random.default_rng(1).poisson(30, 400).astype(float)
    series = Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=y)
    plain, learnt = (forecast(series, 24, paths=100, adapt_days=days) for days in (0, 5))
    assert plain.paths.tolist() == learnt.paths.tolist()
    assert plain.levels[80][0].tolist() != learnt.levels[80][0].tolist()
    assert "adapted" in {finding["kind"] for finding in learnt.findings}


def test_levels_that_learnt_say_over_how_many_days_and_stay_so_with_what_is_stated() -> None:
    y = np.random.default_rng(1).poisson(30, 400).astype(float)
    series = Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=y)
    learnt = forecast(series, 24, paths=100, adapt_days=10_000)
    told = next(note["message"] for note in learnt.findings if note["kind"] == "adapted")
    assert "the last 12 seasons of 10000 asked for" in told
    assert all(np.array_equal(*ends) for ends in zip(learnt.bands(learnt.paths)[80], learnt.levels[80], strict=True))
    short = forecast(replace(series, values=y[:100]), 24, paths=100, adapt_days=3)
    assert "levels are not adapted" in next(n["message"] for n in short.findings if n["kind"] == "adapted")
