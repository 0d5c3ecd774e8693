"""Preemption: which replicas of lower priority have to go from a node, so that another fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simcost.sim.fleet.records import Node, Replica

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet
    from simcost.sim.fleet.scheduler import NodeScheduler


def victims_on(
    node: Node, lower: Sequence[Fleet], scheduler: NodeScheduler, size: int
) -> list[tuple[Fleet, Replica]] | None:
    """Fewest replicas of lower priority that have to go for one of a size, beside those that drain already; None where
    it would not fit with what is promised to others. Those of higher priority stay first, then the oldest.

    Source: kubernetes pkg/scheduler/framework/preemption, and plugins/defaultpreemption (reprieve).
    """
    room = node.room.copy()
    draining = [one for fleet in scheduler.fleets for one in fleet.on(node) if one.state == "draining"]
    victims = [(fleet, one) for fleet in lower for one in fleet.on(node) if one.state != "draining"]
    for replica in [*draining, *(one for _, one in victims)]:
        room.give(replica.size, replica.accelerators)
    for wanted in [*(fleet.size for fleet, where in scheduler.promised.values() if where is node), size]:
        if not room.count(wanted):
            return None
        room.take(wanted)
    gone = []
    for fleet, replica in sorted(victims, key=lambda victim: (-victim[0].priority, victim[1].number)):
        if room.can_hold(replica.size, replica.accelerators):
            room.hold(replica.size, replica.accelerators)
        else:
            gone.append((fleet, replica))
    return gone
