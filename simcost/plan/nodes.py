"""Nodes under replicas: which machines may be had, when they come and when they go.

Semantics: kubernetes-sigs/karpenter pkg/apis/v1/nodepool.go and pkg/controllers; kubernetes/autoscaler
cluster-autoscaler/FAQ.md.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, inf
from typing import Annotated, Literal, Self

from annotated_types import Ge, Le, MinLen

from simcost.plan.autoscaling.cron import parse_cron
from simcost.record import record
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds, Share


@record
class NodeKind:
    """A kind of node that may be ordered."""

    slots: PositiveCount = 1
    """Replicas that fit on it."""
    usd_per_h: float = 0.0
    """Its price, where there is a choice."""
    spot: bool = False
    """True if the provider may take it back."""
    vcpus: float = 0.0
    """For the limits of a node pool; 0 = not known."""
    memory_bytes: float = 0.0
    """For the limits of a node pool; 0 = not known."""


def whole_nodes(parts: float) -> float:
    """Whole nodes for so many parts of nodes; of infinitely many as many.

    >>> whole_nodes(2.5), whole_nodes(3.0000000001), whole_nodes(inf)
    (3.0, 3.0, inf)
    """
    return inf if parts == inf else float(ceil(parts - 1e-9))


Reason = Literal["Underutilized", "Empty", "Drifted"]


@record
class DisruptionBudget:
    """Nodes that may be disrupted at a time."""

    nodes: Count | None = None
    """A number; one of the two is given."""
    share: Annotated[float, Ge(0), Le(1)] | None = None
    """Of the nodes, rounded up; one of the two is given."""
    schedule: str | None = None
    """Cron expression, UTC, from which it holds; None = always."""
    duration: PositiveSeconds | None = None
    """Duration of the budget from each time of its schedule on."""
    reasons: tuple[Reason, ...] = ()
    """Empty = all."""

    def __post_init__(self) -> None:
        if (self.nodes is None) == (self.share is None):
            raise ValueError("give either nodes or share")
        if (self.schedule is None) != (self.duration is None):
            raise ValueError("a schedule needs a duration, and a duration a schedule; write both or neither")
        if self.schedule is not None:
            parse_cron(self.schedule)


@record
class NodePool:
    """Machines that Karpenter may buy, and its rules for giving them back."""

    kind: Literal["karpenter"] = "karpenter"
    instance_types: Annotated[tuple[str, ...], MinLen(1)]
    """Those that the requirements leave."""
    capacity_types: Annotated[tuple[Literal["on-demand", "spot", "reserved"], ...], MinLen(1)] = ("on-demand",)
    """If several are allowed: reserved, then spot, then on demand."""
    zones: tuple[str, ...] = ()
    """Empty = all."""
    max_accelerators: Count | None = None
    """`limits` of nvidia.com/gpu."""
    max_vcpus: Annotated[float, Ge(0)] | None = None
    """`limits` of cpu."""
    max_memory_bytes: Annotated[float, Ge(0)] | None = None
    """`limits` of memory."""
    weight: Annotated[int, Ge(0), Le(100)] = 0
    """Pools of higher weight are tried first."""
    consolidation: Literal["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"] = "WhenEmptyOrUnderutilized"
    """Nodes that may be removed: empty ones alone, or those whose replicas fit elsewhere too. `Balanced` is simulated
    as `WhenEmptyOrUnderutilized`, without its score.
    """
    consolidate_after: Seconds | None = 0.0
    """After the last pod came or went; None = never."""
    budgets: tuple[DisruptionBudget, ...] = (DisruptionBudget(share=0.1),)
    """Nodes that may be disrupted at a time; the tightest counts."""
    expire_after: PositiveSeconds | None = 720 * 3600.0
    """Age at which a node is replaced; None = never."""
    termination_grace: Seconds | None = None
    """Time after which a draining node is taken away whatever runs there."""
    batch_idle: Seconds = 1.0
    """Without a new pending pod, before nodes are bought for those there are."""
    batch_max: Seconds = 10.0
    """Longest wait for further pending pods."""
    poll: PositiveSeconds = 10.0
    """Between two looks for nodes to give back."""
    validation: Seconds = 15.0
    """From the decision to give nodes back, with replicas on them or without, until it is checked again and done."""
    retry: PositiveSeconds = 180.0
    """After insufficient capacity, before the same is asked for again."""

    def refuses(self, instance_type: str, capacity_type: str, region: str) -> str:
        """Reason why no node of a kind may be bought; empty where one may."""
        if instance_type not in self.instance_types:
            return f"it allows no {instance_type}, but {_some(self.instance_types)}"
        if capacity_type not in self.capacity_types:
            return f"it allows {' and '.join(self.capacity_types)} capacity, not {capacity_type}"
        if self.zones and region not in ("", "any") and not any(zone.startswith(region) for zone in self.zones):
            return f"it allows the zones {_some(self.zones)}, none of {region}"
        return ""

    def exceeds(self, accelerators: float, vcpus: float | None, memory_bytes: float | None) -> str:
        """Reason why so much is over its limits, or may be since it is not known; empty where it is not."""
        for limit, size, what in (
            (self.max_accelerators, accelerators, "accelerators"),
            (self.max_vcpus, vcpus, "vCPUs"),
            (self.max_memory_bytes, memory_bytes, "bytes of memory"),
        ):
            if limit is not None and size is None:
                return f"the catalog does not say its {what}, which are limited to {limit:g}"
            if limit is not None and size is not None and size > limit:
                return f"{size:g} {what} are above its limit of {limit:g}"
        return ""

    @property
    def least(self) -> int:
        """None is there without replicas."""
        return 0

    def most(self, needed: float) -> float:
        """Nodes at most, of so many that replicas need; its limits are not of nodes."""
        return needed

    def at_most(self, nodes: int, accelerators: int) -> Self:
        """Rules for at most so many nodes, of so many accelerators each."""
        most, held = self.max_accelerators, nodes * accelerators
        return replace(self, max_accelerators=held if most is None else min(most, held))

    @property
    def limited(self) -> bool:
        """True if there is a limit to what all nodes together have."""
        return (self.max_accelerators, self.max_vcpus, self.max_memory_bytes) != (None, None, None)

    @property
    def follows_calendar(self) -> bool:
        """True if a budget holds at some times of the week only."""
        return any(budget.schedule is not None for budget in self.budgets)


def _some(names: tuple[str, ...], most: int = 6) -> str:
    """The first of some names."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@record
class AtOnce:
    """A node is ordered the moment a replica finds no room, and given back the moment its last replica has gone."""

    kind: Literal["at-once"] = "at-once"
    max: PositiveCount | None = None
    """Most nodes; None = no limit."""
    spare: Count = 0
    """Nodes that are kept without replicas: a warm pool. They are paid, and hold the image."""
    retry: PositiveSeconds = 30.0
    """After insufficient capacity, before the same is asked for again."""

    @property
    def least(self) -> int:
        """Nodes that must be there: none, since spare ones are kept as far as they can be had."""
        return 0

    def most(self, needed: float) -> float:
        """Nodes at most, of so many that replicas need."""
        return min(needed + self.spare, inf if self.max is None else self.max)

    def at_most(self, nodes: int, _accelerators: int) -> Self:
        """Rules for at most so many nodes."""
        return replace(self, max=nodes if self.max is None else min(self.max, nodes))


@record
class FixedNodes:
    """Always the same nodes, paid from time 0 to the end; replicas that find no room wait."""

    kind: Literal["fixed"] = "fixed"
    nodes: PositiveCount
    """Number of units."""
    retry: PositiveSeconds = 30.0
    """After a lost node could not be replaced, before it is tried again."""

    @property
    def least(self) -> int:
        """Nodes that must be there: all."""
        return self.nodes

    def most(self, _needed: float) -> float:
        """Nodes at most: all, whatever replicas need."""
        return float(self.nodes)

    def at_most(self, nodes: int, _accelerators: int) -> Self:
        """Rules for at most so many nodes."""
        return replace(self, nodes=min(self.nodes, nodes))


@record
class ClusterAutoscaler:
    """A group of nodes that the Kubernetes cluster-autoscaler sizes."""

    kind: Literal["cluster-autoscaler"] = "cluster-autoscaler"
    min: Count = 0
    """Fewest nodes."""
    max: PositiveCount
    """Most nodes, of all kinds."""
    expander: Literal["least-waste", "price", "priority"] = "least-waste"
    """Kind that is ordered where the plan has several: the one whose new nodes have least room left, the cheapest for
    the replicas that wait, or the first listed.
    """
    spare: Count = 0
    """Nodes that are kept without replicas, as placeholder pods of low priority keep them."""
    scan: PositiveSeconds = 10.0
    """Between two looks (`scan-interval`)."""
    unneeded: Seconds = 600.0
    """Time for which a node must not be needed before it goes (`scale-down-unneeded-time`)."""
    after_add: Seconds = 600.0
    """Time after a new node in which none goes (`scale-down-delay-after-add`)."""
    threshold: Share = 0.5
    """Share of its slots in use, below which a node is not needed if its replicas fit elsewhere
    (`scale-down-gpu-utilization-threshold`)."""
    provisioning: PositiveSeconds = 900.0
    """Time after which a node that has not come is given up (`max-node-provision-time`)."""
    backoff: PositiveSeconds = 300.0
    """After insufficient capacity; doubles with each further time."""
    max_backoff: PositiveSeconds = 1800.0
    """Up to which it doubles."""
    parallel: PositiveCount = 10
    """Most empty nodes that go at once (`max-scale-down-parallelism`)."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")

    @property
    def least(self) -> int:
        """Nodes that must be there."""
        return self.min

    def most(self, needed: float) -> float:
        """Nodes at most, of so many that replicas need."""
        return float(min(max(needed + self.spare, self.min), self.max))

    def at_most(self, nodes: int, _accelerators: int) -> Self:
        """Rules for at most so many nodes."""
        return replace(self, min=min(self.min, nodes), max=min(self.max, nodes))


Nodes = AtOnce | FixedNodes | ClusterAutoscaler | NodePool
