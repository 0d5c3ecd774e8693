"""Cleaning: each rule does what it says, tells it, and leaves the rest alone."""

import numpy as np
import pytest

from simcost.forecast.cleaning import Edit, clean
from simcost.forecast.outages import runs
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

HOURLY = Season(24, 168)
QUARTERS = Season(96, 672)


def wave(steps: int, day: int = 24) -> Floats:
    """Demand with a daily and a weekly rhythm and a little noise."""
    t = np.arange(steps)
    noise = np.random.default_rng(1).normal(0, 0.02, steps)
    return 100 * np.exp(0.5 * np.sin(2 * np.pi * t / day) + 0.1 * np.sin(2 * np.pi * t / day / 7) + noise)


def rules(edits: tuple[Edit, ...]) -> list[tuple[str, int, int]]:
    return [(edit.rule, edit.first, edit.last) for edit in edits]


@pytest.mark.parametrize(("season", "hour"), [(HOURLY, 1), (QUARTERS, 4)])
class TestOutage:
    def test_a_short_run_of_nothing_is_replaced(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        whole = y.copy()
        y[5 * season.short : 5 * season.short + 6 * hour] = 0
        values, edits = clean(y, season)
        assert rules(edits) == [("outage", 5 * season.short, 5 * season.short + 6 * hour)]
        assert values == pytest.approx(whole, rel=0.5)

    @pytest.mark.parametrize("hours", [19, 24, 48])
    def test_so_is_a_single_stop_of_up_to_two_days(self, season: Season, hour: int, hours: int) -> None:
        y = wave(20 * season.short, season.short)
        whole = y.copy()
        first = 12 * season.short
        y[first : first + hours * hour] = 0
        values, edits = clean(y, season)
        assert rules(edits) == [("outage", first, first + hours * hour)]
        assert values == pytest.approx(whole, rel=0.5)

    def test_a_longer_one_is_a_client_that_stopped(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        y[5 * season.short : 5 * season.short + 49 * hour] = 0
        values, edits = clean(y, season, rules=("outage",))
        assert (edits, values.min()) == ((), 0)

    def test_so_is_one_that_stops_twice(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        for day in (5, 9):
            y[day * season.short : day * season.short + 19 * hour] = 0
        assert clean(y, season, rules=("outage",))[1] == ()

    @pytest.mark.parametrize("begin", range(7))
    @pytest.mark.parametrize("days", [8, 10, 12, 20])
    def test_weekends_without_demand_stay(self, season: Season, hour: int, begin: int, days: int) -> None:
        """Also the only one of a history, of which no week before or after tells."""
        y = wave(days * season.short, season.short)
        idle = (np.arange(days) + begin) % 7 >= 5
        y[np.repeat(idle, season.short)] = 0
        assert clean(y, season, rules=("outage",))[1] == ()

    def test_so_does_a_stop_until_less_than_a_day_before_the_end(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        y[-47 * hour : -23 * hour] = 0
        assert clean(y, season, rules=("outage",))[1] == ()

    def test_so_does_one_after_a_few_requests_of_a_test(self, season: Season, hour: int) -> None:
        """Demand begins after it."""
        y = wave(20 * season.short, season.short)
        y[hour : 30 * hour] = 0
        assert clean(y, season, rules=("outage",))[1] == ()

    def test_one_at_the_end_is_too(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        y[-6 * hour :] = 0
        assert clean(y, season, rules=("outage",))[1] == ()

    def test_one_hour_of_nothing_stays(self, season: Season, hour: int) -> None:
        y = wave(20 * season.short, season.short)
        y[100 : 100 + hour] = 0
        assert clean(y, season, rules=("outage",))[1] == ()


def test_missing_steps_are_always_filled_and_told() -> None:
    y = wave(480)
    y[[30, 479]] = np.nan
    y[100:130] = np.nan
    values, edits = clean(y, HOURLY, rules=())
    assert np.isfinite(values).all()
    assert rules(edits) == [("missing", 30, 31), ("missing", 100, 130), ("missing", 479, 480)]


def test_missing_and_idle_differ() -> None:
    y = wave(480)
    y[100:150] = 0
    y[200:250] = np.nan
    values, _ = clean(y, HOURLY, rules=("outage",))
    assert values[100:150].max() == 0
    assert values[200:250].min() > 0


def test_a_phase_never_seen_takes_the_median_of_all() -> None:
    y = np.full(96, 7.0)
    y[3::24] = np.nan
    assert clean(y, HOURLY)[0].tolist() == [7.0] * 96


def test_a_spike_goes_and_a_busy_afternoon_stays() -> None:
    y = wave(480)
    whole = y.copy()
    y[300] *= 10
    y[400:405] *= 10  # longer than 3 hours
    values, edits = clean(y, HOURLY)
    assert rules(edits) == [("spike", 300, 301)]
    assert values[300] == pytest.approx(whole[300], rel=0.1)
    assert values[400] == y[400]


def test_a_new_level_lifts_what_was_before() -> None:
    y = wave(480)
    y[-120:] *= 2
    values, [edit] = clean(y, HOURLY)
    assert (edit.rule, edit.first, edit.last) == ("level", 0, 360)
    assert edit.factor == pytest.approx(2, rel=0.05)
    assert values[:360] == pytest.approx(y[:360] * edit.factor)
    assert values[360:].tolist() == y[360:].tolist()


def test_stated_events_are_left_out_and_never_an_outage() -> None:
    y = wave(480)
    y[100:103] *= 5
    mask = np.zeros(480, bool)
    mask[100:103] = True
    values, edits = clean(y, HOURLY, masked=mask)
    assert rules(edits) == [("stated", 100, 103)]
    assert values[100:103] == pytest.approx(wave(480)[100:103], rel=0.5)


@pytest.mark.parametrize("season", [Season(7), Season(12), Season(52), Season(1)])
def test_coarse_series_are_only_filled(season: Season) -> None:
    y = wave(60, 7)
    y[20:25] = 0
    y[30] = np.nan
    y[40] *= 50
    values, edits = clean(y, season)
    assert rules(edits) == [("missing", 30, 31)]
    assert values[40] == y[40]


def test_clean_series_are_hardly_touched(m4: list[tuple[Floats, Floats]]) -> None:
    """The spike rule touches 202 of 155,000 steps, the level rule none."""
    edits = [edit for raw, _ in m4 for edit in clean(raw, HOURLY)[1]]
    assert sum(edit.last - edit.first for edit in edits if edit.rule == "spike") == 202
    assert not [edit for edit in edits if edit.rule == "level"]


def test_the_record_is_kept() -> None:
    y = wave(480)
    y[100:106] = 0
    before = y.copy()
    clean(y, HOURLY)
    assert y.tolist() == before.tolist()


def test_runs() -> None:
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, bool)) == []


def growing_days() -> Floats:
    t = np.arange(364)
    return 100 * 1.1 ** (t / 30.4) * np.where(t % 7 < 5, 1.0, 0.5)


@pytest.mark.parametrize(
    ("values", "season", "gap"),
    [
        (growing_days(), Season(7), 5),
        (growing_days().reshape(52, 7).sum(axis=1), Season(52), 1),
        (growing_days()[4:].reshape(12, 30).sum(axis=1), Season(12), 1),
        (np.repeat(growing_days(), 24) * np.tile(1 + 0.5 * np.sin(np.arange(24) / 4), 364), HOURLY, 120),
    ],
    ids=["days", "weeks", "months", "hours"],
)
@pytest.mark.parametrize("back", [0, 1, 2])
def test_a_gap_in_a_history_that_grows_is_filled_at_the_level_around(
    values: Floats, season: Season, gap: int, back: int
) -> None:
    """The median of all years back is 40 % below the last weeks: a forecast then began 10 % too low."""
    first = len(values) - gap - back * gap
    raw = values.copy()
    raw[first : first + gap] = np.nan
    filled, edits = clean(raw, season)
    assert rules(edits) == [("missing", first, first + gap)]
    assert filled[first : first + gap].sum() == pytest.approx(values[first : first + gap].sum(), rel=0.16)


@pytest.mark.parametrize("hours", [2, 6, 18])
@pytest.mark.parametrize("what", [np.nan, 0.0])
@pytest.mark.parametrize("day", [3, 7], ids=["working day", "weekend"])
def test_hours_of_an_outage_are_filled_at_the_level_around(day: int, what: float, hours: int) -> None:
    """The median of the hours of all days is a third below those of the last weeks, and twice those of a weekend."""
    values = np.repeat(growing_days(), 24) * np.tile(1 + 0.5 * np.sin(np.arange(24) / 4), 364)
    first = len(values) - 24 * day
    raw = values.copy()
    raw[first : first + hours] = what
    filled, _ = clean(raw, HOURLY)
    assert filled[first : first + hours].sum() == pytest.approx(values[first : first + hours].sum(), rel=0.1)


def test_a_day_of_the_week_that_was_never_seen_takes_the_shape_of_the_days() -> None:
    raw = wave(336)
    raw[72:264] = np.nan
    filled, _ = clean(raw, HOURLY)
    assert filled == pytest.approx(wave(336), rel=0.25)


@pytest.mark.parametrize("change", [2.0, 5.0, 1000.0])
@pytest.mark.parametrize("seed", range(40))
def test_a_change_of_level_is_of_its_first_day(seed: int, change: float) -> None:
    """Dated a day or more too late, days at the new level were multiplied again: one day in eleven such histories was
    1,000,000 times what it had been before, and a week's forecast 52 times what came.
    """
    random = np.random.default_rng(seed)
    age = int(random.integers(2, 13))
    days = random.uniform(0.9, 1.1, (28, 24))
    days[28 - age :] *= change
    values, edits = clean(days.ravel(), HOURLY)
    assert [edit.last for edit in edits if edit.rule == "level"] == [24 * (28 - age)]
    daily = values.reshape(28, 24).sum(axis=1)
    assert daily.max() < 1.2 * daily.min()


def test_a_week_that_holds_both_levels_is_not_multiplied() -> None:
    """GPUs of a pool: days already at the new level were multiplied by 15, a day was forecast 11 times too high."""
    daily = np.array([15.1, 8.7, 1.6, 1.6, 1.5, 22.8, 29.2, 21.9, 26.1, 28.0, 30.9, 18.3])
    values, edits = clean(np.repeat(daily, 24), HOURLY)
    assert not [edit for edit in edits if edit.rule == "level"]
    assert values.max() < 31


def test_a_week_with_quiet_weekends_is_multiplied_where_all_of_the_next_is_at_a_new_level() -> None:
    daily = np.where((np.arange(16) + 3) % 7 >= 5, 50.0, 100.0) * np.where(np.arange(16) >= 9, 2.0, 1.0)
    [edit] = clean(np.repeat(daily, 24), HOURLY)[1]
    assert (edit.rule, edit.last, edit.factor) == ("level", 9 * 24, pytest.approx(2))


def test_a_gap_is_filled_at_a_level_that_small_hours_do_not_set() -> None:
    """Nights of a hundredth of the day that were ten times as busy say nothing of a day."""
    days = np.tile(np.where(np.arange(24) < 13, 1.0, 100.0), (10, 1))
    days[6:9, :13] *= 10
    days[7, :] = np.nan
    filled, _ = clean(days.ravel(), HOURLY)
    assert filled.reshape(10, 24)[7, 13:] == pytest.approx(100)


@pytest.mark.parametrize("seed", range(40))
def test_a_change_of_level_is_of_its_first_day_where_days_differ(seed: int) -> None:
    """By a twentieth, as days do: in six of these 40 histories days at the new level were doubled again."""
    random = np.random.default_rng(seed)
    days = np.tile(random.lognormal(0, 0.05, (28, 1)), 24)
    days[22:] *= 2
    _, edits = clean(days.ravel(), HOURLY)
    assert [edit.last for edit in edits if edit.rule == "level"] == [24 * 22]
