"""How long a new replica takes from the decision to its first request."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from simcost.units import BytesPerS, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Startup:
    """Phases of a cold start, one after another. Billing runs from the start of the node.

    The defaults are the middle of published start-up times (2024-2026, second-hand, quality C):
    node 120 s, a 10-18 GB image in 60-330 s, weights at about 1 GB/s, engine and graph capture 60-200 s.
    """

    node: Seconds = 120.0
    """Provisioning and boot of a node; not needed where a node has a free slot."""
    image: Seconds = 180.0
    """Image pull; not needed on a node that has pulled it before."""
    weights: BytesPerS = 1e9
    """Download and load rate of the weights."""
    engine: Seconds = 90.0
    """Imports, compilation, graph capture, first health check."""
    disk: Annotated[float, Ge(0)] = 200.0
    """GB of disk kept per node (image, weights, cache)."""

    def seconds(self, weights_bytes: float, *, new_node: bool) -> float:
        """Time from the decision to ready."""
        load = weights_bytes / self.weights + self.engine
        return self.node + self.image + load if new_node else load
