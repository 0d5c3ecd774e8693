"""Plans of a scenario with one value changed, each simulated when it is asked for.

A plan is not simulated at a value where it cannot be the best: its cost is known to be no less than that of one which
meets the SLO there. Of a fixed fleet that is the compute of the base, which requests and step times do not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import fsum, inf

from simcost.billing import ManagedEndpoint, Serverless, Spot
from simcost.compare.results import PlanSummary
from simcost.compare.sensitivity import perfect_information_usd
from simcost.plan import Fixed
from simcost.scenario.inputs.changes import AnyScenario, plans_of

Assess = Callable[[Sequence[str]], Mapping[str, PlanSummary]]
"""Simulates plans by their names."""
_VARYING = (Spot, Serverless, ManagedEndpoint)
"""Purchases whose cost depends on more than the time that nodes are there."""


class PlanState:
    """The plans at one value.

    Args:
        least: cost a month of each plan at least.
        assess: simulates some of them.
        first: simulated together as soon as one is asked for.
    """

    def __init__(self, least: Mapping[str, float], assess: Assess, first: Sequence[str] = ()) -> None:
        self._least, self._assess, self._first = least, assess, first
        self._usd: dict[str, float] = {}
        self._met: set[str] = set()

    @classmethod
    def of(cls, usd: Mapping[str, float], met: Sequence[str]) -> PlanState:
        """All costs a month and the plans that meet the SLO, known before."""
        state = cls({}, lambda _: {})
        state._usd, state._met = dict(usd), set(met)
        return state

    @property
    def met(self) -> frozenset[str]:
        """Plans that are known to meet the SLO."""
        return frozenset(self._met)

    def knows(self, name: str) -> bool:
        """True if the plan is simulated."""
        return name in self._usd

    def usd(self, name: str) -> float:
        """Cost a month of a plan."""
        if name not in self._usd:
            asked = [name, *(one for one in self._first if one != name and one not in self._usd)]
            for found, plan in self._assess(asked).items():
                self._usd[found] = plan.per_month_usd.mean
                if plan.eligible:
                    self._met.add(found)
        return self._usd[name]

    def possible(self, name: str) -> float:
        """Cost of a plan, infinite where it misses the SLO; of one that is not simulated, the least."""
        if name in self._usd:
            return self._usd[name] if name in self._met else inf
        return self._least[name]

    @property
    def best(self) -> str | None:
        """The cheapest plan that meets the SLO; None = none does."""
        while True:
            name = min({**self._least, **self._usd}, key=lambda one: (self.possible(one), self.knows(one), one))
            if self.possible(name) == inf:
                return None
            if self.knows(name):
                return name
            self.usd(name)


def worth(states: Sequence[PlanState], names: Sequence[str], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true; None where no plan meets the SLO in one of them, or none in all."""
    if not all(state.best for state in states):
        return None
    while True:
        name = min(names, key=lambda one: fsum(w * s.possible(one) for w, s in zip(weights, states, strict=True)))
        unknown = next((state for state in states if not state.knows(name)), None)
        if unknown is None:
            costs = {one: [state.possible(one) for state in states] for one in names}
            return perfect_information_usd(costs, weights)
        unknown.usd(name)


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
