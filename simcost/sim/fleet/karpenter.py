"""Karpenter: nodes for batches of pending replicas; empty and underused ones are given back within budgets.

One instance type, so a node is deleted where its replicas fit elsewhere, never replaced by a cheaper one.
"""

from __future__ import annotations

from math import ceil, floor, isnan
from typing import TYPE_CHECKING

from simcost.errors import InputError
from simcost.plan.autoscaling.keda.cron import next_after
from simcost.plan.nodes import DisruptionBudget, NodePool, Reason
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
        if isnan(fleet.pool.starts_utc_s) and any(budget.schedule for budget in rules.budgets):
            raise InputError(
                "disruption budgets with a schedule need the date of time 0; write e.g. starts: 2026-07-20T00:00:00Z"
            )
        self._scheduled: dict[DisruptionBudget, tuple[float, bool]] = {}
        """Of budgets with a schedule: until when, in seconds since 1970, they are known to hold or not to."""

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
            self.fleet.drain_node(node, self.rules.termination_grace)

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
        empty = [node for node in quiet if node.replicas == 0]
        empty = empty[: self._budget("Empty")] if empty else empty
        for node in empty:
            fleet.machines.give_back(node, now)
        if empty or self.rules.consolidation == "WhenEmpty":
            return None
        underused = [node for node in quiet if self._fits_elsewhere(node)]
        if not underused or self._budget("Underutilized") < 1:
            return None
        return min(underused, key=lambda one: one.replicas)

    def _consolidate(self, node: Node) -> Process:
        """Checked again after a while, budgets too, then drained."""
        yield self.fleet.env.timeout(round(self.rules.validation * NS_PER_S))
        fits = not node.gone and not node.cordoned and self._fits_elsewhere(node)
        if fits and self._budget("Underutilized") > 0:
            self.fleet.drain_node(node, self.rules.termination_grace)

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
            budget.nodes if budget.nodes is not None else ceil(round((budget.share or 0.0) * len(nodes), 9))
            for budget in self.rules.budgets
            if (not budget.reasons or reason in budget.reasons) and self._holds(budget)
        ]
        return max(min(allowed, default=len(nodes)) - going, 0)

    def _holds(self, budget: DisruptionBudget) -> bool:
        """Whether a budget holds now: from a strike of its schedule on, for its duration."""
        if budget.schedule is None or budget.duration is None:
            return True
        utc_s = self.fleet.pool.starts_utc_s + self.fleet.now / NS_PER_S
        until_s, holds = self._scheduled.get(budget, (0.0, False))
        if utc_s >= until_s:
            strike_s = next_after(budget.schedule, "UTC", floor(utc_s - budget.duration))
            holds = strike_s <= utc_s
            self._scheduled[budget] = strike_s + budget.duration if holds else strike_s, holds
        return self._scheduled[budget][1]
