"""The perfect autoscaler: known answers, the closed form against the programme, and never more than what was paid."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import report
from support.vectors import document
from test_provisioning import fleet

from simcost.compare import perfect_autoscaler
from simcost.compare.perfect_autoscaler import fewest_replicas, perfect_scaling, replica_intervals
from simcost.ledger.requests import LatencyLimits

CASES = document("decisions")["cases"]
Case = dict[str, Any]


def fewest(late: Any, allowed: float) -> Any:
    return fewest_replicas(np.array([len(one) for one in late]), np.concatenate([*late, []]), allowed)


@pytest.mark.parametrize(
    "case", [one for one in CASES if one["kind"] == "perfect_autoscaler"], ids=lambda one: one["id"]
)
def test_least_replica_hours_of_the_vectors(case: Case) -> None:
    given_, want = case["input"], case["expected"]
    options = {name: given_[name] for name in ("lead", "initial", "min_up")}
    hours = replica_intervals(given_["need"], **options) * given_["interval_h"]
    assert hours == pytest.approx(want["least_replica_hours"], abs=1e-6)
    assert hours * given_["usd_per_h"] == pytest.approx(want["least_usd"], abs=1e-6)
    assert sum(given_["need"]) * given_["interval_h"] * given_["usd_per_h"] == want["no_cold_start_usd"]


def test_an_slo_over_the_whole_run_may_be_missed_where_that_saves_a_replica() -> None:
    [case] = [one for one in CASES if one["kind"] == "perfect_autoscaler_budget"]
    given_, want = case["input"], case["expected"]
    late = [-np.diff(row)[::-1].astype(float) for row in given_["missed_by_replicas"]]
    found = fewest(late, (1 - given_["attainment"]) * sum(given_["requests"]))
    assert found.sum() * given_["interval_h"] == want["least_replica_hours"]
    missed = sum(row[n] for row, n in zip(given_["missed_by_replicas"], found, strict=True))
    assert missed == want["missed"]


@given(st.lists(st.lists(st.floats(0.1, 9), max_size=3).map(sorted), min_size=1, max_size=4), st.floats(0, 20))
def test_no_other_choice_of_replicas_within_the_allowed_misses_is_smaller(
    late: list[list[float]], allowed: float
) -> None:
    found = fewest(late, allowed)
    every = product(*(range(len(one) + 1) for one in late))
    kept = [cut for cut in every if sum(sum(one[:k]) for one, k in zip(late, cut, strict=True)) <= allowed]
    assert found.sum() == sum(map(len, late)) - max(map(sum, kept))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.sampled_from([0.0, 0.3, 1.0, 2.5]),
    st.integers(0, 3),
)
def test_bridging_gaps_level_by_level_equals_the_linear_programme(need: list[int], lead: float, initial: int) -> None:
    programme = perfect_autoscaler._by_programme(np.array(need), lead, initial, 1)
    assert replica_intervals(need, lead=lead, initial=initial) == pytest.approx(programme)


def test_what_was_paid_is_the_bound_and_what_lies_above_and_below_it() -> None:
    """Eight requests a second of half a second each: four replicas have the engine time, and 1 % may be late."""
    found = perfect_scaling(fleet(np.full(120, 8.0), 9), report())
    assert found.bound_h == pytest.approx(4 * 2, rel=0.02)
    assert found.bound_h <= 4 * 2
    assert found.paid_h == pytest.approx(9 * 2)
    assert found.paid_h == pytest.approx(found.bound_h + found.over_h - found.under_h)
    assert found.with_cold_start_h == pytest.approx(found.bound_h), "no start was seen, and none is needed"
    waits = fleet(np.repeat([8.0, 0.0], 120), 3)
    outcomes = replace(waits.outcomes, limits=LatencyLimits(ttft_s=1.0))
    short = perfect_scaling(replace(waits, outcomes=outcomes), report())
    assert short.under_h == pytest.approx(1 * 2, rel=0.05)
    assert short.over_h == pytest.approx(3 * 2, rel=0.05)
    assert perfect_scaling(waits, report()).under_h == 0.0, "requests that may wait for ever need no more than the mean"
