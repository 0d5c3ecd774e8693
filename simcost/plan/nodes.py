"""Nodes under replicas: which machines may be had, when they come and when they go, as Karpenter does it.

Semantics: kubernetes-sigs/karpenter pkg/apis/v1/nodepool.go and pkg/controllers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from simcost.units import Count, PositiveSeconds, Seconds

Reason = Literal["Underutilized", "Empty", "Drifted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionBudget:
    """Nodes that may be disrupted at a time."""

    nodes: Count | None = None
    share: Annotated[float, Ge(0), Le(1)] | None = None
    """Of the nodes, rounded up; one of the two is given."""
    schedule: str | None = None
    """Cron expression, UTC, from which it holds; None = always."""
    duration: PositiveSeconds | None = None
    reasons: tuple[Reason, ...] = ()
    """Empty = all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePool:
    """Machines that Karpenter may buy, and its rules for giving them back."""

    kind: Literal["karpenter"] = "karpenter"
    instance_types: Annotated[tuple[str, ...], MinLen(1)]
    """Those that the requirements leave."""
    capacity_types: Annotated[tuple[Literal["on-demand", "spot", "reserved"], ...], MinLen(1)] = (
        "on-demand",
    )
    """If several are allowed: reserved, then spot, then on demand."""
    zones: tuple[str, ...] = ()
    """Empty = all."""
    max_accelerators: Count | None = None
    """`limits` of nvidia.com/gpu."""
    weight: Annotated[int, Ge(0), Le(100)] = 0
    """Pools of higher weight are tried first."""
    consolidation: Literal["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"] = "WhenEmptyOrUnderutilized"
    consolidate_after: Seconds | None = 0.0
    """After the last pod came or went; None = never."""
    budgets: tuple[DisruptionBudget, ...] = (DisruptionBudget(share=0.1),)
    expire_after: PositiveSeconds | None = 720 * 3600.0
    """Age at which a node is replaced; None = never."""
    termination_grace: Seconds | None = None
    """Time after which a draining node is taken away whatever runs there."""
    batch_idle: Seconds = 1.0
    """Without a new pending pod, before nodes are bought for those there are."""
    batch_max: Seconds = 10.0
