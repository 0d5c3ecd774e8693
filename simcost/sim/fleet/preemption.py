"""Preemption: which replicas of lower priority have to go from a node, so that another fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simcost.sim.fleet.records import Node, Replica

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet


def victims_on(
    node: Node, lower: Sequence[Fleet], fleets: Sequence[Fleet], size: int
) -> list[tuple[Fleet, Replica]] | None:
    """Fewest replicas of lower priority that have to go for one of a size, beside those that drain already; None where
    it would not fit. Those of the highest priority among them stay first, then the oldest, and come first in the list.

    Source: kubernetes pkg/scheduler/framework/preemption, and plugins/defaultpreemption (reprieve).
    """
    room = node.room.copy()
    for replica in [one for fleet in fleets for one in fleet.on(node) if one.state == "draining"]:
        room.give(replica.size, replica.accelerators)
    victims = [(fleet, one) for fleet in lower for one in fleet.on(node) if one.state != "draining"]
    for _, replica in victims:
        room.give(replica.size, replica.accelerators)
    if not room.count(size):
        return None
    gone = []
    for fleet, replica in sorted(victims, key=lambda one: (-one[0].priority, one[1].number)):
        room.hold(replica.size, replica.accelerators)
        if not room.count(size):
            room.give(replica.size, replica.accelerators)
            gone.append((fleet, replica))
    return gone
