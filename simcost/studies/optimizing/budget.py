"""Budget of a search: a plan that costs more does not count, and the nearest misses are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simcost.studies.optimizing.levels import least_measured
from simcost.studies.optimizing.settings import Document


def within_budget(document: Document, budget_usd: float | None, points: Iterable[Mapping[str, Any]]) -> Document:
    """The document of a search under a budget: no best plan where the cheapest that meets the SLO costs more.

    `budget` then has the plan of the highest attainment within it, and `nearest` the cheapest that meets the SLO.

    Args:
        document: without a budget.
        budget_usd: most that a month may cost; None = whatever.
        points: name, `usd_per_month` and `attainment` of the plans that were simulated.
    """
    if budget_usd is None:
        return document
    inside = [point for point in points if point["usd_per_month"] <= budget_usd and point["attainment"] is not None]
    most = max(inside, key=lambda point: (point["attainment"], -point["usd_per_month"]), default=None)
    told = {"budget": {"usd_per_month": budget_usd, "most_attaining": None if most is None else dict(most)}}
    best = document["best"]
    if best is None or best["cost_usd"]["per_month"] <= budget_usd:
        return document | told
    usd = best["cost_usd"]["per_month"]
    nearest = {
        "name": best["name"],
        "usd_per_month": usd,
        "attainment": least_measured(best),
        "met": True,
        "over_budget_usd": usd - budget_usd,
    }
    return document | told | {"best": None, "runner_up": None, "gap": None, "confidence": None, "nearest": nearest}
