"""Order in which the replications of a plan are simulated: the one that is most likely to show a miss comes first."""

from __future__ import annotations

from collections.abc import Sequence

from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.resolve_services import ResolvedServices


def slowest_first(question: ResolvedScenario, plan: ResolvedPlan) -> tuple[int, ...]:
    """Replications of a plan, those first in which its engine is slowest; of futures by that times the requests of the
    busiest step.
    """
    source = question.source
    peaks = source.peaks(question.seeds) if isinstance(source, ForecastDemand) else [1.0] * question.seeds
    return tuple(sorted(range(question.seeds), key=lambda one: -plan.factors[one] * peaks[one]))


def most_telling_first(question: ResolvedScenario, plan: ResolvedPlan) -> tuple[int, ...]:
    """Replications of a plan in a race: the slowest, then the fastest, which differs most from it in cost; of futures,
    each of which meets the SLO or not, as `slowest_first`.
    """
    slowest, *others = slowest_first(question, plan)
    return (slowest, *(others if isinstance(question.source, ForecastDemand) else others[::-1]))


def busiest_first(question: ResolvedScenario | ResolvedServices) -> tuple[int, ...]:
    """Replications of a whole plan: of futures by the requests of the busiest step, relative to its mean over futures
    and summed over demands, the highest first; else in their order.
    """
    if isinstance(question, ResolvedServices):
        seeds, demands = question.first.seeds, list(question.demands.values())
    else:
        seeds, source = question.seeds, question.source
        demands = [source] if isinstance(source, ForecastDemand) else []
    total = [0.0] * seeds
    for demand in demands:
        total = [one + peak for one, peak in zip(total, _relative(demand.peaks(seeds)), strict=True)]
    return tuple(sorted(range(seeds), key=lambda replication: -total[replication]))


def _relative(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value / mean if mean > 0 else 0.0 for value in values]
