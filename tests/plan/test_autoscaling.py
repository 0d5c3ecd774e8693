"""Scaling policies against their definitions written out in full."""

from collections.abc import Iterable
from itertools import count
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.plan import Batching, Fixed, Observation, Schedule, Startup, TargetConcurrency
from simcost.plan.autoscaling import Policy, Step


def run(policy: Policy, times_s: Iterable[float], loads: Iterable[float]) -> list[int]:
    """The decisions in a row."""
    state, current, got = policy.fresh(), policy.initial(), []
    for now_s, load in zip(times_s, loads, strict=False):
        seen = Observation(current=current, ready=1, totals={"in_flight": load})
        current, _, state = policy.step(now_s, seen, state)
        got.append(current)
    return got


@given(
    loads=st.lists(st.floats(0, 500), min_size=1, max_size=60),
    window=st.integers(1, 8),
    delay=st.integers(0, 20),
    target=st.floats(0.5, 50),
)
def test_target_concurrency_is_the_delayed_maximum_of_the_window_mean(
    loads: list[float], window: int, delay: int, target: float
) -> None:
    policy = TargetConcurrency(
        target=target, min=2, max=40, interval=15, window=15.0 * window, scale_down_delay=15.0 * delay
    )
    wanted: list[int] = []
    expected = []
    for i in range(len(loads)):
        recent = loads[max(i - window + 1, 0) : i + 1]
        wanted.append(min(max(ceil(sum(recent) / len(recent) / target), 2), 40))
        expected.append(max(wanted[max(i - max(delay, 1) + 1, 0) :]))
    assert run(policy, count(15.0, 15.0), loads) == expected


def test_a_rise_is_followed_at_once_and_a_fall_after_the_delay() -> None:
    policy = TargetConcurrency(target=10, max=9, window=15, scale_down_delay=60)
    assert run(policy, count(0.0, 15.0), [5, 75, 5, 5, 5, 5, 5]) == [1, 8, 8, 8, 8, 1, 1]


def test_it_starts_with_start_or_min() -> None:
    assert TargetConcurrency(target=1, min=3, max=5).initial() == 3
    assert TargetConcurrency(target=1, min=3, max=5, start=4).initial() == 4


def test_the_start_is_held_for_the_delay() -> None:
    policy = TargetConcurrency(target=10, max=9, start=6, scale_down_delay=60)
    assert run(policy, count(15.0, 15.0), [5] * 6) == [6, 6, 6, 1, 1, 1]


def test_min_above_max_is_refused() -> None:
    with pytest.raises(ValueError, match=r"min \(6\) is above max \(5\)"):
        TargetConcurrency(target=1, min=6, max=5)
    with pytest.raises(ValueError, match=r"start \(6\) is above max \(5\)"):
        TargetConcurrency(target=1, max=5, start=6)


@pytest.mark.parametrize(("hour", "replicas"), [(0, 2), (7.9, 2), (8, 6), (19, 6), (21, 2), (32, 6)])
def test_a_timetable_holds_every_day_and_over_midnight(hour: float, replicas: int) -> None:
    policy = Schedule(steps=(Step(at=20 * 3600, replicas=2), Step(at=8 * 3600, replicas=6)))
    assert run(policy, [hour * 3600], [0]) == [replicas]
    assert policy.initial() == 2


def test_fixed_is_fixed() -> None:
    assert run(Fixed(replicas=7), [1e6], [1e6]) == [Fixed(replicas=7).initial()] == [7]


def test_the_token_budget_must_exceed_the_sequences() -> None:
    with pytest.raises(ValueError, match="must exceed max_num_seqs"):
        Batching(max_num_seqs=256, max_num_batched_tokens=256)


def test_a_cold_start_adds_up() -> None:
    start = Startup(node=100, image=50, weights=2e9, engine=30)
    assert start.seconds(16e9, new_node=True) == 100 + 50 + 8 + 30
    assert start.seconds(16e9, new_node=False) == 8 + 30
