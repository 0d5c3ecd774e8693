"""Nodes under replicas: ordered, refused, cordoned, given back; the order of kinds for replicas that wait.

`providers` decide when nodes are ordered and given back. Kinds are tried best first, the next where one is refused.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from math import ceil
from operator import attrgetter
from types import MappingProxyType

import numpy as np
import simpy

from simcost.plan.nodes import NodeKind
from simcost.plan.shared_nodes import SharedNodes
from simcost.rng import stream
from simcost.sim.fleet.node_slots import Instance, NodeSlots
from simcost.sim.fleet.records import Node
from simcost.sim.fleet.startup import ColdStart
from simcost.sim.serving.engine.layout import NEVER
from simcost.sim.serving.recorder import Recorder


class Machines:
    """The nodes that are there or on their way."""

    def __init__(
        self,
        env: simpy.Environment,
        plan: SharedNodes,
        recorder: Recorder,
        cold: ColdStart,
        seed: int,
        parts: int = 1,
        instances: Mapping[int, Instance] = MappingProxyType({}),
    ) -> None:
        self.env, self.kinds, self.recorder, self.cold, self.parts = env, plan.kinds, recorder, cold, parts
        self.instances = instances
        self.nodes: list[Node] = []
        self._with_room: dict[int, Node] = {}
        """Nodes that may take another replica, by number; in a large fleet few of all."""
        troubles = plan.interruptions
        zones = troubles.zone_count if troubles else 1
        self.limit = [NEVER] * zones
        """Spot nodes that each zone gives at most, now."""
        self.dark_until = [0] * zones
        """Until when a zone gives none."""
        self.on_order: list[Callable[[Node], None]] = []
        """Called with each new node."""
        self._held, self._held_spot = [0] * zones, [0] * zones
        """Nodes of each zone, and those of them on spot."""
        self._refused = troubles.refused if troubles else 0.0
        self._rng: np.random.Generator = stream(seed, "capacity")
        self._ordered = 0

    def empty(self) -> list[Node]:
        """Nodes without a replica that take one."""
        found = [node for node in self._with_room.values() if not node.room.held and not node.cordoned]
        return sorted(found, key=_number)

    def roomy(self, size: int = 1, apart_from: Container[Node] = ()) -> Node | None:
        """The node with least room left for a replica of a size, the oldest of several: bin-packing, best fit."""
        found = [
            node
            for node in self._with_room.values()
            if not node.cordoned and node.room.count(size) and node not in apart_from
        ]
        return min(found, key=lambda node: (node.room.free, node.number), default=None)

    def take(self, node: Node, size: int) -> tuple[int, ...]:
        """Give slots of a node to a replica; return its accelerators, as `NodeSlots.take`."""
        accelerators = node.room.take(size)
        if node.room.full:
            del self._with_room[node.number]
        return accelerators

    def give(self, node: Node, size: int, accelerators: tuple[int, ...]) -> None:
        """Take the slots of a replica on a node back."""
        node.room.give(size, accelerators)
        if not node.gone:
            self._with_room[node.number] = node

    def order_one_of(self, kinds: Iterable[int], *, warm: bool = False) -> Node | None:
        """A new node of the first of these kinds that can be had."""
        return next((node for kind in kinds if (node := self.order(kind, warm=warm)) is not None), None)

    def order(self, kind: int = 0, *, warm: bool = False) -> Node | None:
        """A new node of a kind in the zone that has fewest, or None where no zone has capacity."""
        now, is_spot = int(self.env.now), self._is_spot(kind)
        open_zones = [
            zone
            for zone, count in enumerate(self._held_spot)
            if (not is_spot or count < self.limit[zone]) and self.dark_until[zone] <= now
        ]
        if not open_zones or (not warm and self._refused and self._rng.random() < self._refused):
            self.recorder.event(now, "refused", 1.0)
            return None
        zone = min(open_zones, key=lambda open_zone: self._held[open_zone])
        node = Node(
            self._ordered,
            zone,
            now,
            now,
            moved_ns=now,
            kind=kind,
            room=NodeSlots(self.kinds[kind].slots, self.parts, self.instances),
            spot=is_spot,
        )
        self._ordered += 1
        if not warm:
            self.cold.order(node)
        self.nodes.append(node)
        self._with_room[node.number] = node
        self._count(node, 1)
        for tell in self.on_order:
            tell(node)
        return node

    def in_zone(self, zone: int) -> list[Node]:
        """The nodes of a zone."""
        return [node for node in self.nodes if node.zone == zone]

    def give_back(self, node: Node, end_ns: int) -> None:
        """The node is no longer paid for from then on."""
        node.gone = True
        self.nodes.remove(node)
        self._with_room.pop(node.number, None)
        self._count(node, -1)
        self.recorder.node(node.number, node.kind, node.ordered_ns, end_ns)

    def _is_spot(self, kind: int) -> bool:
        """True if nodes of a kind can be taken back: where no kind is called spot, the interruptions of the plan affect
        all.
        """
        return self.kinds[kind].spot or not any(one.spot for one in self.kinds)

    def _count(self, node: Node, change: int) -> None:
        self._held[node.zone] += change
        self._held_spot[node.zone] += change * node.spot


_number = attrgetter("number")


def by_price(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """The cheapest first, per replica that would run on the nodes that all need."""
    return sorted(range(len(kinds)), key=lambda kind: ceil(waiting / kinds[kind].slots) * kinds[kind].usd_per_h)


def by_waste(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """The kind first whose nodes would have the smallest share of room left (least-waste; the first of equals, where
    the cluster-autoscaler draws one).
    """
    return sorted(range(len(kinds)), key=lambda kind: _room_left(kinds[kind].slots, waiting))


def as_karpenter(kinds: Sequence[NodeKind], waiting: int) -> list[int]:
    """As many replicas on a node as the largest holds; of the kinds that hold them spot first, then the cheapest. The
    smaller ones are for when none of these can be had.
    """
    wanted = min(waiting, max(kind.slots for kind in kinds))

    def rank(number: int) -> tuple[int, bool, float]:
        kind = kinds[number]
        return max(wanted - kind.slots, 0), not kind.spot, kind.usd_per_h

    return sorted(range(len(kinds)), key=rank)


def _room_left(slots: int, waiting: int) -> float:
    offered = ceil(waiting / slots) * slots
    return (offered - waiting) / offered if offered else 0.0
