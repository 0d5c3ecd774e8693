"""Routers between pools of unlike replicas: the pool first, then its replica with the fewest requests.

A pool takes part while one of its replicas takes requests and could hold this one. Weights are those of the pools of a
plan, as of the backends of an HTTPRoute of the Gateway API; where no pool that takes part has one, all replicas do.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Le

from simcost.plan.routing.router_rules import RouterRules
from simcost.record import record
from simcost.units import PositiveCount, Seconds


class PoolRules(RouterRules):
    """Base of the routers that know pools."""

    __slots__ = ()
    between_pools: ClassVar[bool] = True
    weighted: ClassVar[bool] = True
    """True if it uses the weights of the pools."""


@record
class WeightedRandom(PoolRules):
    """A pool at random, as likely as its weight says (an HTTPRoute of the Gateway API, weighted clusters of Envoy)."""

    kind: Literal["weighted-random"] = "weighted-random"
    code: ClassVar[int] = 8


@record
class WeightedRoundRobin(PoolRules):
    """Pools in turn, each as often as its weight says, spread evenly (the smooth weighted round robin of nginx)."""

    kind: Literal["weighted-round-robin"] = "weighted-round-robin"
    code: ClassVar[int] = 9


@record
class WeightedLeastOutstanding(PoolRules):
    """The replica with the fewest requests for the weight of its pool. The least (requests + 1) / weight counts,
    waiting or running: give each pool as its weight what one of its replicas can do. A pool with weight 0 gets none.
    """

    kind: Literal["weighted-least-outstanding"] = "weighted-least-outstanding"
    code: ClassVar[int] = 10


@record
class PoolsInOrder(PoolRules):
    """The first pool that is not saturated, in the order of the plan: put the cheapest first, and the next takes what
    is too much for it. A pool is saturated while the mean over its replicas of max(waiting / `queue`, KV share / `kv`)
    is 1 or more. When all are, the replica with the fewest requests of any pool.
    """

    kind: Literal["pools-in-order"] = "pools-in-order"
    code: ClassVar[int] = 11
    weighted: ClassVar[bool] = False
    queue: PositiveCount = 1
    """Waiting requests of a replica."""
    kv: Annotated[float, Gt(0), Le(1)] = 0.9
    """Share of its KV cache in use."""
    refresh: Seconds = 0.0
    """Age that signals of the engines may have; 0 = always exact."""

    def report_age(self) -> float:
        """As configured."""
        return self.refresh


PoolRouter = WeightedRandom | WeightedRoundRobin | WeightedLeastOutstanding | PoolsInOrder
