"""Policies for more or fewer replicas."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.plan import Fixed, Schedule, TargetConcurrency
from simcost.plan.autoscaling import Kpa, Step
from simcost.plan.replica_counts import largest, sized

POLICIES = [
    Fixed(replicas=3),
    Schedule(steps=(Step(at=0.0, replicas=2), Step(at=3600.0, replicas=6), Step(at=7200.0, replicas=0))),
    TargetConcurrency(target=8, min=2, max=6, start=3),
    Kpa(min=0, max=10),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.kind)
@given(st.integers(1, 10_000))
def test_the_largest_count_is_as_asked_and_the_others_keep_their_share(policy: object, most: int) -> None:
    grown = sized(policy, most)
    assert largest(grown) == most
    assert sized(policy, largest(policy)) == policy
    share = most / largest(policy)
    if isinstance(policy, TargetConcurrency):
        assert share * policy.min <= grown.min < share * policy.min + 1
        assert (grown.target, grown.window) == (policy.target, policy.window)
    if isinstance(policy, Schedule):
        assert [step.replicas for step in grown.steps][2] == 0


def test_a_budget_of_gpus_is_no_number_of_replicas() -> None:
    @dataclass(frozen=True)
    class Budget:
        kind: str = "budget"
        gpus: int = 8

    with pytest.raises(InputError, match="scales by 'budget' cannot be made larger or smaller"):
        largest(Budget())
