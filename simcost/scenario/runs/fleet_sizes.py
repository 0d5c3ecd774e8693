"""Sizes of the fleet of a plan, as races compare them."""

from __future__ import annotations

from simcost.billing import Spot
from simcost.plan import Scaling
from simcost.plan.replica_counts import most_replicas
from simcost.scenario.runs.resolve import ResolvedPlan

SIZES = ("replicas", "min", "max", "start")
"""Fields of a scaling policy that are sizes."""


def may_lose_nodes(plan: ResolvedPlan) -> bool:
    """True if nodes are interrupted, so that no replica is there all the time."""
    spot = any(isinstance(option, Spot) for option in (plan.plan.buy, *plan.plan.or_buy))
    return spot or plan.pool.interruptions is not None


def always_there(plan: ResolvedPlan) -> float:
    """Replicas that are there all the time."""
    return float(plan.pool.scaling.smallest())


def counts_of(plan: ResolvedPlan, replicas: float) -> tuple[float, ...]:
    """Most, fewest and first replicas, and the fewest while requests come: a policy that idles has more of these."""
    scaling = plan.pool.scaling
    return replicas, always_there(plan), float(scaling.initial()), _fewest_in_use(scaling)


def sizes_of(plan: ResolvedPlan) -> tuple[float, ...]:
    """Most and first replicas of a policy, and the fewest while requests come, more of which never serve worse; none
    where it has other sizes.
    """
    scaling = plan.pool.scaling
    if plan.other_pools or not any(hasattr(scaling, name) for name in SIZES):
        return ()
    return most_replicas(scaling), float(scaling.initial()), _fewest_in_use(scaling)


def _fewest_in_use(scaling: Scaling) -> float:
    return float(getattr(scaling, "min", scaling.smallest()))
