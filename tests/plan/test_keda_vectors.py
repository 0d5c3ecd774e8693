"""KEDA's activation loop against the cases of its own tests."""

import pytest
from support.vectors import Case, cases

from simcost.plan.autoscaling.keda_executor import Activity, ScaleLimits, execute
from simcost.plan.autoscaling.policy import ns

NOW_S = 1e6
ON = "autoscaling.keda.sh/"


def check(case: Case) -> None:
    notes = case.get("annotations", {})
    limits = ScaleLimits(
        least=case["min_replica_count"] or 0,
        idle=case["idle_replica_count"],
        fallback=None,
        cooldown_s=300 if case["cooldown_period_s"] is None else case["cooldown_period_s"],
        initial_cooldown_s=0,
        paused=f"{ON}paused-replicas" in notes,
        no_scale_in=f"{ON}paused-scale-in" in notes,
        no_scale_out=f"{ON}paused-scale-out" in notes,
        forced=f"{ON}force-activation" in notes,
    )
    age_s = case["last_active_age_s"]
    state = Activity(created_ns=0, last_active_ns=None if age_s is None else ns(NOW_S - age_s))
    error = case.get("trigger_error", False)
    done = execute(limits, ns(NOW_S), case["current_replicas"], case["triggers_active"], error, state)
    assert done.replicas == case["expected"]["replicas_after"]
    assert done.active == case["expected"].get("active_condition", done.active)


@pytest.mark.parametrize("case", cases("keda_executor"))
def test_a_pass(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", cases("keda_executor", "derived_cases"))
def test_a_pass_by_its_source(case: Case) -> None:
    check(case)
