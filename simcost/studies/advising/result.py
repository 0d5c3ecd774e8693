"""Result of `simcost advise`: ranked actions with their savings, what they rest on, and what was tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simcost.compare.slo_risk import UnseenInterruptions

Effort = Literal["very low", "low", "medium", "high"]
"""very low: a number of the fleet or its autoscaler; low: another policy or purchase; medium: other hardware, region,
precision or model, with a roll-out; high: another provider."""
Certainty = Literal["high", "medium", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Saving a month: the mean of paired differences on fresh seeds, and its interval; below 0 it costs more."""

    mean: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field of the plan that an action changes."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures:
    """A plan on fresh seeds."""

    usd_per_month: float
    attainment: float | None
    attainment_at_least: float | None
    """Lower confidence bound; None where the SLO is of futures."""
    utilisation: float | None
    requests_completed: float | None
    """Of a run, in the mean; where clients wait for answers, a slower plan is asked for less. None = there are none."""
    plan: Mapping[str, Any]
    """As a scenario has it."""
    undecided: tuple[str, ...] = ()
    """Targets of jobs that it meets up to the end of the run, and may still miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedAction:
    """A change of the plan that keeps the SLO on fresh seeds, at the lower confidence bound."""

    action: str
    kind: str
    service: str | None = None
    """That it changes, of several; savings, risk and figures are of this service."""
    saving_usd_per_month: Saving
    """Alone."""
    then_usd_per_month: float | None
    """Saving after the actions above it; None = it is not one of them, since it saves too little then, or misses."""
    slo_risk: float
    """Probability that a run misses a target."""
    unseen_interruptions: UnseenInterruptions | None = None
    """Of spot nodes, where no run had one; `slo_risk` takes each run with one as a miss."""
    slo_risk_class: str
    confidence: Certainty
    """high: a recorded workload of 14 days or more and a measured engine; medium: one of the two; low: neither."""
    effort: Effort
    reversible: bool
    before: PlanFigures
    after: PlanFigures
    changes: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedKind:
    """A kind of action, and what came of it."""

    kind: str
    plans: int
    outcome: str
    service: str | None = None
    """Of several."""
    untried: int = 0
    """Plans that may keep the SLO, left after so many cheaper ones had missed it on fresh seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedService:
    """One of several services before any action."""

    name: str
    usd_per_month: float
    slo_met: bool
    good_enough: bool = True
    total_saving_usd_per_month: float
    """Of its actions one after another."""

    @property
    def eligible(self) -> bool:
        """True if it needs no action: it meets the SLO, with a model that is good enough."""
        return self.slo_met and self.good_enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Actions for a plan, those first that save most one after another."""

    verdict: str
    scenario: str
    plan: str
    usd_per_month: float
    slo_met: bool
    """True if the plan itself meets the SLO at the lower confidence bound, in the search and on fresh seeds."""
    good_enough: bool = True
    """True if its models have the quality that the scenario asks for, where it asks for any."""
    actions: tuple[AdvisedAction, ...]
    total_saving_usd_per_month: float
    """Of those actions that are taken one after another, together."""
    services: tuple[AdvisedService, ...] = ()
    """Of a scenario of several."""
    least_saving_usd_per_month: float
    """Actions that save less are not shown."""
    tried: tuple[TriedKind, ...]
    level: float
    replications: int
    least_of_futures: float | None = None
    """Lower confidence bound of the share of all futures in which the first action, or the plan, meets the SLO, by the
    fresh ones; None where the SLO is not of futures."""
    futures_met: int | None = None
    """Fresh futures in which it meets the SLO."""
    cautions: tuple[str, ...] = ()
    """Sentences on what the runs of the plan, after the actions that are taken, do not show; after the name of a
    service where there are several."""
    simulated: int
    assumptions: Sequence[str]
    provenance: Mapping[str, Any]

    @property
    def eligible(self) -> bool:
        """As of a service."""
        return self.slo_met and self.good_enough
