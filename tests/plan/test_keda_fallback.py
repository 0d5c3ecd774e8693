"""KEDA where triggers fail, are cached, share a name, or are CPU alone."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.plan.autoscaling import Keda, Observation
from simcost.plan.autoscaling.hpa import Behavior, Direction
from simcost.plan.autoscaling.keda import CronTrigger, Fallback, MetricTrigger

AT_ONCE = Behavior(scale_up=Direction(window=0.0), scale_down=Direction(window=0.0))
NOON_UTC_S = 12 * 3600.0
FAILED = frozenset({"queue"})


def looking(current: int, queue: float | None) -> Observation:
    """What is seen at noon; None = the source of the trigger fails."""
    if queue is None:
        return Observation(current=current, ready=current, failed=FAILED, utc_s=NOON_UTC_S)
    return Observation(current=current, ready=current, totals={"queue": queue}, utc_s=NOON_UTC_S)


def held(policy: Keda, current: int, queues: list[float | None], every_s: float = 15.0) -> list[int]:
    """Decisions in a closed loop."""
    state, got = policy.fresh(), []
    for i, queue in enumerate(queues):
        current, _, state = policy.step(i * every_s, looking(current, queue), state)
        got.append(current)
    return got


@given(
    threshold=st.sampled_from([0.05, 0.5, 0.75, 1.5, 2.9, 20.0]),
    target_type=st.sampled_from(["AverageValue", "Value"]),
    replicas=st.integers(1, 12),
    current=st.integers(1, 12),
)
def test_a_fallback_asks_for_its_replicas_whatever_the_threshold_and_its_type(
    threshold: float, target_type: str, replicas: int, current: int
) -> None:
    """KEDA hands the HPA threshold x replicas, of type Value threshold x replicas / ready: the HPA divides it again."""
    queue = MetricTrigger(name="queue", threshold=threshold, target_type=target_type)  # type: ignore[arg-type]
    fallback = Fallback(failures=0, replicas=replicas)
    policy = Keda(min=1, max=20, triggers=(queue,), fallback=fallback, behavior=AT_ONCE)
    handed = threshold * replicas / (current if target_type == "Value" else 1)
    ratio = handed / threshold / (1 if target_type == "Value" else current)
    tolerated = 0.9 <= ratio <= 1.1
    grown = min(replicas, max(2 * current, current + 4))  # the default rate of scale-up
    assert held(policy, current, [None])[-1] == (current if tolerated else grown)


def test_without_ready_replicas_a_value_has_no_fallback() -> None:
    queue = MetricTrigger(name="queue", threshold=2, target_type="Value")
    policy = Keda(min=1, max=20, triggers=(queue,), fallback=Fallback(failures=0, replicas=5), behavior=AT_ONCE)
    seen = Observation(current=3, ready=0, starting=3, failed=FAILED)
    assert policy.step(0.0, seen, policy.fresh()).desired == 3


def test_a_cached_metric_fails_as_the_last_poll_did() -> None:
    """`useCachedMetrics`: what the poll found stands until the next, errors too, so that a fallback begins."""
    queue = MetricTrigger(name="queue", threshold=10, cached=True)
    fallback = Fallback(failures=2, replicas=7)
    policy = Keda(min=1, max=20, polling=30, triggers=(queue,), fallback=fallback, behavior=AT_ONCE)
    polled_at_30 = [20.0, 20.0, *[None] * 6]
    assert held(policy, 2, polled_at_30) == [2, 2, 2, 2, 2, 6, 7, 7]  # 1st to 3rd failure at 45, 60 and 75 s


def test_cpu_alone_is_always_active() -> None:
    cpu = MetricTrigger(name="cpu", threshold=60, target_type="Utilization", resource=True)
    policy = Keda(min=2, max=8, idle=0, cooldown=30, triggers=(cpu,), behavior=AT_ONCE)
    assert held(policy, 0, [0.0] * 6, every_s=30.0) == [2] * 6


@pytest.mark.parametrize("order", [(5, 3), (3, 5)])
def test_the_larger_of_two_cron_triggers_at_the_same_times_counts(order: tuple[int, int]) -> None:
    crons = [CronTrigger(start="0 8 * * *", end="0 20 * * *", timezone="UTC", replicas=n) for n in order]
    policy = Keda(min=1, max=8, triggers=tuple(crons), behavior=AT_ONCE)
    assert held(policy, 1, [0.0] * 2)[-1] == 5


def test_a_fallback_of_half_a_request_a_replica() -> None:
    """By hand: 0.5 x 6 = 3 is handed on; 3 / 0.5 = 6 replicas."""
    queue = MetricTrigger(name="queue", threshold=0.5)
    policy = Keda(min=1, max=20, triggers=(queue,), fallback=Fallback(failures=0, replicas=6), behavior=AT_ONCE)
    assert held(policy, 4, [None] * 2) == [ceil(3 / 0.5)] * 2
