"""Tornado, flip points and the value of knowing: worked examples."""

from collections.abc import Callable
from itertools import pairwise, product
from math import ceil, inf
from typing import Any

import numpy as np
import pytest
from support.vectors import document

from simcost.compare.sensitivity import (
    Swing,
    doubtful,
    flip_interval,
    flips,
    perfect_information_usd,
    redrawn,
    tornado,
)

CASES = document("decisions")["cases"]


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if case["kind"] == kind]


@pytest.mark.parametrize("case", of_kind("tornado"))
def test_tornado(case: Any) -> None:
    ranges = case["input"]["ranges"]

    def usd(**changed: float) -> float:
        p = {name: one["base"] for name, one in ranges.items()} | changed
        fleet = ceil(p["rate"] * p["growth"] * (1 - p["hit"]) / p["capacity"])
        return 730 * p["price"] * (1 - p["discount"]) * fleet

    swings = [
        Swing(path=name, lo_usd=usd(**{name: r["low"]}), hi_usd=usd(**{name: r["high"]})) for name, r in ranges.items()
    ]
    found = tornado(swings)
    expected = case["expected"]["rows"]
    assert [one.swing_usd for one in found] == pytest.approx([row["swing_usd"] for row in expected])
    assert {one.path: (one.lo_usd, one.hi_usd) for one in found} == {
        row["parameter"]: pytest.approx((row["usd_at_low"], row["usd_at_high"])) for row in expected
    }


def cheaper(plans: dict[str, Any]) -> Callable[[float], str | None]:
    def usd(plan: dict[str, float], rate: float) -> float:
        return plan["slope"] * rate if "slope" in plan else plan["usd"] * ceil(rate / plan["capacity"] - 1e-12)

    return lambda rate: min(plans, key=lambda name: usd(plans[name], rate))


@pytest.mark.parametrize("case", of_kind("flip_staircase"))
def test_flips_of_staircases_are_all_found(case: Any) -> None:
    lo, hi = case["input"]["range"]
    answer = cheaper(case["input"]["plans"])
    found = flips(list(np.linspace(lo, hi, 200)), answer, 1e-6)
    expected = [segment["to"] for segment in case["expected"]["segments"][:-1]]
    assert [one.value for one in found] == pytest.approx(expected, abs=1e-4)
    assert [one.after for one in found] == [segment["cheaper"] for segment in case["expected"]["segments"][1:]]


def test_guesses_take_fewer_answers_than_halves_and_no_guess_misleads() -> None:
    """The secant through logarithms of a knee, and guesses that are as wrong as can be."""
    asked: list[float] = []

    def answer(x: float) -> str:
        asked.append(x)
        return "a" if x < 1.06 else "b"

    def secant(lo: float, hi: float, tilt: float) -> float:
        low, high = tilt * 6.5 * (lo - 1.06), 6.5 * (hi - 1.06)
        return lo - low * (hi - lo) / (high - low)

    found = [flips([1.0, 1.5], answer, 0.01, guess) for guess in (lambda _lo, _hi, _tilt: None, secant)]
    assert len(asked) == (2 + 6) + (2 + 2)
    for [one] in found:
        assert one.value == pytest.approx(1.06, abs=0.005)
    for worst in (lambda lo, _hi, _tilt: lo, lambda _lo, hi, _tilt: hi):
        asked.clear()
        [one] = flips([1.0, 1.5], answer, 0.01, worst)
        assert one.value == pytest.approx(1.06, abs=0.005)
        assert len(asked) <= 2 + 2 * 6


def test_both_ends_of_every_bracket_are_confirmed_and_a_wrong_answer_is_searched_on() -> None:
    """Answers that are taken from neighbours, and wrong between 5 and 6; a true answer that wavers near 7."""
    confirmed: list[float] = []

    def true(x: float) -> str:
        return "a" if x < 5 else "c" if 7 < x < 7.2 or x > 7.4 else "b"

    def confirm(x: float) -> str:
        confirmed.append(x)
        return true(x)

    values = list(np.linspace(0, 10, 101))
    found = flips(values, lambda x: "a" if x < 6 else true(x), 0.05, confirm=confirm)
    assert [(one.before, one.after) for one in found] == [("a", "b"), ("b", "c"), ("c", "b"), ("b", "c")]
    for one in found:
        assert (true(one.lo), true(one.hi)) == (one.before, one.after)
        assert {one.lo, one.hi} <= set(confirmed)
    assert len(confirmed) == len(set(confirmed))


def test_a_bracket_that_confirms_the_same_answer_on_both_sides_is_no_flip() -> None:
    assert flips([0.0, 5.0, 10.0], lambda x: "twin" if x == 5.0 else "own", 0.1, confirm=lambda _: "own") == []


@pytest.mark.parametrize("seed", range(20))
def test_every_change_lies_within_the_ends_that_draws_give(seed: int) -> None:
    """A quantity that rises, with noise drawn again at each value and a part that is common to a replication."""
    rng = np.random.default_rng(seed)
    common, slope, noise = rng.normal(0, 2, 5), 2.0, 0.2
    places = np.linspace(0, 4, 81)
    draws = {x: slope * (x - 2) + common - common.mean() + rng.normal(0, noise, 5) for x in places}
    changes = [hi for lo, hi in pairwise(places) if (draws[lo].mean() < 0) != (draws[hi].mean() < 0)]
    near = [(x, dict(enumerate(draws[x]))) for x in (places[0], places[38], places[42], places[80])]
    margin = redrawn(near, 0.995)
    assert margin is not None
    lo, hi = doubtful([(x, draws[x].mean(), margin / 5**0.5) for x in places[::2]], 2.0)
    assert lo is not None
    assert hi is not None
    assert lo - 0.1 <= min(changes) <= max(changes) <= hi + 0.1
    assert hi - lo < 1.5, "what is common to a replication is no noise"


@pytest.mark.parametrize("case", of_kind("information"))
def test_value_of_knowing(case: Any) -> None:
    parameters, costs = case["input"]["parameters"], case["input"]["cost_usd"]
    growth, engine = parameters["growth"], parameters["engine_factor"]
    weights = [a * b for a, b in product(growth, engine)]
    flat = {name: [value for row in rows for value in row] for name, rows in costs.items()}
    assert perfect_information_usd(flat, weights) == pytest.approx(case["expected"]["evpi_usd"])
    by_growth = {name: [np.dot(row, engine) for row in rows] for name, rows in costs.items()}
    assert perfect_information_usd(by_growth, growth) == pytest.approx(case["expected"]["evppi_usd"]["growth"])


def test_what_is_impossible_somewhere_is_no_decision_now() -> None:
    assert perfect_information_usd({"cheap": [1, inf], "safe": [4, 4]}, [0.5, 0.5]) == 1.5
    assert perfect_information_usd({"cheap": [1, inf]}, [0.5, 0.5]) is None


def test_intervals_of_flips_hold_the_truth_as_often_as_they_say() -> None:
    """Differences that rise straight through zero at 3, with common and own noise in ten replications."""
    rng, places, held = np.random.default_rng(7), [0.0, 1.5, 2.5, 2.9, 3.2, 4.0, 6.0], 0
    for _ in range(400):
        common = rng.normal(0, 0.6, 10)
        points = [(x, list(x - 3 + common + rng.normal(0, 0.02, 10))) for x in places]
        flip = 3 - common.mean()
        lo, hi = flip_interval(points, float(np.clip(flip, 0.1, 5.9)), 0.9)
        held += (lo is None or lo <= 3) and (hi is None or hi >= 3)
    assert 0.86 <= held / 400 <= 0.96


def test_an_interval_is_open_where_no_point_is_sure() -> None:
    points = [(0.0, [-1.0, -1.1]), (1.0, [-0.5, 0.4]), (2.0, [0.1, 3.0])]
    lo, hi = flip_interval(points, 1.2, 0.95)
    assert lo is not None
    assert 0 < lo < 1.2
    assert hi is None
    assert flip_interval(points[:2], 1.2, 0.95) == (None, None), "nothing above"
    assert flip_interval([(0.0, [-1.0, -1.0]), (2.0, [inf])], 1.0, 0.95)[1] == 2.0, "a hopeless plan is sure"
