"""Policies that never leave 0 replicas are told."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.plan.autoscaling import Observation, Replicas
from simcost.scenario.checks.load import load
from simcost.scenario.runs.resolve import settle

ONE = "scaling: {kind: fixed, replicas: 1}"
AT_ZERO = {
    "METRIC": "{type: External, name: in_flight, target_type: AverageValue, target: 4}",
    "PODS": "{type: Pods, name: running, target_type: AverageValue, target: 4}",
    "TRACKING": "{kind: target-tracking, metric: in_flight, target: 4}",
    "STEPS": "metric: in_flight, threshold: 4, steps: [{lower: 0, adjustment: 1}]",
    "WVA": "{type: External, name: wva_desired_replicas, target_type: AverageValue, target: 1}",
}


@pytest.mark.parametrize(
    ("scaling", "told"),
    [
        ("{kind: hpa, max: 3, start: 0, metrics: [METRIC]}", True),
        ("{kind: hpa, max: 3, min: 0, metrics: [METRIC]}", False),
        ("{kind: hpa, max: 3, min: 0, metrics: [PODS]}", True),
        ("{kind: hpa, max: 3, min: 0, metrics: [PODS, METRIC]}", False),
        ("{kind: hpa, max: 3, metrics: [PODS]}", False),
        ("{kind: aws, max: 3, min: 0, policies: [TRACKING]}", True),
        ("{kind: aws, max: 3, start: 0, policies: [TRACKING]}", False),
        ("{kind: aws, max: 3, min: 0, policies: [TRACKING, {kind: step-scaling, STEPS}]}", False),
        ("{kind: aws, max: 3, min: 0, policies: [{kind: step-scaling, type: PercentChangeInCapacity, STEPS}]}", True),
        ("{kind: dynamo, start: 0}", True),
        ("{kind: dynamo, start: 0, target: sla, engine_rps: 2}", False),
        ("{kind: wva, min: 0, max: 3}", True),
        ("{kind: wva, start: 0, max: 3}", False),
        ("{kind: keda, max: 3, triggers: [{kind: metric, name: in_flight, threshold: 1}]}", False),
        ("{kind: ray-serve, min: 0, max: 3, upscale_delay: 0s}", False),
        ("{kind: kpa, initial_scale: 0, max: 3}", False),
        ("{kind: chain, first: {kind: wva, min: 0, max: 3}, then: {kind: hpa, min: 0, max: 3, metrics: [WVA]}}", True),
        ("{kind: chain, first: {kind: wva, max: 3}, then: {kind: hpa, min: 0, max: 3, metrics: [WVA]}}", False),
    ],
)
def test_a_policy_that_never_leaves_zero_replicas_is_told(tmp_path: Path, scaling: str, told: bool) -> None:
    """And never leaves them indeed, while 40 requests wait."""
    for name, text in AT_ZERO.items():
        scaling = scaling.replace(name, text)
    plan = settle(load(write(tmp_path, (ONE, f"scaling: {scaling}"))), seed=None, seeds=None).plans[0]
    assert any("It never leaves 0 replicas" in note for note in plan.notes) == told
    policy = plan.pool.scaling
    if policy.smallest() > 0:
        return
    state, current = policy.fresh(), 0
    names = ("in_flight", "requests_per_s")
    for look in range(400):
        seen = Observation(current=current, ready=0, totals=dict.fromkeys(names, 40.0), replicas=Replicas.all_ready({}))
        current, _, state = policy.step(look * policy.interval, seen, state)
        if current:
            break
    assert (current == 0) == told
