"""The requests and replicas of a pool at one instant."""

from collections.abc import Callable
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

    def work_s(self, busy_s: float, tick_s: float) -> float:
        """Engine time that tokens took, of so much busy time: what is not hidden.

        A step with prompts counts what it hides from its start on, its fixed part once it has ended; so one in progress
        would count for more than the time that it had.
        """
        return min(max(busy_s - self.hidden * tick_s, 0.0), busy_s)


class ObservedThen:
    """The pool when its totals were these, worked out when it is first asked for."""

    __slots__ = ("_observed", "_seen", "_totals")

    def __init__(self, observed: Callable[[list[int]], PoolObservation], totals: list[int]) -> None:
        self._observed, self._totals = observed, totals
        self._seen: PoolObservation | None = None

    def __call__(self) -> PoolObservation:
        """The pool as it was."""
        if self._seen is None:
            self._seen = self._observed(self._totals)
        return self._seen
