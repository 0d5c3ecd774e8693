"""No policy of any kind ever asks for fewer replicas than the fewest that it names, nor begins with fewer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.random_policies import policies, seen_at

from simcost.plan.autoscaling import Scaling


def fewest(policy: Scaling, seed: int, looks: int) -> int:
    """The fewest replicas asked for, from the start on; each decision is what is seen next."""
    rng = np.random.default_rng(seed)
    state, current = policy.fresh(), policy.initial()
    least, begins_s = current, float(rng.choice([0.0, 7.3]))
    for look in range(looks):
        now_s = begins_s + look * min(policy.interval, 60.0)
        current, _, state = policy.step(now_s, seen_at(now_s, current, rng), state)
        least = min(least, current)
    return least


@settings(max_examples=25)
@given(policy=policies, seed=st.integers(0, 2**32 - 1))
def test_no_policy_asks_for_fewer_than_it_says(policy: Scaling, seed: int) -> None:
    assert fewest(policy, seed, looks=30) >= policy.smallest()


@pytest.mark.slow
@settings(max_examples=3000)
@given(policy=policies, seed=st.integers(0, 2**32 - 1))
def test_no_policy_of_many_asks_for_fewer_than_it_says(policy: Scaling, seed: int) -> None:
    assert fewest(policy, seed, looks=60) >= policy.smallest()
