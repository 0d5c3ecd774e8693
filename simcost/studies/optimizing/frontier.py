"""Front of a search: cost against attainment, latency, carbon, risk and quality, with the knee of the first two."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from simcost.compare.document import known_interval
from simcost.compare.front import NoisyOption, front, knee, on_or_near
from simcost.compare.results import PlanSummary, mean_of
from simcost.compare.unit_costs import energy_per_month
from simcost.perf.quality import ModelQuality
from simcost.slo import SloReport
from simcost.studies.optimizing.settings import OBJECTIVES, Document

EQUAL_BUDGETS = 0.1
"""Share of the error budget by which attainments may differ and count as equal, where noise is considered."""
_METRICS = ("ttft_s", "tpot_s", "e2e_s")
_SEVERAL = "the services of a plan have no quality by one benchmark"


@dataclass(frozen=True, kw_only=True)
class FrontPlan:
    """A plan with all its replications in the search."""

    summary: PlanSummary
    quality: ModelQuality | None
    """Of its model, all plans by the same benchmark; None = several services have none in common."""
    met: bool
    """It meets the SLO at the confidence bound."""
    unconfirmed: bool = False
    """It does not on fresh seeds."""

    @property
    def parts(self) -> tuple[PlanSummary, ...]:
        """Its services, or itself."""
        return self.summary.services or (self.summary,)

    @property
    def usd(self) -> list[float]:
        """Cost a month by replication."""
        return [run.bill.per_month_usd for run in self.summary.results]

    @property
    def attainments(self) -> list[float]:
        """By replication; 0 where there was no request to judge."""
        return [run.attainment or 0.0 for run in self.summary.results]

    @property
    def risk(self) -> float:
        """Share of the replications, or futures, that miss the SLO."""
        return 1 - self.summary.met_share

    @cached_property
    def latency_s(self) -> Mapping[str, float | None]:
        """P95 by metric, the mean over replications: the time to the first token, and what the SLO limits. Of several
        services the longest. None where no request of some replication has a value.
        """
        return {metric: value for metric in _METRICS for value in self._p95(metric)}

    def _p95(self, metric: str) -> list[float | None]:
        """The value, or nothing where it does not matter."""
        values = [
            mean_of(run.slo.metrics[metric]["p95"] for run in part.served)
            for part in self.parts
            if part.served and (metric == _METRICS[0] or _is_limited(part.served[0].slo, metric))
        ]
        return [None if None in values else max(value or 0.0 for value in values)] if values else []

    @cached_property
    def kg_co2e(self) -> tuple[float | None, tuple[str, ...]]:
        """Carbon of a month, and the facts that are missing."""
        energy = energy_per_month(self.summary.results)
        if energy is None:
            return None, ("the catalog has no power of nodes that are none of its offers",)
        grams = energy["gco2e_per_month"]
        return (None, tuple(energy["unknown"])) if grams is None else (grams / 1e3, ())

    def document(self, *, near: bool) -> Document:
        """The plan on the front, or near it."""
        kg, missing = self.kg_co2e
        quality = self.quality
        return {
            "name": self.summary.name,
            "usd_per_month": self.summary.per_month_usd.mean,
            "attainment": self.summary.attainment.mean if self.summary.attainment else 0.0,
            "met": self.met,
            **({"confirmed": False} if self.unconfirmed else {}),
            "near": near,
            "intervals": {
                "usd_per_month": known_interval(self.summary.per_month_usd),
                "attainment": known_interval(self.summary.attainment, shares=True),
            },
            **{metric.replace("_s", "_p95_s"): value for metric, value in self.latency_s.items()},
            "risk": self.risk,
            "kg_co2e_per_month": kg,
            "quality": None if quality is None else quality.value,
            "quality_metric": None if quality is None else quality.metric,
            "unknown": [*missing, *_missing_quality(quality)],
        }


def _is_limited(report: SloReport, metric: str) -> bool:
    """True if the SLO says something of a metric."""
    return report.limits[metric] is not None or any(metric in check.name for check in report.checks)


def _missing_quality(quality: ModelQuality | None) -> list[str]:
    """Reason why the quality is not known."""
    if quality is None:
        return [_SEVERAL]
    return [quality.source] if quality.value is None else []


class Frontier:
    """The front of plans, each with all its replications.

    An objective counts where it is known of all plans; cost always counts. Latency is of each metric that the plans
    have; one that completes no request in some replication has the longest.

    Args:
        plans: of which it is the front.
        level: confidence that a plan off the front is none of it.
        wanted: objectives beside cost; empty = all.
    """

    def __init__(self, plans: Sequence[FrontPlan], level: float, wanted: Collection[str] = ()) -> None:
        self._plans = {plan.summary.name: plan for plan in plans}
        asked = [name for name in OBJECTIVES if name == "cost" or not wanted or name in wanted]
        self._unknown = {name: reasons for name in asked if (reasons := self._reasons(name))} if plans else {}
        self.objectives = [name for name in asked if name not in self._unknown] if plans else []
        means = {name: self._means(plan) for name, plan in self._plans.items()}
        self._on = front(means)
        self._near = set(
            on_or_near({name: self._noisy(plan) for name, plan in self._plans.items()}, level, self._margin)
        )

    def document(self) -> Document:
        """Keys of the front: `frontier[]`, `objectives`, `objectives_unknown[]`, `knee`."""
        shown = [name for name in self._plans if name in self._on or name in self._near]
        points = [self._plans[name].document(near=name not in self._on) for name in shown]
        return {
            "frontier": sorted(points, key=lambda point: point["usd_per_month"]),
            "objectives": self.objectives,
            "objectives_unknown": [
                {"objective": name, "plans": len(reasons), "reason": reasons[0]}
                for name, reasons in self._unknown.items()
            ],
            "knee": self._knee(),
        }

    @property
    def _margin(self) -> float:
        """Attainments that differ by less count as equal, where noise is considered."""
        targets = [part.served[0].slo.target for plan in self._plans.values() for part in plan.parts if part.served]
        return EQUAL_BUDGETS * (1 - max(targets, default=1.0))

    def _knee(self) -> str | None:
        if "attainment" not in self.objectives:
            return None
        points = {name: (plan.summary.per_month_usd.mean, _mean_attainment(plan)) for name, plan in self._plans.items()}
        kept = front({name: (usd, -good) for name, (usd, good) in points.items() if name in self._on})
        return knee({name: points[name] for name in kept})

    def _reasons(self, objective: str) -> list[str]:
        """Reasons why an objective is not known, one of each plan of which it is not."""
        plans = self._plans.values()
        if objective == "latency":
            return [] if self._metrics else ["no request has a latency"] * len(plans)
        if objective == "carbon":
            return [_first(plan.kg_co2e[1]) for plan in plans if plan.kg_co2e[0] is None]
        if objective == "quality":
            return [reason for plan in plans for reason in _missing_quality(plan.quality)]
        return []

    @property
    def _metrics(self) -> list[str]:
        """Metrics of which some plan has a value."""
        known = {name for plan in self._plans.values() for name, value in plan.latency_s.items() if value is not None}
        return [metric for metric in _METRICS if metric in known]

    def _others(self, plan: FrontPlan) -> tuple[float, ...]:
        """Values of the objectives beside cost and attainment, better when lower."""
        worse: list[float] = []
        if "latency" in self.objectives:
            values = [plan.latency_s.get(metric) for metric in self._metrics]
            worse += [inf if value is None else value for value in values]
        if "carbon" in self.objectives:
            worse.append(plan.kg_co2e[0] or 0.0)
        if "risk" in self.objectives:
            worse.append(plan.risk)
        if "quality" in self.objectives and plan.quality is not None:
            worse.append(-(plan.quality.value or 0.0))
        return tuple(worse)

    def _means(self, plan: FrontPlan) -> tuple[float, ...]:
        good = [-_mean_attainment(plan)] if "attainment" in self.objectives else []
        return (plan.summary.per_month_usd.mean, *good, *self._others(plan))

    def _noisy(self, plan: FrontPlan) -> NoisyOption:
        good = plan.attainments if "attainment" in self.objectives else None
        return NoisyOption(usd=plan.usd, attainment=good, others=self._others(plan))


def _first(facts: Sequence[str]) -> str:
    """The first missing fact, and how many more there are."""
    more = len(facts) - 1
    return f"{facts[0]} ({more} more {'fact is' if more == 1 else 'facts are'} missing)" if more else facts[0]


def _mean_attainment(plan: FrontPlan) -> float:
    return plan.summary.attainment.mean if plan.summary.attainment else 0.0


def common_quality(services: Mapping[str, ModelQuality]) -> ModelQuality | None:
    """The lowest quality of several services; None where they have none by one benchmark."""
    if len({quality.metric for quality in services.values()}) != 1:
        return None
    return min(services.values(), key=lambda quality: -inf if quality.value is None else quality.value)
