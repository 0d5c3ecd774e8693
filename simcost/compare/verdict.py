"""The decision in one sentence."""

from simcost.compare.comparison import Comparison, difference
from simcost.compare.futures import quantiles
from simcost.compare.results import PlanSummary
from simcost.compare.words import against, missed, monthly, percent
from simcost.units import format_usd


def verdict(comparison: Comparison) -> str:
    """Which plan to take, what it costs a month, by how much it differs, and what comes next."""
    if len(comparison.plans) == 1:
        return _single(comparison, comparison.baseline)
    best = comparison.best
    return _none(comparison, comparison.ranked[0]) if best is None else _best(comparison, best)


def _single(comparison: Comparison, plan: PlanSummary) -> str:
    cost = monthly(plan.per_month_usd) if comparison.risk is None else _spread(plan)
    if plan.met:
        return f"{plan.name} meets the SLO{_how_often(comparison, plan)} at {cost}."
    if comparison.risk is not None:
        return f"{plan.name} misses {_broken(plan)}; it costs {cost}."
    return f"{plan.name} misses the SLO at {cost}: {_broken(plan)}."


def _none(comparison: Comparison, closest: PlanSummary) -> str:
    often = "" if comparison.risk is None else f" in {percent(1 - comparison.risk)} of the futures"
    cost = format_usd(closest.per_month_usd.mean)
    return (
        f"No plan meets the SLO{often}; {closest.name} comes closest at {cost} a month, "
        f"but misses {_broken(closest)}."
    )


def _best(comparison: Comparison, best: PlanSummary) -> str:
    base, level, exact = comparison.baseline, comparison.level, comparison.exact
    second = next((plan for plan in comparison.ranked[1:] if plan.met), None)
    role = ", the baseline," if best is base else ""
    cost = f"{format_usd(best.per_month_usd.mean)} a month" if comparison.risk is None else _spread(best)
    often = _how_often(comparison, best)
    text = f"{best.name}{role} is the cheapest plan that meets the SLO{often}: {cost}"
    if best is not base:
        text += f", {against(difference(best, base, level, exact=exact))}"
        text += "" if base.met else ", which misses the SLO"
    if second is None:
        return f"{text}; no other plan meets the SLO."
    if second is base:
        return f"{text}, the next best."
    return f"{text}; next is {second.name}, {against(difference(second, best, level, exact=exact))}."


def _how_often(comparison: Comparison, plan: PlanSummary) -> str:
    runs = len(plan.results)
    count = f"{round(plan.met_share * runs)} of {runs}"
    if comparison.risk is not None:
        return f" in {count} futures"
    return "" if plan.met_share == 1 else f" (on average; by itself in {count} runs)"


def _spread(plan: PlanSummary) -> str:
    """Cost over the futures."""
    cost = quantiles([run.bill.per_month_usd for run in plan.results])
    low, middle, high = (format_usd(cost[name]) for name in ("p10", "p50", "p90"))
    return f"{middle} a month (P10 {low}, P90 {high})"


def _broken(plan: PlanSummary) -> str:
    return missed(plan.broken) if plan.broken else "it, since nothing completed"
