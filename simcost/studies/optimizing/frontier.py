"""Front of a search: cost against attainment, latency, levels of jobs, carbon, risk and quality, with its knee."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

from simcost.compare.front import NoisyOption, front, knee, on_or_near
from simcost.studies.optimizing.front_plans import METRICS, FrontPlan
from simcost.studies.optimizing.settings import OBJECTIVES, Document

EQUAL_BUDGETS = 0.1
"""Share of the error budget by which attainments may differ and count as equal, where noise is considered."""
_NEVER_S = 1e12
"""Time that stands for never, where differences are taken."""


class Frontier:
    """The front of plans, each with all its replications.

    An objective counts where it is known of some plan; cost always counts. A plan of which it is not known is compared
    in the others: it leaves where another is better in those, and beats none of which it is known. Latency is of each
    metric that the plans have; one that completes no request in some replication has the longest.

    Args:
        plans: of which it is the front.
        level: confidence that a plan off the front is none of it.
        wanted: objectives beside cost; empty = all that the plans have.
    """

    def __init__(self, plans: Sequence[FrontPlan], level: float, wanted: Collection[str] = ()) -> None:
        self._plans = {plan.name: plan for plan in plans}
        asked = [name for name in OBJECTIVES if name == "cost" or name in (wanted or self._usual())]
        self._unknown = {name: reasons for name in asked if (reasons := self._reasons(name))} if plans else {}
        lost = {name for name, reasons in self._unknown.items() if len(reasons) == len(self._plans)}
        self.objectives = [name for name in asked if name not in lost] if plans else []
        self._on = front({name: self.values(plan) for name, plan in self._plans.items()})
        self._near = set(
            on_or_near({name: self._noisy(plan) for name, plan in self._plans.items()}, level, self._margin)
        ) - set(self._on)

    @property
    def plans(self) -> list[FrontPlan]:
        """All plans, those off the front too."""
        return list(self._plans.values())

    @property
    def on(self) -> list[FrontPlan]:
        """Plans on the front."""
        return [self._plans[name] for name in self._on]

    @property
    def near(self) -> list[FrontPlan]:
        """Plans near it."""
        return [plan for name, plan in self._plans.items() if name in self._near]

    def document(self) -> Document:
        """Keys of the front: `frontier[]`, `objectives`, `objectives_unknown[]`, `measure`, `knee`."""
        points = [plan.document(near=False) for plan in self.on] + [plan.document(near=True) for plan in self.near]
        return {
            "frontier": sorted(points, key=lambda point: (point["usd_per_month"], point["near"])),
            "objectives": self.objectives,
            "objectives_unknown": [
                {
                    "objective": name,
                    "plans": len(reasons),
                    "reason": next(iter(reasons.values())),
                    "names": list(reasons),
                }
                for name, reasons in self._unknown.items()
            ],
            "measure": self._measure,
            "knee": self._knee(),
        }

    def values(self, plan: FrontPlan) -> tuple[float | None, ...]:
        """Means of all objectives, better when lower; None = not known."""
        good = [-plan.attainment.mean if plan.attainment else 0.0] if "attainment" in self.objectives else []
        jobs = [level.cost for level in plan.jobs] if "jobs" in self.objectives else []
        return (plan.cost.mean, *good, *jobs, *self._others(plan))

    def _usual(self) -> set[str]:
        """Objectives that the plans can have: those of requests, of jobs, and of all."""
        plans = self._plans.values()
        served, trained = any(plan.attainment for plan in plans), any(plan.jobs for plan in plans)
        left_out = (set() if served else {"attainment", "latency", "quality"}) | (set() if trained else {"jobs"})
        return set(OBJECTIVES) - left_out

    @property
    def _measure(self) -> str | None:
        """Name of the level of service that cost is held against; None = it is none of the objectives."""
        measure = next((plan.measure for plan in self._plans.values()), None)
        if measure is None or ("attainment" if measure.name == "attainment" else "jobs") not in self.objectives:
            return None
        return measure.name

    @property
    def _margin(self) -> float:
        """Shares of good that differ by less count as equal, where noise is considered."""
        measures = [plan.measure for plan in self._plans.values()]
        targets = [measure.target for measure in measures if measure is not None and measure.is_good]
        return EQUAL_BUDGETS * (1 - max(targets, default=1.0))

    def _knee(self) -> str | None:
        if self._measure is None:
            return None
        points = {
            plan.name: (plan.cost.mean, -plan.measure.cost) for plan in self._plans.values() if plan.measure is not None
        }
        kept = front({name: (usd, -good) for name, (usd, good) in points.items() if name in self._on})
        return knee({name: points[name] for name in kept if points[name][1] > -inf})

    def _reasons(self, objective: str) -> dict[str, str]:
        """Reasons by plan why an objective is not known."""
        plans = self._plans.values()
        if objective == "latency":
            return {} if self._metrics else dict.fromkeys(self._plans, "no request has a latency")
        if objective in ("attainment", "quality") and not any(plan.attainment for plan in plans):
            return dict.fromkeys(self._plans, "there are no requests")
        if objective == "jobs":
            said = "the SLO has no target of jobs"
            return {} if any(plan.jobs for plan in plans) else dict.fromkeys(self._plans, said)
        if objective == "carbon":
            return {plan.name: _first(plan.missing) for plan in plans if plan.kg_co2e is None}
        if objective == "quality":
            return {plan.name: reason for plan in plans for reason in plan.missing_quality}
        return {}

    @property
    def _metrics(self) -> list[str]:
        """Metrics of which some plan has a value."""
        known = {name for plan in self._plans.values() for name, value in plan.latency_s.items() if value is not None}
        return [metric for metric in METRICS if metric in known]

    def _others(self, plan: FrontPlan) -> tuple[float | None, ...]:
        """Values of the objectives beside cost, attainment and jobs, better when lower."""
        found: list[float | None] = []
        if "latency" in self.objectives:
            values = [plan.latency_s.get(metric) for metric in self._metrics]
            found += [inf if value is None else value for value in values]
        if "carbon" in self.objectives:
            found.append(plan.kg_co2e)
        if "risk" in self.objectives:
            found.append(plan.risk)
        if "quality" in self.objectives:
            value = None if plan.quality is None else plan.quality.value
            found.append(None if value is None else -value)
        return tuple(found)

    def _noisy(self, plan: FrontPlan) -> NoisyOption:
        measure, jobs = plan.measure, plan.jobs if "jobs" in self.objectives else ()
        if measure is None or self._measure is None:
            return NoisyOption(usd=plan.usd, attainment=None, others=self._others(plan))
        good = measure.values if measure.is_good else [-min(value, _NEVER_S) for value in measure.values]
        others = [level.cost for level in jobs if level.name != measure.name]
        return NoisyOption(usd=plan.usd, attainment=good, others=(*others, *self._others(plan)))


def _first(facts: Sequence[str]) -> str:
    """The first missing fact, and how many more there are."""
    more = len(facts) - 1
    return f"{facts[0]} ({more} more {'fact is' if more == 1 else 'facts are'} missing)" if more else facts[0]
