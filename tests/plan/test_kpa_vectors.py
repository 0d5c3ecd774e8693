"""Knative's autoscaler against the cases of its own tests."""

from dataclasses import replace

import pytest
from support.vectors import Case, cases

from simcost.plan.autoscaling import Observation
from simcost.plan.autoscaling.kpa import Decider, Kpa, Panic, decide, fresh
from simcost.plan.autoscaling.kpa_reconciler import RevisionLimits, Status, apply
from simcost.plan.autoscaling.policy import ns

FIELDS = {
    "target_value": "target",
    "total_value": "total",
    "stable_window_s": "window_s",
    "scale_down_delay_s": "scale_down_delay_s",
}


def fields(spec: Case) -> Case:
    return {FIELDS.get(name, name): value for name, value in spec.items()}


@pytest.mark.parametrize("case", cases("kpa_autoscaler"))
def test_wanted_replicas(case: Case) -> None:
    decider = Decider(**fields(case["spec"]))
    state = fresh(case["ready_at_creation"], 0)
    if preset := case.get("preset_state"):
        state = Panic(since_ns=-ns(preset["panic_started_s_ago"]), most=preset["max_panic_pods"], delayed=[])
    for step in case["steps"]:
        decider = replace(decider, **fields(step.get("spec_update_before", {})))
        wanted = decide(decider, ns(step["t_s"]), step["stable"], step["panic"], step["ready_pods"], state)
        state, expected = wanted.panic, step["expected"]
        assert wanted.replicas == expected["desired_pods"]
        if "excess_burst_capacity" in expected:
            assert abs(wanted.excess_burst_capacity - expected["excess_burst_capacity"]) <= 1
        if "panicking" in expected:
            assert (state["since_ns"] is not None) == expected["panicking"]


@pytest.mark.parametrize("case", cases("kpa_autoscaler"))
def test_a_new_autoscaler(case: Case) -> None:
    for expected in case.get("expected_at_creation", []):
        state = fresh(expected["ready"], 5)
        assert (state["since_ns"] is not None) == expected["panicking"]
        assert state["most"] == expected["max_panic_pods"]


@pytest.mark.parametrize("case", cases("kpa_autoscaler", "invalid_cases"))
def test_without_data_nothing_changes(case: Case) -> None:
    assert case["expected"]["valid"] is False
    policy = Kpa()
    seen = Observation(current=3, ready=3)
    assert policy.step(0.0, seen, policy.fresh()).desired == 3


def test_no_replica_goes_before_requests_would_find_the_activator() -> None:
    bounds = RevisionLimits(
        min_scale=0,
        max_scale=0,
        initial_scale=1,
        to_zero=True,
        window_s=60.0,
        grace_s=30.0,
        retention_s=0.0,
        progress_deadline_s=600.0,
        always_proxied=False,
    )
    direct: Status = {"activity": "inactive", "since_ns": 0, "initialized": True, "proxied_since_ns": None}
    assert not any(apply(bounds, ns(60.0 * minute), 0, direct).applied for minute in range(60))
    proxied: Status = {**direct, "proxied_since_ns": ns(600.0)}
    gone = [apply(bounds, ns(second), 0, proxied).applied for second in (600.0, 629.0, 630.0)]
    assert gone == [True, True, True]  # inactive for the grace period already
    recent: Status = {**proxied, "since_ns": ns(600.0)}
    assert [apply(bounds, ns(second), 0, recent).applied for second in (600.0, 629.0, 630.0)] == [False, False, True]
