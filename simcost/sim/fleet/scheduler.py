"""The scheduler of nodes: places the replicas of all pools on them, drives some away, and takes nodes from under them.

As that of Kubernetes: higher priority first, then who has waited longest; what does not fit does not hold up others.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from fractions import Fraction
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

import simpy

from simcost.plan.shared_nodes import SharedNodes
from simcost.sim.fleet.node_pool import Machines
from simcost.sim.fleet.node_slots import Instance
from simcost.sim.fleet.preemption import victims_on
from simcost.sim.fleet.provisioners import Provider, provider_of
from simcost.sim.fleet.records import Node, Replica
from simcost.sim.fleet.startup import ColdStart, Transfers
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Recorder

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet


class NodeScheduler:
    """The nodes, and the fleets whose replicas share them.

    Args:
        env: clock in whole nanoseconds.
        plan: kinds of nodes, with slots in the unit of `accelerators_per_slot`.
        recorder: of the nodes; that of the only fleet, where there is one.
        seed: for start-up times and interruptions of nodes.
        accelerators_per_slot: one over a whole number where replicas take parts of accelerators.
        parts: slots of an accelerator, which a replica either shares or has wholly.
        instances: MIG instances by the slots that they take.
    """

    def __init__(
        self,
        env: simpy.Environment,
        plan: SharedNodes,
        recorder: Recorder,
        seed: int = 0,
        *,
        accelerators_per_slot: Fraction = Fraction(1),
        parts: int = 1,
        instances: Mapping[int, Instance] = MappingProxyType({}),
    ) -> None:
        self.env, self.plan, self.recorder, self.seed = env, plan, recorder, seed
        self.accelerators_per_slot = accelerators_per_slot
        self.fleets: list[Fleet] = []
        self.transfers = Transfers(env, plan.startup.network or inf, plan.startup.storage or inf)
        cold = ColdStart(self.transfers, plan.startup, 0.0, recorder, seed)
        self.machines = Machines(env, plan, recorder, cold, seed, parts, instances)
        self.promised: dict[Replica, tuple[Fleet, Node]] = {}
        """Nodes whose room is kept for a replica, since others were driven away for it."""
        self._making_room = False
        self.provider: Provider = provider_of(self)

    def begin(self) -> None:
        """Start the replicas that are there at time 0, those of higher priority first; then the nodes' provider."""
        for fleet in sorted(self.fleets, key=lambda one: -one.priority):
            fleet.begin()
        self.provider.begin()

    @property
    def now(self) -> int:
        """Nanoseconds since the start of the run."""
        return int(self.env.now)

    @property
    def waiting(self) -> Sequence[int]:
        """Slots of each pending replica that may have a node, in the order in which they get one."""
        return [fleet.size for fleet, _ in self._queue()]

    def observe_if_draining(self) -> None:
        """Retire drained replicas."""
        for fleet in self.fleets:
            if fleet.count["draining"]:
                fleet.catch_up()

    def node_for(self, fleet: Fleet, *, warm: bool = False) -> Node | None:
        """A node with room for one more replica; a new one at time 0, where that may be ordered."""
        if not fleet.may_grow():
            return None
        node = self.machines.roomy(fleet.size, self._kept_from(fleet))
        if node is None and warm:
            fitting = [kind for kind, one in enumerate(self.plan.kinds) if one.slots >= fleet.size] or [0]
            return self.machines.order_one_of(filter(self.provider.may_order, fitting), warm=True)
        return node

    def wanted(self) -> None:
        """A replica has taken a slot, or has found none."""
        self.provider.wanted()
        self._make_room()

    def released(self, node: Node, by: Fleet) -> None:
        """A replica has left a node: those of other services that wait take the room, those of its own what the quota
        allows again.
        """
        if node.cordoned:
            if not node.room.held:
                self.machines.give_back(node, node.until_ns)
        else:
            if any(fleet is not by for fleet, _ in self._queue()):
                self.place_pending()
            if not node.room.held:
                self.provider.emptied(node)
        if by.quota is not None and by.eligible():
            self.place_pending()
            self.provider.wanted()

    def place_pending(self) -> None:
        """Give room to those that wait for it."""
        full: set[tuple[int, int]] = set()
        for fleet, replica in self._queue():
            if (fleet.size, fleet.priority) in full or not fleet.may_grow():
                continue
            node = self.machines.roomy(fleet.size, self._kept_from(fleet, replica))
            if node is None:
                full.add((fleet.size, fleet.priority))
            else:
                self.promised.pop(replica, None)
                fleet.seat(replica, node)
        self._make_room()

    def drain_node(self, node: Node, grace: float | None = None) -> None:
        """Take the replicas off a node, which then goes, at the latest after `grace` seconds; others are ordered in
        their place.
        """
        node.cordoned = True
        for fleet in self.fleets:
            fleet.drain_from(node, grace)
        if not node.gone and not node.room.held:
            self.machines.give_back(node, self.now)
        for fleet in self.fleets:
            fleet.settle()

    def lose(self, node: Node, why: str) -> None:
        """The node is gone now, with all that ran on it."""
        if node.gone:
            return
        node.cordoned = True
        self.tell(node, why)
        for fleet in self.fleets:
            fleet.lose_on(node)
        if not node.gone:
            self.machines.give_back(node, self.now)
        for fleet in self.fleets:
            fleet.settle()
        self.wanted()

    def tell(self, node: Node, what: str) -> None:
        """Enter an event of a node with the number of replicas on it: for the nodes, and for each pool on it."""
        on_it = [len(fleet.on(node)) for fleet in self.fleets]
        self.recorder.event(self.now, what, float(sum(on_it)))
        for fleet, count in zip(self.fleets, on_it, strict=True):
            if count and fleet.recorder is not self.recorder:
                fleet.recorder.event(self.now, what, float(count))

    def close_records(self) -> None:
        """Enter the nodes that are there at the end of the run."""
        for node in self.machines.nodes:
            self.recorder.node(node.number, node.kind, node.ordered_ns, self.now)

    def _queue(self) -> list[tuple[Fleet, Replica]]:
        """Pending replicas within the quota of their service, in the order in which they get a node."""
        found = [(fleet, replica) for fleet in self.fleets if fleet.pending for replica in fleet.eligible()]
        return sorted(found, key=lambda one: (-one[0].priority, one[1].ordered_ns)) if found else found

    def _kept_from(self, fleet: Fleet, replica: Replica | None = None) -> Container[Node]:
        """Nodes whose room is kept for others of higher priority."""
        return {
            node
            for other, (owner, node) in self.promised.items()
            if other is not replica and owner.priority > fleet.priority
        }

    def _make_room(self) -> None:
        """Drive replicas away for pending ones of higher priority, where no further node may be ordered."""
        if self._making_room or not self.plan.preempt:
            return
        self._making_room = True
        self.promised = {one: promise for one, promise in self.promised.items() if self._holds(one, *promise)}
        while driven := [fleet for pair in self._queue() for fleet in self._drive_away_for(*pair)]:
            for fleet in driven:
                fleet.settle()
        self._making_room = False

    def _holds(self, replica: Replica, fleet: Fleet, node: Node) -> bool:
        """True if a promised node still has room for a replica, or will have."""
        draining = any(one.state == "draining" for other in self.fleets for one in other.on(node))
        free = draining or node.room.count(fleet.size) > 0
        return replica in fleet.pending and free and not node.cordoned and not node.gone

    def _drive_away_for(self, fleet: Fleet, replica: Replica) -> list[Fleet]:
        """Evict what a replica needs gone; return the fleets that lost some."""
        may_order = (self.provider.may_order(n) for n, kind in enumerate(self.plan.kinds) if kind.slots >= fleet.size)
        lower = [one for one in self.fleets if one.priority < fleet.priority]
        if replica in self.promised or not lower or replica.node is not None or any(may_order):
            return []
        choices = [
            (node, victims)
            for node in self.machines.nodes
            if not node.cordoned and (victims := victims_on(node, lower, self, fleet.size)) is not None
        ]
        if not choices:
            return []
        node, victims = min(
            choices, key=lambda choice: (max((f.priority for f, _ in choice[1]), default=-inf), len(choice[1]))
        )
        self.promised[replica] = fleet, node
        for owner, victim in victims:
            owner.evict(victim)
        return [owner for owner, _ in victims]


def nodes_of(env: simpy.Environment, pool: Pool, recorder: Recorder, seed: int = 0) -> NodeScheduler:
    """The nodes of a pool that has them for itself: a slot is a replica."""
    plan = SharedNodes(
        kinds=pool.kinds,
        rules=pool.nodes,
        startup=pool.startup,
        interruptions=pool.interruptions,
        starts_utc_s=pool.starts_utc_s,
    )
    return NodeScheduler(
        env, plan, recorder, seed, accelerators_per_slot=Fraction(pool.accelerators_per_replica).limit_denominator(1000)
    )
