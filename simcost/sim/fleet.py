"""The control plane: nodes and replicas that are ordered, boot, serve, drain and leave, as simpy processes.

The clock of the environment is whole nanoseconds. The data plane is always brought up to date before it is
read or changed, so that control at T sees all that happened strictly before T.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import simpy

from simcost.plan.autoscaling import Observation
from simcost.sim.books import Books
from simcost.sim.dataplane import DataPlane, Seen
from simcost.sim.pool import Pool
from simcost.units import NS_PER_S

Process = Generator[simpy.Event, Any, None]


@dataclass(slots=True, eq=False)
class Node:
    """A machine with slots for replicas; paid from its order on."""

    number: int
    ordered_ns: int
    ready_ns: int
    replicas: int = 0
    until_ns: int = 0
    """Latest end of a replica on it."""


@dataclass(slots=True, eq=False)
class Replica:
    """One served copy of the model."""

    number: int
    slot: int
    node: Node
    state: str
    since_ns: int
    busy_s: float = 0.0
    """Busy time that the books have already."""
    boot: simpy.Process | None = None


class Fleet:
    """The nodes and replicas of one pool."""

    def __init__(self, env: simpy.Environment, pool: Pool, plane: DataPlane, books: Books) -> None:
        self.env, self.pool, self.plane, self.books = env, pool, plane, books
        self.replicas: list[Replica] = []
        self.nodes: list[Node] = []
        self.count = {"ready": 0, "starting": 0, "draining": 0}
        self.desired = pool.scaling.initial()
        self._orders = self._machines = self._slots = 0
        self._free_slots: list[int] = []
        for _ in range(self.desired):
            self._order(warm=True)

    @property
    def now(self) -> int:
        """Nanoseconds since the start of the run."""
        return int(self.env.now)

    def look(self) -> Seen:
        """Bring the data plane up to now; retire what has drained; say what is there."""
        self.plane.advance(self.now)
        self._collect_drained()
        return self.plane.look()

    def scale_to(self, desired: int) -> None:
        """Order or retire replicas until as many are starting or ready as desired.

        Those still starting go first, then the ready ones, the youngest first (as a ReplicaSet does).
        """
        self.desired = desired
        if desired == self.count["starting"] + self.count["ready"]:
            return
        living = [replica for replica in self.replicas if replica.state != "draining"]
        for _ in range(desired - len(living)):
            self._order(warm=False)
        youngest = sorted(living, key=lambda replica: (replica.state == "starting", replica.number))
        for replica in youngest[desired:]:
            self._retire(replica)

    def write_books(self) -> None:
        """Enter the usage of all living replicas up to now."""
        for replica in self.replicas:
            self._enter(replica, self.now)

    def close_books(self) -> None:
        """Enter what still runs at the end of the run."""
        self.write_books()
        for node in self.nodes:
            self.books.node(node.number, node.ordered_ns, self.now)

    def _order(self, *, warm: bool) -> None:
        now = self.now
        roomy = [node for node in self.nodes if node.replicas < self.pool.slots_per_node]
        node = max(roomy, key=lambda node: node.replicas, default=None) or self._new_node(warm=warm)
        node.replicas += 1
        slot = heappop(self._free_slots) if self._free_slots else self._slots
        self._slots = max(self._slots, slot + 1)
        replica = Replica(self._orders, slot, node, "ready" if warm else "starting", now)
        self._orders += 1
        self.replicas.append(replica)
        self.count[replica.state] += 1
        if warm:
            self.plane.open(slot)
        else:
            replica.boot = self.env.process(self._boot(replica))

    def _new_node(self, *, warm: bool) -> Node:
        now = self.now
        boot_ns = round((self.pool.startup.node + self.pool.startup.image) * NS_PER_S)
        node = Node(self._machines, now, now if warm else now + boot_ns)
        self._machines += 1
        self.nodes.append(node)
        return node

    def _boot(self, replica: Replica) -> Process:
        load_ns = round(self.pool.startup.seconds(self.pool.weights_bytes, new_node=False) * NS_PER_S)
        try:
            yield self.env.timeout(max(replica.node.ready_ns - self.now, 0) + load_ns)
        except simpy.Interrupt:
            return
        self.plane.advance(self.now)
        self._change(replica, "ready")
        self.plane.open(replica.slot)

    def _retire(self, replica: Replica) -> None:
        if replica.state == "starting":
            assert replica.boot is not None  # noqa: S101 - a starting replica boots
            replica.boot.interrupt()
            self._remove(replica, self.now)
        else:
            self.plane.close(replica.slot)
            self._change(replica, "draining")
            self._collect_drained()

    def _collect_drained(self) -> None:
        if not self.count["draining"]:
            return
        for replica in [r for r in self.replicas if r.state == "draining" and self.plane.is_empty(r.slot)]:
            idle_ns = round(self.plane.idle_since_s(replica.slot) * NS_PER_S)
            self._remove(replica, max(idle_ns, replica.since_ns))

    def _remove(self, replica: Replica, end_ns: int) -> None:
        self._enter(replica, end_ns)
        self.replicas.remove(replica)
        self.count[replica.state] -= 1
        heappush(self._free_slots, replica.slot)
        node = replica.node
        node.replicas, node.until_ns = node.replicas - 1, max(node.until_ns, end_ns)
        if node.replicas == 0:
            self.nodes.remove(node)
            self.books.node(node.number, node.ordered_ns, node.until_ns)

    def _change(self, replica: Replica, state: str) -> None:
        self._enter(replica, self.now)
        self.count[replica.state] -= 1
        self.count[state] += 1
        replica.state, replica.busy_s = state, self.plane.busy_s(replica.slot) if state == "draining" else 0.0

    def _enter(self, replica: Replica, end_ns: int) -> None:
        busy_s = 0.0 if replica.state == "starting" else self.plane.busy_s(replica.slot)
        self.books.usage(
            replica.number,
            replica.node.number,
            replica.state,
            replica.since_ns,
            end_ns,
            busy_s - replica.busy_s,
        )
        replica.since_ns, replica.busy_s = end_ns, busy_s


def control(fleet: Fleet) -> Process:
    """Look at the pool at each interval of the policy, and scale."""
    policy, env = fleet.pool.scaling, fleet.env
    state: Any = policy.fresh()
    interval_ns = round(policy.interval * NS_PER_S)
    area_per_interval = interval_ns * fleet.plane.clock.ticks_per_ns
    area = fleet.look().area
    while True:
        yield env.timeout(interval_ns)
        seen = fleet.look()
        in_flight = (seen.area - area) % 2**64 / area_per_interval
        observation = Observation(
            current=fleet.desired,
            ready=fleet.count["ready"],
            starting=fleet.count["starting"],
            draining=fleet.count["draining"],
            totals={"in_flight": in_flight, "running": seen.running, "waiting": seen.waiting},
        )
        area = seen.area
        desired, _, state = policy.step(fleet.now / NS_PER_S, observation, state)
        fleet.scale_to(desired)


def sample(fleet: Fleet, times_ns: Iterator[int]) -> Process:
    """Write a line of the timeline at each of the times."""
    for time_ns in times_ns:
        yield fleet.env.timeout(time_ns - fleet.now)
        seen = fleet.look()
        fleet.books.sample(
            fleet.now, fleet.desired, *fleet.count.values(), seen.running, seen.waiting, seen.kv_tokens
        )


def keep_books(fleet: Fleet, window_ns: int) -> Process:
    """Cut the usage at each window of the ledger."""
    while True:
        yield fleet.env.timeout(window_ns)
        fleet.look()
        fleet.write_books()
