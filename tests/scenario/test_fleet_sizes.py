"""Replicas that a policy has at all times: no more than it has at the start, while idle or while it is paused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.commands import call, scenario

from simcost.plan import Fixed
from simcost.plan.autoscaling.keda import Keda, MetricTrigger
from simcost.plan.autoscaling.simple import Schedule, Step, TargetConcurrency
from simcost.scenario.runs.fleet_sizes import always_there
from simcost.scenario.runs.resolve import ResolvedPlan

IDLE = """\
scenario: idle
model: llama-3.2-1b
horizon: 2h
seeds: 2
workload: {kind: synthetic, rate: 0.001/s, lengths: {prompt_median: 100, output_median: 20}}
slo: {e2e: 30min, attainment: 50%}
plans:
  - name: own
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 2}
vary:
  - - {scaling: {kind: fixed, replicas: 2}}
    - {scaling: {kind: fixed, replicas: 3}}
    - {name: keda, scaling: {kind: keda, min: 4, max: 5, idle: 0, start: 0, cooldown: 30s, triggers: TRIGGERS}}
"""
TRIGGERS = (MetricTrigger(name="in_flight", threshold=100.0),)


@pytest.mark.parametrize(
    ("scaling", "replicas"),
    [
        (Fixed(replicas=3), 3.0),
        (TargetConcurrency(target=4.0, min=3, max=4), 3.0),
        (TargetConcurrency(target=4.0, min=3, max=4, start=1), 1.0),
        (TargetConcurrency(target=4.0, min=3, max=4, start=4), 3.0),
        (Keda(min=3, triggers=TRIGGERS), 3.0),
        (Keda(min=3, idle=0, triggers=TRIGGERS), 0.0),
        (Keda(min=3, paused_replicas=2, triggers=TRIGGERS), 2.0),
        (Schedule(steps=(Step(at=0.0, replicas=4), Step(at=32400.0, replicas=2))), 2.0),
    ],
)
def test_no_policy_has_more_at_all_times_than_it_may_have_at_some_time(scaling: Any, replicas: float) -> None:
    plan = cast("ResolvedPlan", SimpleNamespace(pool=SimpleNamespace(scaling=scaling)))
    assert always_there(plan) == replicas


@pytest.mark.slow
def test_a_policy_that_idles_below_its_least_number_is_not_taken_to_cost_that_number(tmp_path: Path) -> None:
    """Two replicas were the cheapest plan, four the least of KEDA: it was left out, and cost a third of them."""
    text = IDLE.replace("TRIGGERS", "[{kind: metric, name: in_flight, threshold: 100}]")
    said = call("optimize", scenario(tmp_path, text=text), "--json", "--quiet", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert said.document()["best"]["name"].startswith("keda")
