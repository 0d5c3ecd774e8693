"""Replaying a recording: the pipeline shows what a slow reading of the rows shows, and policies decide on that."""

from math import isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.errors import InputError
from simcost.plan.autoscaling import Hpa, Keda, Kpa, Observation, RayServe, Replicas, Signal
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
from simcost.plan.autoscaling.keda import CronTrigger, MetricTrigger
from simcost.plan.autoscaling.recorded_metrics import pipeline_of
from simcost.plan.autoscaling.replay import replay
from simcost.trace.metrics import PHASES, Recording

W = Metric(type="Pods", name="w", target_type="AverageValue", target=10)
TOTAL = Metric(type="External", name="w", target_type="AverageValue", target=10)
CPU = Metric(type="Resource", name="cpu", target_type="Utilization", target=50)
TICK_S = 15


def hpa(*metrics: Metric, **options: Any) -> Hpa:
    return Hpa(min=1, max=50, metrics=metrics, **options)


Row = tuple[int, str, str, float | None, int | None, int | None]
"""Tick, pod, metric, value, readiness and phase."""


def recording(rows: list[Row]) -> Recording:
    rows = sorted(rows, key=lambda row: row[0])
    names, metrics = sorted({row[1] for row in rows} - {""}), sorted({row[2] for row in rows})
    columns = list(zip(*rows, strict=True))
    said = {
        name: np.array([nan if each is None else each for each in columns[i]], float)
        for name, i in (("ready", 4), ("phase", 5))
    }
    return Recording(
        time_ns=np.array(columns[0]) * TICK_S * 10**9,
        pod=np.array([names.index(pod) if pod else -1 for pod in columns[1]]),
        metric=np.array([metrics.index(metric) for metric in columns[2]]),
        value=np.array([nan if value is None else value for value in columns[3]], float),
        failed=np.zeros(len(rows), bool),
        pods=tuple(names),
        metrics=tuple(metrics),
        said=said,
    )


CELLS = st.tuples(
    st.integers(1, 12),
    st.sampled_from(["a", "b", "c", ""]),
    st.sampled_from("wq"),
    st.none() | st.floats(0, 100),
    st.none() | st.sampled_from([0, 1, -1]),
    st.none() | st.integers(0, 4),
)
ROWS = st.lists(CELLS, min_size=1, max_size=60, unique_by=lambda row: row[:3])
FIRST: list[Row] = [
    (0, "a", "w", 1.0, None, None),
    (0, "", "q", 1.0, None, None),
    (1, "a", "w", 2.0, None, None),
]


def slowly(rows: list[Row], tick: int, stands: float) -> dict[str, Any] | None:
    """What is seen at a tick, pod by pod and row by row; samples stand for so many ticks."""
    so_far = [row for row in rows if row[0] <= tick]
    if not any(tick - row[0] < stands for row in so_far):
        return None
    pods: dict[str, dict[str, Any]] = {}
    for pod in sorted({row[1] for row in so_far} - {""}):
        own = [row for row in so_far if row[1] == pod]
        if not any(tick - row[0] < stands for row in own):
            continue
        ready, changed = 1, None
        for row in own:
            if row[4] is not None and row[4] != ready:
                ready, changed = row[4], row[0]
        phase = next((row[5] for row in reversed(own) if row[5] is not None), 1)
        values = {}
        for name in "wq":
            newest = [row for row in own if row[2] == name and tick - row[0] < stands][-1:]
            values[name] = newest[0][3] if newest and newest[0][3] is not None else None
        pods[pod] = {"ready": ready, "changed": changed, "phase": phase, "values": values, "first": own[0][0]}
    totals = {}
    for name in "wq":
        of_pool = [row for row in so_far if row[1] == "" and row[2] == name]
        if any(row[1] == "" and row[2] == name for row in rows):
            fresh = [row for row in of_pool if tick - row[0] < stands][-1:]
            totals[name] = fresh[0][3] if fresh else None
        else:
            known = [pod["values"][name] for pod in pods.values() if pod["values"][name] is not None]
            totals[name] = sum(known) if known else None
    return {"pods": pods, "totals": totals}


@given(rows=ROWS)
def test_the_pipeline_is_a_slow_reading_of_the_rows(rows: list[Row]) -> None:
    rows = sorted(
        [*FIRST, *(row for row in rows if row[:3] != (1, "a", "w"))], key=lambda row: (row[0], row[1], row[2])
    )
    reads = {"w": (), "q": ()}
    stands = 2
    pipeline = pipeline_of(recording(rows), reads, valid_s=stands * TICK_S)
    for tick in range(15):
        seen, expected = pipeline.observe(tick * TICK_S * 10**9, 7), slowly(rows, tick, stands)
        assert (seen is None) == (expected is None)
        if seen is None or expected is None:
            continue
        assert {name: None if isnan(x) else x for name, x in seen.totals.items()} == pytest.approx(expected["totals"])
        pods = list(expected["pods"].values())
        assert seen.replicas is not None
        assert seen.replicas.deleting.tolist() == [pod["phase"] == 4 for pod in pods]
        assert [PHASES[code] for code in seen.replicas.phase] == [
            "running" if pod["phase"] == 4 else PHASES[pod["phase"]] for pod in pods
        ]
        assert seen.replicas.ready.tolist() == [pod["ready"] for pod in pods]
        alive = [pod for pod in pods if pod["phase"] in (0, 1)]
        assert (seen.current, seen.existing) == (len(alive), len(alive))
        assert seen.ready == sum(pod["ready"] == 1 and pod["phase"] == 1 for pod in alive)
        ages = seen.replicas.ages()
        for pod, age_s, ready_age_s in zip(pods, ages.age_s, ages.ready_age_s, strict=True):
            if pod["first"] >= stands:
                assert age_s == (tick - pod["first"]) * TICK_S
            else:
                assert age_s > 10**6
            if pod["changed"] is not None and pod["changed"] > pod["first"]:
                assert ready_age_s == (tick - pod["changed"]) * TICK_S


def test_a_closed_loop_is_the_policy_step_by_step() -> None:
    policy = hpa(TOTAL, behavior=Behavior(scale_up=Direction(policies=(ScalingRule(type="Pods", value=2, period=60),))))
    totals = [30.0 + 25 * np.sin(k / 9) for k in range(200)]
    found = replay(policy, Recording.table([15 * k for k in range(200)], {"w": totals}), start=3)
    current, state = 3, policy.fresh()
    for k, total in enumerate(totals):
        seen = Observation(current=current, ready=current, totals={"w": total})
        decision = policy.step(15.0 * k, seen, state)
        assert (found.current[k], found.desired[k], found.reason[k]) == (
            current,
            decision.desired,
            decision.reason,
        )
        current, state = decision.desired, decision.state
    assert len(set(found.desired.tolist())) > 3


def test_recorded_pods_are_seen_as_they_are() -> None:
    found = replay(hpa(W), Recording.table([0, 15, 30], {"w": [[20, 20], [20, nan], [5, 5]]}))
    assert found.current.tolist() == [2, 1, 2]
    assert found.desired.tolist() == [4, 4, 4]
    assert found.totals["w"].tolist() == [40, 20, 10]


def test_a_pod_without_a_sample_is_there_and_counts_as_missing() -> None:
    recorded = Recording.table([0, 15], {"w": [[20, 20], [20, nan]]}, said={"ready": [[1, 1], [1, 1]]})
    policy = hpa(W)
    alone = replay(policy, recorded)
    assert alone.current.tolist() == [2, 2]
    assert "1 without a sample" in alone.reason[1]


def test_young_pods_are_known_by_their_rows() -> None:
    """A pod that appears is young, so that its CPU is not believed for a while; those of the first rows are old."""
    times = list(range(0, 600, 15))
    cpu = [[0.5, nan] if t < 60 else [0.5, 2.0] for t in times]
    policy = hpa(CPU)
    unready = [[1, nan] if t < 60 else [1, 0 if t < 90 else 1] for t in times]
    found = replay(policy, Recording.table(times, {"cpu": cpu}, said={"ready": unready}, requests={"cpu": 1}))
    words = dict(zip(times, found.reason, strict=True))
    assert "unready" not in words[45]
    assert "cpu 50 %" in words[45]
    assert all("cpu 50 %" in words[t] for t in (60, 75)), "the new pod's 200 % are not believed"
    assert "cpu 125 %" in words[120]


@pytest.mark.parametrize("said", [{}, {"age_s": [[1e4], [1e4 + 15], [10]], "ready_age_s": [[1e4], [1e4 + 15], [10]]}])
def test_what_rows_say_of_a_pod_counts(said: dict[str, Any]) -> None:
    table = Recording.table([0, 15, 30], {"cpu": [[1.0], [1.0], [1.0]]}, said=said)
    pipeline = pipeline_of(table, {"cpu": ()})
    ages = [pods.ages().age_s[0] for k in range(3) if (pods := pipeline.observe(k * 15 * 10**9, 0).replicas)]  # type: ignore[union-attr]
    assert ages == ([1e4, 1e4 + 15, 10] if said else pytest.approx([2**60 / 1e9 + 15 * k for k in range(3)]))


def test_totals_are_shared_evenly_by_pods() -> None:
    """A metric of pods that is recorded as a total alone, next to the number of replicas."""
    table = Recording.table([0, 15], {"w": [60, 20], "replicas": [3, 4]})
    found = replay(hpa(W), table)
    assert found.current.tolist() == [3, 4]
    assert found.desired.tolist() == [6, 6]
    pods = Replicas.all_ready({"w": [20.0] * 3})
    assert hpa(W).step(0.0, Observation(current=3, ready=3, replicas=pods), hpa(W).fresh()).desired == 6


@pytest.mark.parametrize(
    ("signal", "recorded", "expected"),
    [
        (Signal(name="in_flight", over="mean"), {"in_flight": [60]}, 20.0),
        (Signal(name="in_flight", over="max"), {"running": [45], "waiting": [15]}, 20.0),
        (Signal(name="requests_per_s", over="mean", scale=60), {"requests_per_s": [3]}, 60.0),
        (Signal(name="waiting", over="mean"), {"vllm:num_requests_waiting": [60]}, 20.0),
        (Signal(name="in_flight"), {"in_flight": [60]}, 60.0),
        (Signal(name="in_flight", over="mean"), {"in_flight": [[60, 30, 0, nan]]}, 30.0),
        (Signal(name="in_flight", over="mean"), {"m": [60]}, 60.0),
        (Signal(name="waiting", over="mean"), {"inference_pool_average_queue_size": [60]}, 60.0),
        (Signal(name="kv_utilisation", over="mean"), {"kv_utilisation": [0.6]}, 0.6),
        (Signal(name="ttft_p95_s", over="mean"), {"ttft_p95_s": [0.6]}, 0.6),
    ],
)
def test_a_mean_over_replicas_of_a_total_is_the_share_of_a_ready_one(
    signal: Signal, recorded: dict[str, Any], expected: float
) -> None:
    """Unless the total is a mean already, or is recorded under the name of the metric itself."""
    metric = Metric(type="External", name="m", target_type="Value", target=10, source=(signal,))
    table = Recording.table([0], {**recorded, "replicas": [4], "ready_replicas": [3]})
    assert replay(hpa(metric), table).totals["m"].tolist() == pytest.approx([expected])


def test_recorded_readiness_of_the_pool() -> None:
    table = Recording.table([0, 15], {"w": [60, 60], "replicas": [3, 6], "ready_replicas": [3, 3]})
    found = replay(hpa(W), table)
    assert found.ready.tolist() == [3, 3]
    assert found.desired.tolist() == [6, 6], "pods that start count as 0 where the others are above the target"


def test_counters_become_rates() -> None:
    counter = [0.0, 300, 600, 100, 400]  # a restart before the fourth sample
    source = (Signal(name="output_tokens_per_s", window=30, metric="vllm:generation_tokens_total", scale=2),)
    metric = Metric(type="External", name="tokens", target_type="Value", target=10, source=source)
    found = replay(hpa(metric), Recording.table([0, 15, 30, 45, 60], {"vllm:generation_tokens_total": counter}))
    rates = found.totals["tokens"]
    assert isnan(rates[0])
    assert rates[1:].tolist() == pytest.approx([2 * 20, 2 * 20, 2 * 400 / 30, 2 * 400 / 30])


def test_signals_are_found_under_the_names_of_other_systems() -> None:
    times = [2 * k for k in range(60)]
    load = {"vllm:num_requests_running": [[6.0, 6.0]] * 60, "vllm:num_requests_waiting": [[4.0, 0.0]] * 60}
    ours = {"in_flight": [16.0] * 60, "replicas": [2] * 60}
    for policy in (
        Kpa(target=4, initial_scale=2),
        RayServe(target_ongoing_requests=4, max=9, interval=2, upscale_delay=10),
    ):
        theirs, own = (
            replay(policy, Recording.table(times, load)),
            replay(policy, Recording.table(times, ours)),
        )
        assert theirs.desired.tolist() == own.desired.tolist()
        assert theirs.reason == own.reason
        assert theirs.desired.max() > 2


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("vllm_num_requests_waiting", "waiting"),
        ("ray_vllm_kv_cache_usage_perc", "kv_utilisation"),
        ("ray_serve_replica_processing_queries", "running"),
        ("queue_requests_per_second", "requests_per_s"),
    ],
)
def test_names_that_others_changed_a_little(name: str, signal: Any) -> None:
    source = (Signal(name=signal),)
    metric = Metric(type="External", name="m", target_type="Value", target=1, source=source)
    assert replay(hpa(metric), Recording.table([0], {name: [3.0]})).totals["m"].tolist() == [3]


def test_samples_count_until_the_next_is_due() -> None:
    """On a grid one usual gap, off it half a gap more, or as long as is said."""
    grid = Recording.table([0, 60, 120, 300], {"w": [30, 30, 30, 30]})
    assert replay(hpa(TOTAL), grid).silent == 8, "from 180 s to 285 s nothing is known"
    loose = Recording.table([0, 59, 120, 180, 240, 360], {"w": [30] * 6})
    assert replay(hpa(TOTAL), loose).silent == 2, "from 330 s to 345 s"
    assert replay(hpa(TOTAL), grid, valid_s=300).silent == 0


def test_a_source_that_fails_is_not_a_source_without_data() -> None:
    table = Recording.table([0, 15], {"w": [30, nan]})
    table.failed[1] = True
    assert "its source failed" in replay(hpa(TOTAL), table).reason[1]
    table.failed[1] = False
    assert "there is no value" in replay(hpa(TOTAL), table).reason[1]


def test_cron_needs_dates() -> None:
    cron = CronTrigger(start="0 7 * * *", end="0 9 * * *", timezone="UTC", replicas=4)
    policy = Keda(triggers=(MetricTrigger(name="w", threshold=10), cron), max=9, start=1)
    times, values = [30 * k for k in range(5 * 120)], {"w": [0.0] * 600}
    found = replay(policy, Recording.table(times, values, start_utc_s=1_772_520_000))  # 2026-03-03 06:40 UTC
    inside = (found.time_s >= 20 * 60) & (found.time_s < 140 * 60)
    assert set(found.desired[inside][2:].tolist()) == {4}
    assert found.desired[-1] == 0
    with pytest.raises(InputError, match="needs the date of time 0"):
        replay(policy, Recording.table(times, values))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            hpa(Metric(type="External", name="ww", target_type="Value", target=1)),
            "ww is not recorded; did you mean 'w'",
        ),
        (Kpa(), r"in_flight \(or running \+ waiting, .*\) is not recorded; recorded are w"),
        (
            hpa(
                Metric(
                    type="External",
                    name="x",
                    target_type="Value",
                    target=1,
                    source=(Signal(name="waiting", metric="tgi_queue_size"),),
                )
            ),
            r"x: tgi_queue_size \(or waiting, vllm:num_requests_waiting\) is not recorded",
        ),
    ],
)
def test_metrics_that_are_not_recorded(policy: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replay(policy, Recording.table([0, 15], {"w": [1, 2]}))


@pytest.mark.parametrize(("name", "count"), [("replicas", -2), ("replicas", 1e18), ("ready_replicas", 1e18)])
def test_numbers_of_replicas_that_cannot_be(name: str, count: float) -> None:
    """-2 replicas were taken as they stood, and 1e18 asked for 7 EiB of memory."""
    recorded = Recording.table([0, 15, 30], {"w": [1, 2, 3], name: [1, count, 2]})
    with pytest.raises(InputError, match=rf"{name} is .* at 15 s: not a number of replicas, from 0 to 1,000,000"):
        replay(hpa(TOTAL), recorded)


def test_too_many_syncs() -> None:
    with pytest.raises(InputError, match="replay a shorter time"):
        replay(RayServe(), Recording.table([0, 1e6], {"in_flight": [1, 2]}))


@given(values=st.lists(st.lists(st.floats(0, 1e6), min_size=2, max_size=2), min_size=2, max_size=40))
def test_the_same_recording_gives_the_same_decisions(values: list[list[float]]) -> None:
    table = Recording.table([15 * k for k in range(len(values))], {"w": values})
    one, other = replay(hpa(W), table), replay(hpa(W), table)
    assert one.desired.tolist() == other.desired.tolist()
    assert one.reason == other.reason
    assert ((one.desired >= 1) & (one.desired <= 50)).all()
