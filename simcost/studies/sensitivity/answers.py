"""The plans at the values of a study, and where between two of these the answer may change."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isclose, log

from simcost.compare.sensitivity import flip_interval
from simcost.scenario.inputs.changes import AnyScenario, Changed, money_alone, of_requests, plan_of, with_values
from simcost.scenario.runs.assessment import Assessment
from simcost.studies.sensitivity.simulated import ValueRuns
from simcost.studies.sensitivity.states import (
    PlanAtValue,
    PlanRange,
    PlanState,
    fixed_usd,
    has_choice,
    range_between,
)

_LEAST_RATIO = 1e-3
"""Of misses to those allowed: below it, how few there are says nothing."""


class PlanAnswers:
    """The plans by value.

    Args:
        loaded: the scenario.
        bases: the value of each path in it.
        runs: simulations.
    """

    def __init__(self, loaded: AnyScenario, bases: Mapping[str, float], runs: ValueRuns) -> None:
        self.loaded, self._runs = loaded, runs
        self.assessment: Assessment = runs.assess(Changed(loaded=loaded), "base")
        plans = self.assessment.plans
        self.names = [plan.name for plan in plans]
        self.base = PlanState({}, None, {plan.name: PlanAtValue.of(plan) for plan in plans})
        self.chosen = self.base.best or min(self.names, key=lambda name: (self.base.usd(name), name))
        """The best plan of the base; the cheapest where none meets the SLO."""
        self._bases = bases
        self._together: dict[tuple[tuple[str, float], ...], PlanState] = {}
        self._known = {path: {value: self.base} for path, value in bases.items()}
        self._values = {path: [value] for path, value in bases.items()}
        self._fixed = fixed_usd(loaded, plans)
        self._linear: dict[str, tuple[float, float]] = {}
        self._guesses: dict[tuple[str, float, float], float | None] = {}

    def at(self, path: str, value: float, *, between: bool = False) -> PlanState:
        """The plans with another value.

        Args:
            path: the field.
            value: its value.
            between: take what the nearest values on both sides tell.
        """
        states = self._known[path]
        if value not in states:
            states[value] = self._interpolated(path, value) or self._state(path, value, between=between)
            insort(self._values[path], value)
        return states[value]

    def joint(self, values: Mapping[str, float]) -> PlanState:
        """The plans with several values at once, by path."""
        changed = {path: value for path, value in values.items() if value != self._bases[path]}
        if not changed:
            return self.base
        key = tuple(sorted(changed.items()))
        if key not in self._together:
            least = self._fixed if all(map(of_requests, changed)) else dict.fromkeys(self.names, 0.0)
            self._together[key] = self._made(changed, {name: PlanRange(least_usd=least[name]) for name in self.names})
        return self._together[key]

    def line(self, path: str, lo: float, hi: float) -> None:
        """Find out whether costs are linear over a range of money: then those between its ends need no more bills."""
        if not money_alone(path) or has_choice(self.loaded):
            return
        low, middle, high = (
            {name: self.at(path, value).usd(name) for name in self.names} for value in (lo, (lo + hi) / 2, hi)
        )
        if all(isclose(2 * middle[name], low[name] + high[name], rel_tol=1e-9) for name in self.names):
            self._linear[path] = lo, hi

    def interval(self, path: str, value: float, before: str | None, after: str | None) -> tuple[float | None, ...]:
        """Confidence interval of a flip, at the level of the scenario; its ends are None where nothing tells.

        Where a plan begins to miss the SLO there, it is that of its misses at the target, else that of equal costs.

        Args:
            path: the field.
            value: of the flip.
            before: the best plan just below; None = none.
            after: that just above.
        """
        values, states = self._values[path], self._known[path]
        low = states[max(one for one in values if one <= value)]
        high = states[min(one for one in values if one > value)]
        if before is not None and high.possible(before) == inf:
            points = [(one, _misses(states[one], before)) for one in values]
        elif after is not None and low.possible(after) == inf:
            points = [(one, [-miss for miss in _misses(states[one], after)]) for one in values]
        elif before is not None and after is not None:
            points = [(one, _gaps(states[one], before, after)) for one in values]
        else:
            return None, None
        known = [(one, differences) for one, differences in points if differences]
        return flip_interval(known, value, self.loaded.first.scenario.level)

    def guess(self, path: str, lo: float, hi: float) -> float | None:
        """A value between two with other answers at which the change may be; None = nothing tells.

        It is where the plan that is best on one side begins to miss the SLO, by the logarithm of its ratio to the
        target, or where the costs of both are equal. The first guess for a bracket stands, whatever is known later.
        """
        bracket = path, lo, hi
        if bracket not in self._guesses:
            self._guesses[bracket] = self._guess(*bracket)
        return self._guesses[bracket]

    def _guess(self, path: str, lo: float, hi: float) -> float | None:
        low, high = self.at(path, lo), self.at(path, hi)
        before, after = low.best, high.best
        if before is not None and high.possible(before) == inf:
            return self._root(path, lo, hi, lambda state: _excess(state, before))
        if after is not None and low.possible(after) == inf:
            return self._root(path, lo, hi, lambda state: _excess(state, after))
        if before is None or after is None:
            return None
        return self._root(path, lo, hi, lambda state: _gap(state, before, after))

    def _root(self, path: str, lo: float, hi: float, height: Callable[[PlanState], float | None]) -> float | None:
        """Zero by the secant through the nearest values on both sides at which the height is known."""
        points = [(value, height(self._known[path][value])) for value in self._values[path]]
        known = [(value, found) for value, found in points if found is not None]
        below = max((point for point in known if point[0] <= lo), default=None)
        above = min((point for point in known if point[0] >= hi), default=None)
        if below is None or above is None or below[1] * above[1] >= 0:
            return None
        root = below[0] - below[1] * (above[0] - below[0]) / (above[1] - below[1])
        return root if lo < root < hi else None

    def _interpolated(self, path: str, value: float) -> PlanState | None:
        """The plans at a value of money between two others; None where costs are not known to be linear."""
        if path not in self._linear:
            return None
        lo, hi = self._linear[path]
        share = (value - lo) / (hi - lo)
        low, high = self._known[path][lo], self._known[path][hi]
        plans = {
            name: PlanAtValue(
                usd=low.usd(name) + share * (high.usd(name) - low.usd(name)),
                met=plan.met,
                ratio=plan.ratio,
                costs_usd=tuple(
                    start + share * (end - start)
                    for start, end in zip(low.known[name].costs_usd, high.known[name].costs_usd, strict=True)
                ),
                ratios=plan.ratios,
            )
            for name, plan in self.base.known.items()
        }
        return PlanState({}, None, plans)

    def _state(self, path: str, value: float, *, between: bool) -> PlanState:
        least = self._fixed if of_requests(path) else dict.fromkeys(self.names, 0.0)
        ranges = {name: PlanRange(least_usd=least[name]) for name in self.names}
        if between:
            ranges |= {name: range_between(least[name], ends) for name, ends in self._neighbours(path, value)}
        best = self.base.best
        most = inf if best is None else self.base.usd(best)
        together = [] if between else [name for name in self.names if least[name] <= most]
        return self._made({path: value}, ranges, together)

    def _made(
        self, values: Mapping[str, float], ranges: Mapping[str, PlanRange], together: Sequence[str] = ()
    ) -> PlanState:
        """The plans with other values; those that do not depend on them are as at the base."""
        changes = {plan_of(self.loaded, path) for path in values}
        same = {} if None in changes else {name: plan for name, plan in self.base.known.items() if name not in changes}
        what = ", ".join(f"{path} = {value:.4g}" for path, value in values.items())
        return PlanState(ranges, lambda: self._runs.of(with_values(self.loaded, values), what), same, together)

    def _neighbours(self, path: str, value: float) -> Iterator[tuple[str, list[PlanAtValue]]]:
        """Plans that are known on both sides of a value, and as what."""
        below = [tried for tried in reversed(self._values[path]) if tried < value]
        above = [tried for tried in self._values[path] if tried > value]
        states = self._known[path]
        for name in self.names:
            nearest = [next((tried for tried in side if name in states[tried].known), None) for side in (below, above)]
            found = [states[tried].known[name] for tried in nearest if tried is not None]
            if len(found) == len(nearest):
                yield name, found


def _excess(state: PlanState, name: str) -> float | None:
    """Logarithm of the ratio of a plan to its target: below 0 where it is met."""
    plan = state.known.get(name)
    return None if plan is None or plan.ratio == inf else log(max(plan.ratio, _LEAST_RATIO))


def _gap(state: PlanState, name: str, other: str) -> float | None:
    """Cost of a plan less that of another."""
    plan, against = state.known.get(name), state.known.get(other)
    return None if plan is None or against is None else plan.usd - against.usd


def _misses(state: PlanState, name: str) -> list[float]:
    """By replication how far a plan is above its target; of one without hope the replication that shows it."""
    plan = state.known.get(name)
    return [] if plan is None else [ratio - 1 for ratio in plan.ratios]


def _gaps(state: PlanState, name: str, other: str) -> list[float]:
    """Cost of a plan less that of another, by replication."""
    one, two = state.known.get(name), state.known.get(other)
    if one is None or two is None or not (one.complete and two.complete):
        return []
    return [mine - theirs for mine, theirs in zip(one.costs_usd, two.costs_usd, strict=True)]
