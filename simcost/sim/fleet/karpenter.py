"""Karpenter: nodes for batches of pending replicas; empty and underused ones are given back within budgets.

One instance type, so a node is deleted where its replicas fit elsewhere, never replaced by a cheaper one.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from simcost.plan.nodes import NodePool, Reason
from simcost.sim.fleet.records import Node, Process
from simcost.units import NS_PER_S

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet


class KarpenterProvider:
    """A node pool of one instance type."""

    def __init__(self, fleet: Fleet, rules: NodePool) -> None:
        self.fleet, self.rules = fleet, rules
        per_node = fleet.pool.slots_per_node * fleet.pool.accelerators_per_replica
        limit = rules.max_accelerators
        self.most = limit // per_node if limit is not None else None
        self._batching = False
        self._last_ns = 0

    def begin(self) -> None:
        """A look each poll."""
        self.fleet.env.process(self._polls())

    def wanted(self) -> None:
        """A pending replica joins the batch, or opens one."""
        self._last_ns = self.fleet.now
        if self.fleet.pending and not self._batching:
            self._batching = True
            self.fleet.env.process(self._batch())

    def emptied(self, node: Node) -> None:
        """The next poll will see it."""

    def _batch(self) -> Process:
        """Wait until nothing more comes, then order for all."""
        env, rules = self.fleet.env, self.rules
        idle_ns, end_ns = (
            round(rules.batch_idle * NS_PER_S),
            self.fleet.now + round(rules.batch_max * NS_PER_S),
        )
        while (wait_ns := min(self._last_ns + idle_ns, end_ns) - self.fleet.now) > 0:
            yield env.timeout(wait_ns)
        self._batching = False
        self.fleet.place_pending()
        if not self._order():
            self._batching = True
            yield env.timeout(round(rules.retry * NS_PER_S))
            self._batching = False
            self.wanted()

    def _order(self) -> bool:
        """Nodes for all pending replicas; False where capacity was refused."""
        fleet, ok = self.fleet, True
        for _ in range(ceil(len(fleet.pending) / fleet.pool.slots_per_node)):
            if self.most is not None and len(fleet.machines.nodes) >= self.most:
                break
            ok = ok and fleet.machines.order() is not None
        fleet.place_pending()
        return ok

    def _polls(self) -> Process:
        poll_ns = round(self.rules.poll * NS_PER_S)
        while True:
            yield self.fleet.env.timeout(poll_ns)
            self.fleet.look_if_draining()
            self.fleet.place_pending()
            if self.fleet.pending and not self._batching:
                self.wanted()
            self._expire()
            node = self._disrupt()
            if node is not None:
                yield from self._consolidate(node)

    def _expire(self) -> None:
        """Nodes at the end of their life are drained; budgets do not hold them."""
        if self.rules.expire_after is None:
            return
        born_ns = self.fleet.now - round(self.rules.expire_after * NS_PER_S)
        for node in [
            one for one in self.fleet.machines.nodes if one.ordered_ns <= born_ns and not one.cordoned
        ]:
            self.fleet.drain_node(node)

    def _disrupt(self) -> Node | None:
        """Give back empty nodes; else the node whose few replicas fit elsewhere."""
        if self.rules.consolidate_after is None:
            return None
        fleet, now = self.fleet, self.fleet.now
        quiet_ns = now - round(self.rules.consolidate_after * NS_PER_S)
        quiet = [
            node
            for node in fleet.machines.nodes
            if node.ready_ns <= now and max(node.moved_ns, node.ready_ns) <= quiet_ns and not node.cordoned
        ]
        empty = [node for node in quiet if node.replicas == 0][: self._budget("Empty")]
        for node in empty:
            fleet.machines.give_back(node, now)
        if empty or self.rules.consolidation == "WhenEmpty" or self._budget("Underutilized") < 1:
            return None
        return min(
            (node for node in quiet if self._fits_elsewhere(node)), key=lambda one: one.replicas, default=None
        )

    def _consolidate(self, node: Node) -> Process:
        """Checked again after a while, then drained."""
        yield self.fleet.env.timeout(round(self.rules.validation * NS_PER_S))
        if not node.gone and not node.cordoned and self._fits_elsewhere(node):
            self.fleet.drain_node(node)

    def _fits_elsewhere(self, node: Node) -> bool:
        """Whether ready nodes have room for the replicas of this one, and nothing is pending."""
        fleet = self.fleet
        room = sum(
            fleet.pool.slots_per_node - one.replicas
            for one in fleet.machines.nodes
            if one is not node and not one.cordoned and one.ready_ns <= fleet.now
        )
        return 0 < node.replicas <= room and not fleet.pending

    def _budget(self, reason: Reason) -> int:
        """Nodes that may still be disrupted now."""
        nodes = self.fleet.machines.nodes
        going = sum(node.cordoned for node in nodes)
        allowed = [
            budget.nodes if budget.nodes is not None else ceil((budget.share or 0.0) * len(nodes))
            for budget in self.rules.budgets
            if budget.schedule is None and (not budget.reasons or reason in budget.reasons)
        ]
        return max(min(allowed, default=len(nodes)) - going, 0)
