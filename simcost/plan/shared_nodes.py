"""Nodes that several services share."""

from dataclasses import dataclass, field
from math import nan

from simcost.plan.interruptions import Interruptions
from simcost.plan.nodes import AtOnce, NodeKind, Nodes
from simcost.plan.startup import Startup


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNodes:
    """Nodes under the replicas of one service or more."""

    kinds: tuple[NodeKind, ...]
    """Kinds that may be ordered; their slots are accelerators. Those that are there at first are of the first kind
    that holds the replica which needs them.
    """
    rules: Nodes = field(default_factory=AtOnce)
    """Rules by which nodes come and go, by the sum of what is pending."""
    startup: Startup = field(default_factory=Startup)
    """Of the nodes: boot, image, network, storage, disk. Weights and engine are those of each service."""
    interruptions: Interruptions | None = None
    preempt: bool = False
    """True if a replica that finds no room, where no further node may be ordered, drives away replicas of services of
    lower priority. They drain as their service says, and are ordered again.
    """
    starts_utc_s: float = nan
    """Time 0 in seconds since 1970, for disruption budgets that look at a calendar."""
