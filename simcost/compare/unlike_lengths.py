"""Costs of whole runs, where plans need unlike times for the same jobs: costs a month do not show them."""

from collections.abc import Sequence

from simcost.compare.results import PlanSummary
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR, format_seconds, format_usd, plural

_ALIKE = 1.01
"""Lengths and costs that are less than a hundredth apart are taken as the same."""
_NAMED = 6


def costs_of_whole_runs(plans: Sequence[PlanSummary]) -> list[str]:
    """Sentence on the costs of whole runs; none where plans take the same time."""
    if not _unlike(plans):
        return []
    whole = [f"{plan.name} {_whole(plan)}" for plan in plans]
    more = f" and {plural(len(plans) - _NAMED, 'more plan')}" if len(plans) > _NAMED else ""
    costs = f"Each plan runs until its last job has ended, and all jobs cost {', '.join(whole[:_NAMED])}{more}"
    return [f"{costs}; give a `horizon` to compare the same time."]


def cheaper_for_all_jobs(best: PlanSummary, plans: Sequence[PlanSummary]) -> list[str]:
    """Sentence on the plan that is the cheapest a month, where all jobs cost less under another that meets the SLO."""
    others = [plan for plan in plans if plan.eligible and plan.name != best.name]
    least = min(others, key=lambda plan: plan.total_usd.mean, default=best)
    if not _unlike(plans) or least.total_usd.mean * _ALIKE >= best.total_usd.mean:
        return []
    costs = f"All jobs cost more with it: {_whole(best)}, against {_whole(least)} with {least.name}"
    return [f"{costs}; give a `horizon` to compare the same time."]


def _unlike(plans: Sequence[PlanSummary]) -> bool:
    lengths = [plan.months for plan in plans]
    return max(lengths) > min(lengths) * _ALIKE


def _whole(plan: PlanSummary) -> str:
    lasted_s = round(plan.months * HOURS_PER_MONTH * SECONDS_PER_HOUR)
    return f"{format_usd(plan.total_usd.mean)} in {format_seconds(lasted_s)}"
