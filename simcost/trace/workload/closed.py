"""A closed loop of clients, as a scenario writes it: each waits for its request, thinks, and sends the next."""

from collections.abc import Callable, Iterator
from dataclasses import field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from simcost.record import record
from simcost.trace.workload.lengths import Lengths, TokenLengths
from simcost.units import NS_PER_S, ByKind, PerS, PositiveCount, PositiveSeconds, Seconds

if TYPE_CHECKING:
    import numpy as np

    from simcost.trace.requests.batch import Floats, RequestBatch

LARGEST_BATCH = 65_536
"""Requests made at a time."""


@record
class ConstantThinkTime:
    """The same time after each request."""

    kind: Literal["constant"] = "constant"
    time: Seconds = 0.0
    """From the end of a request to the next one of its client; 0 = the next follows at once."""

    def drawing(self, rng: "np.random.Generator") -> "Callable[[int], Floats]":  # noqa: ARG002  # one interface
        """Sampler of think times in seconds."""
        import numpy as np

        return lambda count: np.full(count, self.time)


@record
class ExponentialThinkTime:
    """Independent exponential times, as in the machine-repairman model."""

    kind: Literal["exponential"] = "exponential"
    mean: PositiveSeconds
    """Their mean."""

    def drawing(self, rng: "np.random.Generator") -> "Callable[[int], Floats]":
        """Sampler of think times in seconds."""
        return lambda count: rng.exponential(self.mean, count)


@record
class LognormalThinkTime:
    """Independent log-normal times, as people take who read an answer."""

    kind: Literal["log-normal"] = "log-normal"
    median: PositiveSeconds
    """Their median."""
    sigma: Annotated[float, Ge(0), Le(3)] = 1.0
    """Standard deviation of their natural logarithm."""

    def drawing(self, rng: "np.random.Generator") -> "Callable[[int], Floats]":
        """Sampler of think times in seconds."""
        import numpy as np

        return lambda count: self.median * np.exp(self.sigma * rng.standard_normal(count))


ThinkTime = ConstantThinkTime | ExponentialThinkTime | LognormalThinkTime


@record
class ClientCount:
    """Number of clients from some time on."""

    at: PositiveSeconds
    """Since the start of the run."""
    clients: PositiveCount
    """Those that are too many leave after the request that they wait for."""


@record
class ClosedWorkload:
    """A closed loop of clients who wait for their answers. Each client sends a request, waits until it is completed,
    turned away or timed out, thinks, and sends the next. This is what benchmark tools do that hold a concurrency.

    The k-th request sent is the same in every plan: requests are numbered in the order in which they are sent.
    Latencies count from sending. Each client is a conversation to a router that looks at sessions. The run sends
    nothing more once `requests` are sent.
    """

    kind: Literal["closed"] = "closed"
    clients: PositiveCount
    """From the start on; as many as `requests` = all requests at once."""
    ramp: tuple[ClientCount, ...] = ()
    """Other numbers of clients later, in the order of time."""
    requests: Annotated[int, Ge(1), Le(1_000_000_000)] | None = None
    """In all, as the number of prompts of a benchmark; None = until the horizon."""
    rate: PerS | None = None
    """Clients send no faster than this together, at exponential gaps, as tools do that take a request rate and a
    concurrency; None = as fast as requests end."""
    think: Annotated[ThinkTime, ByKind("constant")] = field(default_factory=ConstantThinkTime)
    """Time from the end of a request to the next one of its client."""
    backoff: PositiveSeconds = 1.0
    """Least time from a request that is turned away to the next one of its client, so that a full gateway is not
    asked without end."""
    lengths: Annotated[TokenLengths, ByKind("log-normal")] = field(default_factory=Lengths)
    """Tokens of prompts and outputs."""

    def __post_init__(self) -> None:
        for one, other in pairwise(self.ramp):
            if one.at >= other.at:
                raise ValueError(f"ramp has {other.at:g} s after {one.at:g} s; write its times in rising order")

    @property
    def most_clients(self) -> int:
        """Of all times."""
        return max(self.clients, *(one.clients for one in self.ramp), 0)

    def stages(self) -> list[tuple[float, int]]:
        """Since when, in seconds, there are how many clients; the first from 0 on."""
        return [(0.0, self.clients), *((one.at, one.clients) for one in self.ramp)]

    def batches(self, *, folder: Path, seed: int, index: int) -> "Iterator[RequestBatch]":
        """The requests of a replication in the order in which they are sent; without `requests`, they have no end.

        `arrival_ns` is the earliest that a request may be sent, `think_ns` the think time after it.

        Raises:
            TraceError: a trace that cannot be read.
        """
        import numpy as np

        from simcost.rng import stream
        from simcost.trace.requests.batch import RequestBatch

        tokens = self.lengths.drawing(folder, stream(seed, "lengths", 0, index))
        think = self.think.drawing(stream(seed, "think", 0, index))
        gaps, sent, last_s = stream(seed, "gaps", 0, index), 0, 0.0
        while self.requests is None or sent < self.requests:
            count = LARGEST_BATCH if self.requests is None else min(LARGEST_BATCH, self.requests - sent)
            arrival_s = np.zeros(count)
            if self.rate is not None:
                arrival_s = last_s + np.cumsum(gaps.exponential(1 / self.rate, count))
                last_s = float(arrival_s[-1])
            times = (np.rint(one * NS_PER_S).astype(np.int64) for one in (arrival_s, think(count)))
            arrival_ns, think_ns = times
            yield RequestBatch(arrival_ns, *tokens(count), think_ns=think_ns)
            sent += count
