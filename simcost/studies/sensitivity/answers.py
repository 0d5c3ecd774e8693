"""The plans at the values of a study, and where between two of these the answer may change."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from math import inf, isclose

from simcost.compare.comparison import ranked
from simcost.compare.sensitivity import Ends, Flip, doubtful, flip_interval, redrawn, within
from simcost.compare.significance import negligible_usd
from simcost.record import record
from simcost.scenario.inputs.changes import is_whole, money_alone, nearest_whole, of_requests, with_values
from simcost.scenario.inputs.value_paths import plan_of
from simcost.scenario.runs.assessment import Assessment
from simcost.scenario.schema.loaded_scenario import AnyScenario
from simcost.studies.sensitivity.deciding import Deciding, deciding
from simcost.studies.sensitivity.simulated import ValueRuns
from simcost.studies.sensitivity.states import (
    NONE,
    NONE_GOOD,
    ROUNDING,
    PlanAtValue,
    PlanRange,
    PlanState,
    Preference,
    SimulatedPlans,
    fixed_usd,
    has_choice,
    range_between,
    range_confirmed,
)

_DRAWS = 10
"""Values near a flip of which none is to turn the answer outside its ends."""


@record
class FlipPlace:
    """Place of a flip, and how sure it is; an end is None where nothing tells."""

    value: float
    interval: Ends = (None, None)
    """Confidence interval."""
    unsettled: Ends
    """The first and the last value at which other draws of requests may turn the answer."""


def _negligible_share(usd: float) -> float:
    """Share of a cost a month that makes no difference, in a run as here."""
    return negligible_usd(usd) / usd if usd > 0 else ROUNDING


class PlanAnswers:
    """The plans by value.

    Args:
        loaded: the scenario.
        bases: the value of each path in it.
        runs: simulations.
    """

    def __init__(self, loaded: AnyScenario, bases: Mapping[str, float], runs: ValueRuns) -> None:
        self.loaded, self._runs = loaded, runs
        self.assessment: Assessment = runs.assess_base(loaded)
        plans = self.assessment.plans
        self.names = [plan.name for plan in plans]
        known = {plan.name: PlanAtValue.of(plan) for plan in plans}
        first = ranked(plans)[0]
        self.chosen = first.name if first.eligible else min(self.names, key=lambda name: known[name].usd)
        """The best plan of the base; the cheapest where none meets the SLO."""
        margin = max(loaded.first.scenario.margin or 0.0, _negligible_share(known[self.chosen].usd))
        names = (self.chosen, *(name for name in self.names if name != self.chosen))
        self._preference = Preference(names=names, margin=margin)
        self.base = PlanState(self._preference, {}, None, known)
        self._bases = bases
        self._together: dict[tuple[tuple[str, float], ...], PlanState] = {}
        self._known = {path: {value: self.base} for path, value in bases.items()}
        self._values = {path: [value] for path, value in bases.items()}
        self._fixed = fixed_usd(loaded, plans)
        self._linear: dict[str, tuple[float, float]] = {}
        self._guesses: dict[tuple[str, float, float, float, str | None, str | None], float | None] = {}
        self._possible: dict[tuple[str, float, float, float], float | None] = {}
        self._confirmed: dict[str, set[float]] = {path: {value} for path, value in bases.items()}

    def possible(self, path: str, value: float, lo: float, hi: float) -> float | None:
        """The nearest value that the scenario may have within two ends, which both belong to it: where the value counts
        something a whole number that `simcost check` takes, None where there is none; else the value.
        """
        asked = path, value, lo, hi
        if asked not in self._possible:
            self._possible[asked] = nearest_whole(self.loaded, *asked) if is_whole(self.loaded, path) else value
        return self._possible[asked]

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

    def confirmed(self, path: str, value: float) -> PlanState:
        """The plans at a value at which a flip is looked for, those that may decide it simulated there."""
        state = self.at(path, value, between=True)
        if value not in self._confirmed[path]:
            self._confirmed[path].add(value)
            least, seeds = self._least(path), len(self.base.known[self.chosen].costs_usd)
            ranges = {name: PlanRange(least_usd=least[name]) for name in self.names}
            for name, ends in self._neighbours(path, value):
                ranges[name] = range_confirmed(least[name], list(ends.values()), seeds)
            state.confirm(ranges)
        return state

    def none(self, state: PlanState) -> str:
        """The answer where no plan is the best."""
        plans = [*self.base.known.values(), *state.known.values()]
        return NONE if all(plan.good_enough for plan in plans) else NONE_GOOD

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

    def place(self, path: str, flip: Flip, walls: Ends) -> FlipPlace:
        """Place of a flip, and how sure it is.

        Args:
            path: the field.
            flip: two values with other answers.
            walls: the nearest other flips, or the base, below and above; None = there is neither.
        """
        guess, quantity = self.guess(path, flip.lo, flip.hi, 1.0), self._deciding(path, flip.lo, flip.hi)
        value = flip.value if guess is None else guess
        if quantity is None:
            return FlipPlace(value=value, unsettled=(flip.lo, flip.hi))
        level = self.loaded.first.scenario.level
        states = [(one, self._known[path][one]) for one in self._values[path]]
        points = [(one, found) for one, state in states if (found := quantity.differences(state))]
        return FlipPlace(
            value=value,
            interval=within(flip_interval(points, value, level), walls),
            unsettled=within(self._unsettled(path, flip, value, quantity), walls),
        )

    def _unsettled(self, path: str, flip: Flip, value: float, quantity: Deciding) -> Ends:
        """The first and the last value at which other draws of requests may turn the answer."""
        level = self.loaded.first.scenario.level
        states = [(one, self._known[path][one]) for one in self._values[path]]
        single = [(one, found) for one, state in states if (found := quantity.heights(state))]
        near = [point for point in single if point[0] <= flip.lo][-2:] + [
            point for point in single if point[0] >= flip.hi
        ][:2]
        margin = redrawn(near, 1 - (1 - level) / _DRAWS)
        if margin is None:
            return flip.lo, flip.hi
        margin *= max(quantity.weight(self._known[path][end]) for end in (flip.lo, flip.hi))
        heights = [(one, mean, margin) for one, state in states if (mean := quantity.height(state)) is not None]
        lo, hi = doubtful(heights, value)
        return None if lo is None else min(lo, flip.lo), None if hi is None else max(hi, flip.hi)

    def guess(self, path: str, lo: float, hi: float, tilt: float) -> float | None:
        """A value between two with other answers at which the change may be; None = nothing tells.

        It is where the plan that is best on one side begins to miss the SLO, by the logarithm of its ratio to the
        target, or where the costs of both are equal, each linear between both values, with a factor on what it is at
        the lower. The first guess for a bracket stands, whatever is known later.
        """
        bracket = path, lo, hi, tilt, self.at(path, lo).best, self.at(path, hi).best
        if bracket not in self._guesses:
            quantity = self._deciding(path, lo, hi)
            self._guesses[bracket] = None if quantity is None else self._root(path, (lo, hi), tilt, quantity)
        return self._guesses[bracket]

    def _deciding(self, path: str, lo: float, hi: float) -> Deciding | None:
        return deciding(self.at(path, lo), self.at(path, hi), self.base, self._preference)

    def _root(self, path: str, bracket: tuple[float, float], tilt: float, quantity: Deciding) -> float | None:
        """Zero by the secant through the nearest values on both sides at which the height is known."""
        points = [(value, quantity.height(self._known[path][value])) for value in self._values[path]]
        known = [(value, height) for value, height in points if height is not None]
        below = max((point for point in known if point[0] <= bracket[0]), default=None)
        above = min((point for point in known if point[0] >= bracket[1]), default=None)
        if below is None or above is None or below[1] == above[1] or below[1] * above[1] > 0:
            return None
        root = below[0] - tilt * below[1] * (above[0] - below[0]) / (above[1] - tilt * below[1])
        slack = 1e-9 * (bracket[1] - bracket[0])
        return sorted((*bracket, root))[1] if bracket[0] - slack <= root <= bracket[1] + slack else None

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
                good_enough=plan.good_enough,
                costs_usd=tuple(
                    start + share * (end - start)
                    for start, end in zip(low.known[name].costs_usd, high.known[name].costs_usd, strict=True)
                ),
                ratios=plan.ratios,
                replications=plan.replications,
            )
            for name, plan in self.base.known.items()
        }
        return PlanState(self._preference, {}, None, plans)

    def _state(self, path: str, value: float, *, between: bool) -> PlanState:
        least = self._least(path)
        ranges = {name: PlanRange(least_usd=least[name]) for name in self.names}
        if not between:
            best = self.base.best
            most = inf if best is None else self.base.usd(best)
            return self._made({path: value}, ranges, together=[name for name in self.names if least[name] <= most])
        near = dict(self._neighbours(path, value))
        ranges |= {name: range_between(least[name], list(ends.values())) for name, ends in near.items()}
        return self._made({path: value}, ranges, twins=[name for name in near if self._is_tied(name, near)])

    def _least(self, path: str) -> Mapping[str, float]:
        """Cost a month below which no plan comes, whatever the value."""
        return self._fixed if of_requests(path) else dict.fromkeys(self.names, 0.0)

    def _is_tied(self, name: str, near: Mapping[str, Mapping[float, PlanAtValue]]) -> bool:
        """True if a plan costs the same as one that is preferred at both nearest values."""
        mine, names = near[name], self._preference.names
        return any(
            near[other].keys() == mine.keys()
            and all(
                one.met == near[other][value].met and isclose(one.usd, near[other][value].usd, rel_tol=ROUNDING)
                for value, one in mine.items()
            )
            for other in names[: names.index(name)]
            if other in near
        )

    def _made(
        self,
        values: Mapping[str, float],
        ranges: Mapping[str, PlanRange],
        *,
        together: Sequence[str] = (),
        twins: Sequence[str] = (),
    ) -> PlanState:
        """The plans with other values; those that do not depend on them are as at the base."""
        changes = {plan_of(self.loaded, path) for path in values}
        same = {} if None in changes else {name: plan for name, plan in self.base.known.items() if name not in changes}
        what = ", ".join(f"{path} = {value:.4g}" for path, value in values.items())

        def simulate() -> SimulatedPlans:
            priced = all(map(money_alone, values)) and not has_choice(self.loaded)
            return self._runs.of(with_values(self.loaded, values), what, priced=priced)

        return PlanState(self._preference, ranges, simulate, same, together, twins)

    def _neighbours(self, path: str, value: float) -> Iterator[tuple[str, dict[float, PlanAtValue]]]:
        """Plans that are known on both sides of a value, by the nearest of these."""
        below = [tried for tried in reversed(self._values[path]) if tried < value]
        above = [tried for tried in self._values[path] if tried > value]
        states = self._known[path]
        for name in self.names:
            nearest = [next((tried for tried in side if name in states[tried].known), None) for side in (below, above)]
            found = {tried: states[tried].known[name] for tried in nearest if tried is not None}
            if len(found) == len(nearest):
                yield name, found
