"""Node provisioners: they order nodes for replicas that find no room, and give them back: at once, never, or as the
cluster-autoscaler does. Karpenter has a file of its own.
"""

from math import ceil
from typing import Protocol

from simcost.plan.nodes import AtOnce, ClusterAutoscaler, FixedNodes, NodePool
from simcost.sim.fleet.karpenter import KarpenterProvider
from simcost.sim.fleet.node_pool import by_price, by_waste
from simcost.sim.fleet.node_slots import unplaced
from simcost.sim.fleet.provisioned_fleet import ProvisionedFleet
from simcost.sim.fleet.records import Node, Process
from simcost.sim.serving.engine.layout import NEVER
from simcost.units import NS_PER_S


class Provider(Protocol):
    """Interface of a provider of nodes for the fleet."""

    def may_order(self, kind: int) -> bool:
        """True if there may be one more node, of this kind."""

    def begin(self) -> None:
        """Nodes that are there at time 0 whatever the replicas; processes that look now and then."""

    def wanted(self) -> None:
        """A replica has taken a slot, or has found none; or there is capacity again."""

    def emptied(self, node: Node) -> None:
        """The last replica has left a node, at its `until_ns`."""


class AtOnceProvider:
    """Nodes come with the replicas that need them and go with the last one; spare ones are kept."""

    def __init__(self, fleet: ProvisionedFleet, rules: AtOnce) -> None:
        self.fleet, self.rules = fleet, rules
        self._waiting = False

    def may_order(self, kind: int) -> bool:
        """True if the most nodes are not there yet."""
        return self.rules.max is None or len(self.fleet.machines.nodes) < self.rules.max

    def begin(self) -> None:
        """The warm pool, as far as it can be had."""
        while len(self.fleet.machines.empty()) < self.rules.spare and self.may_order(0):
            if self.fleet.machines.order(warm=True) is None:
                self._try_later()
                break

    def wanted(self) -> None:
        """A node for each replica without one, the cheapest first, and for the warm pool what it lacks."""
        machines = self.fleet.machines
        while self._lacking() and self.may_order(0):
            if machines.order_one_of(self._kinds()) is None:
                self._try_later()
                break
            self.fleet.place_pending()

    def emptied(self, node: Node) -> None:
        """It goes, unless it is a spare one."""
        if len(self.fleet.machines.empty()) > self.rules.spare:
            self.fleet.machines.give_back(node, node.until_ns)
            if self.fleet.waiting:
                self.wanted()

    def _kinds(self) -> list[int]:
        """Those that hold the first pending replica, the cheapest for all of them first."""
        kinds, waiting = self.fleet.plan.kinds, self.fleet.waiting
        ranked = by_price(kinds, max(sum(waiting), 1))
        return [kind for kind in ranked if not waiting or kinds[kind].slots >= waiting[0]]

    def _lacking(self) -> bool:
        return bool(self.fleet.waiting) or len(self.fleet.machines.empty()) < self.rules.spare

    def _try_later(self) -> None:
        if not self._waiting:
            self._waiting = True
            self.fleet.env.process(self._retry())

    def _retry(self) -> Process:
        yield self.fleet.env.timeout(round(self.rules.retry * NS_PER_S))
        self._waiting = False
        self.wanted()


class FixedProvider:
    """Nodes that stay; one that is lost is ordered again."""

    def __init__(self, fleet: ProvisionedFleet, rules: FixedNodes) -> None:
        self.fleet, self.rules = fleet, rules
        self._waiting = False

    def may_order(self, kind: int) -> bool:
        """True if one of them is missing."""
        return len(self.fleet.machines.nodes) < self.rules.nodes

    def begin(self) -> None:
        """The nodes that no replica asked for yet, as far as they can be had."""
        while len(self.fleet.machines.nodes) < self.rules.nodes:
            if self.fleet.machines.order(warm=True) is None:
                self.wanted()
                break

    def wanted(self) -> None:
        """Replace the lost nodes, if any."""
        machines = self.fleet.machines
        while len(machines.nodes) < self.rules.nodes and not self._waiting:
            if machines.order() is None:
                self._waiting = True
                self.fleet.env.process(self._retry())
        self.fleet.place_pending()

    def emptied(self, node: Node) -> None:
        """It stays."""

    def _retry(self) -> Process:
        yield self.fleet.env.timeout(round(self.rules.retry * NS_PER_S))
        self._waiting = False
        self.wanted()


class ScanProvider:
    """The cluster-autoscaler: looks at pending replicas and unneeded nodes at each scan."""

    def __init__(self, fleet: ProvisionedFleet, rules: ClusterAutoscaler) -> None:
        self.fleet, self.rules = fleet, rules
        self._added_ns = -NEVER
        self._backoff_until_ns = [0] * len(fleet.plan.kinds)
        self._backoff_s = [rules.backoff] * len(fleet.plan.kinds)

    def may_order(self, kind: int) -> bool:
        """True if the most nodes are not there yet."""
        return len(self.fleet.machines.nodes) < self.rules.max

    def begin(self) -> None:
        """The least nodes and the spare ones are there; then a scan each interval."""
        machines, rules = self.fleet.machines, self.rules
        there = len(machines.nodes)
        for _ in range(min(max(rules.min - there, rules.spare - len(machines.empty())), rules.max - there)):
            machines.order(warm=True)
        self.fleet.env.process(self._scans())

    def wanted(self) -> None:
        """The next scan will see it."""

    def emptied(self, node: Node) -> None:
        """The next scan will see it."""

    def _scans(self) -> Process:
        scan_ns = round(self.rules.scan * NS_PER_S)
        while True:
            yield self.fleet.env.timeout(scan_ns)
            self._give_up_late()
            self.fleet.observe_if_draining()
            self.fleet.place_pending()
            if not self._add():
                self._remove()

    def _give_up_late(self) -> None:
        """Nodes that should have come by now."""
        late_ns = self.fleet.now - round(self.rules.provisioning * NS_PER_S)
        for node in [one for one in self.fleet.machines.nodes if one.ordered_ns < late_ns]:
            if node.ready_ns > self.fleet.now:
                self.fleet.lose(node, "node_late")
                self._back_off(node.kind)

    def _add(self) -> bool:
        """Nodes for pending replicas and the spare ones; whether any is wanted."""
        fleet, rules = self.fleet, self.rules
        kind = self._expand()
        if kind is None:
            return bool(fleet.waiting)
        missing = rules.spare - len(fleet.machines.empty())
        slots = fleet.plan.kinds[kind].slots
        lacking = ceil(sum(size for size in fleet.waiting if size <= slots) / slots) + max(missing, 0)
        lacking = max(lacking, rules.min - len(fleet.machines.nodes))
        wanted = min(lacking, rules.max - len(fleet.machines.nodes))
        if wanted <= 0:
            return bool(fleet.waiting)
        for _ in range(wanted):
            if fleet.machines.order(kind) is None:
                self._back_off(kind)
                break
            self._added_ns, self._backoff_s[kind] = fleet.now, rules.backoff
        fleet.place_pending()
        return True

    def _expand(self) -> int | None:
        """The kind that the expander prefers, of those that are not backed off from."""
        kinds, waiting = self.fleet.plan.kinds, sum(self.fleet.waiting)
        least = self.fleet.waiting[0] if waiting else 0
        match self.rules.expander:
            case "least-waste":
                ranked = by_waste(kinds, waiting)
            case "price":
                ranked = by_price(kinds, waiting)
            case _:
                ranked = list(range(len(kinds)))
        able = (kind for kind in ranked if kinds[kind].slots >= least)
        return next((kind for kind in able if self._backoff_until_ns[kind] <= self.fleet.now), None)

    def _back_off(self, kind: int) -> None:
        self._backoff_until_ns[kind] = self.fleet.now + round(self._backoff_s[kind] * NS_PER_S)
        self._backoff_s[kind] = min(2 * self._backoff_s[kind], self.rules.max_backoff)

    def _remove(self) -> None:
        """Nodes that have not been needed for long: empty ones together, else one with its replicas."""
        fleet, rules, now = self.fleet, self.rules, self.fleet.now
        for node in fleet.machines.nodes:
            needed = node.ready_ns > now or node.cordoned or not self._unneeded(node)
            node.unneeded_ns = NEVER if needed else min(node.unneeded_ns, now)
        if now < self._added_ns + round(rules.after_add * NS_PER_S):
            return
        long_ns = now - round(rules.unneeded * NS_PER_S)
        idle = [node for node in fleet.machines.nodes if node.unneeded_ns <= long_ns]
        spare_nodes = len(fleet.machines.nodes) - rules.min
        empty = [node for node in idle if not node.room.held]
        most = min(rules.parallel, spare_nodes, len(fleet.machines.empty()) - rules.spare)
        going = empty[: max(most, 0)]
        for node in going:
            fleet.machines.give_back(node, now)
        used = [node for node in idle if node.room.held]
        if used and spare_nodes > 0 and not going:
            fleet.drain_node(used[0])

    def _unneeded(self, node: Node) -> bool:
        room = node.room
        if not room.held:
            return True
        if room.held / room.slots >= self.rules.threshold:
            return False
        machines = self.fleet.machines
        kept = machines.empty()[: self.rules.spare]
        others = (one.room for one in machines.nodes if one is not node and not one.cordoned and one not in kept)
        return not unplaced(room.sizes, others)


def provider_of(fleet: ProvisionedFleet) -> Provider:
    """The provider that the plan names."""
    rules = fleet.plan.rules
    match rules:
        case FixedNodes():
            return FixedProvider(fleet, rules)
        case ClusterAutoscaler():
            return ScanProvider(fleet, rules)
        case NodePool():
            return KarpenterProvider(fleet, rules)
        case AtOnce():
            return AtOnceProvider(fleet, rules)
