"""What holds of every HPA: random behaviours in closed loops of 80 syncs, and the boundaries."""

import json
from copy import deepcopy
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_hpa import NaiveHpa

from simcost.plan.autoscaling import Hpa, Observation, Replicas
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule

SYNC_S = 15.0
LOAD = Metric(type="External", name="load", target_type="AverageValue", target=1)
periods = st.sampled_from([1, 14, 15, 16, 30, 45, 60, 90, 180])
windows = st.sampled_from([None, 0, 1, 15, 30, 44, 60, 300])


@st.composite
def directions(draw: st.DrawFn, longest_s: float) -> Direction:
    """Rules whose longest period is given, so that no event is forgotten that the other direction needs."""
    rules = [
        ScalingRule(type=draw(st.sampled_from(["Pods", "Percent"])), value=draw(st.integers(1, 200)), period=period)
        for period in [longest_s, *draw(st.lists(periods.filter(lambda p: p <= longest_s), max_size=2))]
    ]
    select = draw(st.sampled_from(["Max", "Min", "Disabled"]))
    return Direction(policies=tuple(draw(st.permutations(rules))), select=select, window=draw(windows))


@st.composite
def autoscalers(draw: st.DrawFn) -> Hpa:
    low = draw(st.integers(1, 5))
    longest_s = draw(periods)
    behaviors = st.builds(Behavior, scale_up=directions(longest_s), scale_down=directions(longest_s))
    behavior = draw(st.none() | st.just(Behavior()) | behaviors)
    return Hpa(min=low, max=draw(st.integers(low, 100)), metrics=(LOAD,), behavior=behavior)


loads = st.lists(st.one_of(st.integers(0, 120), st.just(20)), min_size=80, max_size=80)


def seen(current: int, load: float) -> Observation:
    return Observation(current=current, ready=current, totals={"load": load})


def run(policy: Hpa, asked: list[int], phase_s: float = 0.0) -> list[int]:
    """Replicas after each sync; each is there at once."""
    state, current, got = policy.fresh(), policy.initial(), []
    for sync, load in enumerate(asked):
        current, _, state = policy.step(phase_s + SYNC_S * sync, seen(current, load), state)
        got.append(current)
    return got


@settings(max_examples=20)
@given(policy=autoscalers(), asked=loads)
def test_a_step_is_pure_and_its_state_is_json(policy: Hpa, asked: list[int]) -> None:
    state, current = policy.fresh(), policy.initial()
    for sync, load in enumerate(asked):
        before, look = deepcopy(state), seen(current, load)
        decision = policy.step(SYNC_S * sync, look, state)
        assert state == before
        assert decision == policy.step(SYNC_S * sync, look, deepcopy(state))
        state = json.loads(json.dumps(decision.state))
        assert state == decision.state
        current = decision.desired


@given(policy=autoscalers(), asked=loads, phase_s=st.sampled_from([0.0, 0.1, 7.3, 86400.7]))
def test_closed_loops_follow_the_documentation(policy: Hpa, asked: list[int], phase_s: float) -> None:
    naive, current, expected = NaiveHpa(policy), policy.initial(), []
    for sync, load in enumerate(asked):
        wanted = current if 0.9 <= load / current <= 1.1 else load
        current = naive.decide(sync * SYNC_S, current, wanted)
        expected.append(current)
    assert run(policy, asked, phase_s) == expected


@given(policy=autoscalers(), asked=loads)
def test_replicas_stay_within_min_and_max(policy: Hpa, asked: list[int]) -> None:
    assert all(policy.min <= count <= policy.max for count in run(policy, asked))


@given(asked=loads, pods=st.integers(1, 9), period_s=periods, up=st.booleans())
def test_no_stretch_of_the_period_changes_more_than_the_policy_allows(
    asked: list[int], pods: int, period_s: float, up: bool
) -> None:
    slow = Direction(policies=(ScalingRule(type="Pods", value=pods, period=period_s),), window=0)
    free = Direction(policies=(ScalingRule(type="Pods", value=1000, period=period_s),), window=0)
    behavior = Behavior(scale_up=slow, scale_down=free) if up else Behavior(scale_up=free, scale_down=slow)
    policy = Hpa(max=100, metrics=(LOAD,), behavior=behavior)
    counts = [policy.initial(), *run(policy, asked)]
    reach = ceil(period_s / SYNC_S)  # syncs younger than the period, this one included
    for now in range(1, len(counts)):
        change = counts[now] - counts[max(now - reach, 0)]
        moved = counts[now] - counts[now - 1]
        assert (change if up else -change) <= pods or (moved if up else -moved) <= 0


@given(asked=loads, shorter_s=st.integers(0, 300), longer_s=st.integers(0, 300))
def test_a_longer_window_never_keeps_fewer(asked: list[int], shorter_s: int, longer_s: int) -> None:
    shorter_s, longer_s = sorted((shorter_s, longer_s))
    free = (ScalingRule(type="Pods", value=1000, period=15),)

    def with_window(window_s: float) -> list[int]:
        down = Direction(policies=free, window=window_s)
        steady = Metric(type="External", name="load", target_type="Value", target=1)
        policy = Hpa(
            max=200,
            metrics=(steady,),
            behavior=Behavior(scale_up=Direction(policies=free), scale_down=down),
            tolerance=0.0,
        )
        state, current, got = policy.fresh(), 1, []
        for sync, load in enumerate(asked):
            # One ready pod: what is asked for does not depend on what was decided.
            look = Observation(current=current, ready=1, totals={"load": max(load, 1)})
            current, _, state = policy.step(SYNC_S * sync, look, state)
            got.append(current)
        return got

    assert all(a <= b for a, b in zip(with_window(shorter_s), with_window(longer_s), strict=True))


@given(
    samples=st.lists(st.integers(0, 9000), min_size=1, max_size=12),
    target=st.integers(1, 200),
    missing=st.integers(1, 4),
)
def test_pods_without_a_sample_only_make_the_change_smaller(samples: list[int], target: int, missing: int) -> None:
    metric = Metric(type="Resource", name="memory", target_type="Utilization", target=target)
    free = Direction(policies=(ScalingRule(type="Pods", value=100_000, period=15),), window=0)
    policy = Hpa(min=0, max=1_000_000, metrics=(metric,), behavior=Behavior(scale_up=free, scale_down=free))

    def desired(values: list[float]) -> int:
        pods = Replicas.all_ready({"memory": values}, {"memory": [1.0] * len(values)})
        look = Observation(current=len(values), ready=len(values), replicas=pods)
        return policy.step(0.0, look, policy.fresh()).desired

    size = len(samples)
    known = [sample / 1000 for sample in samples]
    full, partly = desired(known), desired([*known, *[np.nan] * missing])
    lost = (size + missing) // target + 1  # percentages are cut to whole ones
    if full > size:
        assert size + missing <= partly <= max(full, size + missing) + lost
    elif full < size:
        assert full - lost <= partly <= size + missing


@pytest.mark.parametrize(("ratio", "desired"), [(1.1, 10), (1.101, 12), (0.9, 10), (0.899, 9)])
def test_the_tolerance_includes_its_bounds(ratio: float, desired: int) -> None:
    policy = Hpa(max=50, metrics=(LOAD,), behavior=Behavior(), stabilization=0)
    assert policy.step(0.0, seen(10, 10 * ratio), policy.fresh()).desired == desired


@pytest.mark.parametrize(("behavior", "desired"), [(Behavior(), 7), (None, 6)])
def test_an_empty_behavior_is_not_the_same_as_none(behavior: Behavior | None, desired: int) -> None:
    policy = Hpa(max=50, metrics=(LOAD,), behavior=behavior)
    assert policy.step(0.0, seen(3, 40), policy.fresh()).desired == desired


def test_without_behavior_a_fall_comes_one_sync_later() -> None:
    asked = [12] * 2 + [4] * 30
    falls = []
    for behavior in (Behavior(), None):
        counts = run(Hpa(max=50, metrics=(LOAD,), behavior=behavior), [4, *asked])
        falls.append(next(i for i in range(3, len(counts)) if counts[i] < counts[i - 1]))
    assert falls == [2 + 20, 2 + 21]  # the last 12 is of sync 2: 300 s are 20 syncs


@given(phase_s=st.floats(0, 1e5).map(lambda s: round(s, 3)))
def test_boundaries_hold_at_any_phase(phase_s: float) -> None:
    policy = Hpa(max=50, metrics=(LOAD,), behavior=Behavior())
    asked = [4] + [12] * 2 + [4] * 25
    assert run(policy, asked, phase_s) == run(policy, asked)


def test_percent_limits_round_as_floats_do() -> None:
    rules = Direction(policies=(ScalingRule(type="Percent", value=10, period=60),))
    policy = Hpa(max=500, metrics=(LOAD,), behavior=Behavior(scale_up=rules))
    assert policy.step(0.0, seen(100, 400), policy.fresh()).desired == 111  # 100 x 1.1 is 110.00000000000001


def test_events_that_one_direction_has_no_use_for_are_overwritten() -> None:
    """Kubernetes forgets additions by the periods of scaleUp, though limits of scaleDown would count them."""
    up = Direction(policies=(ScalingRule(type="Pods", value=10, period=15),))
    down = Direction(policies=(ScalingRule(type="Pods", value=1, period=600),), window=0)
    policy = Hpa(max=50, metrics=(LOAD,), behavior=Behavior(scale_up=up, scale_down=down), start=1)
    state = policy.fresh()
    state["added"] = [[4, 0]]
    decision = policy.step(15.1, seen(5, 9), state)
    assert decision.desired == 9
    assert [change for change, _ in decision.state["added"]] == [4]


def test_half_of_the_metrics_missing_allows_growth_only() -> None:
    other = Metric(type="Pods", name="queue", target_type="AverageValue", target=4)
    policy = Hpa(max=50, metrics=(other, LOAD))
    up = policy.step(0.0, seen(4, 8), policy.fresh())
    assert (up.desired, up.reason.partition(":")[0]) == (8, "DesiredWithinRange")
    down = policy.step(0.0, seen(4, 1), policy.fresh())
    assert (down.desired, down.reason) == (4, "FailedGetPodsMetric: queue: no pod has a sample")


def test_zero_replicas_need_a_min_of_zero() -> None:
    assert (
        Hpa(min=0, max=9, metrics=(LOAD,))
        .step(0.0, seen(0, 3), {"recommendations": [], "added": [], "removed": []})
        .desired
        == 3
    )
    off = Hpa(min=1, max=9, metrics=(LOAD,))
    assert off.step(0.0, seen(0, 3), off.fresh()).reason.startswith("ScalingDisabled")
