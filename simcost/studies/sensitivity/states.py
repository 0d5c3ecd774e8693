"""Plans of a scenario with one value changed, each simulated when it is asked for.

A plan is not simulated at a value where it cannot be the best: its cost is known to be no less than that of one which
meets the SLO there. Of a fixed fleet that is the compute of the base, which requests and step times do not change;
between two values at which a plan is known, its cost and its verdict are taken to be between those at both, until a
flip is confirmed: then only what is far from the other plans' costs, and from the target, at both.

Plans that meet the SLO and cost the same, up to rounding or to the margin of the scenario, are a tie: the best of the
base is named as long as it is one of them, then the first of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import fsum, inf
from typing import Protocol

from simcost.billing import ManagedEndpoint, Serverless, Spot
from simcost.compare.results import PlanSummary
from simcost.compare.sensitivity import perfect_information_usd
from simcost.plan import Fixed
from simcost.record import record
from simcost.scenario.inputs.changes import plans_of
from simcost.scenario.schema.loaded_scenario import AnyScenario

NONE, NONE_GOOD = "no plan meets the SLO", "no plan that is good enough meets the SLO"
"""Answers where no plan is best: the second where the quality asked for excludes some."""
IN_NUMBERS = "numbers as `scenario.yaml` of a results folder has them: seconds, bytes, shares, USD"
"""The form of the ends of a range."""
_VARYING = (Spot, Serverless, ManagedEndpoint)
"""Purchases whose cost depends on more than the time that nodes are there."""
ROUNDING = 1e-9
"""Of a cost: a difference that is one of rounding."""
_APART = 1.05
"""Ratio of costs that are far from each other."""
_FAR = 2.0
"""Ratio of misses to those allowed, or the reverse, that is far from the target."""


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
    good_enough: bool = True
    """True if its models are as good as asked for; without, `met` is False."""
    complete: bool = True
    """False of a plan that its slowest replications show to miss the SLO: no other was simulated, and cost and ratio
    are those of these."""
    costs_usd: tuple[float, ...] = ()
    """A month, by replication."""
    ratios: tuple[float, ...] = ()
    """Of the worst target to what is measured, by replication; empty where they are not known."""
    replications: tuple[int, ...] = ()
    """Numbers of those that are simulated."""

    @classmethod
    def of(cls, plan: PlanSummary, *, complete: bool = True) -> PlanAtValue:
        """Means over the replications of a plan; it is missed by one that is not complete."""
        return cls(
            usd=plan.per_month_usd.mean,
            met=complete and plan.eligible,
            ratio=plan.worst_ratio,
            good_enough=plan.good_enough,
            complete=complete,
            costs_usd=tuple(run.bill.per_month_usd for run in plan.results),
            ratios=plan.worst_ratios,
            replications=tuple(run.replication for run in plan.results),
        )

    def mean_ratio(self, base: PlanAtValue) -> float:
        """The ratio over all replications; of a plan that is not complete as if each had the share of it that it has at
        the base, since the engine of a replication is as slow at all values.

        >>> base = PlanAtValue(usd=1.0, met=True, ratio=0.5, ratios=(0.9, 0.1), replications=(0, 1))
        >>> slow = PlanAtValue(usd=1.0, met=False, ratio=3.6, complete=False, ratios=(3.6,), replications=(0,))
        >>> slow.mean_ratio(base)
        2.0
        """
        mine = self._of_same(base.ratios)
        if self.complete or not self.ratios or mine <= 0:
            return self.ratio
        return fsum(self.ratios) / mine * fsum(base.ratios) / len(base.ratios)

    def over_all(self, base: PlanAtValue) -> PlanAtValue | None:
        """The plan over all replications as far as those made tell, in which it meets the SLO; None where they do not,
        since it is not far from missing it. Its cost is that of the base times the ratio of both in these.

        They tell nothing where they have no misses at the base and others have some, nor of futures: one that meets the
        SLO says nothing of those with more demand.

        >>> base = PlanAtValue(usd=15.0, met=True, ratio=0.2, costs_usd=(10.0, 20.0), ratios=(0.3, 0.1))
        >>> one = PlanAtValue(
        ...     usd=11.0, met=False, ratio=0.4, complete=False, costs_usd=(11.0,), ratios=(0.4,), replications=(0,)
        ... )
        >>> one.over_all(base).usd, one.over_all(base).met
        (16.5, True)
        >>> perfect = PlanAtValue(usd=11.0, met=False, ratio=0.0, costs_usd=(11.0,), ratios=(0.0,), replications=(0,))
        >>> perfect.over_all(PlanAtValue(usd=15.0, met=True, ratio=0.4, costs_usd=(10.0, 20.0), ratios=(0.0, 0.8)))
        """
        if not self.ratios or self._of_same(base.ratios) <= 0 < base.ratio:
            return None
        ratio, same_usd = max(self.ratio, self.mean_ratio(base)), self._of_same(base.costs_usd)
        if ratio * _FAR > 1 or same_usd <= 0:
            return None
        usd = base.usd * fsum(self.costs_usd) / same_usd
        return PlanAtValue(usd=usd, met=True, ratio=ratio, good_enough=self.good_enough, complete=False)

    def _of_same(self, values: Sequence[float]) -> float:
        """Sum of the values of another state in the replications that are made here."""
        return fsum(values[number] for number in self.replications if number < len(values))


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

    def expected(self, name: str, base: PlanAtValue) -> PlanAtValue:
        """A plan as `judged`, or as its slowest replication says that it is, where this is far from missing the SLO."""


@record
class Preference:
    """Order in which plans that cost the same are named."""

    names: tuple[str, ...]
    """All plans, the one to name first."""
    margin: float = ROUNDING
    """Share of a cost that makes no difference."""

    def gap_usd(self, name: str, usd: float, other: str, other_usd: float) -> float:
        """Cost of a plan less that of another, zero where one is named instead of the other.

        >>> one_percent = Preference(names=("a", "b"), margin=0.01)
        >>> round(one_percent.gap_usd("a", 101.0, "b", 100.0), 6), round(one_percent.gap_usd("b", 100.0, "a", 101.0), 6)
        (0.0, 0.0)
        """
        first = self.names.index(name) < self.names.index(other)
        return usd - (1 + self.margin) * other_usd if first else (1 + self.margin) * usd - other_usd


class PlanState:
    """The plans at one value.

    Args:
        preference: among those that cost the same.
        ranges: what is known of each plan before.
        simulate: makes what simulates them; None = all are known.
        known: plans that are the same as elsewhere.
        together: simulated together as soon as one of them is asked for.
        twins: plans taken to cost the same as one that is named before them.
    """

    def __init__(
        self,
        preference: Preference,
        ranges: Mapping[str, PlanRange],
        simulate: Callable[[], SimulatedPlans] | None,
        known: Mapping[str, PlanAtValue],
        together: Sequence[str] = (),
        twins: Collection[str] = (),
    ) -> None:
        self._preference, self._simulate, self._together = preference, simulate, together
        self._ranges, self._twins = ranges, twins
        self._simulated: SimulatedPlans | None = None
        self.known = dict(known)
        """Plans that are simulated."""
        self._expected: dict[str, PlanAtValue] = {}

    def confirm(self, ranges: Mapping[str, PlanRange]) -> None:
        """Take no more than this for granted of plans that are not simulated, each by its own range."""
        self._ranges, self._twins = ranges, ()

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

    def expect(self, name: str, base: PlanAtValue) -> None:
        """Find out the cost of a plan, and whether it meets the SLO, as far as a mean over several values needs it."""
        found = self._simulations().expected(name, base)
        (self._expected if found.met and not found.complete else self.known)[name] = found

    def expected(self, name: str) -> PlanAtValue | None:
        """Knowledge of a plan by now; None = nothing."""
        return self.known.get(name, self._expected.get(name))

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
        """The cheapest plan that meets the SLO, of equal ones that which is preferred; None = none does."""
        names = [name for name in self._preference.names if name in self.known or name not in self._twins]
        while True:
            least = {name: self.possible(name) for name in names}
            limit = min(least.values()) * (1 + self._preference.margin)
            if limit == inf:
                return None
            name = next(name for name in names if least[name] <= limit)
            if name in self.known or self._surely_cheapest(name, names):
                return name
            self.judge(name)

    def _surely_cheapest(self, name: str, names: Sequence[str]) -> bool:
        """True if a plan that is not simulated is known to meet the SLO and to cost less than all others."""
        mine = self._ranges[name]
        least = min((self.possible(one) for one in names if one != name), default=inf)
        return mine.met is True and mine.most_usd * (1 + self._preference.margin) < least


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


def range_confirmed(least_usd: float, ends: Sequence[PlanAtValue], seeds: int) -> PlanRange:
    """Bounds of a plan between two values at which it is known, where a flip must be sure.

    >>> near, far = (PlanAtValue(usd=100.0, met=True, ratio=ratio) for ratio in (0.9, 0.1))
    >>> range_confirmed(0.0, [near, far], 5).met, range_confirmed(0.0, [far, far], 5).met
    (None, True)
    """
    costs, met = [end.usd for end in ends], None
    if all(end.met and end.ratio * _FAR <= 1 for end in ends):
        met = True
    elif not any(end.met or end.ratio * (1 if end.complete else len(end.ratios) / seeds) < _FAR for end in ends):
        met = False
    return PlanRange(least_usd=max(least_usd, min(costs) / _APART), most_usd=max(costs) * _APART, met=met)


def worth(states: Sequence[PlanState], base: PlanState, names: Sequence[str], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true; None where no plan meets the SLO in one of them, or none in all.

    A plan whose slowest replication is far from missing the SLO at a value is taken to meet it there.
    """
    if not all(state.best for state in states):
        return None
    while True:
        name = min(names, key=lambda one: fsum(w * _expected_usd(s, one) for w, s in zip(weights, states, strict=True)))
        unknown = next((state for state in states if state.expected(name) is None), None)
        if unknown is None:
            costs = {one: [_expected_usd(state, one) for state in states] for one in names}
            found = perfect_information_usd(costs, weights)
            rounded = found is not None and found <= ROUNDING * min(map(min, costs.values()))
            return 0.0 if rounded else found
        unknown.expect(name, base.known[name])


def _expected_usd(state: PlanState, name: str) -> float:
    """Cost of a plan, infinite where it misses the SLO; of one that is not simulated, the least."""
    found = state.expected(name)
    if found is None:
        return state.possible(name)
    return found.usd if found.met else inf


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
