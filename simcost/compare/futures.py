"""Plans over many futures of the demand: the distribution of cost and service, and the cost of not knowing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from simcost.compare.comparison import Comparison
from simcost.compare.results import PlanSummary, RunResult

SHARES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
LEAST_FUTURES = 5
"""With fewer, P10 and P90 are the lowest and the highest of them (see `quantile`)."""
Quantiles = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFutures:
    """One plan over the futures; money is USD a month, but of the total."""

    plan: str
    per_month_usd: Quantiles
    """p10, p50, p90."""
    total_usd: Quantiles
    """Bill of the whole horizon: p10, p50, p90."""
    attainment: Quantiles | None
    """p10, p50, p90; None where a future has no request to judge."""
    breach_slo: float
    """Share of the futures that miss the SLO."""
    breach_budget: float | None
    """Share of the futures whose month costs more than the budget; None without a budget."""
    breach_either: float
    overspend_usd: float | None
    """Being wrong downwards: what the plan costs above the cheapest plan that meets the SLO, on average over
    the futures in which it meets it too; None where it never does."""
    rescue_usd: float | None
    """Being wrong upwards: what the cheapest plan that meets the SLO costs above this one, on average over the
    futures in which this one misses it and another meets it; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Futures:
    """All plans over the same futures."""

    plans: tuple[PlanFutures, ...]
    value_of_waiting_usd: float | None
    """Monthly saving of knowing the future before choosing: the mean cost of the best plan, less that of the cheapest
    plan that meets the SLO in each future (expected value of perfect information; Raiffa and Schlaifer 1961). Over
    futures in which some plan meets it; None where there is no best plan.
    """
    rescued: int
    """Futures in which the best plan misses the SLO and another meets it."""
    budget_usd: float | None


def futures(comparison: Comparison, budget_usd: float | None) -> Futures:
    """Results of a comparison whose replications are futures."""
    cheapest = [_cheapest(plans) for plans in _by_future(comparison)]
    best = comparison.best
    known = [] if best is None else _pairs(best, cheapest)
    return Futures(
        plans=tuple(_plan(plan, cheapest, budget_usd) for plan in comparison.plans),
        value_of_waiting_usd=_mean([_usd(run) - low for run, low in known]),
        rescued=sum(not run.met for run, _ in known),
        budget_usd=budget_usd,
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of values that each stand for an equal part of a distribution, at its middle (Hazen 1914).

    >>> quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.1), quantile([1.0, 2.0], 0.5)
    (1.0, 1.5)
    """
    ordered = sorted(values)
    place = min(max(share * len(ordered) - 0.5, 0.0), len(ordered) - 1.0)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def quantiles(values: Sequence[float]) -> Quantiles:
    """p10, p50 and p90."""
    return {name: quantile(values, share) for name, share in SHARES.items()}


def _plan(plan: PlanSummary, cheapest: Sequence[float | None], budget_usd: float | None) -> PlanFutures:
    runs = plan.results
    over = [budget_usd is not None and _usd(run) > budget_usd for run in runs]
    attainments = [run.attainment for run in runs if run.attainment is not None]
    pairs = _pairs(plan, cheapest)
    return PlanFutures(
        plan=plan.name,
        per_month_usd=quantiles([_usd(run) for run in runs]),
        total_usd=quantiles([run.bill.total_usd for run in runs]),
        attainment=quantiles(attainments) if len(attainments) == len(runs) else None,
        breach_slo=1 - plan.met_share,
        breach_budget=None if budget_usd is None else sum(over) / len(runs),
        breach_either=sum(b or not run.met for b, run in zip(over, runs, strict=True)) / len(runs),
        overspend_usd=_mean([_usd(run) - low for run, low in pairs if run.met]),
        rescue_usd=_mean([low - _usd(run) for run, low in pairs if not run.met]),
    )


def _pairs(plan: PlanSummary, cheapest: Sequence[float | None]) -> list[tuple[RunResult, float]]:
    """The plan in each future in which some plan meets the SLO, with the cost of the cheapest that does."""
    both = zip(plan.results, cheapest, strict=True)
    return [(run, low) for run, low in both if low is not None]


def _by_future(comparison: Comparison) -> list[tuple[RunResult, ...]]:
    """Results of the plans whose model is good enough, future by future."""
    chosen = [plan.results for plan in comparison.plans if plan.good_enough]
    return list(zip(*chosen, strict=True)) if chosen else [()] * len(comparison.baseline.results)


def _cheapest(runs: Sequence[RunResult]) -> float | None:
    """Cost a month of the cheapest plan that meets the SLO in a future; None where none does."""
    return min((_usd(run) for run in runs if run.met), default=None)


def _usd(run: RunResult) -> float:
    return run.bill.per_month_usd


def _mean(values: Sequence[float]) -> float | None:
    return fsum(values) / len(values) if values else None
