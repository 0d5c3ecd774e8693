"""Each autoscaler case by case, where upstream gives no vectors."""

import json
from copy import deepcopy
from math import ceil, isnan, nan, prod
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.plan.autoscaling import (
    AwsScaling,
    Chain,
    DynamoPlanner,
    Fixed,
    Hpa,
    Keda,
    Kpa,
    Observation,
    Policy,
    Predictive,
    RayServe,
    Replicas,
    Wva,
)
from simcost.plan.autoscaling.aws import StepAdjustment, StepScaling, TargetTracking
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
from simcost.plan.autoscaling.keda import CronTrigger, Fallback, MetricTrigger
from simcost.plan.autoscaling.kpa_reconciler import average, highest, recorded, window
from simcost.plan.autoscaling.policy import ns
from simcost.plan.autoscaling.ray import RequestLoad, Wish
from simcost.plan.autoscaling.wva import SaturationThresholds, Tokens, Variant, targets

MONDAY_UTC_S = 1_704_067_200.0  # 2024-01-01 00:00


def drive(policy: Any, looks: list[Observation], every_s: float | None = None) -> list[int]:
    """Decisions in a closed loop: replicas are there at once."""
    state, current, got = policy.fresh(), policy.initial(), []
    for i, look in enumerate(looks):
        now_s = i * (every_s or policy.interval)
        seen = Observation(
            current=current,
            ready=current,
            totals=look.totals,
            replicas=look.replicas,
            utc_s=MONDAY_UTC_S + now_s,
        )
        current, _, state = policy.step(now_s, seen, state)
        got.append(current)
    return got


def totals(name: str, values: list[float]) -> list[Observation]:
    return [Observation(current=0, ready=0, totals={name: value}) for value in values]


def pods(**signals: list[float]) -> Replicas:
    return Replicas.all_ready(signals)


QUEUE = MetricTrigger(name="queue", threshold=10, activation_threshold=1)
EXAMPLES: list[Policy] = [
    Hpa(max=9, metrics=(Metric(type="External", name="queue", target_type="AverageValue", target=3),)),
    Keda(max=9, triggers=(QUEUE,)),
    Kpa(max=9, target=4),
    RayServe(max=9, upscale_delay=3, downscale_delay=9, interval=1, push=2),
    AwsScaling(max=9, policies=(TargetTracking(metric="in_flight", target=4),)),
    DynamoPlanner(max_gpu_budget=9, target="sla", engine_rps=2, throughput_interval=20),
    DynamoPlanner(max_gpu_budget=9),
    Wva(max=9),
    Wva(max=9, rules=Tokens(kv_capacity_tokens=1000, prompt_tokens=10)),
    Predictive(demand=(3.0, 9.0, 1.0), step_length=60, per_replica=2, lead=30, max=9, reactive=True),
    Chain(
        first=Wva(max=9),
        then=Keda(max=9, triggers=(MetricTrigger(name="wva_desired_replicas", threshold=1),)),
    ),
]


@settings(max_examples=15)
@given(loads=st.lists(st.floats(0, 60), min_size=12, max_size=12))
@pytest.mark.parametrize("policy", EXAMPLES, ids=lambda one: str(getattr(one, "kind", "")))
def test_every_policy_is_pure_bounded_and_its_state_is_json(policy: Any, loads: list[float]) -> None:
    state, current = policy.fresh(), policy.initial()
    low, high = getattr(policy, "min", 0), 9
    assert set(policy.reads()) <= {
        "queue",
        "in_flight",
        "requests_per_s",
        "kv_utilisation",
        "waiting",
        "kv_demand",
        "next_ttft_s",
        "own_ttft_s",
    }
    for i, load in enumerate(loads):
        each = [load / max(current, 1)] * current
        seen = Observation(
            current=current,
            ready=current,
            utc_s=MONDAY_UTC_S + i,
            totals={"queue": load, "in_flight": load, "requests_per_s": load},
            replicas=pods(
                kv_utilisation=[min(one / 9, 1.0) for one in each],
                waiting=each,
                kv_demand=[one / 9 for one in each],
            ),
        )
        before = deepcopy(state)
        decision = policy.step(i * policy.interval, seen, state)
        assert state == before
        again = policy.step(i * policy.interval, seen, deepcopy(state))
        assert (decision.desired, decision.reason) == (again.desired, again.reason)
        state = json.loads(json.dumps(decision.state))
        current = decision.desired
        assert decision.reason
        assert low <= current <= high


# Knative


@given(
    writes=st.lists(st.tuples(st.integers(0, 90), st.floats(0, 50)), min_size=1, max_size=40),
    size=st.integers(1, 12),
    late=st.integers(0, 15),
)
def test_window_averages_against_the_written_semantics(writes: list[tuple[int, float]], size: int, late: int) -> None:
    """Sum over min(seconds since the first write, window); seconds without data count as 0; a gap as long as the
    window starts again; without news the average is over the part that has some.
    """
    writes = sorted(writes, key=lambda write: write[0])
    held, first, last = window(size), None, None
    for second, value in writes:
        held = recorded(held, [second], value, size)
        if last is None or second - last >= size:
            first = second
        last = second
    assert first is not None
    assert last is not None
    now = last + late
    got = average(held, now, size)
    if late > size:
        assert got is None
        return
    if late == size:
        assert got == 0.0
        return
    inside = [value for second, value in writes if max(first, now - size + 1) <= second <= now]
    divisor = min(last - first + 1, size - late)
    assert got == pytest.approx(sum(inside) / divisor, abs=2e-6)


def test_window_averages_of_partial_windows_and_gaps() -> None:
    held = window(6)
    assert average(held, 100, 6) is None
    for second in (100, 101, 102):
        held = recorded(held, [second], 9.0, 6)
    assert average(held, 102, 6) == 9.0  # three seconds are known
    assert average(held, 104, 6) == 9.0  # nothing new: still those three
    held = recorded(held, [105], 3.0, 6)
    assert average(held, 105, 6) == 5.0  # 103 and 104 count as 0
    assert average(held, 110, 6) == 3.0  # 105 alone is left
    held = recorded(held, [111], 4.0, 6)
    assert average(held, 111, 6) == 4.0  # a gap as long as the window: again
    assert recorded(held, [105], 1.0, 6) == held  # too old to count
    assert average(recorded(held, [110], 8.0, 6), 111, 6) == 6.0


@given(values=st.lists(st.integers(0, 30), min_size=1, max_size=60), buckets=st.integers(1, 9))
def test_the_delayed_maximum_is_the_maximum(values: list[int], buckets: int) -> None:
    entries: list[list[int]] = []
    for i, value in enumerate(values):
        entries = highest(entries, i // 2, value, buckets)
        since = i // 2 - buckets + 1
        assert entries[0][1] == max(v for j, v in enumerate(values[: i + 1]) if j // 2 >= since)


def test_knative_scales_to_zero_after_window_and_grace() -> None:
    policy = Kpa(target=10, utilization=1.0, target_burst_capacity=0, window=60, grace=30)
    got = drive(policy, totals("in_flight", [10.0] * 60 + [0.0] * 90))
    ended = 60
    zero = next(i for i in range(ended, len(got)) if got[i] == 0)
    assert 44 <= zero - ended <= 46  # 60 s until the window is empty, 30 s behind the activator, a tick or two
    assert set(got[:zero]) == {1}


def test_knative_wakes_at_once_and_with_the_activation_scale() -> None:
    policy = Kpa(target=10, activation_scale=3, target_burst_capacity=0)
    looks = totals("in_flight", [10.0] * 40 + [0.0] * 60 + [1.0] * 5)
    got = drive(policy, looks)
    assert got[99] == 0
    assert got[100] == 3


def test_the_last_pod_is_retained() -> None:
    quick = Kpa(target=10, target_burst_capacity=-1)
    slow = Kpa(target=10, target_burst_capacity=-1, retention=120)
    looks = totals("in_flight", [10.0] * 40 + [0.0] * 150)
    ends = [drive(policy, looks).index(0) for policy in (quick, slow)]
    assert ends[1] - ends[0] in (59, 60, 61)


def test_knative_per_second_is_knative_per_tick() -> None:
    """A mean over two seconds stands for each of them."""
    policy = Kpa(target=5, max=50)
    loads = [float(x) for x in np.random.default_rng(3).integers(0, 100, 90)]
    per_tick = drive(policy, totals("in_flight", loads))
    per_second = drive(policy, totals("in_flight", [one for load in loads for one in (load, load)][1:]), every_s=1.0)
    assert per_second[0::2][1:] == per_tick[1:]


@pytest.mark.parametrize(
    ("policy", "total", "target"),
    [
        (Kpa(), 100, 70),
        (Kpa(metric="rps"), 200, 140),
        (Kpa(container_concurrency=12), 12, 8.4),
        (Kpa(target=8, container_concurrency=12), 8, 5.6),
        (Kpa(target=20, container_concurrency=12), 12, 8.4),
        (Kpa(metric="rps", target=20, container_concurrency=12), 20, 14),
    ],
)
def test_knative_targets(policy: Kpa, total: float, target: float) -> None:
    assert policy.decider().total == total
    assert policy.decider().target == pytest.approx(target)


# KEDA


def keda(**more: Any) -> Keda:
    return Keda(**{"max": 20, "triggers": (QUEUE,), "polling": 15, "cooldown": 60, **more})


def test_keda_activates_above_the_threshold_and_cools_down() -> None:
    got = drive(keda(), totals("queue", [0, 1, 1.5, 0, 0, 0, 0, 0, 0, 0]))
    assert got == [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]  # 1 is not above 1; 60 s are not enough, more are


def test_the_hpa_of_keda_takes_over_above_one() -> None:
    got = drive(keda(behavior=Behavior()), totals("queue", [58.0] * 4))
    assert got == [1, 5, 6, 6]


def test_the_cooldown_does_nothing_with_a_minimum() -> None:
    quick = Behavior(scale_down=Direction(window=0))
    got = drive(keda(min=1, start=3, behavior=quick), totals("queue", [0.0] * 4))
    assert got == [1] * 4


def test_idle_replicas() -> None:
    got = drive(keda(min=3, idle=0), totals("queue", [5.0] + [0.0] * 8 + [5.0]))
    assert got == [3, 3, 3, 3, 3, 0, 0, 0, 0, 3]


def test_cron_is_a_floor_in_its_time_zone() -> None:
    cron = CronTrigger(start="0 7 * * 1-5", end="0 19 * * 1-5", timezone="Europe/Berlin", replicas=4)
    hour = 3600.0
    berlin = MONDAY_UTC_S - hour
    assert cron.value(berlin + 6.99 * hour) == 0
    assert cron.value(berlin + 7 * hour) == 4
    assert cron.value(berlin + 18.99 * hour) == 4
    assert cron.value(berlin + 19 * hour) == 0
    saturday = berlin + 5 * 86400
    assert cron.value(saturday + 12 * hour) == 0
    summer = cron.value(MONDAY_UTC_S + 183 * 86400 + 5.5 * hour)  # 07:30 in July
    assert summer == 4
    with pytest.raises(InputError, match="needs the date of time 0"):
        cron.value(nan)


@pytest.mark.parametrize("text", ["0 7 * *", "60 7 * * *", "0 7 * * 8", "a 7 * * *", "5-1 * * * *", "*/0 * * * *"])
def test_bad_cron_expressions(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|no |not |backwards"):
        CronTrigger(start=text, end="0 19 * * *", timezone="UTC", replicas=1)


def test_a_fallback_after_some_failures() -> None:
    policy = keda(min=1, fallback=Fallback(failures=2, replicas=7), behavior=Behavior(), start=2)
    state, current, got = policy.fresh(), 2, []
    for i in range(6):
        seen = Observation(current=current, ready=current, failed=frozenset({"queue"}))
        current, _, state = policy.step(15.0 * i, seen, state)
        got.append(current)
    assert got == [2, 2, 6, 7, 7, 7]


@pytest.mark.parametrize(
    ("behavior", "kept"),
    [("static", 2), ("currentReplicas", 5), ("currentReplicasIfHigher", 5), ("currentReplicasIfLower", 2)],
)
def test_a_fallback_may_keep_the_replicas_that_there_are(behavior: Any, kept: int) -> None:
    fallback = Fallback(failures=0, replicas=2, behavior=behavior)
    policy = keda(min=1, fallback=fallback, behavior=Behavior(scale_down=Direction(window=0.0)))
    seen = Observation(current=5, ready=5, failed=frozenset({"queue"}))
    assert policy.step(0.0, seen, policy.fresh()).desired == kept


def test_paused_objects_do_nothing_and_hold_a_number() -> None:
    assert drive(keda(paused=True, start=4), totals("queue", [99.0, 0.0])) == [4, 4]
    assert drive(keda(paused_replicas=2, start=4), totals("queue", [99.0])) == [2]
    up = keda(min=1, paused_scale_out=True, start=2)
    assert drive(up, totals("queue", [99.0] * 3)) == [2] * 3
    forced = keda(force_activation=True)
    assert drive(forced, totals("queue", [0.0] * 3)) == [1] * 3


# Ray Serve


def test_ray_waits_for_its_delay_and_applies_the_latest_wish() -> None:
    policy = RayServe(max=20, upscale_delay=3, downscale_delay=5, interval=1, push=0, look_back=1)
    got = drive(policy, totals("in_flight", [2, 8, 8, 12, 16, 16, 2, 2, 2, 2, 2, 2, 2]))
    assert got == [1, 1, 1, 1, 8, 8, 8, 8, 8, 8, 8, 1, 1]


def test_a_turn_starts_the_delay_anew() -> None:
    policy = RayServe(max=20, upscale_delay=3, downscale_delay=5)
    wish: Wish = {"direction": 0, "since_ns": None}
    for second, requests in ((0, 12.0), (1, 12.0), (2, 2.0), (3, 12.0), (5, 12.0)):
        desired, _, wish = policy.decide(ns(second), RequestLoad(requests, 2, 2), wish)
        assert desired == 2
    assert policy.decide(ns(6), RequestLoad(12.0, 2, 2), wish)[0] == 6


def test_ray_from_and_to_zero() -> None:
    policy = RayServe(min=0, max=9, downscale_delay=60, downscale_to_zero_delay=5, upscaling_factor=2.5)
    wish: Wish = {"direction": 0, "since_ns": None}
    assert policy.decide(0, RequestLoad(1.0, 0, 0), wish)[0] == 3  # at once
    assert policy.decide(0, RequestLoad(0.0, 0, 0), wish)[0] == 0
    _, _, wish = policy.decide(0, RequestLoad(0.0, 1, 1), wish)
    assert policy.decide(ns(4.9), RequestLoad(0.0, 1, 1), wish)[0] == 1
    assert policy.decide(ns(5), RequestLoad(0.0, 1, 1), wish)[0] == 0
    _, _, wish = policy.decide(0, RequestLoad(0.0, 3, 3), {"direction": 0, "since_ns": None})
    assert policy.decide(ns(60), RequestLoad(0.0, 3, 3), wish)[0] == 1  # never to 0 in one step from more


def test_a_small_factor_still_moves() -> None:
    policy = RayServe(min=0, max=99, upscale_delay=0, downscale_delay=0, upscaling_factor=0.5, downscaling_factor=0.1)
    wish: Wish = {"direction": 0, "since_ns": None}
    assert policy.decide(0, RequestLoad(40.0, 10, 10), wish)[0] == 15
    assert policy.decide(0, RequestLoad(16.0, 10, 10), wish)[0] == 9  # ceil(10 - 0.2) would stay


@given(
    requests=st.lists(st.integers(0, 60), min_size=40, max_size=40),
    up=st.integers(0, 5),
    down=st.integers(0, 9),
    factor=st.sampled_from([0.3, 1.0, 1.7]),
)
def test_ray_sequences_against_a_plain_retelling(requests: list[int], up: int, down: int, factor: float) -> None:
    policy = RayServe(
        max=12,
        upscale_delay=up,
        downscale_delay=down,
        upscaling_factor=factor,
        interval=1,
        push=0,
        look_back=1,
    )
    expected, target, wants = [], 1, []
    for second, total in enumerate(requests):
        exact = target * (total / (2.0 * target))
        wanted = ceil(target + (factor if exact > target else 1.0) * (exact - target))
        if ceil(exact) < target and wanted == target:
            wanted -= 1
        sign = (wanted > target) - (wanted < target)
        wants.append(sign)
        same = 0
        while same < len(wants) and wants[-1 - same] == sign and sign:
            same += 1
        if sign and same - 1 >= (up if sign > 0 else down):
            target = min(max(wanted, 1), 12)
            wants.clear()
        expected.append(target)
        assert second < len(requests)
    assert drive(policy, totals("in_flight", [float(request) for request in requests])) == expected


# AWS


def test_target_tracking_is_quick_out_and_slow_in() -> None:
    tracking = TargetTracking(metric="in_flight", target=10, out_cooldown=0, in_cooldown=0)
    policy = AwsScaling(min=1, max=20, start=2, policies=(tracking,))
    got = drive(policy, totals("in_flight", [20.0] * 3 + [5.0] * 20))
    assert got[:3] == [2, 2, 4]
    assert got[3:17] == [4] * 14
    assert got[17:20] == [2, 1, 1]


def test_nothing_is_removed_unless_all_agree_and_none_without_data() -> None:
    one, other = (TargetTracking(metric=name, target=10, low_periods=1) for name in "ab")
    policy = AwsScaling(max=9, start=6, policies=(one, other))
    looks = [Observation(current=0, ready=0, totals={"a": 1.0, "b": b}) for b in (9.5, nan, 3.0)]
    assert drive(policy, looks) == [6, 6, 2]
    kept = AwsScaling(max=9, start=6, policies=(TargetTracking(metric="a", target=10, low_periods=1, scale_in=False),))
    assert drive(kept, totals("a", [1.0])) == [6]


def test_step_scaling_removes_whatever_target_tracking_wants() -> None:
    """The user guide: if step scaling initiates a scale-in before target tracking is ready, it is not blocked."""
    fewer = StepScaling(
        metric="b", threshold=5, comparison="<=", steps=(StepAdjustment(upper=0, adjustment=-2),), cooldown=0
    )
    tracking = TargetTracking(metric="a", target=10, low_periods=1, in_cooldown=0)
    policy = AwsScaling(max=9, start=6, policies=(tracking, fewer))
    looks = [Observation(current=0, ready=0, totals={"a": a, "b": 1.0}) for a in (9.5, nan, 8.0)]
    assert drive(policy, looks) == [4, 2, 2]  # both ask for less at last: 2 x 0.8 is 2, the larger capacity


def test_a_scale_in_cooldown_ends_with_an_addition() -> None:
    tracking = TargetTracking(metric="a", target=10, low_periods=1, high_periods=1, out_cooldown=0, in_cooldown=600)
    policy = AwsScaling(max=9, start=6, policies=(tracking,))
    assert drive(policy, totals("a", [8.0, 5.0, 20.0, 5.0])) == [5, 5, 9, 5]


# Dynamo and the variant autoscaler


def test_dynamo_by_load_thresholds() -> None:
    policy = DynamoPlanner(max_gpu_budget=4, start=2)

    def step(*demand: float) -> int:
        seen = Observation(current=2, ready=2, replicas=pods(kv_demand=list(demand)))
        return policy.step(5.0, seen, policy.fresh()).desired

    assert step(1.2, 0.2) == 3
    assert step(1.0, 0.2) == 2  # above 1, not at it
    assert step(0.2, 0.3) == 1
    assert step(0.2, 0.55) == 2  # one would have 1.1
    assert step(0.2, 0.5) == 2  # one would be at 1, not below it
    moving = Observation(current=3, ready=2, starting=1, replicas=pods(kv_demand=[2.0, 2.0]))
    assert policy.step(5.0, moving, policy.fresh()).reason.startswith("LoadScalingInProgress")
    latency = DynamoPlanner(role="prefill", target="latency", context_tokens=1000, start=2)
    queue = Observation(current=2, ready=2, replicas=pods(queued_prompt_tokens=[0.0, 100.0]))
    assert latency.step(5.0, queue, latency.fresh()).desired == 3


def test_dynamo_by_throughput() -> None:
    policy = DynamoPlanner(target="sla", engine_rps=2.5, max_gpu_budget=64, gpus=2)
    state = policy.fresh()
    seen = Observation(current=1, ready=1, totals={"requests_per_s": 30})
    assert policy.step(175.0, seen, state).desired == 1
    assert policy.step(180.0, seen, state).desired == 9  # 12 are needed, 8 more are allowed
    both = DynamoPlanner(target="sla", engine_rps=2.5, max_gpu_budget=64, load_scaling=True)
    calm = Observation(
        current=4,
        ready=4,
        totals={"requests_per_s": 9},
        replicas=engines((0.1, 0.1), (0.01, 0.01), count=4),
    )
    bound = both.step(180.0, calm, {**both.fresh(), "next_load_ns": ns(999)}).state
    assert bound["bound"] == 4
    assert both.step(185.0, calm, {**bound, "next_load_ns": 0}).desired == 4  # load alone would remove one
    assert both.step(185.0, calm, {**bound, "next_load_ns": 0, "bound": 1}).desired == 3


def engines(ttft: tuple[float, float], itl: tuple[float, float], kv: float = 0.1, count: int = 2) -> Replicas:
    """Engines that are alike: each latency as the next request would see it, and that of an empty one."""
    names = ("next_ttft_s", "own_ttft_s", "next_itl_s", "own_itl_s", "kv_demand")
    return pods(**{name: [value] * count for name, value in zip(names, (*ttft, *itl, kv), strict=True)})


CALM = (0.1, 0.1), (0.01, 0.01)


@pytest.mark.parametrize(
    ("role", "load", "count"),
    [
        ("agg", engines((0.6, 0.1), (0.01, 0.01)), 3),
        ("agg", engines((0.1, 0.1), (0.06, 0.01)), 3),  # by its time between tokens alone
        ("prefill", engines((0.1, 0.1), (0.06, 0.01)), 1),
        ("decode", engines((0.6, 0.1), (0.01, 0.01)), 1),
        ("agg", engines(*CALM), 1),
        ("agg", engines((0.3, 0.1), (0.01, 0.01)), 2),  # a queue of 0.2 s becomes 0.4, and 0.32 is allowed
        ("agg", engines((0.1, 0.1), (0.03, 0.01)), 2),  # 0.01 + 2 x 0.02 is above 0.04
        ("decode", engines((0.1, 0.1), (0.026, 0.01)), 2),  # 0.01 + 2 x 0.016 is above 0.04
        ("decode", engines((0.1, 0.1), (0.024, 0.01)), 1),
        ("agg", engines(*CALM, kv=0.49), 1),  # fits the cache of one: 0.98
        ("agg", engines(*CALM, kv=0.5), 2),
        ("prefill", engines(*CALM, kv=0.9), 1),
        ("prefill", engines((0.6, 0.6), (0.01, 0.01)), 3),
    ],
)
def test_dynamo_by_latency_targets(role: Any, load: Replicas, count: int) -> None:
    policy = DynamoPlanner(target="sla", role=role, throughput_scaling=False, load_scaling=True)
    seen = Observation(current=2, ready=2, replicas=load)
    assert policy.step(5.0, seen, policy.fresh()).desired == count


def test_dynamo_adds_none_while_a_scaling_is_in_progress() -> None:
    policy = DynamoPlanner(target="sla", engine_rps=1, max_gpu_budget=64)

    def step(rate: float, ready: int, starting: int = 0, draining: int = 0) -> tuple[int, str]:
        counts = {"current": ready + starting, "ready": ready, "starting": starting, "draining": draining}
        seen = Observation(**counts, totals={"requests_per_s": rate})
        return policy.step(180.0, seen, policy.fresh())[:2]

    assert step(20, 1)[0] == 9
    assert step(20, 1, starting=8) == (9, "ThroughputScalingInProgress: 20 requests per s, 1 a replica")
    assert step(20, 9)[0] == 17
    assert step(3, 4, starting=8)[0] == 3  # those that start may be taken back
    assert step(20, 4, draining=1)[0] == step(2, 4, draining=1)[0] == 4
    load = DynamoPlanner(start=2)
    busy = Observation(current=2, ready=2, draining=1, replicas=pods(kv_demand=[2.0, 2.0]))
    assert load.step(5.0, busy, load.fresh())[:2] == (2, "LoadScalingInProgress")
    sides = DynamoPlanner(role="prefill", start=1, context_tokens=100), DynamoPlanner(role="decode", start=1)
    both = DisaggregatedPlanner.of(*sides)
    assert both is not None
    calm = Observation(current=2, ready=1, starting=1, replicas=pods(queued_prompt_tokens=[0.0]))
    full = Observation(current=1, ready=1, replicas=pods(kv_demand=[2.0]))
    decided = both.step(5.0, (calm, full), (sides[0].fresh(), sides[1].fresh()))
    assert [one.desired for one in decided] == [2, 1]  # decode waits for prefill too


SIDES = st.tuples(st.integers(0, 20), st.integers(0, 20))


@given(counts=SIDES, gpus=st.tuples(st.integers(1, 4), st.integers(1, 4)), budget=st.integers(-1, 60))
def test_both_sides_keep_one_budget(counts: tuple[int, int], gpus: tuple[int, int], budget: int) -> None:
    assume(budget == -1 or budget >= sum(gpus))
    planner = DisaggregatedPlanner(*(DynamoPlanner(gpus=each, max_gpu_budget=budget) for each in gpus))
    shared, asked = planner.share(*counts), tuple(max(count, 1) for count in counts)
    used = sum(map(prod, zip(shared, gpus, strict=True)))
    if budget == -1 or sum(map(prod, zip(asked, gpus, strict=True))) <= budget:
        assert shared == asked
    else:
        assert min(shared) >= 1
        assert used <= budget
        assert budget - used < gpus[1] or shared[0] == 1 == asked[0]  # decode takes all that is left


@given(counts=SIDES, gpus=st.tuples(st.integers(1, 4), st.integers(1, 4)), floor=st.integers(0, 60))
def test_both_sides_keep_one_floor(counts: tuple[int, int], gpus: tuple[int, int], floor: int) -> None:
    sides = (DynamoPlanner(gpus=each, max_gpu_budget=-1, min_gpu_budget=floor, min_endpoint=0) for each in gpus)
    shared = DisaggregatedPlanner(*sides).share(*counts)
    assert sum(map(prod, zip(shared, gpus, strict=True))) >= floor
    assert all(now >= asked for now, asked in zip(shared, counts, strict=True)) or sum(counts) == 0


def test_a_planner_of_both_sides_decides_before_the_budget() -> None:
    """20 prefill and 8 decode replicas are wanted of 8 GPUs: 8 x 20 / 28 is 5, and 3 are left; not 4 and 4, which the
    budget would leave if each side were cut to it first.
    """
    both = {"target": "sla", "max_step": 99}
    sides = DynamoPlanner(engine_rps=1.0, role="prefill", **both), DynamoPlanner(engine_rps=2.5, role="decode", **both)
    planner = DisaggregatedPlanner.of(*sides)
    assert planner is not None
    seen = Observation(current=1, ready=1, totals={"requests_per_s": 20})
    first = planner.step(180.0, (seen, seen), (sides[0].fresh(), sides[1].fresh()))
    assert [one.desired for one in first] == [5, 3]
    between = planner.step(181.0, (seen, seen), (first[0].state, first[1].state))
    assert [one.desired for one in between] == [5, 3]  # what was decided stands


def test_two_planners_of_other_budgets_are_not_one() -> None:
    decode = DynamoPlanner(role="decode")
    for other in ({"max_gpu_budget": 9}, {"load_interval": 6.0}, {"min_endpoint": 2}):
        assert DisaggregatedPlanner.of(DynamoPlanner(role="prefill", **other), decode) is None
    assert DisaggregatedPlanner.of(Fixed(replicas=1), decode) is None
    with pytest.raises(ValueError, match=r"max_gpu_budget \(8\) is of prefill and decode together"):
        DisaggregatedPlanner.of(DynamoPlanner(gpus=8), DynamoPlanner(gpus=4))


def test_saturation_of_variants() -> None:
    rules = SaturationThresholds()

    def of(name: str, cost: float, count: int, load: tuple[float, float], **more: int) -> Variant:
        return Variant(
            name,
            cost,
            more.get("current", count),
            more.get("desired", count),
            more.get("pending", 0),
            [load] * count,
        )

    assert targets(rules, [of("a", 5, 1, (0.75, 0)), of("b", 2, 1, (0.9, 0))])[0] == {"a": 1, "b": 2}
    assert targets(rules, [of("a", 5, 2, (0.1, 0)), of("b", 2, 1, (0.1, 0))])[0] == {"a": 1, "b": 1}
    assert targets(rules, [of("a", 5, 2, (0.1, 0)), of("b", 2, 2, (0.9, 9), current=3, desired=3)])[0] == {
        "a": 2,
        "b": 3,
    }
    assert targets(rules, [of("a", 5, 2, (0.95, 9))])[0] == {"a": 3}  # all saturated
    assert targets(rules, [of("a", 5, 2, (0.45, 0))])[0] == {"a": 2}  # one would have 0.9
    assert targets(rules, [Variant("a", 1, 0, 0, 0, [])])[0] == {"a": 0}
    queues = Variant("a", 1, 3, 3, 0, [(0.1, 2.0), (0.1, 1.0), (0.1, 1.0)])
    assert targets(rules, [queues])[0] == {"a": 2}  # 4 waiting on two leave room for 3, which is enough


def test_a_chain_follows_what_is_published_by_its_own_rules() -> None:
    metric = Metric(type="External", name="wva_desired_replicas", target_type="AverageValue", target=1)
    slow = Behavior(scale_up=Direction(policies=(ScalingRule(type="Pods", value=1, period=60),)))
    policy = Chain(first=Wva(max=20), then=Hpa(max=20, start=2, metrics=(metric,), behavior=slow))
    state, current, got = policy.fresh(), 2, []
    for i in range(9):
        seen = Observation(
            current=current,
            ready=current,
            replicas=pods(kv_utilisation=[0.9] * current, waiting=[9.0] * current),
        )
        current, _, state = policy.step(15.0 * i, seen, state)
        got.append(current)
    assert got == [3, 3, 3, 3, 4, 4, 4, 4, 5]
    with pytest.raises(ValueError, match="reads no metric"):
        Chain(first=Wva(max=20), then=Hpa(max=20, metrics=(metric,)), publishes="other")


def test_saturation_waits_until_the_follower_has_done_what_was_published() -> None:
    """Calm at first: one of two may go, which the HPA does after five minutes. Until then nothing is looked at."""
    metric = Metric(type="External", name="wva_desired_replicas", target_type="AverageValue", target=1)
    policy = Chain(first=Wva(max=20), then=Hpa(max=20, start=2, metrics=(metric,)))
    state, current, got = policy.fresh(), 2, []
    for i in range(40):
        busy = 0.9 if i else 0.1
        seen = Observation(
            current=current, ready=current, replicas=pods(kv_utilisation=[busy] * current, waiting=[0.0] * current)
        )
        current, reason, state = policy.step(15.0 * i, seen, state)
        got.append((current, state["published"]))
        assert i != 1 or "Transition" in reason
    first = got.index((1, 1))
    assert first in (20, 21)
    assert got[:first] == [(2, 1)] * first
    assert got[first + 1] == (2, 2)
    unknown = Observation(current=2, ready=2, replicas=pods(kv_utilisation=[nan] * 2, waiting=[nan] * 2))
    assert policy.step(0.0, unknown, {**policy.fresh(), "published": 4}).state["published"] == 4


def test_tokens_ask_for_what_is_missing() -> None:
    policy = Wva(max=20, rules=Tokens(kv_capacity_tokens=10_000, prompt_tokens=500))
    busy = Observation(current=2, ready=2, replicas=pods(kv_utilisation=[0.9, 0.9], waiting=[4.0, 4.0]))
    # 18,000 + 4,000 tokens at 85 % need 25,882; two replicas of 8,000 give 16,000: two more.
    assert policy.step(0.0, busy, policy.fresh()).desired == 4
    calm = Observation(current=4, ready=4, replicas=pods(kv_utilisation=[0.1] * 4, waiting=[0.0] * 4))
    assert policy.step(0.0, calm, policy.fresh()).desired == 1
    nobody = Observation(current=3, ready=0, replicas=pods(kv_utilisation=[], waiting=[]))
    assert policy.step(0.0, nobody, policy.fresh()).desired == 3
    # 8,500 tokens leave 24,000 - 12,143 of three that are ready, though one does not report yet: one goes.
    silent = Observation(current=3, ready=3, replicas=pods(kv_utilisation=[0.425, 0.425, nan], waiting=[0.0, 0.0, nan]))
    assert policy.step(0.0, silent, policy.fresh()).desired == 2
    # 34,000 tokens at 85 % need 40,000. Seven of 5,714 whole tokens, the mean of what was observed, give 39,998.
    uneven = Observation(current=3, ready=3, replicas=pods(kv_utilisation=[1.0, 0.9, 0.5], waiting=[0.0, 20.0, 0.0]))
    assert policy.step(0.0, uneven, {"bounds": [*[5000.0] * 5, 6000.0]}).desired == 8


# Predictive


def test_replicas_are_there_before_the_demand() -> None:
    policy = Predictive(demand=(10.0, 10.0, 40.0, 10.0, 10.0), step_length=600, per_replica=10, lead=300, max=9)
    state = policy.fresh()
    seen = Observation(current=1, ready=1)
    got = {minute: policy.step(60.0 * minute, seen, state).desired for minute in range(50)}
    rises = min(minute for minute, count in got.items() if count == 4)
    falls = max(minute for minute, count in got.items() if count == 4)
    assert (rises, falls) == (15, 29)  # five minutes and an interval before 20, until 30
    assert set(got.values()) == {1, 4}
    surprise = Observation(current=1, ready=1, totals={"requests_per_s": 71})
    reacting = Predictive(demand=(10.0,), step_length=600, per_replica=10, lead=0, max=9, reactive=True)
    assert reacting.step(0.0, surprise, None).desired == 8


@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 4.0, nan]), min_size=1, max_size=60),
    gaps=st.lists(st.sampled_from([1, 1, 1, 1, 7]), min_size=60, max_size=60),
    aggregation=st.sampled_from(["mean", "max", "min"]),
)
def test_ray_aggregates_the_samples_of_its_look_back(values: list[float], gaps: list[int], aggregation: str) -> None:
    policy = RayServe(max=9, interval=1.0, push=0.0, look_back=10.0, aggregation=aggregation)  # type: ignore[arg-type]
    state, now_s, seen = policy.fresh(), 0, list[tuple[int, float]]()
    for value, gap in zip(values, gaps, strict=False):
        now_s += gap
        state = policy.step(now_s, Observation(current=1, ready=1, totals={"in_flight": value}), state).state
        seen += [] if isnan(value) else [(now_s, value)]
        recent = [value for at_s, value in seen if at_s > now_s - 10]
        if not isnan(value):
            assert state["pushed"] == [now_s * 10**9, {"mean": fmean, "max": max, "min": min}[aggregation](recent)]
