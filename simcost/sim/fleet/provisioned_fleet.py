"""The fleet as those who order its nodes see it."""

from collections.abc import Sequence
from typing import Protocol

import simpy

from simcost.sim.fleet.node_pool import Machines
from simcost.sim.fleet.records import Node, Replica
from simcost.sim.serving.pool import Pool


class ProvisionedFleet(Protocol):
    """Interface of the fleet for a provider of nodes."""

    @property
    def env(self) -> simpy.Environment:
        """The clock, in whole nanoseconds, and its processes."""

    @property
    def pool(self) -> Pool:
        """The replicas that were asked for, and the kinds of nodes they may run on."""

    @property
    def machines(self) -> Machines:
        """The nodes."""

    @property
    def pending(self) -> Sequence[Replica]:
        """Replicas without a node, in the order in which they get one."""

    @property
    def now(self) -> int:
        """Nanoseconds since the start of the run."""

    def look_if_draining(self) -> None:
        """Retire replicas that have drained."""

    def place_pending(self) -> None:
        """Give nodes to pending replicas."""

    def drain_node(self, node: Node, grace: float | None = None) -> None:
        """Replace the replicas of a node, which then goes, at the latest after `grace` seconds."""

    def lose(self, node: Node, why: str) -> None:
        """Remove a node now, with all that runs on it."""
