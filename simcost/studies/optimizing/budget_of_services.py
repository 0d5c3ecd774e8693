"""Budget of several services: the plans of the highest attainment within it, of those that were simulated."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

from simcost.compare.limited_choice import LimitedOption, cheapest_within
from simcost.scenario.runs.supply_limits import SupplyLimits
from simcost.studies.optimizing.search import PlanSearch
from simcost.studies.optimizing.settings import Document

Points = Mapping[str, Mapping[str, Document]]
"""Plans that were simulated, by service and name."""


def most_attaining(
    searches: Mapping[str, PlanSearch], limits: SupplyLimits, budget_usd: float | None
) -> list[Document]:
    """A plan of each service that cost no more together than a budget and have the highest attainment, with all their
    replications, as a plan; nothing without a budget, where the best plans are within it, or none are.

    Args:
        searches: by service, which have ended.
        limits: of all services together.
        budget_usd: most that a month may cost.
    """
    if budget_usd is None or _best_usd(searches) <= budget_usd:
        return []
    while True:
        points = {service: search.points() for service, search in searches.items()}
        chosen = _chosen(searches, points, limits, budget_usd)
        if chosen is None:
            return []
        if not any(searches[service].complete(name) for service, name in chosen.items()):
            return [_together({service: points[service][name] for service, name in chosen.items()})]


def _best_usd(searches: Mapping[str, PlanSearch]) -> float:
    """Cost a month of the best plans together, on fresh seeds; infinite where a service has none."""
    return fsum(search.best_usd() for search in searches.values())


def _chosen(
    searches: Mapping[str, PlanSearch], points: Points, limits: SupplyLimits, budget_usd: float
) -> dict[str, str] | None:
    """The choice by the replications that there are: the highest attainment that a cheapest choice of plans with no
    lower one keeps within the budget; None = no choice is within it.
    """
    shares = {point["attainment"] for every in points.values() for point in every.values()}
    for least in sorted(shares, reverse=True):
        groups = [
            [
                LimitedOption(name=name, usd=point["usd_per_month"], taken=searches[service].taken[name])
                for name, point in every.items()
                if point["attainment"] >= least
            ]
            for service, every in points.items()
        ]
        found = cheapest_within(groups, limits.most)
        if found is not None and fsum(option.usd for option in found) <= budget_usd:
            return {service: option.name for service, option in zip(points, found, strict=True)}
    return None


def _together(parts: Mapping[str, Document]) -> Document:
    """Plans of services as one plan."""
    return {
        "name": "; ".join(f"{service}: {part['name']}" for service, part in parts.items()),
        "usd_per_month": fsum(part["usd_per_month"] for part in parts.values()),
        "attainment": min(part["attainment"] for part in parts.values()),
        "met": all(part["met"] for part in parts.values()),
    }
