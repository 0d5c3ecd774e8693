"""The loop of the autoscaler: look, decide, scale."""

from collections.abc import Iterator, Sequence
from typing import Any

from simcost.rng import stream
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.metrics_pipeline import MetricsPipeline
from simcost.sim.fleet.records import Process
from simcost.units import NS_PER_S


def control(fleet: Fleet) -> Process:
    """Look at the pool at each interval of the policy, and scale."""
    policy, env, pipeline = fleet.pool.scaling, fleet.env, MetricsPipeline(fleet)
    state: Any = policy.fresh()
    interval_ns = round(policy.interval * NS_PER_S)
    exact = pipeline.settings.scrape == 0
    pipeline.begin()
    share = float(stream(fleet.seed, "controller phase").random()) if pipeline.settings.phase else 1.0
    yield env.timeout(round(interval_ns * share))
    while True:
        if exact:
            pipeline.scrape()
        elif fleet.count["draining"] or fleet.plane.writes_rows:
            fleet.catch_up()
        desired, _, state = policy.step(fleet.now / NS_PER_S, pipeline.observe(), state)
        fleet.scale_to(desired)
        yield env.timeout(interval_ns)


def sample(fleet: Fleet, times_ns: Iterator[int], *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the timeline at each of the times: of a fleet, and of those beside it on the same data plane."""
    for time_ns in times_ns:
        yield fleet.env.timeout(time_ns - fleet.now)
        for one in (fleet, *others):
            one.observe()
        seen = fleet.plane.observe()
        desired, *counts = _counts([fleet, *others])
        fleet.recorder.sample(fleet.now, desired, *counts, seen.running, seen.waiting, seen.kv_tokens)


def pulse(fleet: Fleet, every_ns: int, *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the pulse at each interval, as `sample` does."""
    while True:
        yield fleet.env.timeout(every_ns)
        fleet.advance()
        seen, (desired, ready, starting, _) = fleet.plane.observe(), _counts([fleet, *others])
        fleet.recorder.pulse(fleet.now, seen.arrived, desired, ready, starting, seen.waiting)


def _counts(fleets: Sequence[Fleet]) -> list[int]:
    """Replicas desired, ready, starting and draining."""
    counts = [[one.desired, *one.count.values()] for one in fleets]
    return counts[0] if len(counts) == 1 else [sum(each) for each in zip(*counts, strict=True)]


def record_usage(fleet: Fleet, window_ns: int) -> Process:
    """Cut the usage at each window of the ledger."""
    while True:
        yield fleet.env.timeout(window_ns)
        fleet.observe()
        fleet.write_records()
