"""Policies that take means or maxima over time read all of a recording, not what is there when they decide."""

from math import fsum
from typing import Any

import numpy as np
import pytest

from simcost.plan.autoscaling import AwsScaling, Chain, DynamoPlanner, Hpa, Keda, Kpa, Signal, Wva
from simcost.plan.autoscaling.aws import TargetTracking
from simcost.plan.autoscaling.hpa import Metric
from simcost.plan.autoscaling.keda import MetricTrigger
from simcost.plan.autoscaling.replay import replay
from simcost.trace.metrics import Recording

LOADS = np.random.default_rng(5).integers(0, 100, 240).astype(float)


def panic_means(policy: Kpa, times: Any, values: Any) -> dict[float, float]:
    found = replay(policy, Recording.table(times, {"in_flight": values}))
    return {t: float(why.split("and ")[1].split()[0]) for t, why in zip(found.time_s, found.reason, strict=True)}


@pytest.mark.parametrize("first_s", [0, 15])
def test_knative_counts_each_second_of_a_recording_once(first_s: int) -> None:
    """The panic window of 6 s holds the samples of the last 6 seconds: none twice, none early."""
    times = np.arange(len(LOADS)) + first_s
    found = panic_means(Kpa(target=10, max=50), times, LOADS)
    assert list(found) == list(times[::2])
    for tick in times[6::2]:
        last = LOADS[tick - first_s - 5 : tick - first_s + 1]
        assert found[float(tick)] == pytest.approx(last.mean(), rel=1e-3), tick


def test_knative_sees_a_step_from_its_own_second_on() -> None:
    times = np.arange(0, 60, 10)
    found = panic_means(Kpa(target=10, max=50), times, np.where(times < 30, 0.0, 60.0))
    assert [found[tick] for tick in (28.0, 30.0, 32.0, 34.0)] == [0, 10, 30, 50]


def test_a_mean_over_time_is_taken_of_a_recorded_gauge() -> None:
    source = (Signal(name="waiting", window=60, metric="vllm:num_requests_waiting"),)
    times, values = np.arange(0, 600, 15), np.where(np.arange(40) % 4, 0.0, 80.0)
    for policy in (
        Hpa(max=9, metrics=(Metric(type="External", name="m", target_type="Value", target=9, source=source),)),
        Keda(max=9, triggers=(MetricTrigger(name="m", threshold=9, source=source),)),
    ):
        for name in ("vllm:num_requests_waiting", "waiting", "tgi_queue_size"):
            found = replay(policy, Recording.table(times, {name: values}))
            assert set(found.totals["m"][4:].tolist()) == {20.0}, name
        as_the_query_gives_it = replay(policy, Recording.table(times, {"m": values}))
        assert set(as_the_query_gives_it.totals["m"].tolist()) == {0.0, 80.0}


def test_a_datapoint_of_an_alarm_is_the_mean_of_its_period() -> None:
    tracking = TargetTracking(metric="m", target=25, high_periods=1)
    times, values = np.arange(0, 300, 15), np.where(np.arange(20) % 4, 20.0, 100.0)
    found = replay(AwsScaling(max=9, policies=(tracking,)), Recording.table(times, {"m": values}))
    assert found.time_s.tolist() == [0, 60, 120, 180, 240]
    seen = [reason.split("m ")[1].split(",")[0] for reason in found.reason[:2]]
    assert [float(one) for one in seen] == [100, 40], "the first of what is there then, the next of its whole minute"


def test_datapoints_that_are_recorded_stay_as_they_are() -> None:
    """A recording of one datapoint a minute, as CloudWatch exports them."""
    tracking = TargetTracking(metric="m", target=1, high_periods=1)
    values = np.random.default_rng(2).integers(50, 90, 20).astype(float)
    found = replay(AwsScaling(max=99, policies=(tracking,)), Recording.table(np.arange(20) * 60, {"m": values}))
    seen = [float(reason.split("m ")[1].split(",")[0]) for reason in found.reason]
    assert seen == [values[0], *values[:-1]]


def test_dynamo_takes_the_requests_of_the_whole_interval() -> None:
    planner = DynamoPlanner(target="sla", engine_rps=1.0, throughput_interval=180, max_gpu_budget=-1, start=1)
    times = np.arange(0, 400, 5)
    rates = np.where(times % 180 == 0, 8.0, 2.0)
    found = replay(planner, Recording.table(times, {"requests_per_s": rates}))
    mean = fsum([8.0] + [2.0] * 35) / 36
    assert found.totals["requests_per_s"][found.time_s == 180].tolist() == [pytest.approx(mean)]
    assert planner.by_replica() == frozenset()


def test_wva_sees_the_peaks_of_the_last_minute() -> None:
    policy = Wva(max=9)
    assert {(signal.window, signal.over_time) for source in policy.reads().values() for signal in source} == {
        (60.0, "max")
    }
    times = np.arange(0, 240, 15)
    kv = np.where(times == 60, 0.9, 0.2)[:, None]
    found = replay(policy, Recording.table(times, {"kv_utilisation": kv, "waiting": np.zeros_like(kv)}))
    assert [t for t, why in zip(found.time_s, found.reason, strict=True) if why.startswith("Saturated")] == [
        60,
        75,
        90,
        105,
    ]


def test_alarms_are_due_at_steps_only_and_their_metrics_are_there_by_then() -> None:
    def of(*periods_s: float) -> AwsScaling:
        return AwsScaling(max=9, policies=tuple(TargetTracking(metric="m", target=1, period=p) for p in periods_s))

    assert [of(60, 90).interval, of(10).interval] == [30, 10]
    assert [of(60, 90).scrape_s, of(120).scrape_s, of(60, 10).scrape_s] == [60, 60, 10]


def keda(polling: float) -> Keda:
    source = (Signal(name="waiting"),)
    return Keda(min=1, max=20, polling=polling, triggers=(MetricTrigger(name="w", threshold=10, source=source),))


def test_what_was_asked_for_stands_until_something_else_is() -> None:
    """Recorded replicas that do not follow: the same HPA asks for the same, however often KEDA looks."""
    recording = Recording.table(np.arange(0, 1800, 15), {"waiting": [100] * 120, "replicas": [5] * 120})
    for policy in (
        keda(30),
        keda(10),
        DynamoPlanner(target="sla", engine_rps=2, throughput_interval=60, max_gpu_budget=-1, start=1),
        Chain(first=Wva(max=20, interval=20), then=keda(30), publishes="w"),
    ):
        table = recording
        if policy.kind != "keda":
            values = {"requests_per_s": [20] * 120, "kv_utilisation": [[0.95] * 5] * 120, "waiting": [[9.0] * 5] * 120}
            table = Recording.table(np.arange(0, 1800, 15), {**values, "replicas": [5] * 120})
        found = replay(policy, table)
        first = next(i for i, wanted in enumerate(found.desired) if wanted != 5)
        assert len(set(found.desired[first:].tolist())) == 1, policy.kind
