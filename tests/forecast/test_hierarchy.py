"""Hierarchies: what is forecast adds up, in the mean and in every path."""

from dataclasses import dataclass

import numpy as np
import pytest

from simcost.errors import InputError
from simcost.forecast.hierarchy import aggregate, bottom_up, parents_of, reconcile, top_down
from simcost.forecast.season import Season
from simcost.rng import stream
from simcost.trace.series.series import Floats, Grid, Series

NAMES = ("chat/large", "chat/small", "code", "search/eu/rank", "search/eu/embed")
SEASON = Season(4)


@dataclass
class Forecast:
    mean: Floats
    paths: Floats


def forecasts(names=NAMES, horizon=6, count=5):
    draws = stream(1, "hierarchy")
    return {name: Forecast(draws.random(horizon), draws.random((count, horizon))) for name in names}


def histories():
    return {name: stream(2, name).poisson(2, 22).astype(float) for name in NAMES}


def series(name, values, **grid):
    return Series(
        name=name,
        quantity="requests",
        grid=Grid(**{"start_s": 0, "step_s": 3600, **grid}),
        values=np.array(values),
    )


def check_coherent(found):
    for parent, children in parents_of(NAMES).items():
        for part in ("mean", "paths"):
            summed = sum(getattr(found[child], part) for child in children)
            assert np.allclose(getattr(found[parent], part), summed, rtol=1e-12, atol=1e-12)


def test_the_tree():
    assert parents_of(NAMES) == {
        "search/eu": ["search/eu/embed", "search/eu/rank"],
        "chat": ["chat/large", "chat/small"],
        "search": ["search/eu"],
        "total": ["code", "chat", "search"],
    }


def test_bottom_up_adds_up_in_every_path_and_leaves_the_leaves():
    given = forecasts()
    found = bottom_up(given)
    check_coherent(found)
    assert all(np.array_equal(found[name].paths, given[name].paths) for name in NAMES)


def test_bottom_up_of_one_child_is_the_child():
    given = forecasts(["chat/large"])
    found = bottom_up(given)
    assert set(found) == {"chat/large", "chat", "total"}
    assert all(np.array_equal(each.paths, given["chat/large"].paths) for each in found.values())


def test_top_down_adds_up_and_keeps_the_total():
    total = forecasts(["x"])["x"]
    found = top_down(total, histories(), SEASON)
    check_coherent(found)
    assert np.array_equal(found["total"].mean, total.mean)
    assert np.array_equal(found["total"].paths, total.paths)


def test_shares_follow_the_phase_of_the_season_and_only_lately():
    day = np.tile([9.0, 3.0, 0.0, 5.0], 6)
    night = np.tile([1.0, 3.0, 0.0, 15.0], 6)
    long_ago = np.arange(24) < 8
    past = {"day": np.where(long_ago, 1e6, day), "night": night}
    total = Forecast(np.full(4, 10.0), np.full((1, 4), 10.0))
    found = top_down(total, past, SEASON)
    overall = 17 / 36  # in the phase where neither asked for anything
    assert np.allclose(found["day"].mean, [9, 5, 10 * overall, 2.5])


def test_a_new_leaf_has_the_share_it_has_had_since_it_began():
    """It has no demand yet in most phases of the week, which say nothing of what it will take there."""
    week = Season(2, 14)
    past = {"old": np.full(28, 3.0), "new": np.concatenate([np.zeros(24), np.full(4, 1.0)])}
    found = top_down(Forecast(np.full(6, 4.0), np.full((1, 6), 4.0)), past, week)
    assert found["new"].mean.tolist() == [1] * 6
    assert found["old"].mean.tolist() == [3] * 6


def test_phases_go_on_from_the_end_of_the_history():
    past = {"a": np.array([1.0, 0, 0, 0, 1, 0]), "b": np.array([0.0, 1, 1, 1, 0, 1])}
    found = top_down(Forecast(np.ones(3), np.ones((1, 3))), past, SEASON)
    assert found["a"].mean.tolist() == [0, 0, 1]


def test_no_demand_at_all_is_shared_equally():
    found = top_down(Forecast(np.zeros(2), np.zeros((1, 2))), {"a": np.zeros(8), "b": np.zeros(8)}, SEASON)
    assert found["a"].mean.tolist() == [0, 0]


def test_reconcile_takes_either_method_and_names_what_it_lacks():
    given = {**forecasts(), "total": forecasts(["x"])["x"]}
    check_coherent(reconcile(given, "bottom-up", histories=histories(), season=SEASON))
    check_coherent(reconcile(given, "top-down", histories=histories(), season=SEASON))
    with pytest.raises(InputError, match="top-down needs the forecast of 'total'"):
        reconcile(forecasts(), "top-down", histories=histories(), season=SEASON)
    with pytest.raises(InputError, match="bottom-up needs the forecast of 'code'"):
        reconcile(forecasts(["chat/large", "chat/small"]), "bottom-up", histories=histories(), season=SEASON)


def test_histories_of_parents_are_sums_and_unknown_where_a_child_is():
    found = aggregate([series("a/x", [1.0, 2, np.nan]), series("a/y", [10.0, 20, 30]), series("b", [5.0, 5, 5])])
    assert [each.name for each in found] == ["a", "total"]
    assert np.array_equal(found[0].values, [11, 22, np.nan], equal_nan=True)
    assert np.array_equal(found[1].values, [16, 27, np.nan], equal_nan=True)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (series("b", [1.0, 2], step_s=60), "step 1h against 1min"),
        (series("b", [1.0, 2], start_s=3600), "start 1970-01-01T00:00:00 against 1970-01-01T01:00:00"),
        (series("b", [1.0]), "number of steps 2 against 1"),
    ],
)
def test_series_that_do_not_fit_together_are_named(other, what):
    with pytest.raises(InputError, match=f"'a' and 'b' cannot be added: {what}"):
        aggregate([series("a", [1.0, 2]), other])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([], "at least one"),
        (["chat", "chat/large"], "'chat' is the name of the parent of 'chat/large'"),
        (["total"], "'total' is the name of the parent"),
        (["a//b"], "an empty part"),
        (["/a"], "an empty part"),
    ],
)
def test_names_that_form_no_tree_are_refused(names, why):
    with pytest.raises(InputError, match=why):
        parents_of(names)


def test_forecasts_of_different_shape_and_negative_histories_are_refused():
    given = {**forecasts(["a"]), **forecasts(["b"], count=4)}
    with pytest.raises(InputError, match="one horizon and number of paths"):
        bottom_up(given)
    with pytest.raises(InputError, match="'b' goes below 0"):
        top_down(Forecast(np.ones(1), np.ones((1, 1))), {"a": np.ones(4), "b": -np.ones(4)}, SEASON)
