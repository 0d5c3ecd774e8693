"""Sizes of the fleet of a plan, as races compare them."""

from __future__ import annotations

from simcost.billing import Spot
from simcost.plan import Fixed
from simcost.plan.autoscaling.simple import Schedule
from simcost.scenario.runs.resolve import ResolvedPlan

SIZES = ("replicas", "min", "max", "start")
"""Fields of a scaling policy that are sizes."""
BELOW_MIN = ("idle", "paused_replicas")
"""Fields that may be below its `min`: replicas of KEDA while nothing is active, or while it is paused."""


def may_lose_nodes(plan: ResolvedPlan) -> bool:
    """True if nodes are interrupted, so that no replica is there all the time."""
    spot = any(isinstance(option, Spot) for option in (plan.plan.buy, *plan.plan.or_buy))
    return spot or plan.pool.interruptions is not None


def always_there(plan: ResolvedPlan) -> float:
    """Replicas that are there all the time."""
    scaling = plan.pool.scaling
    if isinstance(scaling, Fixed):
        return float(scaling.replicas)
    if isinstance(scaling, Schedule):
        return float(min(step.replicas for step in scaling.steps))
    below = [getattr(scaling, name, None) for name in BELOW_MIN]
    return float(min(getattr(scaling, "min", 0) or 0, scaling.initial(), *(one for one in below if one is not None)))


def counts_of(plan: ResolvedPlan, replicas: float) -> tuple[float, ...]:
    """Most, fewest and first replicas."""
    fewest, first = always_there(plan), getattr(plan.pool.scaling, "start", None)
    return replicas, fewest, fewest if first is None else float(first)


def sizes_of(plan: ResolvedPlan) -> tuple[float, ...]:
    """Counts of replicas of a policy, more of which never serve worse; none where it has others."""
    scaling = plan.pool.scaling
    found = [] if plan.other_pools else [getattr(scaling, name, None) for name in SIZES]
    return tuple(0.0 if one is None else float(one) for one in found) if any(found) else ()
