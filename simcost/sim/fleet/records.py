"""Nodes and replicas, as the control plane knows them, and the order in which replicas are removed.

All instants are whole nanoseconds of the run.
"""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import simpy

from simcost.sim.fleet.node_slots import NodeSlots
from simcost.sim.serving.engine.layout import NEVER

Process = Generator[simpy.Event, Any, None]


@dataclass(slots=True, eq=False)
class Node:
    """A machine with slots for replicas; paid from its order on."""

    number: int
    zone: int
    ordered_ns: int
    ready_ns: int
    """Time at which its image is there; `NEVER` while that is not known."""
    provisioned: simpy.Event | None = None
    """Happens when it has booted; None where only `ready_ns` counts."""
    up: simpy.Event | None = None
    """Happens at `ready_ns`."""
    until_ns: int = 0
    """Latest end of a replica on it."""
    cordoned: bool = False
    """It takes no more replicas, and goes with its last one."""
    gone: bool = False
    loaded: set[int] = field(default_factory=set)
    """Pools whose weights have been loaded on it."""
    compiled: set[int] = field(default_factory=set)
    """Pools whose kernels have been compiled on it."""
    moved_ns: int = 0
    """Time at which a replica last came or went."""
    kind: int = 0
    """Number of its kind."""
    room: NodeSlots = field(default_factory=NodeSlots)
    """Slots that replicas hold, and that are free."""
    spot: bool = True
    """True if interruptions of spot affect it."""
    unneeded_ns: int = NEVER
    """Since when its autoscaler finds it not needed."""


@dataclass(slots=True, eq=False)
class Replica:
    """One served copy of the model."""

    number: int
    slot: int
    node: Node | None
    """None while there is no room for it."""
    state: str
    """`starting` (without a node too), `ready` or `draining`."""
    since_ns: int
    """Since when its time is not recorded."""
    ordered_ns: int
    busy_s: float = 0.0
    """Busy time that is recorded already."""
    ready_ns: int = NEVER
    restarts: int = 0
    boot: simpy.Process | None = None
    placed: simpy.Event | None = field(default=None, repr=False)
    """Happens when it gets a node."""
    size: int = 1
    """Slots that it takes."""
    accelerators: tuple[int, ...] = ()
    """Those of the node that it lies on, where replicas may take parts of them."""


class FreeSlots:
    """Slots of the data plane: the lowest that is free comes first."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        """A slot for a replica."""
        if self._free:
            return heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, slot: int) -> None:
        """The replica in a slot has gone."""
        heappush(self._free, slot)


_GOLDEN = 0x9E3779B97F4A7C15


def to_remove(living: Sequence[Replica], count: int, rule: str, now_ns: int) -> list[Replica]:
    """The `count` replicas that go, the first to go first; `rule` as of `plan.drain.Drain.victims`."""
    if rule == "youngest":
        return sorted(living, key=lambda one: (one.state == "starting", one.number), reverse=True)[:count]
    siblings = Counter(id(one.node) for one in living if one.node is not None)
    return sorted(living, key=lambda one: _rank(one, siblings[id(one.node)], now_ns), reverse=True)[:count]


def _rank(replica: Replica, siblings: int, now_ns: int) -> tuple[Any, ...]:
    """Order of a ReplicaSet, the first to go largest. Source: kubernetes controller_utils.go, ActivePodsWithRanks."""
    pending = replica.node is None or now_ns < replica.node.ready_ns
    ready = replica.state == "ready"
    ready_age = _log_age(now_ns - replica.ready_ns) if ready else 0
    tie = (replica.number + 1) * _GOLDEN % 2**64
    return (
        replica.node is None,
        pending and not ready,
        not ready,
        siblings if replica.node is not None else 0,
        -ready_age,
        replica.restarts,
        -_log_age(now_ns - replica.ordered_ns),
        tie,
    )


def _log_age(age_ns: int) -> int:
    """Ages compare by powers of two."""
    return max(age_ns, 0).bit_length()
