"""Limits at the door: who waits at the gateway, who is turned away, and what becomes of requests whose replica goes."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le

from simcost.units import Count, PositiveCount, PositiveSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturation:
    """The pool is saturated while the mean over its replicas of max(waiting / `queue`, KV share / `kv`) is 1 or more,
    by the signals that the router has; a replica of which it knows nothing yet counts 1 (llm-d's detector).
    """

    queue: PositiveCount = 5
    """Waiting requests of a replica."""
    kv: Annotated[float, Gt(0), Le(1)] = 0.8
    """Share of its KV cache in use."""
    then: Literal["hold", "shed", "reject"] = "hold"
    """Requests wait at the gateway until signals come that say otherwise, those of higher priority before the others
    (llm-d's flow control); those of negative priority are turned away as they arrive, and the others let through
    (llm-d without it); or all are turned away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Limits at the door of the pool."""

    timeout: PositiveSeconds | None = None
    """A request that is not finished this long after its arrival is abandoned; None = clients wait for ever."""
    max_ongoing: PositiveCount | None = None
    """Requests that a replica has at a time, running or waiting; while all have as many, requests wait at the gateway,
    first come, first served. None = engines queue without limit."""
    max_queued: Count | None = None
    """Requests that wait at the gateway; more are rejected, but for those whose replica went. None = no limit."""
    max_queued_per_replica: Count | None = None
    """The same for each ready replica, as Knative's queue-proxies let wait: while none is ready, there is no such
    limit. The tighter of the two counts."""
    max_wait: PositiveSeconds | None = None
    """A request that has waited so long at the gateway, since it arrived, is rejected (the TTL of flow control).
    None = it waits as long as its client does."""
    saturation: Saturation | None = None
    """Sheds load by the signals of an endpoint picker; None = never."""
    in_flight: Literal["retry", "migrate", "lose"] = "retry"
    """Requests of a replica that is taken away: begin anew elsewhere; go on elsewhere with the tokens they have, once
    prompt and tokens are read again; or fail."""
    max_retries: Count = 3
    """How often a request may lose its replica; once more, and it fails."""
