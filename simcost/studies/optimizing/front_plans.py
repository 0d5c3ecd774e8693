"""Plans of the front of a search: cost, attainment, latency, levels of jobs, carbon, risk and quality of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, inf

from simcost.compare.confidence import ConfidenceInterval, interval
from simcost.compare.document import known_interval
from simcost.compare.means import mean_of
from simcost.compare.results import PlanSummary
from simcost.compare.unit_costs import energy_per_month, has_api_answers
from simcost.perf.quality import ModelQuality
from simcost.slo import SloReport, is_to_reach
from simcost.studies.optimizing.settings import Document

METRICS = ("ttft_s", "tpot_s", "e2e_s")
_SEVERAL = "the services of a plan have no quality by one benchmark"


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level of service: a share of good, or something bad as a time."""

    name: str
    """Of the target: `attainment`, or as `wait_s p95` of jobs."""
    values: Sequence[float]
    """By replication; the worst where it is not measured, 0 or infinite."""
    target: float
    interval: ConfidenceInterval | None
    """None where a replication has no value."""

    @property
    def is_good(self) -> bool:
        """True if more is better."""
        return is_to_reach(self.name)

    @property
    def mean(self) -> float:
        """Over replications."""
        return self.interval.mean if self.interval else 0.0 if self.is_good else inf

    @property
    def cost(self) -> float:
        """The mean, better when lower."""
        return -self.mean if self.is_good else self.mean


@dataclass(frozen=True, kw_only=True)
class FrontPlan:
    """A plan with all its replications in the search, or one plan for each of several services."""

    name: str
    usd: Sequence[float]
    """Cost a month by replication."""
    cost: ConfidenceInterval
    attainment: Level | None
    """None without requests."""
    jobs: Sequence[Level]
    """Levels of jobs that the SLO has targets for, in its order."""
    latency_s: Mapping[str, float | None]
    """P95 by metric, the mean over replications: the time to the first token, and what the SLO limits; of several
    services the longest. None where no request of some replication has a value.
    """
    kg_co2e: float | None
    """Carbon of a month."""
    missing: tuple[str, ...]
    """Facts that are missing for it."""
    risk: float
    """Share of the replications, or futures, that miss the SLO."""
    quality: ModelQuality | None
    """Of its model, all plans by the same benchmark; None = several services have none in common."""
    met: bool
    """It meets the SLO at the confidence bound."""
    on_average: bool = False
    """It does not, and meets it on average of the replications."""
    unconfirmed: bool = False
    """It does not on fresh seeds."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Plan of each service, where they are searched apart."""

    @property
    def measure(self) -> Level | None:
        """The level of service that cost is held against: attainment, else the deadlines, else the first of jobs."""
        first = sorted(self.jobs, key=lambda level: not level.is_good)
        return self.attainment or next(iter(first), None)

    def document(self, *, near: bool) -> Document:
        """The plan on the front, or near it."""
        quality, attainment = self.quality, self.attainment
        shares = None if attainment is None else known_interval(attainment.interval, 0, 1)
        return {
            "name": self.name,
            **({"services": dict(self.services)} if self.services else {}),
            "usd_per_month": self.cost.mean,
            "attainment": None if attainment is None else attainment.mean,
            **({"jobs": {level.name: _finite(level.mean) for level in self.jobs}} if self.jobs else {}),
            "met": self.met,
            **({"on_average": True} if self.on_average else {}),
            **({"confirmed": False} if self.unconfirmed else {}),
            "near": near,
            "intervals": {
                "usd_per_month": known_interval(self.cost, 0),
                "attainment": shares,
                **{level.name: known_interval(level.interval, 0, 1 if level.is_good else inf) for level in self.jobs},
            },
            **{metric.replace("_s", "_p95_s"): value for metric, value in self.latency_s.items()},
            "risk": self.risk,
            "kg_co2e_per_month": self.kg_co2e,
            "quality": None if quality is None else quality.value,
            "quality_metric": None if quality is None else quality.metric,
            "unknown": [*self.missing, *self.missing_quality],
        }

    @property
    def missing_quality(self) -> list[str]:
        """Reason why the quality is not known; none where it is, and of jobs alone."""
        if self.attainment is None:
            return []
        if self.quality is None:
            return [_SEVERAL]
        return [self.quality.source] if self.quality.value is None else []


def front_plan(
    summary: PlanSummary, quality: ModelQuality | None, level: float, *, met: bool, unconfirmed: bool = False
) -> FrontPlan:
    """A plan by its results, all replications of it.

    Args:
        summary: the results.
        quality: of its model; None = several services have none in common.
        level: confidence of intervals.
        met: it meets the SLO at the confidence bound.
        unconfirmed: it does not on fresh seeds.
    """
    kg, missing = _kg_co2e(summary)
    return FrontPlan(
        name=summary.name,
        usd=[run.bill.per_month_usd for run in summary.results],
        cost=summary.per_month_usd,
        attainment=_attainment(summary, level),
        jobs=_jobs(summary, level),
        latency_s={metric: value for metric in METRICS for value in _p95(summary, metric)},
        kg_co2e=kg,
        missing=missing,
        risk=1 - summary.met_share,
        quality=quality,
        met=met,
        on_average=not met and _meets(summary),
        unconfirmed=unconfirmed,
    )


def _meets(summary: PlanSummary) -> bool:
    """True if the means of all checks keep their targets."""
    return not any(part.broken for part in (summary, *summary.services))


def _parts(summary: PlanSummary) -> tuple[PlanSummary, ...]:
    """Its services, or itself."""
    return summary.services or (summary,)


def lowest_attainment(summary: PlanSummary, level: float) -> float | None:
    """Mean attainment of the service or tenant which has the lowest; None where none is measured."""
    found = _attainment(summary, level)
    return None if found is None or found.interval is None else found.mean


def _attainment(summary: PlanSummary, level: float) -> Level | None:
    """That of the service or tenant which has the lowest; None without requests."""
    found = [one for part in _parts(summary) if part.served for one in _attainments(part, level)]
    return min(found, key=lambda one: one.mean, default=None)


def _attainments(part: PlanSummary, level: float) -> list[Level]:
    """Of each tenant, else of all requests."""
    tenants = [*zip(*(side.slo.tenants for side in part.served), strict=True)]
    shares = [([one.attainment for one in same], same[0].target) for same in tenants]
    shares = shares or [([run.attainment for run in part.results], part.served[0].slo.target)]
    return [
        Level(
            name="attainment",
            values=[share or 0.0 for share in same],
            target=target,
            interval=None if None in same else interval([share or 0.0 for share in same], level),
        )
        for same, target in shares
    ]


def _jobs(summary: PlanSummary, level: float) -> list[Level]:
    found = []
    for same in zip(*(side.slo.checks for side in summary.trained), strict=True):
        name, known = same[0].name, [check.measured for check in same if check.measured is not None]
        worst = 0.0 if is_to_reach(name) else inf
        values = [worst if check.measured is None else check.measured for check in same]
        bounds = interval(known, level) if len(known) == len(same) else None
        found.append(Level(name=name, values=values, target=same[0].target, interval=bounds))
    return found


def _p95(summary: PlanSummary, metric: str) -> list[float | None]:
    """The value, or nothing where it does not matter."""
    values = [
        mean_of(run.slo.metrics[metric]["p95"] for run in part.served)
        for part in _parts(summary)
        if part.served and (metric == METRICS[0] or _is_limited(part.served[0].slo, metric))
    ]
    return [None if None in values else max(value or 0.0 for value in values)] if values else []


def _is_limited(report: SloReport, metric: str) -> bool:
    """True if the SLO says something of a metric."""
    return report.limits[metric] is not None or any(metric in check.name for check in report.checks)


def _kg_co2e(summary: PlanSummary) -> tuple[float | None, tuple[str, ...]]:
    """Carbon of a month, and the facts that are missing."""
    energy = energy_per_month(summary.results)
    if energy is None:
        return None, ("the energy of serverless workers, and of a service on owned nodes, is not known",)
    if has_api_answers(summary.results):
        return None, (*energy["unknown"], "the energy of what an API answers is not known")
    grams = energy["gco2e_per_month"]
    return (None, tuple(energy["unknown"])) if grams is None else (grams / 1e3, ())


def together(plans: Mapping[str, FrontPlan], level: float) -> FrontPlan:
    """One plan for each of several services, on nodes of their own, as a plan.

    Costs and carbon add up, replication by replication; attainment is that of the service which has the lowest, latency
    the longest, quality the lowest where it is by one benchmark. The services have requests of their own, so that they
    miss their SLOs independently of each other: risk = 1 - product of (1 - risk).

    Args:
        plans: a plan by service, all with the same replications.
        level: confidence of intervals.
    """
    parts = list(plans.values())
    usd = [fsum(same) for same in zip(*(part.usd for part in parts), strict=True)]
    carbon = [part.kg_co2e for part in parts]
    kept = 1.0
    for part in parts:
        kept *= 1 - part.risk
    return FrontPlan(
        name="; ".join(f"{service}: {part.name}" for service, part in plans.items()),
        usd=usd,
        cost=interval(usd, level),
        attainment=min((part.attainment for part in parts if part.attainment), key=lambda one: one.mean, default=None),
        jobs=(),
        latency_s=_longest(parts),
        kg_co2e=None if None in carbon else fsum(kg or 0.0 for kg in carbon),
        missing=tuple(dict.fromkeys(fact for part in parts for fact in part.missing)),
        risk=1 - kept,
        quality=common_quality({name: part.quality for name, part in plans.items()}),
        met=all(part.met for part in parts),
        on_average=all(part.met or part.on_average for part in parts) and not all(part.met for part in parts),
        unconfirmed=any(part.unconfirmed for part in parts),
        services={name: part.name for name, part in plans.items()},
    )


def _longest(parts: Sequence[FrontPlan]) -> dict[str, float | None]:
    """The longest latency by metric, of the services that have it; None where one has no value."""
    found = {}
    for metric in METRICS:
        values = [part.latency_s[metric] for part in parts if metric in part.latency_s]
        if values:
            found[metric] = None if None in values else max(value or 0.0 for value in values)
    return found


def common_quality(services: Mapping[str, ModelQuality | None]) -> ModelQuality | None:
    """The lowest quality of several services; None where they have none by one benchmark."""
    known = [quality for quality in services.values() if quality is not None]
    if len(known) < len(services) or len({quality.metric for quality in known}) != 1:
        return None
    return min(known, key=lambda quality: -inf if quality.value is None else quality.value)


def _finite(value: float) -> float | None:
    return None if value == inf else value
