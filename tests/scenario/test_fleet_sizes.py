"""Replicas that a policy has at all times: no more than it has at the start, while idle or while it is paused; and the
numbers by which one plan is known to serve no better than another.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.commands import call, scenario

from simcost.plan import Fixed
from simcost.plan.autoscaling import Chain, DynamoPlanner, Hpa, Kpa, Wva
from simcost.plan.autoscaling.hpa import Metric
from simcost.plan.autoscaling.keda import Keda, MetricTrigger
from simcost.plan.autoscaling.simple import Schedule, Step, TargetConcurrency
from simcost.plan.autoscaling.wva import PUBLISHED
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.runs.fleet_sizes import always_there, counts_of, sizes_of
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
BUSY = """\
scenario: busy
model: llama-3.2-1b
horizon: 2h
seeds: 2
workload: {kind: synthetic, rate: 30/s, lengths: {prompt_median: 1000, output_median: 200}}
slo: {ttft: 1s, attainment: 90%}
plans:
  - name: keda
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: keda, min: 1, max: 12, idle: 0, start: 2, cooldown: 30s, triggers: TRIGGERS}
vary: [{path: scaling.min, values: [2, 10]}]
"""
TRIGGERS = (MetricTrigger(name="in_flight", threshold=100.0),)
FOLLOWER = Hpa(min=2, max=9, metrics=(Metric(type="External", name=PUBLISHED, target_type="AverageValue", target=1),))


def with_scaling(scaling: Any) -> ResolvedPlan:
    return cast("ResolvedPlan", SimpleNamespace(pool=SimpleNamespace(scaling=scaling), other_pools=()))


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
        (DynamoPlanner(min_endpoint=2), 2.0),
        (DynamoPlanner(min_endpoint=2, start=1), 1.0),
        (Chain(first=Wva(max=9), then=FOLLOWER), 2.0),
    ],
)
def test_no_policy_has_more_at_all_times_than_it_may_have_at_some_time(scaling: Any, replicas: float) -> None:
    assert always_there(with_scaling(scaling)) == replicas


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        (Fixed(replicas=2), Fixed(replicas=3)),
        (Keda(min=2, max=9, idle=0, triggers=TRIGGERS), Keda(min=6, max=9, idle=0, triggers=TRIGGERS)),
        (TargetConcurrency(target=4, min=2, max=9, start=0), TargetConcurrency(target=4, min=6, max=9, start=0)),
        (TargetConcurrency(target=4, min=6, max=9, start=3), TargetConcurrency(target=4, min=6, max=9)),
        (Kpa(max=5), Kpa(max=0)),
        (DynamoPlanner(min_endpoint=3, start=1), DynamoPlanner(min_endpoint=3)),
    ],
)
def test_a_policy_with_more_replicas_is_not_taken_to_serve_no_better(smaller: Any, larger: Any) -> None:
    """A miss of the smaller one says nothing about the larger one; the other way round it does."""
    few, many = with_scaling(smaller), with_scaling(larger)
    counts = [counts_of(plan, most_replicas(plan.pool.scaling)) for plan in (few, many)]
    for less, more in (counts, (sizes_of(few), sizes_of(many))):
        assert len(less) == len(more)
        assert all(one <= other for one, other in zip(less, more, strict=True))
        assert less != more


@pytest.mark.slow
def test_a_policy_that_idles_below_its_least_number_is_not_taken_to_cost_that_number(tmp_path: Path) -> None:
    """Two replicas were the cheapest plan, four the least of KEDA: it was left out, and cost a third of them."""
    text = IDLE.replace("TRIGGERS", "[{kind: metric, name: in_flight, threshold: 100}]")
    said = call("optimize", scenario(tmp_path, text=text), "--json", "--quiet", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert said.document()["best"]["name"].startswith("keda")


@pytest.mark.slow
def test_a_miss_of_few_replicas_in_use_leaves_out_no_plan_with_more_of_them(tmp_path: Path) -> None:
    """With 2 replicas while requests come the SLO is missed, with 10 met: all idle at 0, and none was tried after 2."""
    text = BUSY.replace("TRIGGERS", "[{kind: metric, name: in_flight, threshold: 100}]")
    said = call("optimize", scenario(tmp_path, text=text), "--json", "--quiet", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert said.document()["best"]["name"] == "keda, min 10"
