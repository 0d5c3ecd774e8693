"""Start-up time of a replica, from the decision to its first request."""

from math import exp
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Le

from simcost.record import record
from simcost.units import Bytes, BytesPerS, PositiveSeconds, Seconds, Share

if TYPE_CHECKING:
    import numpy as np


@record
class Varying:
    """A time that varies: log-normal around its median."""

    median: PositiveSeconds
    """Half of the times are shorter."""
    sigma: Annotated[float, Gt(0), Le(3)]
    """Standard deviation of the logarithm: 0.3 is about a third either way."""

    def drawn(self, rng: "np.random.Generator") -> float:
        """One time, in seconds."""
        return self.median * exp(self.sigma * float(rng.standard_normal()))


Duration = Seconds | Varying
"""A constant, or a distribution."""


def drawn(time: Duration, rng: "np.random.Generator") -> float:
    """One time, in seconds; a constant draws nothing."""
    return time.drawn(rng) if isinstance(time, Varying) else time


@record
class Startup:
    """Phases of a cold start, one after another. Billing runs from the start of the node.

    The defaults are the middle of published start-up times (2024-2026, second-hand, quality C):
    node 120 s, a 10-18 GB image in 60-330 s, weights at about 1 GB/s, engine and graph capture 60-200 s.
    """

    node: Duration = 120.0
    """Provisioning and boot of a node; not needed where a node has a free slot."""
    image: Duration = 180.0
    """Image pull; not needed on a node that has pulled it before."""
    image_size: Bytes | None = None
    """Of the image, compressed: it is then pulled at the speed of the network of the node, and `image` is not used."""
    weights: BytesPerS = 1e9
    """Download and load rate of the weights; the most that one replica can take in."""
    network: BytesPerS | None = None
    """Of a node, shared by all that its replicas and images download. None = no limit of its own."""
    storage: BytesPerS | None = None
    """Of what the weights come from, shared by all replicas that load at a time. None = no limit of its own."""
    reload: BytesPerS | None = None
    """Load rate of weights that the node has loaded before for a replica of the same pool: its disk or memory holds
    them, so they need neither network nor storage. None = they are downloaded each time.
    """
    together: bool = False
    """True if weights download while the image is pulled, as on SageMaker; else after it, as in a pod."""
    compile: Duration = 0.0
    """Compilation of kernels; not needed on a node where it is cached."""
    compile_cached: bool = False
    """True if the cache of compiled kernels is kept where every new replica finds it."""
    graphs: Duration = 0.0
    """Capture of graphs."""
    engine: Duration = 90.0
    """Imports, profiling, first health check; with compilation and graphs where these have no phase of their own."""
    failed: Share = 0.0
    """Share of starts that fail at their end and start again on the same node."""
    disk: Annotated[float, Ge(0)] = 200.0
    """GB of disk kept per node (image, weights, cache)."""

    def __post_init__(self) -> None:
        if self.image_size is not None and self.network is None:
            raise ValueError("image_size needs network: the bytes per second that a node downloads")
        if self.failed == 1:
            raise ValueError("failed is 1: no start would ever succeed")

    @property
    def plain(self) -> bool:
        """True if all phases are constants that nothing else can stretch."""
        times = (self.node, self.image, self.graphs, self.engine)
        shared = self.network is not None or self.storage is not None
        once = self.compile != 0 and not self.compile_cached
        varies = any(isinstance(time, Varying) for time in times)
        return not (shared or once or self.reload is not None or varies or self.failed or self.together)

    def seconds(self, weights_bytes: float, *, new_node: bool) -> float:
        """Time from the decision to ready, with medians for what varies and nothing else that loads."""
        node, image, build, graphs, engine = (
            time.median if isinstance(time, Varying) else time
            for time in (self.node, self.image, self.compile, self.graphs, self.engine)
        )
        if self.image_size is not None and self.network is not None:
            image = self.image_size / self.network
        rate = min(self.weights, self.network or self.weights, self.storage or self.weights)
        load = weights_bytes / rate + engine
        load += (0.0 if self.compile_cached else build) + graphs
        if self.together and new_node:
            return node + max(image, weights_bytes / rate) + load - weights_bytes / rate
        return node + image + load if new_node else load
