"""The loop of the autoscaler: look, decide, scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import add
from typing import Any

from simcost.plan.autoscaling import Observation, Policy
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner
from simcost.plan.autoscaling.policy import Decision
from simcost.rng import stream
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.metrics_pipeline import MetricsPipeline
from simcost.sim.fleet.records import Process
from simcost.sim.fleet.repeating import Repeating
from simcost.units import NS_PER_S


def control(fleet: Fleet) -> Process:
    """Look at the pool at each interval of the policy, and scale."""
    controller = Controller(fleet)
    yield from _at_each_interval(controller, controller.step)


def control_both(planner: DisaggregatedPlanner, prefill: Fleet, decode: Fleet) -> Process:
    """Look at both sides at each interval of their planner, and scale them."""
    sides = Controller(prefill), Controller(decode)

    def step() -> None:
        first, second = (side.look() for side in sides)
        states = sides[0].state, sides[1].state
        decisions = planner.step(decode.now / NS_PER_S, (first, second), states)
        for side, decision in zip(sides, decisions, strict=True):
            side.follow(decision)

    yield from _at_each_interval(sides[1], step)


def _at_each_interval(controller: Controller, step: Callable[[], None]) -> Process:
    fleet, settings = controller.fleet, controller.pipeline.settings
    interval_ns = round(fleet.pool.scaling.interval * NS_PER_S)
    share = float(stream(fleet.seed, "controller phase").random()) if settings.phase else 1.0
    yield fleet.env.timeout(round(interval_ns * share))
    step()
    Repeating(fleet.env, repeat(interval_ns), step)


class Controller:
    """A pool with its policy and the state of that."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.pipeline = fleet, MetricsPipeline(fleet)
        self._policy: Policy = fleet.pool.scaling
        self._exact = self.pipeline.scrape_s == 0
        self.state: Any = self._policy.fresh()
        self.pipeline.begin()

    def step(self) -> None:
        """Look, decide, scale."""
        seen = self.look()
        self.follow(self._policy.step(self.fleet.now / NS_PER_S, seen, self.state))

    def look(self) -> Observation:
        """The pool as the policy sees it now."""
        fleet = self.fleet
        if self._exact:
            self.pipeline.scrape()
        elif fleet.count["draining"] or fleet.plane.writes_rows:
            fleet.catch_up()
        return self.pipeline.observe()

    def follow(self, decision: Decision[Any]) -> None:
        """Scale to what was decided."""
        self.state = decision.state
        self.fleet.scale_to(decision.desired)


def sample(fleet: Fleet, times_ns: Iterator[int], *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the timeline at each of the times: of a fleet, and of those beside it on the same data plane."""

    def write() -> None:
        for one in (fleet, *others):
            if one.count["draining"]:
                one.catch_up()
        fleet.recorder.sample(fleet.now, *_counts(fleet, others), fleet.note())

    yield fleet.env.timeout(next(times_ns))
    write()
    Repeating(fleet.env, (time_ns - fleet.now for time_ns in times_ns), write)


def pulse(fleet: Fleet, every_ns: int, *, others: Sequence[Fleet] = ()) -> Process:
    """Write a line of the pulse at each interval, as `sample` does."""

    def write() -> None:
        write_pulse(fleet, others=others)

    yield fleet.env.timeout(every_ns)
    write()
    Repeating(fleet.env, repeat(every_ns), write)


def write_pulse(fleet: Fleet, *, others: Sequence[Fleet] = ()) -> None:
    """Write a line of the pulse now: the last interval ends with the run, where no event is due."""
    desired, ready, starting, _ = _counts(fleet, others)
    fleet.recorder.pulse(fleet.now, desired, ready, starting, fleet.note())


def _counts(fleet: Fleet, others: Sequence[Fleet]) -> list[int]:
    """Replicas desired, ready, starting and draining."""
    counts = [fleet.desired, *fleet.count.values()]
    for one in others:
        counts = [*map(add, counts, (one.desired, *one.count.values()))]
    return counts


def record_usage(fleet: Fleet, window_ns: int) -> Process:
    """Cut the usage at each window of the ledger."""
    while True:
        yield fleet.env.timeout(window_ns)
        fleet.observe()
        fleet.write_records()
