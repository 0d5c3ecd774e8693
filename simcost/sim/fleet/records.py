"""Nodes and replicas, as the control plane knows them. All instants are whole nanoseconds of the run."""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from simcost.sim.serving.engine.layout import NEVER

Process = Generator[simpy.Event, Any, None]


@dataclass(slots=True, eq=False)
class Node:
    """A machine with slots for replicas; paid from its order on."""

    number: int
    zone: int
    ordered_ns: int
    ready_ns: int
    """When its image is there; `NEVER` while that is not known."""
    provisioned: simpy.Event | None = None
    """Happens when it has booted; None where only `ready_ns` counts."""
    up: simpy.Event | None = None
    """Happens at `ready_ns`."""
    replicas: int = 0
    until_ns: int = 0
    """Latest end of a replica on it."""
    cordoned: bool = False
    """It takes no more replicas, and goes with its last one."""
    gone: bool = False
    compiled: bool = False
    """Whether kernels have been compiled on it."""
    moved_ns: int = 0
    """When a replica last came or went."""
    kind: int = 0
    """Which of the pool's kinds."""
    slots: int = 1
    """Replicas that fit."""
    spot: bool = True
    """Whether what befalls spot befalls it."""
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
    """Since when the books lack its time."""
    ordered_ns: int
    busy_s: float = 0.0
    """Busy time that the books have already."""
    ready_ns: int = NEVER
    restarts: int = 0
    boot: simpy.Process | None = None
    placed: simpy.Event | None = field(default=None, repr=False)
    """Happens when it gets a node."""
