"""Plans side by side under the same arrivals: paired differences, the cheapest plan that meets the SLO, and why."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isclose
from types import MappingProxyType

from simcost.compare.confidence import ConfidenceInterval, paired
from simcost.compare.results import PlanSummary, RunResult, summarise
from simcost.compare.significance import Judgement, judged, negligible_usd
from simcost.errors import InputError, RunError, did_you_mean
from simcost.perf.quality import ModelQuality, QualityTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One plan minus another, replication by replication."""

    plan: str
    against: str
    total_usd: ConfidenceInterval
    per_month_usd: ConfidenceInterval
    share: float | None
    """Difference of the mean costs a month over the mean cost a month of `against`."""
    attainment: ConfidenceInterval | None
    wait_p95_s: ConfidenceInterval | None
    """Of jobs."""
    by_replication_usd: tuple[float, ...]
    """Of costs a month."""
    judgement: Judgement
    """As one of all that were compared with the same plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The evidence for a decision."""

    scenario: str
    model: str | None
    """Served by all plans that name none of their own; None where there are jobs alone, or several services."""
    quality: QualityTarget | None
    """Quality that is asked of the models."""
    level: float
    risk: float | None
    """Replications are futures, of which this share may miss the SLO; None = replications of one demand."""
    exact: bool
    """Nothing is random: a replay of recorded jobs."""
    baseline: PlanSummary
    plans: tuple[PlanSummary, ...]
    differences: tuple[Difference, ...]
    """Each other plan against the baseline."""
    margin: float | None
    """Share of a cost that is as good as no difference; None = none is."""
    ranked: tuple[PlanSummary, ...]
    """Best first: plans that may be chosen by their mean cost, of those that cost as much as the cheapest the one that
    serves best; then those whose model is not good enough by their quality, then the others by how far they miss the
    SLO."""

    @property
    def best(self) -> PlanSummary | None:
        """The cheapest plan that meets the SLO with a model that is good enough; None where none does."""
        return self.ranked[0] if self.ranked[0].eligible else None


def compare(
    runs: Mapping[str, Sequence[RunResult]],
    *,
    scenario: str,
    model: str | None,
    baseline: str,
    level: float = 0.95,
    risk: float | None = None,
    qualities: Mapping[str, ModelQuality] = MappingProxyType({}),
    quality: QualityTarget | None = None,
    margin: float | None = None,
    of_services: Mapping[str, Mapping[str, ModelQuality]] = MappingProxyType({}),
) -> Comparison:
    """Compare plans that ran under the same replications.

    Args:
        runs: results by plan name, in the order in which plans are shown.
        scenario: name of the scenario.
        model: name of the served model, None where there are jobs alone.
        baseline: the plan that the others are compared with.
        level: confidence level of intervals, between 0 and 1.
        risk: where replications are futures: the share of them that may miss the SLO.
        qualities: model and quality of each plan that serves one.
        quality: what is asked of them.
        margin: share of a cost that is as good as no difference; None = none is.
        of_services: by plan, the same of each of its services.

    Raises:
        InputError: the baseline is none of the plans, or the level is not a share.
        RunError: plans have different replications, or none.
    """
    _check_question(runs, baseline, level)
    exact = not any(_is_random(run) for results in runs.values() for run in results)
    plans = tuple(
        summarise(
            name,
            results,
            level,
            risk,
            exact=exact,
            quality=qualities.get(name),
            at_least=quality.at_least if quality else None,
            of_services=of_services.get(name, {}),
        )
        for name, results in runs.items()
    )
    base = next(plan for plan in plans if plan.name == baseline)
    return Comparison(
        scenario=scenario,
        model=model,
        quality=quality,
        level=level,
        risk=risk,
        exact=exact,
        baseline=base,
        plans=plans,
        differences=differences([plan for plan in plans if plan is not base], base, level, margin, exact=exact),
        margin=margin,
        ranked=ranked(plans),
    )


def differences(
    plans: Sequence[PlanSummary], against: PlanSummary, level: float, margin: float | None, *, exact: bool = False
) -> tuple[Difference, ...]:
    """Each of several plans minus one, corrected for their number."""
    found = [difference(plan, against, level, exact=exact) for plan in plans]
    usd = None if margin is None else margin * against.per_month_usd.mean
    all_of = judged([one.by_replication_usd for one in found], level, [usd] * len(found), exact=exact) if found else []
    return tuple(replace(one, judgement=judgement) for one, judgement in zip(found, all_of, strict=True))


def difference(plan: PlanSummary, against: PlanSummary, level: float, *, exact: bool = False) -> Difference:
    """`plan` minus `against`; what both meet in a replication is the same, so it cancels out."""

    def gap(value: Callable[[RunResult], float | None]) -> ConfidenceInterval | None:
        mine, theirs = (_known(map(value, side.results)) for side in (plan, against))
        return None if mine is None or theirs is None else paired(mine, theirs, level, exact=exact)

    def money(value: Callable[[RunResult], float]) -> ConfidenceInterval:
        mine, theirs = ([value(run) for run in side.results] for side in (plan, against))
        return paired(_without_rounding(mine, theirs), theirs, level, exact=exact)

    cost = against.per_month_usd.mean
    own, other = ([run.bill.per_month_usd for run in side.results] for side in (plan, against))
    monthly = tuple(usd - theirs for usd, theirs in zip(_without_rounding(own, other), other, strict=True))
    [judgement] = judged([monthly], level, [None], exact=exact)
    return Difference(
        plan=plan.name,
        against=against.name,
        total_usd=money(lambda run: run.bill.total_usd),
        per_month_usd=money(lambda run: run.bill.per_month_usd),
        share=fsum(monthly) / len(monthly) / cost if cost else None,
        attainment=gap(lambda run: run.attainment),
        wait_p95_s=gap(lambda run: run.wait_p95_s),
        by_replication_usd=monthly,
        judgement=judgement,
    )


def _without_rounding(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Costs; those that differ from the other by the rounding of sums alone are the other."""
    pairs = zip(values, others, strict=True)
    return [other if isclose(value, other, rel_tol=1e-12) else value for value, other in pairs]


def _known(values: Iterable[float | None]) -> list[float] | None:
    """The values; None where one is missing."""
    found = list(values)
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None


def ranked(plans: Sequence[PlanSummary]) -> tuple[PlanSummary, ...]:
    """Best first; plans that cost as much as the best one by how far they are from missing a target, then in order."""
    by_cost = sorted(plans, key=_rank)
    least = by_cost[0].per_month_usd.mean
    most = least + negligible_usd(least)
    same = [plan for plan in plans if plan.eligible and plan.per_month_usd.mean <= most]
    names = {plan.name for plan in same}
    return (*sorted(same, key=lambda plan: plan.worst_ratio), *(plan for plan in by_cost if plan.name not in names))


def _rank(plan: PlanSummary) -> tuple[float, float, float]:
    if plan.eligible:
        return (0.0, plan.per_month_usd.mean, 0.0)
    if plan.met:
        known = plan.quality.value if plan.quality else None
        return (1.0, inf if known is None else -known, plan.per_month_usd.mean)
    attainment = plan.attainment.mean if plan.attainment else 0.0
    return (plan.excess + 1.0, -attainment, plan.per_month_usd.mean)


def _is_random(run: RunResult) -> bool:
    """True where the seed of a run changes its result: it serves requests, or its jobs are random."""
    return run.served is not None or bool(run.trained and run.trained.random)


def _check_question(runs: Mapping[str, Sequence[RunResult]], baseline: str, level: float) -> None:
    """Raise InputError for an unknown baseline or a level that is not a share; RunError if replications differ."""
    if baseline not in runs:
        raise InputError(f"baseline {baseline!r} is none of the plans{did_you_mean(baseline, list(runs))}")
    if not 0 < level < 1:
        raise InputError(f"level {level:g} is not between 0 and 1; write e.g. 0.95")
    first = next(iter(runs))
    expected = sorted(run.replication for run in runs[first])
    for name, results in runs.items():
        found = sorted(run.replication for run in results)
        if found != expected or not found:
            raise RunError(
                f"plan {name!r} has the replications {found}, plan {first!r} has {expected}; "
                "differences need the same ones for every plan: run again with --fresh"
            )
