"""On which nodes the GPUs of a job lie: all of them at once, or none."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Any free GPUs of the pool: no nodes."""

    kind: Literal["count"] = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidate:
    """On as few nodes as possible: within a node the fullest that still has room; wider jobs take whole nodes."""

    kind: Literal["consolidate"] = "consolidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """On the emptiest nodes."""

    kind: Literal["spread"] = "spread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Random:
    """Uniformly over the nodes that have room."""

    kind: Literal["random"] = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFit:
    """Where the least is left over, CPU and GPU weighed alike."""

    kind: Literal["best-fit"] = "best-fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fgd:
    """Where fragmentation grows least (fragmentation gradient descent; Weng et al., USENIX ATC 2023)."""

    kind: Literal["fgd"] = "fgd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """As `consolidate`, but a gang of several nodes lies within one NVLink domain where one has room, the one with
    the least left; else within one rack, across as few domains as can be; else across as few racks. The list of nodes
    says the domain and the rack of each.
    """

    kind: Literal["topology"] = "topology"


OnNodes = Consolidate | Spread | Random | BestFit | Fgd | Topology
"""Those that look at nodes."""
Placement = Count | OnNodes
