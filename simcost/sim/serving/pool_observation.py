"""The requests and replicas of a pool at one instant."""

from typing import NamedTuple


class PoolObservation(NamedTuple):
    """The pool at one instant."""

    running: int
    waiting: int
    at_gateway: int
    kv_tokens: int
    steps: int
    """Engine steps since the start, over all replicas."""
    hidden: int
    """Time of those steps, in ticks, that a saturated engine hides (layout.HIDDEN)."""
    in_system: int
    arrived: int
    """Requests, but for those over the limits of their tenants."""
    completed: int
    area: int
    """Request-ticks since the start, modulo 2**64: differences of it are exact."""
