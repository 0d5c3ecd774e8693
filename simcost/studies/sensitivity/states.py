"""Plans of a scenario with one value changed, each simulated when it is asked for.

A plan is not simulated at a value where it cannot be the best: its cost is known to be no less than that of one which
meets the SLO there. Of a fixed fleet that is the compute of the base, which requests and step times do not change;
between two values at which a plan is known, its cost and its verdict are taken to be between those at both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import fsum, inf
from typing import Protocol

from simcost.billing import ManagedEndpoint, Serverless, Spot
from simcost.compare.results import PlanSummary
from simcost.compare.sensitivity import perfect_information_usd
from simcost.plan import Fixed
from simcost.record import record
from simcost.scenario.inputs.changes import AnyScenario, plans_of

NONE = "no plan meets the SLO"
_VARYING = (Spot, Serverless, ManagedEndpoint)
"""Purchases whose cost depends on more than the time that nodes are there."""


@record
class VariedRange:
    """A parameter and its plausible range."""

    path: str
    lo: float
    hi: float


@record
class PlanAtValue:
    """A plan at a value, as simulation finds it."""

    usd: float
    """A month."""
    met: bool
    ratio: float
    """Of the worst target to what is measured: above 1 where it is missed."""
    complete: bool = True
    """False of a plan that its first replication shows to miss the SLO: no other was simulated, and cost and ratio are
    those of this one."""
    costs_usd: tuple[float, ...] = ()
    """A month, by replication."""
    ratios: tuple[float, ...] = ()
    """Of the worst target to what is measured, by replication; empty where they are not known."""

    @classmethod
    def of(cls, plan: PlanSummary, *, complete: bool = True) -> PlanAtValue:
        """Means over the replications of a plan; it is missed by one that is not complete."""
        return cls(
            usd=plan.per_month_usd.mean,
            met=complete and plan.eligible,
            ratio=plan.worst_ratio,
            complete=complete,
            costs_usd=tuple(run.bill.per_month_usd for run in plan.results),
            ratios=plan.worst_ratios,
        )


@record
class PlanRange:
    """Bounds of a plan before it is simulated."""

    least_usd: float = 0.0
    most_usd: float = inf
    met: bool | None = None
    """None = not known."""


class SimulatedPlans(Protocol):
    """Simulations of the plans at a value."""

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """Plans as far as it takes to know whether they meet the SLO, and of those that do their costs."""

    def complete(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """Plans in all replications."""


class PlanState:
    """The plans at one value.

    Args:
        ranges: what is known of each plan before.
        simulate: makes what simulates them; None = all are known.
        known: plans that are the same as elsewhere.
        together: simulated together as soon as one of them is asked for.
    """

    def __init__(
        self,
        ranges: Mapping[str, PlanRange],
        simulate: Callable[[], SimulatedPlans] | None,
        known: Mapping[str, PlanAtValue],
        together: Sequence[str] = (),
    ) -> None:
        self._ranges, self._simulate, self._together = ranges, simulate, together
        self._simulated: SimulatedPlans | None = None
        self.known = dict(known)
        """Plans that are simulated."""

    def usd(self, name: str) -> float:
        """Cost a month of a plan, over all replications."""
        self.judge(name)
        if not self.known[name].complete:
            self.known |= self._simulations().complete([name])
        return self.known[name].usd

    def judge(self, name: str) -> None:
        """Find out whether a plan meets the SLO."""
        if name not in self.known:
            others = self._together if name in self._together else ()
            self.known |= self._simulations().judged([name, *(o for o in others if o != name and o not in self.known)])

    def _simulations(self) -> SimulatedPlans:
        if self._simulated is None:
            if self._simulate is None:
                raise RuntimeError("all plans are known")
            self._simulated = self._simulate()
        return self._simulated

    def possible(self, name: str) -> float:
        """Cost of a plan, infinite where it misses the SLO; of one that is not simulated, the least."""
        if name in self.known:
            return self.known[name].usd if self.known[name].met else inf
        return inf if self._ranges[name].met is False else self._ranges[name].least_usd

    @property
    def best(self) -> str | None:
        """The cheapest plan that meets the SLO; None = none does."""
        names = {**self._ranges, **self.known}
        while True:
            name = min(names, key=lambda one: (self.possible(one), one in self.known, one))
            if self.possible(name) == inf:
                return None
            if name in self.known or self._surely_cheapest(name):
                return name
            self.judge(name)

    def _surely_cheapest(self, name: str) -> bool:
        """True if a plan that is not simulated is known to meet the SLO and to cost less than all others."""
        mine = self._ranges[name]
        others = (self.possible(one) for one in {**self._ranges, **self.known} if one != name)
        return mine.met is True and mine.most_usd < min(others, default=inf)


def range_between(least_usd: float, ends: Sequence[PlanAtValue]) -> PlanRange:
    """Bounds of a plan between two values at which it is known.

    >>> cheap, dear = (PlanAtValue(usd=usd, met=True, ratio=0.5) for usd in (10.0, 12.0))
    >>> range_between(0.0, [cheap, dear])
    PlanRange(least_usd=10.0, most_usd=12.0, met=True)
    """
    costs, met = [end.usd for end in ends], {end.met for end in ends}
    return PlanRange(
        least_usd=max(least_usd, min(costs)), most_usd=max(costs), met=met.pop() if len(met) == 1 else None
    )


def worth(states: Sequence[PlanState], names: Sequence[str], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true; None where no plan meets the SLO in one of them, or none in all."""
    if not all(state.best for state in states):
        return None
    while True:
        name = min(names, key=lambda one: fsum(w * s.possible(one) for w, s in zip(weights, states, strict=True)))
        unknown = next((state for state in states if name not in state.known), None)
        if unknown is None:
            costs = {one: [state.possible(one) for state in states] for one in names}
            return perfect_information_usd(costs, weights)
        unknown.judge(name)


def fixed_usd(loaded: AnyScenario, base: Sequence[PlanSummary]) -> dict[str, float]:
    """Cost a month that a plan has whatever its requests: the compute of one whose fleets are all fixed, else 0."""
    fixed = {plan.name: True for plan in base}
    for plan, _ in plans_of(loaded):
        steady = isinstance(plan.scaling, Fixed) and plan.training is None and plan.interruptions is None
        bought = any(isinstance(option, _VARYING) for option in (plan.buy, *plan.or_buy))
        fixed[plan.name] &= steady and not bought and plan.disaggregation is None
    return {
        plan.name: plan.by_category_usd.get("compute", 0.0) / plan.months * (1 - 1e-9) if fixed[plan.name] else 0.0
        for plan in base
    }


def has_choice(loaded: AnyScenario) -> bool:
    """True if plans choose between kinds of nodes, which prices may change."""
    return any(plan.or_buy for plan, _ in plans_of(loaded))
