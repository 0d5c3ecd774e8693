"""Karpenter: nodes for batches of pending replicas, and consolidation of empty and underused nodes within budgets.

Consolidation removes nodes whose replicas fit elsewhere, or on one additional cheaper node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, fsum, isnan

from simcost.errors import InputError
from simcost.plan.autoscaling.cron import next_after
from simcost.plan.nodes import DisruptionBudget, NodeKind, NodePool, Reason
from simcost.sim.fleet.node_pool import as_karpenter
from simcost.sim.fleet.node_slots import unplaced
from simcost.sim.fleet.provisioned_fleet import ProvisionedFleet
from simcost.sim.fleet.records import Node, Process
from simcost.sim.serving.engine.layout import NEVER
from simcost.units import NS_PER_S

CANDIDATES = 100
"""Nodes that are looked at together, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Nodes that can go."""

    nodes: tuple[Node, ...]
    kind: int | None
    """Of the node that comes in their place; None = their replicas fit elsewhere."""


def best_move(ranked: Sequence[Node], nodes: Sequence[Node], kinds: Sequence[NodeKind], now_ns: int) -> Move | None:
    """As many nodes together as a search finds (at least two), else one by itself.

    The search is that of Karpenter: by halves, over how many of the first go.

    Args:
        ranked: nodes that may go, with replicas on them, in order of what their going disturbs.
        nodes: all nodes.
        kinds: what may be ordered.
        now_ns: nodes that are not ready by then have no room to give.
    """
    found: Move | None = None
    low, high = 2, min(len(ranked), CANDIDATES)
    while low <= high:
        middle = (low + high) // 2
        move = move_of(ranked[:middle], nodes, kinds, now_ns)
        found = found if move is None else move
        low, high = (middle + 1, high) if move is not None else (low, middle - 1)
    alone = (move_of([node], nodes, kinds, now_ns) for node in ranked)
    return found or next((move for move in alone if move is not None), None)


def move_of(going: Sequence[Node], nodes: Sequence[Node], kinds: Sequence[NodeKind], now_ns: int) -> Move | None:
    """Move of these nodes together, with the new nodes needed: one node, strictly cheaper than they are; None if there
    is none.
    """
    rooms = [
        node.room
        for node in nodes
        if node.room.free and not node.cordoned and node.ready_ns <= now_ns and node not in going
    ]
    left = sum(unplaced([size for node in going for size in node.room.sizes], rooms))
    if left == 0:
        return Move(nodes=tuple(going), kind=None)
    paid = fsum(kinds[node.kind].usd_per_h for node in going)
    fit = [number for number, kind in enumerate(kinds) if kind.slots >= left and kind.usd_per_h < paid]
    if not fit or (all(kinds[node.kind].spot for node in going) and any(kind.spot for kind in kinds)):
        return None  # spot for spot is off by default
    return Move(nodes=tuple(going), kind=min(fit, key=lambda one: (not kinds[one].spot, kinds[one].usd_per_h)))


class KarpenterProvider:
    """A node pool."""

    def __init__(self, fleet: ProvisionedFleet, rules: NodePool) -> None:
        self.fleet, self.rules = fleet, rules
        self._batching = False
        self._last_ns = 0
        self._in_vain: list[object] = []
        """The nodes as they were when no move was found."""
        if isnan(fleet.plan.starts_utc_s) and rules.follows_calendar:
            raise InputError(
                "disruption budgets with a schedule need the date of time 0; write e.g. starts: 2026-07-20T00:00:00Z"
            )
        self._scheduled: dict[DisruptionBudget, tuple[float, bool]] = {}
        """Of budgets with a schedule: until when, in seconds since 1970, they are known to hold or not to."""

    def may_order(self, kind: int) -> bool:
        """True if one more of it is within the limits."""
        if not self.rules.limited:
            return True
        kinds = self.fleet.plan.kinds
        there = [kinds[kind], *(kinds[node.kind] for node in self.fleet.machines.nodes)]
        accelerators = float(self.fleet.accelerators_per_slot * sum(one.slots for one in there))
        vcpus, memory_bytes = (sum(getattr(one, name) for one in there) for name in ("vcpus", "memory_bytes"))
        return not self.rules.exceeds(accelerators, vcpus, memory_bytes)

    def begin(self) -> None:
        """A look each poll."""
        self.fleet.env.process(self._polls())

    def wanted(self) -> None:
        """A pending replica joins the batch, or opens one."""
        self._last_ns = self.fleet.now
        if self.fleet.waiting and not self._batching:
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
        fleet = self.fleet
        while (left := sum(fleet.waiting)) > 0:
            kinds = [kind for kind in as_karpenter(fleet.plan.kinds, left) if self._may_hold(kind)]
            node = fleet.machines.order_one_of(kinds)
            if node is None:
                return not kinds
            fleet.place_pending()
        return True

    def _may_hold(self, kind: int) -> bool:
        """True if the first of the pending replicas fits on a node of a kind, which may be ordered."""
        return self.fleet.plan.kinds[kind].slots >= self.fleet.waiting[0] and self.may_order(kind)

    def _polls(self) -> Process:
        poll_ns = round(self.rules.poll * NS_PER_S)
        while True:
            yield self.fleet.env.timeout(poll_ns)
            self.fleet.observe_if_draining()
            self.fleet.place_pending()
            if self.fleet.waiting and not self._batching:
                self.wanted()
            self._expire()
            yield from self._disrupt()

    def _expire(self) -> None:
        """Nodes at the end of their life are drained; budgets do not hold them."""
        if self.rules.expire_after is None:
            return
        born_ns = self.fleet.now - round(self.rules.expire_after * NS_PER_S)
        for node in [one for one in self.fleet.machines.nodes if one.ordered_ns <= born_ns and not one.cordoned]:
            self.fleet.drain_node(node, self.rules.termination_grace)

    def _disrupt(self) -> Process:
        """Give back empty nodes; else those that can go with their replicas."""
        if self.rules.consolidate_after is None:
            return
        fleet, now = self.fleet, self.fleet.now
        quiet_ns = now - round(self.rules.consolidate_after * NS_PER_S)
        quiet = [
            node
            for node in fleet.machines.nodes
            if node.moved_ns <= quiet_ns and node.ready_ns <= quiet_ns and not node.cordoned
        ]
        empty = [node for node in quiet if not node.room.held]
        if empty:
            empty = empty[: self._budget("Empty")]
        if empty:
            yield from self._give_back(empty)
            return
        if fleet.waiting or self.rules.consolidation == "WhenEmpty":
            return
        used = [node for node in quiet if node.room.held]
        if used:
            used = sorted(used, key=lambda node: node.room.held)[: self._budget("Underutilized")]
        move = self._best_move(used)
        if move is not None:
            yield from self._consolidate(move)

    def _give_back(self, empty: Sequence[Node]) -> Process:
        """Those that are still empty after a while, and within the budgets, go."""
        yield self.fleet.env.timeout(round(self.rules.validation * NS_PER_S))
        still = [node for node in empty if not node.gone and not node.cordoned and not node.room.held]
        for node in still[: self._budget("Empty")] if still else []:
            self.fleet.machines.give_back(node, self.fleet.now)

    def _best_move(self, ranked: Sequence[Node]) -> Move | None:
        """As `best_move`, which is not asked again while all is as it was when it found nothing."""
        nodes, now = self.fleet.machines.nodes, self.fleet.now
        seen = [*ranked, *[(node, node.cordoned, node.ready_ns <= now, node.room.changes) for node in nodes]]
        if seen == self._in_vain:
            return None
        move = best_move(ranked, nodes, self.fleet.plan.kinds, now)
        self._in_vain = seen if move is None else []
        return move

    def _consolidate(self, move: Move) -> Process:
        """Checked again after a while, budgets too; then the nodes go, once what replaces them is ready."""
        fleet, machines = self.fleet, self.fleet.machines
        yield fleet.env.timeout(round(self.rules.validation * NS_PER_S))
        there = all(not node.gone and not node.cordoned for node in move.nodes)
        if not there or fleet.waiting or self._budget("Underutilized") < len(move.nodes):
            return
        if move_of(move.nodes, machines.nodes, fleet.plan.kinds, fleet.now) != move:
            return
        if move.kind is None:
            self._drain(move)
        elif self.may_order(move.kind) and (node := machines.order(move.kind)) is not None:
            fleet.env.process(self._replace(move, node))

    def _replace(self, move: Move, by: Node) -> Process:
        """Both are paid until the new node is there."""
        by.moved_ns = NEVER  # not empty, but kept for those that will move
        for node in move.nodes:
            node.cordoned = True
        while by.ready_ns > self.fleet.now and not by.gone:
            yield self.fleet.env.timeout(round(self.rules.poll * NS_PER_S))
        if by.gone:
            for node in move.nodes:
                node.cordoned = False
            return
        by.moved_ns = self.fleet.now
        self._drain(move)

    def _drain(self, move: Move) -> None:
        for node in move.nodes:
            if not node.gone:
                self.fleet.drain_node(node, self.rules.termination_grace)

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
        """True if a budget holds now: from a strike of its schedule on, for its duration."""
        if budget.schedule is None or budget.duration is None:
            return True
        utc_s = self.fleet.plan.starts_utc_s + self.fleet.now / NS_PER_S
        until_s, holds = self._scheduled.get(budget, (0.0, False))
        if utc_s >= until_s:
            strike_s = next_after(budget.schedule, "UTC", floor(utc_s - budget.duration))
            holds = strike_s <= utc_s
            self._scheduled[budget] = strike_s + budget.duration if holds else strike_s, holds
        return self._scheduled[budget][1]
