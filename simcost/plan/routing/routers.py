"""Routers of production systems; the highest score gets the request, a tie goes at random.

Semantics: vllm-project/production-stack routing_logic.py, ray serve, vLLM data parallel.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from simcost.plan.routing.endpoint_picker import EndpointPicker
from simcost.plan.routing.pool_routers import PoolRouter
from simcost.plan.routing.router_rules import RouterRules
from simcost.record import record
from simcost.units import PositiveCount, PositiveSeconds, Seconds


@record
class RoundRobin(RouterRules):
    """Each ready replica in turn; a rejected request takes its turn too."""

    kind: Literal["round-robin"] = "round-robin"
    code: ClassVar[int] = 0
    informed: ClassVar[bool] = False


@record
class LeastOutstanding(RouterRules):
    """The replica with the fewest requests in the system, waiting or running (join the shortest queue).
    Ties are broken by a hash of the request, so that low-numbered replicas do not fill first.
    """

    kind: Literal["least-outstanding"] = "least-outstanding"
    code: ClassVar[int] = 1
    informed: ClassVar[bool] = False


@record
class PowerOfTwo(RouterRules):
    """The less loaded of two distinct replicas drawn by a hash of the request (a tie takes the first)."""

    kind: Literal["power-of-two"] = "power-of-two"
    code: ClassVar[int] = 2
    informed: ClassVar[bool] = False


@record
class LowestRate(RouterRules):
    """The replica that gets the fewest requests per second; one without statistics first."""

    kind: Literal["lowest-rate"] = "lowest-rate"
    code: ClassVar[int] = 4
    window: PositiveSeconds = 60.0
    """Over which requests are counted, as production-stack's `--request-stats-window`."""
    refresh: Seconds = 0.0
    """Age that counts may have; 0 = always exact."""

    def report_age(self) -> float:
        """As configured."""
        return self.refresh

    def window_s(self) -> float:
        """As configured."""
        return self.window


@record
class Session(RouterRules):
    """The replica that a hash of the session points to, so that few sessions move when replicas come and go; without
    a session the lowest rate.
    """

    kind: Literal["session"] = "session"
    code: ClassVar[int] = 5
    window: PositiveSeconds = 60.0
    """Over which requests are counted."""
    refresh: Seconds = 0.0
    """Age that counts may have; 0 = always exact."""

    def report_age(self) -> float:
        """As configured."""
        return self.refresh

    def window_s(self) -> float:
        """As configured."""
        return self.window


@record
class RayPowerOfTwo(RouterRules):
    """The shorter queue of two distinct replicas at random; full ones are passed over, and none may be left."""

    kind: Literal["ray-power-of-two"] = "ray-power-of-two"
    code: ClassVar[int] = 6
    max_ongoing_requests: PositiveCount = 5
    """Of a replica, running or waiting, as in its deployment."""
    refresh: Seconds = 10.0
    """Age that a remembered queue length may have; 0 = replicas are always asked."""
    backoff: Seconds = 0.025
    """Before two others are tried; doubles, for ever."""
    max_backoff: Seconds = 0.5
    """Longest time between two tries."""


@record
class VllmDataParallel(RouterRules):
    """The least of four times the waiting plus the running requests; what was sent since the last report counts as
    waiting.
    """

    kind: Literal["vllm-data-parallel"] = "vllm-data-parallel"
    code: ClassVar[int] = 3
    refresh: Seconds = 0.1
    """Age that a report may have; 0 = always exact."""

    def report_age(self) -> float:
        """As configured."""
        return self.refresh


Router = (
    RoundRobin
    | LeastOutstanding
    | PowerOfTwo
    | VllmDataParallel
    | LowestRate
    | Session
    | RayPowerOfTwo
    | EndpointPicker
    | PoolRouter
)
