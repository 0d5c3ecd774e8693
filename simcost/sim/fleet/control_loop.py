"""The loop of the autoscaler: look, decide, scale."""

from collections.abc import Iterator, Sequence
from typing import Any

from simcost.plan.autoscaling import Policy
from simcost.rng import stream
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.metrics_pipeline import MetricsPipeline
from simcost.sim.fleet.records import Process
from simcost.sim.fleet.repeating import Every
from simcost.units import NS_PER_S


def control(fleet: Fleet) -> Process:
    """Look at the pool at each interval of the policy, and scale."""
    policy, pipeline = fleet.pool.scaling, MetricsPipeline(fleet)
    interval_ns = round(policy.interval * NS_PER_S)
    controller = Controller(fleet, policy, pipeline)
    pipeline.begin()
    share = float(stream(fleet.seed, "controller phase").random()) if pipeline.settings.phase else 1.0
    yield fleet.env.timeout(round(interval_ns * share))
    controller.step()
    Every(fleet.env, interval_ns, controller.step)


class Controller:
    """A policy with its state, and the pool that it scales."""

    def __init__(self, fleet: Fleet, policy: Policy, pipeline: MetricsPipeline) -> None:
        self.fleet, self.policy, self.pipeline = fleet, policy, pipeline
        self._exact = pipeline.settings.scrape == 0
        self._state: Any = policy.fresh()

    def step(self) -> None:
        """Look, decide, scale."""
        fleet, now = self.fleet, self.fleet.now
        if self._exact:
            self.pipeline.scrape()
        elif fleet.count["draining"] or fleet.plane.writes_rows:
            fleet.catch_up()
        desired, _, self._state = self.policy.step(now / NS_PER_S, self.pipeline.observe(), self._state)
        fleet.scale_to(desired)


def sample(fleet: Fleet, times_ns: Iterator[int], *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the timeline at each of the times: of a fleet, and of those beside it on the same data plane."""
    for time_ns in times_ns:
        yield fleet.env.timeout(time_ns - fleet.now)
        for one in (fleet, *others):
            if one.count["draining"]:
                one.catch_up()
        fleet.recorder.sample(fleet.now, *_counts([fleet, *others]), fleet.note())


def pulse(fleet: Fleet, every_ns: int, *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the pulse at each interval, as `sample` does."""

    def write() -> None:
        write_pulse(fleet, others=others)

    yield fleet.env.timeout(every_ns)
    write()
    Every(fleet.env, every_ns, write)


def write_pulse(fleet: Fleet, *, others: Sequence[Fleet] = ()) -> None:
    """Write a line of the pulse now: the last interval ends with the run, where no event is due."""
    desired, ready, starting, _ = _counts([fleet, *others])
    fleet.recorder.pulse(fleet.now, desired, ready, starting, fleet.note())


def _counts(fleets: Sequence[Fleet]) -> list[int]:
    """Replicas desired, ready, starting and draining."""
    counts = [[fleet.desired, *fleet.count.values()] for fleet in fleets]
    return counts[0] if len(counts) == 1 else [sum(each) for each in zip(*counts, strict=True)]


def record_usage(fleet: Fleet, window_ns: int) -> Process:
    """Cut the usage at each window of the ledger."""
    while True:
        yield fleet.env.timeout(window_ns)
        fleet.observe()
        fleet.write_records()
