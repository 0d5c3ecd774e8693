"""Document of `simcost sensitivity`: tornado, flip points and the value of knowing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, isclose
from pathlib import Path
from typing import Any

from simcost.compare.results import PlanSummary
from simcost.compare.sensitivity import Swing, flips, tornado
from simcost.errors import InputError
from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers
from simcost.present.format import amount
from simcost.scenario.inputs.changes import (
    AnyScenario,
    Changed,
    base_value,
    is_whole,
    money_alone,
    of_requests,
    with_plans,
    with_value,
)
from simcost.scenario.runs.assessment import Assessment, assess
from simcost.scenario.runs.execution import RunOptions, workers_of
from simcost.studies.sensitivity.states import PlanState, fixed_usd, has_choice, worth
from simcost.units import format_usd

Document = dict[str, Any]
Progress = Callable[[float, str], None]
POINTS, POINTS_OF_MONEY = 2, 8
"""Parts of each side of the base at whose ends the answer is looked at before bisection."""
TOLERANCE = 0.01
"""Of a range: how far a flip point may be off."""
WEIGHTS = (0.3, 0.4, 0.3)
"""Probabilities of the low end, the base and the high end (Swanson's rule for P10, P50, P90)."""
NONE = "no plan meets the SLO"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedRange:
    """A parameter and its plausible range."""

    path: str
    lo: float
    hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivitySettings:
    """Options of the runs."""

    runs: Path
    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None


def sensitivity(
    loaded: AnyScenario, ranges: Sequence[VariedRange], settings: SensitivitySettings, progress: Progress
) -> Document:
    """Vary values that are not sure, one at a time, and look at the decision.

    Args:
        loaded: the scenario, whose plans are the options, of requests or jobs, of one service or several.
        ranges: values that vary, one at a time, all others at their base.
        settings: options of the runs.
        progress: called with the share done and what is done.

    Raises:
        InputError: no such value, or a range that does not hold its base.
    """
    bases = {one.path: base_value(loaded, one.path) for one in ranges}
    for one in ranges:
        if not one.lo <= bases[one.path] <= one.hi or one.lo == one.hi:
            raise InputError(
                f"--vary {one.path}={one.lo:g}..{one.hi:g}: does not hold the base {bases[one.path]:g}; widen it"
            )
    with workers_of(settings.runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return _document(ranges, bases, _Answers(loaded, bases, settings, workers, progress))


def _document(ranges: Sequence[VariedRange], bases: Mapping[str, float], answers: _Answers) -> Document:
    base = answers.base
    chosen = base.best or min(answers.names, key=lambda name: (base.usd(name), name))
    swings, found, knowing = [], list[Document](), dict[str, float | None]()
    for i, one in enumerate(ranges):
        answers.share = i / len(ranges)
        answers.line(one)
        ends = [answers.at(one.path, value) for value in (one.lo, one.hi)]
        swings.append(Swing(path=one.path, lo_usd=ends[0].usd(chosen), hi_usd=ends[1].usd(chosen)))
        found += _flips(one, bases[one.path], answers, whole=is_whole(answers.loaded, one.path))
        knowing[one.path] = worth([ends[0], base, ends[1]], answers.names, WEIGHTS)
    document: Document = {
        "scenario": answers.loaded.first.scenario.scenario,
        "plan": chosen,
        "base": {"verdict": base.best or NONE, "usd_per_month": base.usd(chosen)},
        "tornado": [
            {
                "path": swing.path,
                "lo": one.lo,
                "base": bases[swing.path],
                "hi": one.hi,
                "lo_usd": swing.lo_usd,
                "hi_usd": swing.hi_usd,
                "swing_usd": swing.swing_usd,
            }
            for swing in tornado(swings)
            for one in ranges
            if one.path == swing.path
        ],
        "flips": found,
        "value_of_information": knowing,
        "simulated": len(answers.runs),
    }
    return {
        "verdict": verdict(document),
        **document,
        "assumptions": answers.assessment.assumptions(),
        "provenance": answers.assessment.provenance(),
    }


def _flips(one: VariedRange, base: float, answers: _Answers, *, whole: bool) -> list[Document]:
    """Values at which another plan becomes the best; of whole numbers the first from which on it is."""
    count = POINTS_OF_MONEY if money_alone(one.path) else POINTS
    sides = ((one.lo, base), (base, one.hi))
    grid = {lo + (hi - lo) * i / count for lo, hi in sides for i in range(count + 1)}
    values = sorted(set(map(float, map(round, grid))) if whole else grid)
    tolerance = 1.0 if whole else TOLERANCE * (one.hi - one.lo)
    changes = flips(values, lambda value: answers.at(one.path, value).best, tolerance)
    return [
        {
            "path": one.path,
            "value": ceil(change.value) if whole else change.value,
            "verdict": (change.after if change.value > base else change.before) or NONE,
            "below": change.before or NONE,
            "above": change.after or NONE,
        }
        for change in changes
    ]


class _Answers:
    """The plans by value, each value settled once."""

    def __init__(
        self,
        loaded: AnyScenario,
        bases: Mapping[str, float],
        settings: SensitivitySettings,
        workers: Workers,
        progress: Progress,
    ) -> None:
        self.loaded, self._settings, self._workers, self._progress = loaded, settings, workers, progress
        self.share = 0.0
        self.runs: set[str] = set()
        """Distinct simulations."""
        self.assessment: Assessment = self._assessed(Changed(loaded=loaded), "base")
        plans = self.assessment.plans
        self.names = [one.name for one in plans]
        usd = {one.name: one.per_month_usd.mean for one in plans}
        self.base = PlanState.of(usd, [one.name for one in plans if one.eligible])
        self._known = dict.fromkeys(bases.items(), self.base)
        self._fixed = fixed_usd(loaded, plans)
        self._linear: dict[str, tuple[VariedRange, dict[str, float], dict[str, float]]] = {}

    def at(self, path: str, value: float) -> PlanState:
        """The plans with another value."""
        if (path, value) not in self._known:
            self._known[path, value] = self._interpolated(path, value) or self._state(path, value)
        return self._known[path, value]

    def line(self, one: VariedRange) -> None:
        """Find out whether costs are linear over a range of money: then those between its ends need no more bills."""
        if not money_alone(one.path) or has_choice(self.loaded):
            return
        lo, middle, hi = (
            {name: self.at(one.path, value).usd(name) for name in self.names}
            for value in (one.lo, (one.lo + one.hi) / 2, one.hi)
        )
        if all(isclose(2 * middle[name], lo[name] + hi[name], rel_tol=1e-9) for name in self.names):
            self._linear[one.path] = one, lo, hi

    def _interpolated(self, path: str, value: float) -> PlanState | None:
        """The plans at a value of money between two others; None where costs are not known to be linear."""
        if path not in self._linear:
            return None
        one, lo, hi = self._linear[path]
        share = (value - one.lo) / (one.hi - one.lo)
        usd = {name: lo[name] + share * (hi[name] - lo[name]) for name in self.names}
        return PlanState.of(usd, sorted(self.base.met))

    def _state(self, path: str, value: float) -> PlanState:
        changed = with_value(self.loaded, path, value)

        def assess_plans(names: Sequence[str]) -> dict[str, PlanSummary]:
            some = replace(changed, loaded=with_plans(changed.loaded, names))
            return {plan.name: plan for plan in self._assessed(some, f"{path} = {value:.4g}").plans}

        least = self._fixed if of_requests(path) else dict.fromkeys(self.names, 0.0)
        best = self.base.best
        most = inf if best is None else self.base.usd(best)
        return PlanState(least, assess_plans, [name for name in self.names if least[name] <= most])

    def _assessed(self, changed: Changed, what: str) -> Assessment:
        options = RunOptions(
            folder=self._settings.runs,
            workers=self._workers,
            fresh=False,
            progress=lambda _share, _what: self._progress(self.share, what),
        )
        found = assess(changed, options, seed=self._settings.seed, seeds=self._settings.seeds)
        self.runs |= found.runs
        return found


def verdict(document: Document) -> str:
    """The decision, the value that it depends on most, and where it changes."""
    base, first = document["base"], document["tornado"][0]
    cost = f"{format_usd(base['usd_per_month'])} a month"
    if base["verdict"] == NONE:
        begin = f"No plan meets the SLO; {document['plan']} costs {cost}"
    else:
        begin = f"{document['plan']} is the cheapest plan that meets the SLO, at {cost}"
    ends = " to ".join(map(format_usd, sorted((first["lo_usd"], first["hi_usd"]))))
    text = f"{begin}; {ends} over the range of {first['path']}, which matters most."
    if not document["flips"]:
        return f"{text} Nothing changes the decision within the ranges."
    every = document["flips"]
    shown = [f"{one['verdict']} {_side(document, one)} {amount(one['value'])} of {one['path']}" for one in every[:3]]
    return f"{text} It flips: {'; '.join(shown)}{' ...' if len(every) > 3 else ''}."


def _side(document: Document, flip: Document) -> str:
    base = next(one["base"] for one in document["tornado"] if one["path"] == flip["path"])
    return "above" if flip["value"] > base else "below"
