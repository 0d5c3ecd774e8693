"""Document of `simcost sensitivity`: tornado, flip points and the value of knowing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

from simcost.billing.price_list import price_list
from simcost.compare.sensitivity import Ends, Flip, Swing, flips, tornado
from simcost.compare.verdict import cautions, none_eligible
from simcost.errors import FaultsError, InputError
from simcost.present.format import amount
from simcost.scenario.inputs.changes import (
    base_value,
    impossible,
    is_whole,
    money_alone,
    plans_of,
    unpaid_prices,
    with_value,
)
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.schema.loaded_scenario import AnyScenario
from simcost.studies.sensitivity.answers import FlipPlace, PlanAnswers
from simcost.studies.sensitivity.simulated import SensitivitySettings, ValueRuns
from simcost.studies.sensitivity.states import IN_NUMBERS, VariedRange, worth
from simcost.studies.sensitivity.two_way import pairs, two_way
from simcost.studies.sensitivity.variance import check_count, shares_of_variance
from simcost.units import format_usd, format_usd_range, plural

Document = dict[str, Any]
Progress = Callable[[float, str], None]
POINTS, POINTS_OF_MONEY = 2, 8
"""Parts of each side of the base at whose ends the answer is looked at before flip points are searched."""
TOLERANCE, TOLERANCE_OF_MONEY = 0.01, 0.001
"""Of a range: how far a flip point may be off; it is the middle of a bracket of twice this width."""
WEIGHTS = (0.3, 0.4, 0.3)
"""Probabilities of the low end, the base and the high end (Swanson's rule for P10, P50, P90)."""


def sensitivity(
    loaded: AnyScenario, ranges: Sequence[VariedRange], settings: SensitivitySettings, progress: Progress
) -> Document:
    """Vary values that are not sure, one at a time, and look at the decision.

    Args:
        loaded: the scenario, whose plans are the options, of requests or jobs, of one service or several.
        ranges: values that vary, one at a time, all others at their base.
        settings: options of the study.
        progress: called with the share done and what is done.

    Raises:
        InputError: no such value, a range that does not hold its base, or more than may vary together.
        FaultsError: the scenario cannot have an end of a range.
    """
    grids = pairs(ranges, settings.grids)
    if settings.variance:
        check_count(ranges)
    bases = _bases(loaded, ranges)
    known: dict[int, _Effect] = {}
    seeds = settings.seeds or loaded.first.scenario.seeds or 1
    ends = 2 * seeds * len(list(plans_of(loaded))) * sum(not money_alone(varied.path) for varied in ranges)
    share, parts = 0.0, 1 + len(grids) + settings.variance

    def tell(done: float, what: str = "") -> None:
        nonlocal share
        share = done / parts
        progress(share, what)

    with workers_of(settings.runs, jobs=settings.jobs, engine=settings.engine, ahead=ends) as workers:
        runs = ValueRuns(settings, workers, lambda what: progress(share, what))
        answers = PlanAnswers(loaded, bases, runs)

        def search(number: int) -> None:
            known[number] = _effect(ranges[number], bases[ranges[number].path], answers)
            tell(len(known) / len(ranges))

        runs.follow([partial(search, number) for number in range(len(ranges))])
        more: Document = {}
        for number, (x, y) in enumerate(grids, 1):
            found = two_way(x, y, answers, runs, lambda done, number=number: tell(number + done))  # type: ignore[misc]
            more["two_way"] = [*more.get("two_way", ()), found]
        if settings.variance:
            seed = answers.assessment.provenance()["seed"]
            more["variance"] = shares_of_variance(ranges, answers, runs, seed, lambda done: tell(parts - 1 + done))
    return _document(ranges, bases, answers, [known[i] for i in range(len(ranges))], len(runs.runs), more)


def _bases(loaded: AnyScenario, ranges: Sequence[VariedRange]) -> dict[str, float]:
    """The value of each path in the scenario. Raises InputError for ranges that cannot be, FaultsError for ends that
    the scenario cannot have.
    """
    if not ranges:
        raise InputError("--vary: names no value; write e.g. demand=0.8..1.5")
    bases: dict[str, float] = {}
    for varied in ranges:
        if varied.path in bases:
            raise InputError(f"--vary {varied.path}: appears twice; write one range")
        base = bases[varied.path] = base_value(loaded, varied.path)
        reason = impossible(loaded, varied.path, varied.lo, varied.hi)
        if not reason and not isfinite(varied.hi - varied.lo):
            reason = "its ends are not finite numbers"
        if not reason and varied.lo > varied.hi:
            reason = f"{varied.lo:g} is not below {varied.hi:g}; write the lower first"
        if not reason and (not varied.lo <= base <= varied.hi or varied.lo == varied.hi):
            reason = f"does not hold the base {base:g}; widen it ({IN_NUMBERS})"
        if reason:
            raise InputError(f"--vary {varied.path}={varied.lo:g}..{varied.hi:g}: {reason}")
        for end in (varied.lo, varied.hi):
            _check_end(loaded, varied.path, end)
    return bases


def _check_end(loaded: AnyScenario, path: str, end: float) -> None:
    """Raises FaultsError where the scenario cannot have an end of a range, which each fault names."""
    try:
        with_value(loaded, path, end)
    except FaultsError as error:
        told = f" (with {path} = {end:g}, an end of --vary)"
        raise FaultsError([replace(fault, message=f"{fault.message}{told}") for fault in error.faults]) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """Effect of one parameter on the decision."""

    swing: Swing
    flips: list[Document]
    worth: float | None
    """Value of knowing it."""


def _effect(varied: VariedRange, base: float, answers: PlanAnswers) -> _Effect:
    """Raises NotSimulatedError as long as runs are missing; called again when they are there, it comes further."""
    answers.line(varied.path, varied.lo, varied.hi)
    low, high = (answers.at(varied.path, value) for value in (varied.lo, varied.hi))
    return _Effect(
        swing=Swing(path=varied.path, lo_usd=low.usd(answers.chosen), hi_usd=high.usd(answers.chosen)),
        flips=_flips(varied, base, answers, whole=is_whole(answers.loaded, varied.path)),
        worth=worth([low, answers.base, high], answers.base, answers.names, WEIGHTS),
    )


def _document(
    ranges: Sequence[VariedRange],
    bases: Mapping[str, float],
    answers: PlanAnswers,
    effects: Sequence[_Effect],
    simulated: int,
    more: Document,
) -> Document:
    base, chosen = answers.base, answers.chosen
    poor = sum(not plan.good_enough for plan in base.known.values())
    best = next((plan for plan in answers.assessment.plans if plan.name == base.best), None)
    document: Document = {
        "scenario": answers.loaded.first.scenario.scenario,
        "plan": chosen,
        "base": {
            "verdict": base.best or answers.none(base),
            "usd_per_month": base.usd(chosen),
            "infeasible": None if base.best else none_eligible(poor, len(base.known)),
            "cautions": [] if best is None else cautions(best),
        },
        "tornado": [
            {
                "path": swing.path,
                "lo": _written(varied.lo, whole=whole),
                "base": _written(bases[swing.path], whole=whole),
                "hi": _written(varied.hi, whole=whole),
                "lo_usd": swing.lo_usd,
                "hi_usd": swing.hi_usd,
                "swing_usd": swing.swing_usd,
            }
            for swing in tornado([effect.swing for effect in effects])
            for varied in ranges
            if varied.path == swing.path
            for whole in [is_whole(answers.loaded, varied.path)]
        ],
        "flips": [flip for effect in effects for flip in effect.flips],
        "settled": [_settled(effect.flips) for effect in effects if effect.flips],
        "value_of_information": {varied.path: effect.worth for varied, effect in zip(ranges, effects, strict=True)},
        **more,
        "level": answers.loaded.first.scenario.level,
        "margin": answers.loaded.first.scenario.margin,
        "simulated": simulated,
    }
    return {
        "verdict": verdict(document),
        **document,
        "assumptions": [*unpaid_prices(answers.loaded, bases), *answers.assessment.assumptions()],
        "provenance": {
            **answers.assessment.provenance(),
            "prices": price_list(
                charge for plan in answers.assessment.plans for run in plan.results for charge in run.bill.charges
            ),
        },
    }


def _flips(varied_range: VariedRange, base: float, answers: PlanAnswers, *, whole: bool) -> list[Document]:
    """Values at which another plan becomes the best; of whole numbers the first from which on it is."""
    values = _looked_at(varied_range, base, answers)
    path = varied_range.path

    def middle(lo: float, hi: float) -> float | None:
        return answers.possible(path, (lo + hi) / 2, lo + 1, hi - 1) if whole else (lo + hi) / 2

    tolerance = TOLERANCE_OF_MONEY if money_alone(path) else TOLERANCE
    changes = flips(
        values,
        lambda value: answers.at(path, value, between=True).best,
        0.0 if whole else 2 * tolerance * (varied_range.hi - varied_range.lo),
        (lambda *_: None) if whole else (lambda lo, hi, tilt: answers.guess(path, lo, hi, tilt)),
        lambda value: answers.confirmed(path, value).best,
        middle,
    )
    return [
        {
            "path": path,
            "value": _written(place.value, whole=whole),
            "verdict": above if flip.hi > base else below,
            "below": below,
            "above": above,
            "below_at": _written(flip.lo, whole=whole),
            "above_at": _written(flip.hi, whole=whole),
            "first": _written(place.unsettled[0], whole=whole),
            "last": _written(place.unsettled[1], whole=whole),
            **({} if whole else {"lo": place.interval[0], "hi": place.interval[1]}),
        }
        for flip in changes
        for below in [flip.before or answers.none(answers.at(path, flip.lo))]
        for above in [flip.after or answers.none(answers.at(path, flip.hi))]
        for place in [
            FlipPlace(value=flip.hi, unsettled=(flip.lo, flip.hi))
            if whole
            else answers.place(path, flip, _walls(flip, changes, base))
        ]
    ]


def _written(value: float | None, *, whole: bool) -> float | None:
    """A value as a scenario takes it: a count without a decimal point."""
    return round(value) if whole and value is not None else value


def _settled(of_path: Sequence[Document]) -> Document:
    """Values of a path below and above which no flip was found; None = such a place is not known in the range."""
    first, last = of_path[0], of_path[-1]
    return {
        "path": first["path"],
        "below": first["below"],
        "first": first["first"],
        "above": last["above"],
        "last": last["last"],
    }


def _walls(flip: Flip, changes: Sequence[Flip], base: float) -> Ends:
    """The nearest value below at which the answer is another, or that of the base, and the nearest above."""
    below = [*(one.hi for one in changes if one.hi <= flip.lo), *([base] if base <= flip.lo else [])]
    above = [*(one.lo for one in changes if one.lo >= flip.hi), *([base] if base >= flip.hi else [])]
    return max(below, default=None), min(above, default=None)


def _looked_at(varied_range: VariedRange, base: float, answers: PlanAnswers) -> list[float]:
    """Values at which the answer is looked at before flip points are searched: both ends, the base, and parts of a side
    of it at whose ends the answer is the same.
    """
    count = POINTS_OF_MONEY if money_alone(varied_range.path) else POINTS
    found = {varied_range.lo, base, varied_range.hi}
    for lo, hi in ((varied_range.lo, base), (base, varied_range.hi)):
        if answers.at(varied_range.path, lo).best == answers.at(varied_range.path, hi).best:
            parts = [lo + (hi - lo) * i / count for i in range(1, count)]
            near = {answers.possible(varied_range.path, part, lo, hi) for part in parts}
            found |= {part for part in near if part is not None}
    return sorted(found)


def verdict(document: Document) -> str:
    """The decision, the value that it depends on most, and where it changes."""
    base, first = document["base"], document["tornado"][0]
    cost = f"{format_usd(base['usd_per_month'])} a month"
    if base["infeasible"]:
        begin = f"{base['infeasible'][0].upper()}{base['infeasible'][1:]}; {document['plan']} costs {cost}"
    else:
        begin = f"{document['plan']} is the cheapest plan that meets the SLO, at {cost}"
    ends = format_usd_range(*sorted((first["lo_usd"], first["hi_usd"])))
    if " to " in ends:
        text = f"{begin}; {ends} over the range of {first['path']}, which matters most."
    else:
        text = f"{begin}; no value within its range changes this cost."
    text = " ".join([text, *base["cautions"]])
    if not document["flips"]:
        return f"{text} No value by itself changes the decision within the ranges{_together(document)}."
    every = document["flips"]
    shown = [
        f"{flip['verdict']} {_side(document, flip)} {amount(flip['value'])} of {flip['path']}" for flip in every[:3]
    ]
    return f"{text} It flips: {'; '.join(shown)}{' ...' if len(every) > 3 else ''}."


def _together(document: Document) -> str:
    """Clause on pairs of values that change the decision together, though neither does alone; empty without maps."""
    grids, told = document.get("two_way", ()), []
    for grid in grids:
        others = [cell["verdict"] for cell in grid["cells"] if cell["verdict"] != document["base"]["verdict"]]
        if others:
            of = f"{len(others)} of {plural(len(grid['cells']), 'combination')}"
            told.append(f"{grid['x']} and {grid['y']} together do: {', '.join(dict.fromkeys(others))} at {of}")
    if told:
        return f"; {'; '.join(told)}"
    return ", nor do those of a map together" if grids else ""


def _side(document: Document, flip: Document) -> str:
    """Side of the flip on which its plan is best; of a whole number `value` is the first above it."""
    base = next(row["base"] for row in document["tornado"] if row["path"] == flip["path"])
    if flip["value"] <= base:
        return "below"
    return "from" if flip["value"] == flip["above_at"] else "above"
