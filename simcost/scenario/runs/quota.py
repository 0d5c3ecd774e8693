"""Quotas: accelerators that plans may take together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from simcost.catalog import Catalog
from simcost.errors import InputError
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.resolve_services import ResolvedServices


def over_quota(plans: Iterable[ResolvedPlan], quota: Mapping[str, int], catalog: Catalog) -> str:
    """Reason why plans may take more accelerators at a time than a quota allows; empty = they never do.

    Each counts with the most replicas of its policy, a prefill side and further pools too.

    Args:
        plans: that run together.
        quota: most accelerators by their name in the catalog; of others any number.
        catalog: for other names of the same accelerator.
    """
    if not quota:
        return ""
    most: dict[str, float] = {}
    for plan in plans:
        for pool in plan.each_pool():
            for side in (pool, *([] if pool.prefill is None else [pool.prefill])):
                replica = side.plan.replica
                if replica is not None and replica.accelerator is not None:
                    name = catalog.accelerator(replica.accelerator).name
                    most[name] = most.get(name, 0.0) + _most(side)
    over = [name for name, count in most.items() if count > quota.get(name, inf)]
    return "" if not over else f"may take more than the quota of {quota[over[0]]} x {over[0]}"


def checked_quota(quota: Mapping[str, int], catalog: Catalog) -> dict[str, int]:
    """The quota by names of the catalog. Raises CatalogError for an accelerator that it does not know."""
    return {catalog.accelerator(name).name: count for name, count in quota.items()}


def resolved_plans(question: ResolvedScenario | ResolvedServices) -> list[ResolvedPlan]:
    """The plans of a question, those of all services."""
    questions = question.questions.values() if isinstance(question, ResolvedServices) else [question]
    return [plan for one in questions for plan in one.plans]


def _most(plan: ResolvedPlan) -> float:
    """Accelerators of a pool at most; infinite where its policy has no bound in replicas."""
    try:
        return plan.pool.scaling.largest() * plan.pool.accelerators_per_replica
    except InputError:
        return inf
