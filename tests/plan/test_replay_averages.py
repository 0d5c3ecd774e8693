"""Recorded metrics that average over the pool, and those of clouds that are of one replica."""

import pytest

from simcost.plan.autoscaling import AwsScaling, Hpa, Signal
from simcost.plan.autoscaling.aws import TargetTracking
from simcost.plan.autoscaling.hpa import Metric
from simcost.plan.autoscaling.replay import replay
from simcost.scenario.manifests.promql import parse_promql
from simcost.trace.metrics import Recording

WAITING = (Signal(name="waiting", metric="vllm:num_requests_waiting"),)


def desired(kind: str, target: str, **recorded: float) -> int:
    metric = Metric(type=kind, name="w", target_type=target, target=5, source=WAITING)  # type: ignore[arg-type]
    columns = {name: [value, value] for name, value in recorded.items()}
    return int(replay(Hpa(max=20, metrics=(metric,)), Recording.table([0, 15], columns)).desired[0])


@pytest.mark.parametrize(("kind", "target"), [("Pods", "AverageValue"), ("External", "AverageValue")])
def test_a_recorded_mean_is_what_each_replica_has(kind: str, target: str) -> None:
    """10 waiting on each of 4 replicas at 5 each are 8, as 40 in all are."""
    assert desired(kind, target, replicas=4, inference_pool_average_queue_size=10) == 8
    assert desired(kind, target, replicas=4, waiting=40) == 8


def test_a_mean_of_the_pool_is_one_series() -> None:
    for query in ("inference_pool_average_queue_size", "sum(inference_pool_average_queue_size)"):
        found = parse_promql(query)
        assert (found.several, found.source[0].over) == ("", "mean")


def test_metrics_as_cloudwatch_names_them() -> None:
    source = (Signal(name="requests_per_s", over="mean", scale=60.0),)
    tracking = TargetTracking(metric="SageMakerVariantInvocationsPerInstance", target=300, source=source)
    recorded = Recording.table([60.0 * k for k in range(6)], {"InvocationsPerInstance": [900] * 6})
    assert replay(AwsScaling(max=8, policies=(tracking,)), recorded).totals[tracking.metric][0] == 900
