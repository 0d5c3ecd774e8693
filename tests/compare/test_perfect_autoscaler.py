"""The perfect autoscaler: known answers, the closed form against the programme, and how what was paid compares."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.answers import report
from support.pools import step
from support.vectors import document
from test_provisioning import fleet

from simcost.compare import perfect_autoscaler
from simcost.compare.least_work import ReplicaLimits, lines_below
from simcost.compare.perfect_autoscaler import fewest_replicas, perfect_scaling, replica_intervals
from simcost.ledger.request_mix import ArrivalGaps, RequestMix
from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.slo import SloReport

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


def counted(used: Ledger, output_tokens: int = 26, **limits: float) -> Ledger:
    """The same of requests of one token that prompts, and so many that answer."""
    one = np.ones(used.outcomes.arrived)
    outcomes = replace(
        used.outcomes, mix=RequestMix.of(one, output_tokens * one), limits=LatencyLimits(**limits), in_system=0
    )
    return replace(used, outcomes=outcomes)


ALONE = ReplicaLimits(
    step=step(0.02, c=0.02), kv_tokens=10**9, max_num_seqs=10**6, max_step_tokens=8192, cached_share=0.0
)
"""Each output token after the first takes 20 ms of its own, and steps of as many as you like 20 ms more."""


def judged(used: Ledger) -> SloReport:
    return replace(report(), judged=used.outcomes.arrived)


def test_what_was_paid_is_the_bound_and_what_lies_above_and_below_it() -> None:
    """Eight requests a second of half a second each: four replicas have the engine time, and 1 % may be late."""
    used = counted(fleet(np.full(120, 8.0), 9))
    found = perfect_scaling(used, judged(used), ALONE)
    assert found is not None
    assert found.bound_h == pytest.approx(0.99 * 4 * 2, rel=0.03), "bins of 3 %"
    assert found.bound_h <= 0.99 * 4 * 2 * (1 + 2e-6), "a millionth of a step is shared by a million sequences"
    assert found.paid_h == pytest.approx(9 * 2)
    assert found.paid_h == pytest.approx(found.bound_h + found.over_h - found.under_h)
    assert found.with_cold_start_h == found.bound_h, "no start was seen, and none is needed"
    assert found.schedule_h == pytest.approx(4 * 2, rel=0.02)
    waits = counted(fleet(np.repeat([8.0, 0.0], 120), 3), ttft_s=1.0)
    short = perfect_scaling(waits, judged(waits), ALONE)
    assert short is not None
    assert short.under_h == pytest.approx((0.99 * 4 - 3) * 2, rel=0.15)
    assert short.over_h == pytest.approx(3 * 2, rel=0.05)
    ever = counted(waits)
    patient = perfect_scaling(ever, judged(ever), ALONE)
    assert patient is not None
    assert patient.under_h == 0.0, "requests that may wait for ever need no more than the mean"


def test_a_limit_on_the_pace_bounds_how_many_share_a_step() -> None:
    """At 60 ms a token no more than two can be in a step of 20 ms + 20 ms each: each takes 30 ms."""
    used = fleet(np.full(120, 8.0), 9)
    slow, quick = (perfect_scaling(one, judged(used), ALONE) for one in (counted(used), counted(used, tpot_s=0.06)))
    assert slow is not None
    assert quick is not None
    assert quick.bound_h == pytest.approx(slow.bound_h * 1.5)
    by_e2e = perfect_scaling(counted(used, e2e_s=0.06 * 24.1), judged(used), ALONE)
    assert by_e2e is not None
    assert by_e2e.bound_h == pytest.approx(quick.bound_h, rel=0.05)


def test_lines_lie_below_the_base_at_every_number_of_tokens() -> None:
    base = tuple((n, 0.02 * (0.2 + (n / 256) ** 2) ** 0.5) for n in (0, 1, 64, 128, 256, 1024, 8192))
    replica = replace(ALONE, step=replace(step(1e-3), base=base), max_step_tokens=3000)
    at = np.arange(1.0, 3001.0)
    lines = lines_below(replica)
    assert len(lines) > 3
    for fixed_s, slope in lines:
        assert fixed_s >= 0
        assert slope >= 0
        gap_s = replica.step.base_seconds(at) - fixed_s - slope * at
        assert gap_s.min() == pytest.approx(0.0, abs=1e-9)


def test_no_bound_where_requests_were_not_counted_or_an_api_answers_some() -> None:
    used = counted(fleet(np.full(120, 8.0), 9))
    for changed in (replace(used.outcomes, mix=None), replace(used.outcomes, overflowed=(1, 1, 1))):
        assert perfect_scaling(replace(used, outcomes=changed), judged(used), ALONE) is None


@given(st.lists(st.floats(0.0, 5000.0), max_size=50), st.integers(1, 50))
@example([0.001], 1)
def test_gaps_are_the_same_whole_and_in_parts_and_none_is_longer_than_it_was(gaps: list[float], parts: int) -> None:
    times = np.array(gaps)
    whole, summed = (
        ArrivalGaps.of(times),
        ArrivalGaps.sum([ArrivalGaps.of(part) for part in np.array_split(times, parts)]),
    )
    assert np.array_equal(whole.seconds, summed.seconds)
    assert np.array_equal(whole.counts, summed.counts)
    kept = np.sort(times[times >= 1e-3])
    found = np.repeat(whole.seconds, whole.counts.astype(int))
    assert len(found) == len(kept)
    assert (found <= kept * (1 + 1e-6)).all()
    assert (found >= kept / 1.011).all()
