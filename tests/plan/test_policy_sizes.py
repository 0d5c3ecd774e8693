"""Policies for more or fewer replicas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.plan import Fixed, Schedule, TargetConcurrency
from simcost.plan.autoscaling import DynamoPlanner, Kpa, Scaling, Step

POLICIES: list[Scaling] = [
    Fixed(replicas=3),
    Schedule(steps=(Step(at=0.0, replicas=2), Step(at=3600.0, replicas=6), Step(at=7200.0, replicas=0))),
    TargetConcurrency(target=8, min=2, max=6, start=3),
    Kpa(min=0, max=10),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.kind)
@given(st.integers(1, 10_000))
def test_the_largest_count_is_as_asked_and_the_others_keep_their_share(policy: Scaling, most: int) -> None:
    grown = policy.sized(most)
    assert grown.largest() == most
    assert policy.sized(policy.largest()) == policy
    share = most / policy.largest()
    if isinstance(policy, TargetConcurrency):
        assert share * policy.min <= grown.min < share * policy.min + 1
        assert (grown.target, grown.window) == (policy.target, policy.window)
    if isinstance(policy, Schedule):
        assert [step.replicas for step in grown.steps][2] == 0


def test_a_budget_of_gpus_is_no_number_of_replicas() -> None:
    with pytest.raises(InputError, match="scales by 'dynamo' cannot be made larger or smaller"):
        DynamoPlanner(max_gpu_budget=8).largest()
