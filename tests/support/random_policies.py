"""Random scaling policies of every kind, and random pools that they look at."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from simcost.plan import Fixed, Schedule, TargetConcurrency
from simcost.plan.autoscaling import (
    AwsScaling,
    Chain,
    DynamoPlanner,
    Hpa,
    Keda,
    Kpa,
    Observation,
    Predictive,
    RayServe,
    Replicas,
    Scaling,
    Step,
    Wva,
)
from simcost.plan.autoscaling.aws import StepAdjustment, StepScaling, TargetTracking
from simcost.plan.autoscaling.hpa import Behavior, Direction, Metric, ScalingRule
from simcost.plan.autoscaling.keda import CronTrigger, Fallback, MetricTrigger
from simcost.plan.autoscaling.wva import PUBLISHED, SaturationThresholds, Tokens

STARTS_UTC_S = 1774700000.0
"""In the night before the clocks of Europe change."""
starts = st.none() | st.integers(0, 12)
whole_s = st.sampled_from([0.0, 1.0, 14.0, 15.0, 30.0, 44.0, 60.0, 300.0])
rules = st.builds(
    ScalingRule,
    type=st.sampled_from(["Pods", "Percent"]),
    value=st.integers(1, 150),
    period=st.sampled_from([1, 15, 60]),
)
directions = st.builds(
    Direction,
    policies=st.none() | st.lists(rules, min_size=1, max_size=2).map(tuple),
    select=st.sampled_from(["Max", "Min", "Disabled"]),
    window=st.none() | whole_s,
    tolerance=st.none() | st.sampled_from([0.0, 0.2]),
)
behaviors = st.none() | st.builds(Behavior, scale_up=directions, scale_down=directions)
metrics = st.sampled_from(
    [
        Metric(type="External", name="in_flight", target_type="Value", target=4),
        Metric(type="External", name="in_flight", target_type="AverageValue", target=4),
        Metric(type="Pods", name="waiting", target_type="AverageValue", target=4),
        Metric(type="Resource", name="cpu", target_type="Utilization", target=50),
    ]
)
triggers = st.sampled_from(
    [
        MetricTrigger(name="in_flight", threshold=4.0),
        MetricTrigger(name="in_flight", threshold=4.0, activation_threshold=3.0, cached=True),
        MetricTrigger(name="requests_per_s", threshold=4.0, ignore_null=False, target_type="Value"),
        MetricTrigger(name="cpu", threshold=50.0, target_type="Utilization", resource=True),
        CronTrigger(start="0 2 * * *", end="30 3 * * *", timezone="Europe/Berlin", replicas=5),
    ]
)


def _sizes(least: int = 0) -> Any:
    """Fewest and most replicas."""
    return st.tuples(st.integers(least, 6), st.integers(0, 6)).map(lambda pair: (pair[0], max(sum(pair), 1)))


def _bounded(kind: Any, *, least: int = 0, **fields: Any) -> Any:
    """Policies with `min` and `max`."""
    return st.tuples(_sizes(least), st.fixed_dictionaries(fields)).map(
        lambda drawn: kind(min=drawn[0][0], max=drawn[0][1], **drawn[1])
    )


@st.composite
def _concurrency(draw: st.DrawFn) -> TargetConcurrency:
    low, high = draw(_sizes(1))
    start = draw(st.none() | st.integers(0, high))
    delay, window = draw(whole_s), draw(st.sampled_from([15.0, 40.0, 60.0]))
    return TargetConcurrency(target=4, min=low, max=high, start=start, window=window, scale_down_delay=delay)


@st.composite
def _keda(draw: st.DrawFn) -> Keda:
    low, high = draw(_sizes())
    idle = draw(st.none() | st.integers(0, low - 1)) if low else None
    return Keda(
        min=low,
        max=high,
        idle=idle,
        start=draw(starts),
        triggers=tuple(draw(st.lists(triggers, min_size=1, max_size=2, unique=True))),
        cooldown=draw(whole_s),
        initial_cooldown=draw(whole_s),
        polling=draw(st.sampled_from([15.0, 20.0, 30.0])),
        fallback=draw(st.none() | st.builds(Fallback, failures=st.integers(0, 2), replicas=st.integers(0, 8))),
        behavior=draw(behaviors),
        paused=draw(st.sampled_from([False, False, False, True])),
        paused_replicas=draw(st.sampled_from([None, None, None, 0, 2, 9])),
        paused_scale_in=draw(st.booleans()),
        paused_scale_out=draw(st.booleans()),
        force_activation=draw(st.booleans()),
        stabilization=draw(whole_s),
    )


@st.composite
def _kpa(draw: st.DrawFn) -> Kpa:
    low = draw(st.integers(0, 6))
    return Kpa(
        metric=draw(st.sampled_from(["concurrency", "rps"])),
        target=draw(st.none() | st.sampled_from([1.0, 4.0])),
        container_concurrency=draw(st.sampled_from([0, 2])),
        min=low,
        max=draw(st.just(0) | st.integers(max(low, 1), 12)),
        initial_scale=draw(st.integers(0, 8)),
        activation_scale=draw(st.integers(0, 4)),
        window=draw(st.sampled_from([6.0, 7.5, 30.0, 60.0])),
        panic_window=draw(st.sampled_from([10.0, 33.0, 100.0])),
        panic_threshold=draw(st.sampled_from([110.0, 200.0])),
        scale_down_delay=draw(whole_s),
        target_burst_capacity=draw(st.sampled_from([-1.0, 0.0, 211.0])),
        max_scale_up_rate=draw(st.sampled_from([1.5, 1000.0])),
        to_zero=draw(st.booleans()),
        grace=draw(whole_s),
        retention=draw(whole_s),
    )


@st.composite
def _dynamo(draw: st.DrawFn) -> DynamoPlanner:
    least, gpus = draw(st.integers(0, 4)), draw(st.sampled_from([None, 2]))
    return DynamoPlanner(
        role=draw(st.sampled_from([None, "prefill", "decode"])),
        target=draw(st.sampled_from(["throughput", "latency", "sla"])),
        load_scaling=draw(st.booleans()),
        throughput_interval=20.0,
        engine_rps=draw(st.sampled_from([None, 3.0])),
        min_endpoint=least,
        gpus=gpus,
        max_gpu_budget=draw(st.sampled_from([-1, 8, 11])),
        min_gpu_budget=draw(st.sampled_from([-1, 3])),
        start=draw(starts),
    )


@st.composite
def _aws(draw: st.DrawFn) -> AwsScaling:
    low, high = draw(_sizes())
    tracking = TargetTracking(metric="in_flight", target=4, period=15, low_periods=3, in_cooldown=30, out_cooldown=30)
    down = (StepAdjustment(upper=0, adjustment=draw(st.integers(-9, -1))), StepAdjustment(lower=0, adjustment=2))
    kind = draw(st.sampled_from(["ChangeInCapacity", "PercentChangeInCapacity"]))
    step = StepScaling(metric="waiting", threshold=3, comparison="<=", steps=down, type=kind, period=15, cooldown=0)
    exact = (StepAdjustment(adjustment=draw(st.integers(0, 9))),)
    fixed = StepScaling(metric="waiting", threshold=6, steps=exact, type="ExactCapacity", period=15, cooldown=15)
    chosen = draw(st.lists(st.sampled_from([tracking, step, fixed]), min_size=1, max_size=3, unique=True))
    return AwsScaling(min=low, max=high, start=draw(starts), policies=tuple(chosen))


hpas = _bounded(
    Hpa,
    start=starts,
    metrics=st.lists(metrics, min_size=1, max_size=2, unique_by=lambda metric: metric.name).map(tuple),
    behavior=behaviors,
    stabilization=whole_s,
)
_wva_rules = st.sampled_from([SaturationThresholds(), Tokens(kv_capacity_tokens=1000, prompt_tokens=100)])
wvas = _bounded(Wva, start=starts, rules=_wva_rules)
_published = Metric(type="External", name=PUBLISHED, target_type="AverageValue", target=1)
_followers = _bounded(Hpa, start=starts, metrics=st.just((_published,)), behavior=behaviors, stabilization=whole_s)
_times = st.lists(st.integers(0, 40), min_size=1, max_size=4, unique=True)
policies: st.SearchStrategy[Scaling] = st.one_of(
    st.builds(Fixed, replicas=st.integers(1, 5)),
    _times.map(lambda at: Schedule(steps=tuple(Step(at=30.0 * one, replicas=one % 7) for one in at))),
    _concurrency(),
    hpas,
    _keda(),
    _kpa(),
    _bounded(
        RayServe,
        start=starts,
        interval=st.just(1.0),
        upscale_delay=whole_s,
        downscale_delay=whole_s,
        downscale_to_zero_delay=st.none() | whole_s,
        downscaling_factor=st.sampled_from([0.3, 1.0, 2.0]),
    ),
    _aws(),
    _dynamo(),
    wvas,
    st.builds(Chain, first=wvas, then=_followers),
    _bounded(
        Predictive,
        demand=st.lists(st.floats(0, 50), min_size=1, max_size=5).map(tuple),
        step_length=st.just(60.0),
        per_replica=st.just(4.0),
        lead=whole_s,
        reactive=st.booleans(),
    ),
)
"""Of every kind."""
NAMES = ("in_flight", "waiting", "requests_per_s", "cpu", "kv_utilisation", "kv_demand", "queued_prompt_tokens")
LATENCIES = ("next_ttft_s", "own_ttft_s", "next_itl_s", "own_itl_s")


def seen_at(now_s: float, current: int, rng: np.random.Generator) -> Observation:
    """A pool of which `current` replicas are asked for: some start, some drain, some metrics have no data or failed."""
    ready = current if rng.random() < 0.5 else int(rng.integers(0, current + 1))
    draining = int(rng.integers(0, 3)) if rng.random() < 0.3 else 0
    load = float(rng.choice([0.0, 1.0, 8.0, 60.0])) * rng.random()
    totals = {name: load if rng.random() < 0.9 else np.nan for name in NAMES}
    return Observation(
        current=current,
        ready=ready,
        starting=current - ready,
        draining=draining,
        totals=totals,
        replicas=_replicas(current + draining, draining, load, rng),
        failed=frozenset(name for name in NAMES if rng.random() < 0.05),
        utc_s=STARTS_UTC_S + now_s,
    )


def _replicas(count: int, draining: int, load: float, rng: np.random.Generator) -> Replicas:
    def column(scale: float) -> Any:
        values = rng.uniform(0, scale, count)
        return np.where(rng.random(count) < 0.1, np.nan, values)

    signals = {name: column(2 * load if name != "kv_utilisation" else 1.0) for name in NAMES}
    signals |= {name: column(0.6) for name in LATENCIES}
    pods = Replicas.all_ready(signals, {"cpu": [10.0] * count})
    pods.deleting[: min(draining, count)] = True
    pods.steady = not draining
    return pods
