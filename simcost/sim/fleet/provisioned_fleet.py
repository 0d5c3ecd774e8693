"""The nodes and what waits for them, as those who order nodes see it."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import simpy

from simcost.plan.shared_nodes import SharedNodes
from simcost.sim.fleet.node_pool import Machines
from simcost.sim.fleet.records import Node


class ProvisionedFleet(Protocol):
    """Interface of the nodes for their provider."""

    @property
    def env(self) -> simpy.Environment:
        """The clock, in whole nanoseconds, and its processes."""

    @property
    def plan(self) -> SharedNodes:
        """The kinds of nodes, and the rules by which they come and go."""

    @property
    def accelerators_per_slot(self) -> Fraction:
        """Accelerators that a slot stands for."""

    @property
    def machines(self) -> Machines:
        """The nodes."""

    @property
    def waiting(self) -> Sequence[int]:
        """Slots of each replica without a node, in the order in which they get one."""

    @property
    def now(self) -> int:
        """Nanoseconds since the start of the run."""

    def observe_if_draining(self) -> None:
        """Retire replicas that have drained."""

    def place_pending(self) -> None:
        """Give nodes to pending replicas."""

    def drain_node(self, node: Node, grace: float | None = None) -> None:
        """Replace the replicas of a node, which then goes, at the latest after `grace` seconds."""

    def lose(self, node: Node, why: str) -> None:
        """Remove a node now, with all that runs on it."""
