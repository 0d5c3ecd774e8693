"""Disruptions as processes: spot taken back, nodes and replicas that fail, zone outages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np

from simcost.plan.failures import RecordedFailures
from simcost.plan.interruptions import Interruptions, NodeFailures, SpotCapacity, SpotHazard, ZoneOutage
from simcost.rng import stream
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.records import Node, Process, Replica
from simcost.sim.fleet.scheduler import NodeScheduler
from simcost.units import NS_PER_S, SECONDS_PER_DAY, SECONDS_PER_HOUR

_LONGEST_S = 1e9


def interrupt(scheduler: NodeScheduler) -> None:
    """Start the disruptions of the plan; before the first node is ordered."""
    troubles, env = scheduler.plan.interruptions, scheduler.env
    if troubles is None:
        return
    if isinstance(troubles.spot, SpotHazard) and troubles.spot.per_node_h > 0:
        hazard = troubles.spot
        scheduler.machines.on_order.append(
            lambda node: _start(scheduler, _spot_life(scheduler, troubles, hazard, node)) if node.spot else None
        )
    if isinstance(troubles.spot, SpotCapacity):
        _begin_capacity(scheduler, troubles, troubles.spot)
    if troubles.nodes is not None and isinstance(troubles.nodes.model, RecordedFailures):
        env.process(_recorded_failures(scheduler, troubles.nodes.model))
    elif troubles.nodes is not None and troubles.nodes.per_node_day > 0:
        failures = troubles.nodes
        scheduler.machines.on_order.append(lambda node: _start(scheduler, _node_life(scheduler, failures, node)))
    if troubles.replicas_per_day > 0:
        per_day = troubles.replicas_per_day
        for fleet in scheduler.fleets:
            fleet.on_ready.append(partial(_fail_later, fleet, per_day))
    for number, outage in enumerate(troubles.outages):
        env.process(_outages(scheduler, outage, number))


def _start(scheduler: NodeScheduler, process: Process) -> None:
    scheduler.env.process(process)


def _wait(scheduler: NodeScheduler, seconds: float) -> Process:
    yield scheduler.env.timeout(round(min(seconds, _LONGEST_S) * NS_PER_S))


def _take_back(scheduler: NodeScheduler, node: Node, notice_s: float) -> Process:
    """Notice, drain, gone."""
    if node.gone:
        return
    scheduler.tell(node, "noticed")
    if notice_s > 0:
        scheduler.drain_node(node)
        yield from _wait(scheduler, notice_s)
    scheduler.lose(node, "interrupted")


def _spot_life(scheduler: NodeScheduler, troubles: Interruptions, hazard: SpotHazard, node: Node) -> Process:
    rng = stream(scheduler.seed, "spot", node.number)
    yield from _wait(scheduler, float(rng.exponential(SECONDS_PER_HOUR / hazard.per_node_h)))
    if node.gone or node.cordoned:
        return
    whole = hazard.whole_zone > 0 and rng.random() < hazard.whole_zone
    for one in _spot_in(scheduler, node.zone) if whole else [node]:
        _start(scheduler, _take_back(scheduler, one, troubles.notice))


def _spot_in(scheduler: NodeScheduler, zone: int) -> list[Node]:
    return [node for node in scheduler.machines.in_zone(zone) if node.spot]


def _begin_capacity(scheduler: NodeScheduler, troubles: Interruptions, spot: SpotCapacity) -> None:
    """Limit the nodes of time 0, and follow the capacity of each zone from a random instant of it on."""
    rng = stream(scheduler.seed, "spot capacity")
    changes = _changes(spot, float(rng.uniform(0, spot.span)))
    for _, zone, nodes in islice(changes, len(spot.zones)):
        scheduler.machines.limit[zone] = nodes
    scheduler.env.process(_spot_capacity(scheduler, troubles, changes, rng))


def _spot_capacity(
    scheduler: NodeScheduler,
    troubles: Interruptions,
    changes: Iterator[tuple[float, int, int]],
    rng: np.random.Generator,
) -> Process:
    """Follow the capacity of each zone."""
    for after_s, zone, nodes in changes:
        if after_s > 0:
            yield from _wait(scheduler, after_s)
        rising = nodes > scheduler.machines.limit[zone]
        scheduler.machines.limit[zone] = nodes
        held = [node for node in _spot_in(scheduler, zone) if not node.cordoned]
        for place in rng.permutation(len(held))[: max(len(held) - nodes, 0)]:
            _start(scheduler, _take_back(scheduler, held[place], troubles.notice))
        if rising:
            scheduler.wanted()


def _changes(spot: SpotCapacity, origin_s: float) -> Iterator[tuple[float, int, int]]:
    """Seconds since the change before, zone, nodes from then on; for ever."""
    steps = sorted(
        (at_s, zone, nodes)
        for zone, one in enumerate(spot.zones)
        for at_s, nodes in zip(one.since, one.nodes, strict=True)
    )
    for zone in range(len(spot.zones)):
        before = [nodes for at_s, where, nodes in steps if where == zone and at_s <= origin_s]
        yield 0.0, zone, before[-1]
    later = [step for step in steps if step[0] > origin_s]
    now_s = origin_s
    while True:
        for at_s, zone, nodes in later:
            yield at_s - now_s, zone, nodes
            now_s = at_s
        now_s, later = now_s - spot.span, steps


def _node_life(scheduler: NodeScheduler, failures: NodeFailures, node: Node) -> Process:
    assert not isinstance(failures.model, RecordedFailures)  # noqa: S101 - those strike the pool
    rng = stream(scheduler.seed, "node failures", node.number)
    mean_s = SECONDS_PER_DAY / failures.per_node_day
    yield from _wait(scheduler, mean_s * float(failures.model.draw(rng, 1)[0]))
    scheduler.lose(node, "node_failed")


def _recorded_failures(scheduler: NodeScheduler, log: RecordedFailures) -> Process:
    """The failures of a log, over and over from a random instant; each strikes a random node."""
    rng = stream(scheduler.seed, "node failures")
    origin_s = float(rng.uniform(0, log.span_s))
    times = np.sort(np.asarray(log.times_s))
    waits = np.sort((times - origin_s) % log.span_s)
    while True:
        passed_s = 0.0
        for at_s in waits.tolist():
            yield from _wait(scheduler, at_s - passed_s)
            passed_s = at_s
            if nodes := scheduler.machines.nodes:
                scheduler.lose(nodes[int(rng.integers(len(nodes)))], "node_failed")
        yield from _wait(scheduler, log.span_s - passed_s)


def _fail_later(fleet: Fleet, per_day: float, replica: Replica) -> None:
    fleet.env.process(_replica_life(fleet, per_day, replica))


def _replica_life(fleet: Fleet, per_day: float, replica: Replica) -> Process:
    rng, restarts = stream(fleet.seed, "replica failures", replica.number, replica.restarts), replica.restarts
    yield from _wait(fleet.scheduler, float(rng.exponential(SECONDS_PER_DAY / per_day)))
    if replica.state == "ready" and replica.restarts == restarts and replica in fleet.replicas:
        fleet.crash(replica)


def _outages(scheduler: NodeScheduler, outage: ZoneOutage, number: int) -> Process:
    """At the stated time, or at random ones in random zones."""
    rng = stream(scheduler.seed, "zone outages", number)
    if outage.at is not None:
        yield from _wait(scheduler, outage.at)
        yield from _darken(scheduler, outage.zone, outage.lasting)
        return
    zones = len(scheduler.machines.dark_until)
    while True:
        yield from _wait(scheduler, float(rng.exponential(SECONDS_PER_DAY / outage.per_day)))
        _start(scheduler, _darken(scheduler, int(rng.integers(zones)), outage.lasting))


def _darken(scheduler: NodeScheduler, zone: int, lasting_s: float) -> Process:
    """The zone loses its nodes, and gives none for a while."""
    machines = scheduler.machines
    machines.dark_until[zone] = max(machines.dark_until[zone], scheduler.now + round(lasting_s * NS_PER_S))
    for node in machines.in_zone(zone):
        scheduler.lose(node, "zone_failed")
    yield from _wait(scheduler, lasting_s)
    scheduler.wanted()
