"""Application Auto Scaling against the worked examples of its user guide."""

from typing import Any

import pytest
from support.vectors import Case, cases, document

from simcost.plan.autoscaling import AwsScaling, Observation
from simcost.plan.autoscaling.aws import StepAdjustment, StepScaling, adjusted

OUT = (
    StepAdjustment(lower=0, upper=10, adjustment=0),
    StepAdjustment(lower=10, upper=20, adjustment=10),
    StepAdjustment(lower=20, adjustment=30),
)
IN = (
    StepAdjustment(lower=-10, upper=0, adjustment=0),
    StepAdjustment(lower=-20, upper=-10, adjustment=-10),
    StepAdjustment(upper=-20, adjustment=-30),
)


@pytest.mark.parametrize("case", cases("aws_step_scaling", "rounding_cases"))
def test_rounding(case: Case) -> None:
    got = adjusted(case["capacity"], case["adjustment"], case["adjustment_type"], case["min_adjustment_magnitude"])
    assert got == case["expected_capacity"]


@pytest.mark.parametrize(("least", "capacity"), [(0, 0), (3, 3)])
def test_percent_of_no_capacity_is_none_unless_a_least_change_is_stated(least: int, capacity: int) -> None:
    """50 % of 0 is 0, which is not between 0 and 1, and so not rounded to 1."""
    assert adjusted(0, 50, "PercentChangeInCapacity", least) == capacity


@pytest.mark.parametrize("case", cases("aws_step_scaling", "step_selection_cases"))
def test_selection_of_a_step(case: Case) -> None:
    distance = case["metric"] - case["breach_threshold"]
    steps = OUT if distance >= 0 else IN
    (step,) = [one for one in steps if one.covers(distance)]
    assert step.adjustment == case["expected_step_percent"]


def test_within_the_cooldown_only_the_excess_is_added() -> None:
    case = document("aws_step_scaling")["cooldown_case"]
    steps = (
        StepAdjustment(lower=0, upper=10, adjustment=case["first"]),
        StepAdjustment(lower=10, adjustment=case["second"]),
    )
    policy = AwsScaling(max=20, policies=(StepScaling(metric="queue", threshold=50, steps=steps),))
    first = policy.step(60.0, Observation(current=4, ready=4, totals={"queue": 55}), policy.fresh())
    assert first.desired == 4 + case["first"]
    look = Observation(current=first.desired, ready=4, totals={"queue": 65})
    second = policy.step(120.0, look, first.state)
    assert second.desired - first.desired == case["expected_added_on_second"]
    later = policy.step(120.0 + 301, Observation(current=7, ready=7, totals={"queue": 65}), second.state)
    assert later.desired == 7 + case["second"]


@pytest.mark.parametrize(("comparison", "value", "desired"), [("<=", 3, 9), ("<", 3, 10), ("<", 2, 9), (">=", 3, 10)])
def test_a_value_at_the_threshold_is_in_the_step_that_ends_there(comparison: Any, value: float, desired: int) -> None:
    """The guide: greater than 40 and less than or equal to 50 is a lower bound of -10 and an upper bound of 0."""
    steps = (StepAdjustment(lower=-10, upper=0, adjustment=-1), StepAdjustment(upper=-10, adjustment=-5))
    scaling = StepScaling(metric="queue", threshold=3, comparison=comparison, steps=steps)
    policy = AwsScaling(max=20, policies=(scaling,))
    seen = Observation(current=10, ready=10, totals={"queue": value})
    assert policy.step(60.0, seen, policy.fresh()).desired == desired


def test_an_alarm_of_some_datapoints_of_its_periods() -> None:
    steps = (StepAdjustment(lower=0, adjustment=1),)
    acted = {}
    for datapoints in (None, 2):
        scaling = StepScaling(metric="queue", threshold=5, steps=steps, periods=3, datapoints=datapoints)
        policy = AwsScaling(max=20, policies=(scaling,))
        state, acted[datapoints] = policy.fresh(), []
        for minute, value in enumerate([1, 9, 2, 9, 9, 9, 1, 1]):
            seen = Observation(current=4, ready=4, totals={"queue": value})
            decision = policy.step(minute * 60.0, seen, state)
            state = decision.state
            acted[datapoints] += [minute] if decision.desired > 4 else []
    assert acted[None] == [5]
    assert acted[2][0] == 3
    with pytest.raises(ValueError, match=r"datapoints \(4\) are more than periods \(3\)"):
        StepScaling(metric="queue", threshold=5, steps=steps, periods=3, datapoints=4)
