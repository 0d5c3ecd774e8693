"""What a history cannot tell: steps recorded in part at its ends, growth for decades, means that few paths carry."""

from dataclasses import replace

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.document import series_document
from simcost.forecast.events.schema import Growth, Holiday
from simcost.forecast.forecast import forecast
from simcost.forecast.project import ProjectionOptions, look_ahead
from simcost.present.forecast_wording import middle, verdict
from simcost.trace.series.series import Grid, Series

MONTH, WEEK, DAY, HOUR = 0, 604800, 86400, 3600


def series(values, step_s):
    return Series(name="chat", quantity="requests", grid=Grid(start_s=0, step_s=step_s), values=np.array(values, float))


def growing(steps, step_s, a_year=0.5, seed=3):
    years = np.arange(steps) * (step_s or 30.44 * DAY) / (365.25 * DAY)
    noise = np.random.default_rng(seed).normal(0, 0.03, steps)
    return series(1000 * np.exp(a_year * years + noise), step_s)


def partial(history):
    found = forecast(history, 3, paths=20)
    return [note["message"].split(",")[0] for note in found.findings if note["kind"] == "partial_end"]


@pytest.mark.parametrize(("steps", "step_s"), [(12, MONTH), (3, MONTH), (30, WEEK), (200, DAY), (15, DAY)])
@pytest.mark.parametrize(("place", "which"), [(0, "the first step"), (-1, "the last step")])
def test_a_step_of_less_than_half_of_its_neighbours_is_told(steps, step_s, place, which):
    whole = growing(steps, step_s)
    assert partial(whole) == []
    values = whole.values.copy()
    values[place] *= 0.1
    assert partial(series(values, step_s)) == [which]
    values[place] = 0.8 * whole.values[place]
    assert partial(series(values, step_s)) == []


@pytest.mark.parametrize(("place", "which"), [(0, "the first step"), (-1, "the last step")])
def test_half_a_month_of_a_steady_service_is_told(place, which):
    """Growth makes a month of half its days as large as one of a year ago, and the forecast begins at its level."""
    whole = growing(24, MONTH, a_year=0.6)
    values = whole.values.copy()
    values[place] *= 0.5
    assert partial(whole) == []
    assert partial(series(values, MONTH)) == [which]
    noisy = whole.values * np.exp(np.random.default_rng(5).normal(0, 0.25, 24))
    noisy[place] = 0.6 * noisy[1 if place == 0 else -2]
    assert partial(series(noisy, MONTH)) == []


def test_a_quiet_day_that_an_event_explains_is_no_partial_step():
    """Of New Year's Day, stated as a holiday and left out of the fit, a note said that it looks like growth."""
    values = growing(200, DAY).values.copy()
    values[[0, -1]] *= 0.3
    holidays = Holiday(name="off", dates=("1971-01-01", "1971-07-19"), factor=0.3)
    history = replace(series(values, DAY), grid=Grid(start_s=365 * DAY, step_s=DAY))
    [made] = look_ahead([history], lambda _: 3, ProjectionOptions(seed=1, paths=20), events=[holidays])
    assert [note for note in made.forecast.findings if note["kind"] == "partial_end"] == []


def test_a_quiet_weekday_and_a_quiet_hour_are_no_partial_steps():
    week = np.resize([1.0, 1, 1, 1, 1, 0.1, 0.05], 70) * 1000
    assert partial(series(week, DAY)) == []
    assert partial(series(np.resize([5.0] * 23 + [0.5], 480), HOUR)) == []


def test_zeros_before_the_first_request_are_not_called_partial():
    assert "the first step" not in partial(series([0] * 5 + [1000] * 60, DAY))


def ahead(history, horizon, events=(), growth=None):
    [found] = look_ahead(
        [history], lambda _: horizon, ProjectionOptions(seed=1, paths=40, growth=growth), events=events
    )
    return found


@pytest.mark.parametrize(
    ("steps", "step_s", "most"), [(365, DAY, 1095), (60, DAY, 730), (36, MONTH, 108), (20, MONTH, 60)]
)
def test_measured_growth_goes_on_for_two_years_or_three_histories(steps, step_s, most):
    history = growing(steps, step_s)
    assert len(ahead(history, most).forecast.mean) == most
    with pytest.raises(InputError, match=r"measured growth is carried on for two years, or three times the history"):
        ahead(history, most + 3)
    assert len(ahead(history, most + 3, growth="none").forecast.mean) == most + 3
    stated = Growth(name="plan", factor=1.02, per="month")
    assert len(ahead(history, most + 3, events=[stated]).forecast.mean) == most + 3


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 1.0])
def test_the_headline_lies_within_its_own_level(share):
    history = growing(13, MONTH).values
    history[-1] *= share
    found = forecast(series(history, MONTH), 3, paths=400)
    entry = series_document(found)
    for spread in (entry["total"], entry["peak"]):
        assert spread["p10"] <= middle(spread) <= spread["p90"]
    total = entry["total"]
    outside = not total["p10"] <= total["mean"] <= total["p90"]
    told = [note["message"] for note in found.findings if "the mean of the paths' totals" in note["message"]]
    assert bool(told) == outside
    assert verdict("chat", entry).startswith("chat: ")


def test_without_paths_the_mean_is_all_there_is():
    assert middle({"mean": 3.0, "p10": None, "p50": None, "p90": None}) == 3.0
    assert middle({"mean": 9.0, "p10": 1.0, "p50": 2.0, "p90": 4.0}) == 2.0


def test_levels_without_width_of_a_history_that_repeats_itself_are_told_as_that():
    """They were told to stop at half a range beyond what was seen, which planning would not: it has none either."""
    hours = 1000 + 500 * np.sin(np.arange(21 * 24) / 24 * 2 * np.pi).round(3)
    one_off = np.full(120, 50.0)
    one_off[60] = 500
    for history, steps in ((series(hours, HOUR), 48), (series(one_off, DAY), 7)):
        notes = [note["message"] for note in forecast(history, steps).findings if note["kind"] == "limit"]
        [note] = notes
        assert note.startswith(f"levels of {steps} steps have no width: the history repeats itself, nearly or exactly")


@pytest.mark.parametrize(("paths", "levels", "needed"), [(1, (80,), 10), (9, (80,), 10), (39, (80, 95), 40)])
def test_paths_too_few_for_a_level_are_told(paths, levels, needed):
    """One path has no width at all: its ends looked like certainty."""

    def told(paths):
        notes = forecast(growing(200, DAY), 7, paths=paths, levels=levels).findings
        return [note["message"] for note in notes if note["kind"] in ("paths", "limit")]

    [message] = told(paths)
    assert message.endswith(
        f"{max(levels)} % level, of which each end is one path of {needed}: it is too narrow; draw {needed} or more"
    )
    assert told(needed) == []
