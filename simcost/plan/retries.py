"""What clients do when a request fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen

from simcost.units import PositiveCount, Seconds, Share

Failure = Literal["rejected", "timeout", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Clients that send a request again when it fails: a new arrival with the same prompt, after a backoff.

    How long they wait for an answer is `admission.timeout`; each sending has its own. What they no longer wait for is
    dropped by the engine at the end of its step, and its GPU time is spent. A request that no replica can ever hold
    is not sent again.
    """

    attempts: Annotated[int, Ge(2), Le(64)] = 3
    """Sendings of a request at most, the first included (as `maxAttempts` of gRPC)."""
    on: Annotated[tuple[Failure, ...], MinLen(1)] = ("rejected", "timeout", "lost")
    """Failures after which it is sent again: turned away at the gateway; no answer in time; its replica was taken
    away and the plan loses such requests."""
    backoff: Seconds = 1.0
    """Wait before the second sending, from the failure on."""
    factor: Annotated[float, Ge(1), Le(100)] = 2.0
    """By which each further wait is longer."""
    max_backoff: Seconds = 30.0
    """Longest wait."""
    jitter: Share = 0.5
    """Part of each wait that is random: 0 = all clients wait alike, 1 = anything up to the wait."""
    budget: Annotated[Share, Gt(0)] | None = None
    """Retries per request, over all clients together: each first sending adds so much to a bucket, each retry takes 1
    (as in Finagle and Linkerd, which have 20%). With less than 1 in the bucket the client gives up. None = no limit."""
    burst: PositiveCount = 10
    """Retries that the bucket holds at most, and has at time 0."""

    def delays_s(self) -> tuple[float, ...]:
        """The wait after each sending but the last, without jitter."""
        waits, wait_s = [], self.backoff
        for _ in range(self.attempts - 1):
            waits.append(min(wait_s, self.max_backoff))
            wait_s = min(wait_s * self.factor, self.max_backoff)
        return tuple(waits)
