"""The replicas of a pool: ordered, booted, serving, drained and removed, on nodes that their scheduler gives them.

The clock of the environment is whole nanoseconds. The data plane is always brought up to date before it is
read or changed, so that control at T sees all that happened strictly before T.
"""

from collections.abc import Callable
from operator import attrgetter

import simpy

from simcost.ledger.request_tables import UNREAD
from simcost.sim.fleet.records import FreeSlots, Node, Process, Replica, to_remove
from simcost.sim.fleet.scheduler import NodeScheduler
from simcost.sim.fleet.startup import ColdStart
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.pool_observation import PoolObservation
from simcost.sim.serving.recorder import Recorder
from simcost.units import NS_PER_S

_number = attrgetter("number")
_MODES = {"migrate": col.MIGRATE, "retry": col.RETRY, "lose": col.LOSE}


def _never(_time_ns: int) -> int:
    return NEVER


class Fleet:
    """The replicas of one pool.

    Args:
        scheduler: of the nodes they run on, which other fleets may share.
        pool: the replicas and their policies.
        plane: their requests.
        recorder: what becomes of them.
        seed: for the phases of controllers, start-up times and failures of replicas.
        size: slots of a node that a replica takes.
        priority: of its replicas, where others wait for nodes too.
        quota: most slots that its replicas take together; None = no limit.
        kind: of its replicas, where the data plane has several.
        slots: of the data plane, where other fleets take some; None = all are its own.
    """

    def __init__(
        self,
        scheduler: NodeScheduler,
        pool: Pool,
        plane: DataPlane,
        recorder: Recorder,
        seed: int = 0,
        *,
        size: int = 1,
        priority: int = 0,
        quota: int | None = None,
        kind: int | None = None,
        slots: FreeSlots | None = None,
    ) -> None:
        self.env, self.scheduler = scheduler.env, scheduler
        self.pool, self.plane, self.recorder, self.seed = pool, plane, recorder, seed
        self.size, self.priority, self.quota, self.kind = size, priority, quota, kind
        self._slots = slots or FreeSlots()
        scheduler.fleets.append(self)
        number = len(scheduler.fleets)
        self.cold = ColdStart(scheduler.transfers, pool.startup, pool.weights_bytes, recorder, seed, number)
        self.replicas: list[Replica] = []
        self._on: dict[Node, list[Replica]] = {}
        """Replicas by the node that they are on."""
        self._draining: list[Replica] = []
        self.pending: list[Replica] = []
        """Replicas that have no room, in the order in which they get some."""
        self.count = {"ready": 0, "starting": 0, "draining": 0}
        self.version = 0
        """Grows with each change of a replica or a node under it."""
        self.desired = pool.scaling.initial()
        self.on_ready: list[Callable[[Replica], None]] = []
        """Called with each replica that becomes ready."""
        self.on_drain: Callable[[], None] | None = None
        """Called when a replica begins to drain."""
        self.look_ns = NEVER
        """The next instant at which the data plane is looked at."""
        self._look: Callable[[int], int] = _never
        self.unread: set[str] = set()
        """Metrics of the autoscaler that had no value at any of its decisions."""
        self._orders = 0

    def begin(self) -> None:
        """Start the replicas that are there at time 0, warm."""
        for _ in range(self.desired):
            self._order(warm=True)

    @property
    def now(self) -> int:
        """Nanoseconds since the start of the run."""
        return int(self.env.now)

    def advance(self) -> None:
        """Bring the data plane up to now."""
        now = self.now
        if self.look_ns < now:
            self.look_until(now - 1)
        self.plane.advance(now)

    def note(self) -> int:
        """Note the requests of the pool as they are now; number of the note of the data plane."""
        now = self.now
        if self.look_ns < now:
            self.look_until(now - 1)
        return self.plane.note(now)

    def look_at(self, time_ns: int, look: Callable[[int], int]) -> None:
        """Have the data plane looked at as it is at an instant, once it is played past it; `look` says when next."""
        self.look_ns, self._look = time_ns, look

    def look_until(self, time_ns: int) -> None:
        """Look at the instants up to this one that are still due."""
        while self.look_ns <= time_ns:
            self.plane.advance(self.look_ns)
            self.look_ns = self._look(self.look_ns)

    def catch_up(self) -> None:
        """Bring the data plane up to now; retire drained replicas."""
        self.advance()
        if self.count["draining"]:
            self._collect_drained()

    def observe(self) -> PoolObservation:
        """Catch up; report the state."""
        self.catch_up()
        return self.seen()

    def seen(self) -> PoolObservation:
        """The state up to which the data plane has been played."""
        return self.plane.observe() if self.kind is None else self.plane.of_kind(self.kind)

    def scale_to(self, desired: int) -> None:
        """Order or retire replicas until as many are starting or ready as desired."""
        if desired == self.desired == self.count["starting"] + self.count["ready"]:
            return
        if desired != self.desired:
            self.recorder.event(self.now, "desired", float(desired))
        self.desired = desired
        self.settle()

    def settle(self) -> None:
        """As `scale_to` with the present desired number: after a replica was lost."""
        surplus = self.count["starting"] + self.count["ready"] - self.desired
        for _ in range(-surplus):
            self._order(warm=False)
        if surplus > 0:
            self.advance()
            living = [replica for replica in self.replicas if replica.state != "draining"]
            for replica in to_remove(living, surplus, self.pool.victims, self.now):
                self._retire(replica)

    def on(self, node: Node) -> list[Replica]:
        """The replicas on a node, the oldest first."""
        return sorted(self._on.get(node, ()), key=_number)

    def may_grow(self) -> bool:
        """True if one more replica on a node is within the quota."""
        return self.quota is None or self.size * (len(self.replicas) - len(self.pending) + 1) <= self.quota

    def eligible(self) -> list[Replica]:
        """Pending replicas that the quota allows on nodes."""
        if self.quota is None:
            return self.pending
        return self.pending[: self.quota // self.size - (len(self.replicas) - len(self.pending))]

    def seat(self, replica: Replica, node: Node) -> None:
        """Give a pending replica room on a node."""
        self.pending.remove(replica)
        self._place(replica, node)
        if replica.placed is not None:
            replica.placed.succeed()

    def drain_from(self, node: Node, grace: float | None) -> None:
        """Drain what it has on a node, for `grace` seconds at most."""
        self.advance()
        for replica in self.on(node):
            if replica.state != "draining":
                self._retire(replica)
            if grace is not None and replica.state == "draining":
                self.env.process(self._deadline(replica, round(grace * NS_PER_S)))

    def lose_on(self, node: Node) -> None:
        """Lose what it has on a node."""
        self.advance()
        for replica in self.on(node):
            self._take_away(replica)

    def evict(self, replica: Replica) -> None:
        """Drain a replica, since one of higher priority needs its room."""
        self.advance()
        self.recorder.event(self.now, "preempted", 1.0)
        self._retire(replica)

    def crash(self, replica: Replica) -> None:
        """The replica loses its requests and starts again on its node."""
        self.advance()
        self.recorder.event(self.now, "replica_failed", 1.0)
        self.plane.close(replica.slot)
        self._vacate(replica)
        self._change(replica, "starting")
        replica.restarts += 1
        replica.boot = self.env.process(self._boot(replica))

    def write_records(self) -> None:
        """Enter the usage of all living replicas up to now."""
        for replica in self.replicas:
            self._enter(replica, self.now)

    def close_records(self) -> None:
        """Enter the runs that continue at the end of the run."""
        self.write_records()
        for name in sorted(self.unread):
            self.recorder.event(self.now, f"{UNREAD}{name}", 0.0)

    def _order(self, *, warm: bool) -> None:
        now = self.now
        node = self.scheduler.node_for(self, warm=warm)
        slot = self._slots.take()
        ready = warm and node is not None
        replica = Replica(self._orders, slot, None, "ready" if ready else "starting", now, now, size=self.size)
        self._orders += 1
        self.version += 1
        self.replicas.append(replica)
        self._count(replica, 1)
        if node is not None:
            self._place(replica, node)
            if warm:
                node.loaded.add(self.cold.pool)
                node.compiled.add(self.cold.pool)
        else:
            self.pending.append(replica)
        if not ready:
            self.scheduler.wanted()
        if ready:
            self._open(replica)
        else:
            replica.boot = self.env.process(self._boot(replica))

    def _place(self, replica: Replica, node: Node) -> None:
        replica.node, replica.since_ns = node, self.now
        replica.accelerators = self.scheduler.machines.take(node, replica.size)
        self._on.setdefault(node, []).append(replica)
        node.moved_ns = self.now
        self.version += 1

    def _boot(self, replica: Replica) -> Process:
        began_ns = self.now
        try:
            if replica.node is None:
                replica.placed = self.env.event()
                yield replica.placed
            node = replica.node
            assert node is not None  # noqa: S101 - it was placed
            yield from self.cold.load(node)
        except simpy.Interrupt:
            return
        self.advance()
        self._change(replica, "ready")
        self.recorder.event(self.now, "started", (self.now - began_ns) / NS_PER_S)
        waited_ns = max(min(node.ready_ns, self.now) - began_ns, 0)
        self.recorder.event(self.now, "provisioned", waited_ns / NS_PER_S)
        self._open(replica)

    def _open(self, replica: Replica) -> None:
        replica.ready_ns, replica.boot = self.now, None
        self.plane.open(replica.slot, self.kind or 0)
        for tell in self.on_ready:
            tell(replica)

    def _retire(self, replica: Replica) -> None:
        if replica.state == "starting":
            self._stop_boot(replica)
            self._remove(replica, self.now)
            return
        self.plane.close(replica.slot)
        self._change(replica, "draining")
        if self.on_drain is not None:
            self.on_drain()
        if self.pool.drain.grace is not None:
            self.env.process(self._deadline(replica, round(self.pool.drain.grace * NS_PER_S)))
        self._collect_drained()

    def _deadline(self, replica: Replica, grace_ns: int) -> Process:
        """End a drain at its deadline: unfinished requests return to the gateway, or are lost."""
        yield self.env.timeout(grace_ns)
        self.observe()
        if replica in self.replicas:
            self.recorder.event(self.now, "cut", 1.0)
            self._take_away(replica)

    def _take_away(self, replica: Replica) -> None:
        """The replica is gone now; its requests are handled as the plan says."""
        if replica.state == "starting":
            self._stop_boot(replica)
        else:
            if replica.state == "ready":
                self.plane.close(replica.slot)
            self._vacate(replica)
        self._remove(replica, self.now)

    def _vacate(self, replica: Replica) -> None:
        admission = self.pool.admission
        self.plane.vacate(replica.slot, _MODES[admission.in_flight], admission.max_retries)

    def _stop_boot(self, replica: Replica) -> None:
        if replica in self.pending:
            self.pending.remove(replica)
        if replica.boot is not None and replica.boot.is_alive:
            replica.boot.interrupt()

    def _collect_drained(self) -> None:
        if not self.count["draining"]:
            return
        for replica in [r for r in sorted(self._draining, key=_number) if self.plane.is_empty(r.slot)]:
            idle_ns = round(self.plane.idle_since_s(replica.slot) * NS_PER_S)
            self._remove(replica, max(idle_ns, replica.since_ns))

    def _remove(self, replica: Replica, end_ns: int) -> None:
        self._enter(replica, end_ns)
        self.replicas.remove(replica)
        self._count(replica, -1)
        self.version += 1
        self._slots.give_back(replica.slot)
        node = replica.node
        if node is None:
            return
        self.scheduler.machines.give(node, replica.size, replica.accelerators)
        on_it = self._on[node]
        on_it.remove(replica)
        if not on_it:
            del self._on[node]
        node.until_ns, node.moved_ns = max(node.until_ns, end_ns), self.now
        self.scheduler.released(node, self)

    def _change(self, replica: Replica, state: str) -> None:
        self._enter(replica, self.now)
        self._count(replica, -1)
        self.version += 1
        replica.state, replica.busy_s = state, self.plane.busy_s(replica.slot) if state == "draining" else 0.0
        self._count(replica, 1)

    def _count(self, replica: Replica, change: int) -> None:
        """Count a replica in its state, or no longer."""
        self.count[replica.state] += change
        if replica.state == "draining":
            (self._draining.append if change > 0 else self._draining.remove)(replica)

    def _enter(self, replica: Replica, end_ns: int) -> None:
        if replica.node is None:
            return
        busy_s = 0.0 if replica.state == "starting" else self.plane.busy_s(replica.slot)
        if replica.state == "starting":
            self.recorder.provisioning_ns += max(min(end_ns, replica.node.ready_ns) - replica.since_ns, 0)
        self.recorder.usage(
            replica.number,
            replica.node.number,
            replica.state,
            replica.since_ns,
            end_ns,
            busy_s - replica.busy_s,
        )
        replica.since_ns, replica.busy_s = end_ns, busy_s
