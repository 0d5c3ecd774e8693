"""Disruptions as processes: spot taken back, nodes and replicas that fail, zone outages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simcost.plan.failures import RecordedFailures
from simcost.plan.interruptions import Interruptions, NodeFailures, SpotCapacity, SpotHazard, ZoneOutage
from simcost.rng import stream
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.records import Node, Process, Replica
from simcost.units import NS_PER_S, SECONDS_PER_DAY, SECONDS_PER_HOUR

_LONGEST_S = 1e9


def interrupt(fleet: Fleet) -> None:
    """Start the disruptions of the plan; before the first node is ordered."""
    troubles, env = fleet.pool.interruptions, fleet.env
    if troubles is None:
        return
    if isinstance(troubles.spot, SpotHazard) and troubles.spot.per_node_h > 0:
        hazard = troubles.spot
        fleet.machines.on_order.append(
            lambda node: _start(fleet, _spot_life(fleet, troubles, hazard, node)) if node.spot else None
        )
    if isinstance(troubles.spot, SpotCapacity):
        env.process(_spot_capacity(fleet, troubles, troubles.spot))
    if troubles.nodes is not None and isinstance(troubles.nodes.model, RecordedFailures):
        env.process(_recorded_failures(fleet, troubles.nodes.model))
    elif troubles.nodes is not None and troubles.nodes.per_node_day > 0:
        failures = troubles.nodes
        fleet.machines.on_order.append(lambda node: _start(fleet, _node_life(fleet, failures, node)))
    if troubles.replicas_per_day > 0:
        per_day = troubles.replicas_per_day
        fleet.on_ready.append(lambda replica: _start(fleet, _replica_life(fleet, per_day, replica)))
    for number, outage in enumerate(troubles.outages):
        env.process(_outages(fleet, outage, number))


def _start(fleet: Fleet, process: Process) -> None:
    fleet.env.process(process)


def _wait(fleet: Fleet, seconds: float) -> Process:
    yield fleet.env.timeout(round(min(seconds, _LONGEST_S) * NS_PER_S))


def _take_back(fleet: Fleet, node: Node, notice_s: float) -> Process:
    """Notice, drain, gone."""
    if node.gone:
        return
    running = sum(one.node is node for one in fleet.replicas)
    fleet.books.event(fleet.now, "noticed", float(running))
    if notice_s > 0:
        fleet.drain_node(node)
        yield from _wait(fleet, notice_s)
    fleet.lose(node, "interrupted")


def _spot_life(fleet: Fleet, troubles: Interruptions, hazard: SpotHazard, node: Node) -> Process:
    rng = stream(fleet.seed, "spot", node.number)
    yield from _wait(fleet, float(rng.exponential(SECONDS_PER_HOUR / hazard.per_node_h)))
    if node.gone or node.cordoned:
        return
    whole = hazard.whole_zone > 0 and rng.random() < hazard.whole_zone
    for one in _spot_in(fleet, node.zone) if whole else [node]:
        _start(fleet, _take_back(fleet, one, troubles.notice))


def _spot_in(fleet: Fleet, zone: int) -> list[Node]:
    return [node for node in fleet.machines.in_zone(zone) if node.spot]


def _spot_capacity(fleet: Fleet, troubles: Interruptions, spot: SpotCapacity) -> Process:
    """Follow the capacity of each zone, from a random instant of it on."""
    rng = stream(fleet.seed, "spot capacity")
    for after_s, zone, nodes in _changes(spot, float(rng.uniform(0, spot.span))):
        if after_s > 0:
            yield from _wait(fleet, after_s)
        rising = nodes > fleet.machines.limit[zone]
        fleet.machines.limit[zone] = nodes
        held = [node for node in _spot_in(fleet, zone) if not node.cordoned]
        for place in rng.permutation(len(held))[: max(len(held) - nodes, 0)]:
            _start(fleet, _take_back(fleet, held[place], troubles.notice))
        if rising:
            fleet.provider.wanted()


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


def _node_life(fleet: Fleet, failures: NodeFailures, node: Node) -> Process:
    assert not isinstance(failures.model, RecordedFailures)  # noqa: S101 - those strike the pool
    rng = stream(fleet.seed, "node failures", node.number)
    mean_s = SECONDS_PER_DAY / failures.per_node_day
    yield from _wait(fleet, mean_s * float(failures.model.draw(rng, 1)[0]))
    fleet.lose(node, "node_failed")


def _recorded_failures(fleet: Fleet, log: RecordedFailures) -> Process:
    """The failures of a log, over and over from a random instant; each strikes a random node."""
    rng = stream(fleet.seed, "node failures")
    origin_s = float(rng.uniform(0, log.span_s))
    times = np.sort(np.asarray(log.times_s))
    waits = np.sort((times - origin_s) % log.span_s)
    while True:
        passed_s = 0.0
        for at_s in waits.tolist():
            yield from _wait(fleet, at_s - passed_s)
            passed_s = at_s
            if nodes := fleet.machines.nodes:
                fleet.lose(nodes[int(rng.integers(len(nodes)))], "node_failed")
        yield from _wait(fleet, log.span_s - passed_s)


def _replica_life(fleet: Fleet, per_day: float, replica: Replica) -> Process:
    rng, restarts = stream(fleet.seed, "replica failures", replica.number, replica.restarts), replica.restarts
    yield from _wait(fleet, float(rng.exponential(SECONDS_PER_DAY / per_day)))
    if replica.state == "ready" and replica.restarts == restarts and replica in fleet.replicas:
        fleet.crash(replica)


def _outages(fleet: Fleet, outage: ZoneOutage, number: int) -> Process:
    """At the stated time, or at random ones in random zones."""
    rng = stream(fleet.seed, "zone outages", number)
    if outage.at is not None:
        yield from _wait(fleet, outage.at)
        yield from _darken(fleet, outage.zone, outage.lasting)
        return
    zones = len(fleet.machines.dark_until)
    while True:
        yield from _wait(fleet, float(rng.exponential(SECONDS_PER_DAY / outage.per_day)))
        yield from _darken(fleet, int(rng.integers(zones)), outage.lasting)


def _darken(fleet: Fleet, zone: int, lasting_s: float) -> Process:
    """The zone loses its nodes, and gives none for a while."""
    machines = fleet.machines
    machines.dark_until[zone] = fleet.now + round(lasting_s * NS_PER_S)
    for node in machines.in_zone(zone):
        fleet.lose(node, "zone_failed")
    yield from _wait(fleet, lasting_s)
    fleet.provider.wanted()
