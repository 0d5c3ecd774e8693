"""Whatever the history, the forecast is finite, above its floor, and says what it cannot know."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.forecast.forecast import Forecast, forecast
from simcost.rng import stream
from simcost.trace.series.series import Floats, Grid, Series

STEPS_S = (3600, 900, 21600, 86400, 604800, 0, 18000)


def series(values: Floats | list[float], step_s: int = 3600) -> Series:
    grid = Grid(start_s=0, step_s=step_s)
    return Series(name="chat", quantity="requests", grid=grid, values=np.asarray(values, float))


def kinds(found: Forecast) -> set[str]:
    return {finding["kind"] for finding in found.findings}


def check(found: Forecast, horizon: int, count: int) -> None:
    assert found.mean.shape == (horizon,)
    assert found.paths.shape == (count, horizon)
    for values in (
        found.mean,
        found.paths,
        found.cleaned,
        *(end for pair in found.levels.values() for end in pair),
    ):
        assert np.isfinite(values).all()
        if np.nanmin(found.series.values) >= 0:
            assert values.min() >= 0


values = st.one_of(
    st.just(float("nan")),
    st.just(0.0),
    st.floats(0, 1e6),
    st.floats(-1e3, 1e3),
    st.sampled_from([1e-9, 1e12]),
)


@settings(max_examples=25)
@given(st.lists(values, min_size=1, max_size=160), st.sampled_from(STEPS_S), st.integers(1, 60))
def test_any_values(history: list[float], step_s: int, horizon: int) -> None:
    if np.isnan(history).all():
        history[0] = 1.0
    check(forecast(series(history, step_s), horizon, paths=8), horizon, 8)


def test_values_near_the_smallest_number_there_is() -> None:
    history = [645.0, 2.1e-306, *[float("nan")] * 3, 0.0, 0.0, 0.0]
    check(forecast(series(history), 1, paths=8), 1, 8)


@pytest.mark.parametrize("n", [*range(1, 8), 23, 24, 25, 47, 48, 49, 71, 72, 73, 95, 96, 97, 119, 120, 121, 336])
def test_any_length(n: int) -> None:
    found = forecast(series(np.random.default_rng(n).poisson(5, n)), 30, paths=12)
    check(found, 30, 12)
    assert ("short-history" in kinds(found)) == (n < 72)
    assert ("horizon" in kinds(found)) == (n < 30)


@pytest.mark.parametrize("history", [[5.0] * 400, [0.0] * 400], ids=["constant", "all zero"])
def test_constant_series(history: list[float]) -> None:
    found = forecast(series(history), 24, paths=20)
    assert found.mean.tolist() == pytest.approx(history[:24], abs=1e-6)
    assert "constant" in kinds(found)


def test_mostly_zero() -> None:
    rng = np.random.default_rng(1)
    found = forecast(series(np.where(rng.random(600) < 0.9, 0, rng.poisson(9, 600))), 24, paths=50)
    check(found, 24, 50)
    assert "intermittent" in kinds(found)


@pytest.mark.parametrize(("steps", "step_s"), [(2, 3600), (10, 3600), (30, 3600), (9, 86400)])
def test_levels_of_a_short_history_are_half_to_double_as_its_note_says(steps: int, step_s: int) -> None:
    """The usual error of the level, added to it, made them a fifth to 2.4 times, of days a hundredth to 2.2 times."""
    found = forecast(series(np.full(steps, 100.0) + np.arange(steps), step_s), 14, paths=4000)
    assert "half to double at 80 %" in next(n["message"] for n in found.findings if n["kind"] == "short-history")
    low, high = found.levels[80]
    assert low / found.mean == pytest.approx(0.5, rel=0.05)
    assert high / found.mean == pytest.approx(2.0, rel=0.05)
    assert np.quantile(found.paths.sum(axis=1), [0.1, 0.9]) / found.mean.sum() == pytest.approx([0.5, 2.0], rel=0.05)


def test_short_histories_repeat_the_last_day_or_their_median() -> None:
    rng = np.random.default_rng(1)
    y = rng.poisson(9, 40).astype(float)
    assert forecast(series(y), 30, paths=0).mean.tolist() == np.resize(y[-24:], 30).tolist()
    assert forecast(series(y[:23]), 3, paths=0).mean.tolist() == [np.median(y[:23])] * 3


def test_what_could_not_be_measured_is_said() -> None:
    found = forecast(series(np.random.default_rng(1).poisson(9, 60)), 100, paths=20)
    assert {"short-history", "horizon", "backtest"} <= kinds(found)


@pytest.mark.parametrize("seed", range(4))
def test_coverage_that_a_level_did_not_reach_is_said(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.poisson(9, 400) if seed % 2 else 100 * np.exp(np.cumsum(rng.normal(0, 0.2, 400)))
    found = forecast(series(y.astype(float)), 24, paths=20)
    kept = found.backtest.coverage[0]
    assert ("totals" in kinds(found)) == (min(kept.days, kept.totals, kept.peaks) < 0.65)


def test_a_random_walk_is_not_beaten_and_that_is_said() -> None:
    y = 1000 + np.random.default_rng(4).normal(size=40).cumsum().repeat(24)
    found = forecast(series(y), 24, paths=20)
    assert found.backtest is not None
    assert ("naive" in kinds(found)) == (
        found.backtest.beats_seasonal_naive is False or found.backtest.best == "seasonal-naive"
    )


def test_nothing_recorded_is_an_error() -> None:
    with pytest.raises(InputError, match=r"series 'chat': no recorded value in 3 steps"):
        forecast(series([np.nan] * 3), 24)
    with pytest.raises(InputError, match=r"step 1 is infinite"):
        forecast(series([1.0, np.inf]), 24)


def test_all_that_makes_no_sense_is_told_at_once() -> None:
    with pytest.raises(InputError, match=r"horizon of 0 steps.*levels \(120,\).*width 0"):
        forecast(series([1.0] * 50), 0, levels=(120,), width=0)
    with pytest.raises(InputError, match=r"2 steps of mask for 3"):
        forecast(series([1.0] * 3), 1, masked=np.zeros(2, bool))


def test_years_ahead_in_hours() -> None:
    y = np.random.default_rng(1).gamma(5, 1, 700).cumsum() / 700
    found = forecast(series(y), 8760, paths=16)
    check(found, 8760, 16)
    assert found.backtest is not None
    assert "8,760" in str(found.backtest.shortened)


def test_the_grid_goes_on() -> None:
    found = forecast(series([1.0] * 30, 0), 2, paths=0)
    assert str(found.grid.times(1)[0]) == "1972-07-01T00:00:00"


@pytest.mark.parametrize(("rate", "new"), [(30, True), (0.1, False)])
def test_a_new_series_begins_with_its_demand(rate: float, new: bool) -> None:
    """25 idle days before a launch say nothing of its size; before demand that is rare they are part of it."""
    values = np.random.default_rng(1).poisson(rate, 700).astype(float)
    values[:600] = 0
    found = forecast(series(values), 48, paths=40)
    check(found, 48, 40)
    assert ("new" in kinds(found), found.model != "intermittent") == (new, new)
    assert len(found.cleaned) == 700
    if new:
        assert np.median(found.paths.sum(axis=1)) == pytest.approx(48 * rate, rel=0.2)


def test_places_of_edits_count_from_the_start_of_a_new_series() -> None:
    values = np.concatenate([np.zeros(100), np.full(200, 5.0)])
    values[180:186] = 0
    (edit,) = forecast(series(values), 24, paths=8).edits
    assert (edit.rule, edit.first, edit.last) == ("outage", 180, 186)


@pytest.mark.parametrize("idle", [24, 48, 72, 120])
def test_a_history_that_ends_in_an_outage_never_forecasts_more_than_it_had(idle: int) -> None:
    """An autoregression that saw one step down takes it for a way to go on, and up again beyond all that was seen."""
    hours = np.arange(673)
    rate = np.where(hours < 673 - idle, 100 * (1 + 0.5 * np.sin(hours * 2 * np.pi / 24)), 0)
    values = stream(0, "outage").poisson(rate).astype(float)
    found = forecast(Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=values), 168)
    totals = found.paths.sum(axis=1)
    assert np.median(totals) < 1.5 * 100 * 168
    assert np.quantile(totals, 0.9) < 3 * 100 * 168
    [told] = [note["message"] for note in found.findings if note["kind"] == "stopped"]
    assert told.startswith(f"the last {idle} steps are 0, more than ever before")


def test_a_quiet_weekend_is_no_outage() -> None:
    hours = np.arange(24 * 28)
    rate = np.where(hours // 24 % 7 < 5, 100, 0)  # ends on a Sunday
    values = stream(0, "weekend").poisson(rate).astype(float)
    found = forecast(Series(name="x", quantity="requests", grid=Grid(start_s=0, step_s=3600), values=values), 168)
    assert "stopped" not in [note["kind"] for note in found.findings]
    assert found.paths.sum(axis=1).mean() == pytest.approx(100 * 120, rel=0.05)


@pytest.mark.parametrize(("idle", "horizon"), [(5, 14), (5, 30), (10, 30), (13, 30)])
def test_days_of_nothing_at_the_end_are_told_whatever_the_horizon(idle: int, horizon: int) -> None:
    """A month after 13 days of a failed export was forecast at a hundredth of its usual size, without a word."""
    days = np.arange(190)
    values = np.where(days < 190 - idle, np.where(days % 7 > 4, 25e3, 55e3), 0) * stream(0, "days").normal(1, 0.05, 190)
    grid = Grid(start_s=4 * 86400, step_s=86400)
    found = forecast(Series(name="x", quantity="requests", grid=grid, values=values), horizon)
    told = [note["message"] for note in found.findings if note["kind"] in ("stopped", "partial_end")]
    assert len(told) == 1
    assert told[0].startswith(f"the last {idle} steps are 0, more than ever before")


@pytest.mark.parametrize(
    ("steps", "step_s", "horizon"), [(14, 86400, 7), (17, 86400, 7), (48, 3600, 24), (60, 3600, 24)]
)
def test_two_seasons_have_levels_that_hold_what_comes(steps: int, step_s: int, horizon: int) -> None:
    """Two weeks of days had 80 % levels without any width: all paths moved as the last week had."""
    held = []
    for seed in range(40):
        rng = stream(seed, "two seasons")
        values = np.resize(np.where(np.arange(7) > 4, 500.0, 1150.0), steps + horizon) * np.exp(
            rng.normal(0, 0.1, steps + horizon) + np.cumsum(rng.normal(0, 0.02, steps + horizon))
        )
        found = forecast(series(values[:steps], step_s), horizon, paths=200, seed=seed)
        lo, hi = np.quantile(found.paths.sum(axis=1), (0.1, 0.9))
        held.append(lo <= values[steps:].sum() <= hi)
    assert 0.65 <= np.mean(held) <= 0.97


@pytest.mark.parametrize(
    ("days", "horizon", "told"), [(7, 168, True), (14, 48, True), (7, 24, False), (21, 168, False)]
)
def test_a_week_that_a_short_history_does_not_know_is_told(days: int, horizon: int, told: bool) -> None:
    """The week after seven days that end on a Sunday was forecast at 0.6 times them, without a word."""
    hours = np.arange(days * 24)
    rate = 1000 * (1 + 0.6 * np.sin(hours * 2 * np.pi / 24)) * np.where(hours // 24 % 7 > 4, 0.5, 1.0)
    found = forecast(series(rate * np.exp(stream(1, "week").normal(0, 0.1, len(hours)))), horizon)
    said = [note["message"] for note in found.findings if note["kind"] == "week"]
    assert [f"times that of the same days of the last week: a history of {days} days" in one for one in said] == (
        [True] if told else []
    )


def test_a_level_that_changed_on_the_last_day_is_told() -> None:
    """Demand that doubled yesterday was forecast at the level before, with a narrow band, without a word."""
    rng = np.random.default_rng(5)
    hours = np.arange(28 * 24)
    usual = 1000 * (1 + 0.5 * np.sin(hours * np.pi / 12)) * np.where(hours // 24 % 7 > 4, 0.6, 1.0)
    usual *= np.exp(rng.normal(0, 0.05, len(hours)))

    def told(values: Floats) -> list[str]:
        series = Series(name="chat", quantity="requests", grid=Grid(start_s=345_600, step_s=3600), values=values)
        found = forecast(series, 24, paths=0)
        return [note["message"] for note in found.findings if note["kind"] == "last_day"]

    for factor in (0.5, 2.0):
        for days, notes in ((0, 0), (1, 1), (3, 0)):
            changed = np.where(hours < (28 - days) * 24, 1.0, factor) * usual
            assert len(told(changed)) == notes
    [message] = told(np.where(hours < 27 * 24, 1.0, 2.0) * usual)
    assert message.startswith("the last 24 steps have 2")
    assert "state it as launch or churn" in message
    assert told((np.where(hours < 27 * 24, 1.0, 2.0) * usual)[14 * 24 :]) == []
