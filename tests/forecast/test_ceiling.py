"""Ceilings: what is one, and that no future goes beyond it."""

import numpy as np
import pytest

from simcost.forecast.ceiling import ceiling_of
from simcost.forecast.events.schema import Growth
from simcost.forecast.forecast import forecast
from simcost.forecast.project import ProjectionOptions, look_ahead
from simcost.forecast.season import Season
from simcost.rng import stream
from simcost.trace.series.series import Floats, Grid, Series

HOURLY = Season(24, 168)


def pool(steps: int = 480, size: float = 64.0) -> Floats:
    wanted = 50 + 20 * np.sin(2 * np.pi * np.arange(steps) / 24) + 5 * stream(1, "pool").standard_normal(steps)
    return np.minimum(wanted, size)


def test_a_day_at_the_largest_value_is_a_ceiling() -> None:
    assert ceiling_of(pool(), HOURLY) == 64
    assert ceiling_of(pool()[:48], HOURLY) == np.inf
    assert ceiling_of(pool(size=1000.0), HOURLY) == np.inf


def test_days_and_constants_have_none() -> None:
    assert ceiling_of(pool(), Season(7)) == np.inf
    assert ceiling_of(np.full(480, 8.0), HOURLY) == np.inf
    assert ceiling_of(np.full(480, np.nan), HOURLY) == np.inf


def test_what_grows_in_steps_or_is_known_by_the_day_has_none() -> None:
    """Machines of a fleet that grows stand at the last count, hours that are given by the day at the largest day."""
    hours = np.arange(90 * 24)
    fleet = np.round(10 * 1.3 ** (hours / 730))
    peaks = np.round((6 + hours / 1000) * np.where(hours % 24 < 8, 1.0, 0.5))
    days = np.repeat(100 + stream(3, "days").standard_normal(90), 24)
    assert [ceiling_of(values, HOURLY) for values in (fleet, peaks, days)] == [np.inf] * 3


@pytest.mark.parametrize("mean", [0.05, 0.2, 0.7, 1, 3, 10, 100])
def test_counts_have_none(mean: float) -> None:
    """Poisson counts of four weeks, 50 each."""
    rng = stream(2, "counts")
    assert [ceiling_of(rng.poisson(mean, 672).astype(float), HOURLY) for _ in range(50)] == [np.inf] * 50


def test_no_future_goes_beyond_it_and_a_note_says_so() -> None:
    series = Series(name="x", quantity="gpus_busy", grid=Grid(start_s=0, step_s=3600), values=pool())
    found = forecast(series, 48)
    assert max(found.paths.max(), found.mean.max(), *(hi.max() for _, hi in found.levels.values())) <= 64
    (note,) = [one["message"] for one in found.findings if one["kind"] == "ceiling"]
    assert note.startswith("25 % of the history is at exactly 64 and none is above it: taken as a ceiling")
    assert not [one for one in found.findings if one["kind"] == "limit"]


@pytest.mark.slow
def test_levels_of_a_learnt_width_stay_below_it() -> None:
    series = Series(name="x", quantity="gpus_busy", grid=Grid(start_s=0, step_s=3600), values=pool(960))
    found = forecast(series, 48, adapt_days=7)
    assert max(factor.value for factor in found.factors) > 1
    assert max(hi.max() for _, hi in found.levels.values()) == 64


def test_growth_that_is_stated_goes_beyond_it() -> None:
    """Events act on the futures with their ceiling: a full hour is so much more."""
    series = Series(name="x", quantity="gpus_busy", grid=Grid(start_s=0, step_s=3600), values=pool())
    asked = ProjectionOptions(seed=1, paths=50)
    [plain] = look_ahead([series], lambda _: 48, asked)
    twice = Growth(name="twice", factor=2.0, per="month")
    [grown] = look_ahead([series], lambda _: 48, asked, events=[twice])
    factor = grown.futures.values[:, 40] / plain.futures.values[:, 40]
    assert factor == pytest.approx(np.full(50, factor[0]))
    assert plain.futures.values.max() == 64 < grown.futures.values.max() < 64 * 2 ** (2 / 30)
