"""Advice on a plan of one pool: the best of each kind of action, confirmed on fresh seeds, then one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from simcost.compare.comparison import difference
from simcost.compare.overlap import ActionStep, in_sequence
from simcost.compare.racing import Race, lower_bounds
from simcost.compare.results import PlanSummary
from simcost.compare.slo_risk import miss_probability, risk_class
from simcost.errors import InputError, did_you_mean
from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers
from simcost.rng import stream
from simcost.scenario.inputs.variations import Space, Variation, of_one_plan, variations
from simcost.scenario.runs.candidates import Candidates, PlanCandidate
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.runs.resolve import ResolvedScenario, resolved_plan, settle
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.whole_plans import certainty
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.changes import changes_of, partial_of, wording
from simcost.studies.advising.kinds import ActionKind, action_kinds
from simcost.studies.advising.result import Advice, AdvisedAction, Certainty, PlanFigures, Saving, TriedKind
from simcost.studies.advising.verdict import verdict
from simcost.studies.advising.winner import TOO_LITTLE, find_winner

Progress = Callable[[float, str], None]
SEEDS = 10
"""Replications of the search unless the scenario says; the confirmation takes as many."""
LEAST_USD, LEAST_SHARE = 20.0, 0.01
"""Savings a month below both are not worth a change."""
SEQUENCED = 6
"""Actions that are tried one after another, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """Options of the advice."""

    plan: str | None = None
    """None = the baseline."""
    spot_per_node_h: float | None = None
    """Interruptions of a spot node an hour; None = spot is not tried."""
    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None


def advise_pool(loaded: LoadedScenario, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions on a plan of one pool."""
    scenario = loaded.scenario
    chosen = chosen_plan(loaded, settings.plan)
    plan = next(one for one in scenario.plans if one.name == chosen)
    alone = of_one_plan(loaded, plan)
    question = settle(alone, seed=settings.seed, seeds=settings.seeds or scenario.seeds or SEEDS)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return _Advisor(question, runs, workers, settings, progress).advice(plan)


def chosen_plan(loaded: LoadedScenario, name: str | None) -> str:
    """Name of the plan that is asked about, the baseline unless one is named. Raises InputError if there is none."""
    scenario = loaded.scenario
    names = [plan.name for plan in scenario.plans]
    chosen = name or scenario.baseline or names[0]
    if chosen not in names:
        near = did_you_mean(chosen, names)
        raise InputError(f"{loaded.path}: no plan {chosen!r}{near}; there are {', '.join(names)}")
    return chosen


class _Advisor:
    """Simulations of one plan and of its actions, on the seeds of the search and on fresh ones."""

    def __init__(
        self,
        question: ResolvedScenario,
        runs: Path,
        workers: Workers,
        settings: AdviceSettings,
        progress: Progress,
    ) -> None:
        self._workers = workers
        self._question, self._runs, self._settings, self._progress = question, runs, settings, progress
        self._loaded = question.loaded
        self._level = question.loaded.scenario.level
        self._what, self._share = "", 0.0
        self._searched = self._simulations(question)
        fresh = int(stream(question.seed, "confirmation").integers(2**31))
        self._confirmed = self._simulations(settle(question.loaded, seed=fresh, seeds=question.seeds))

    def _simulations(self, question: ResolvedScenario) -> Simulations:
        if question.source is None:
            raise InputError(f"{question.loaded.path}: has no requests to serve")
        return Simulations(question, question.source, self._runs, self._workers, self._note)

    def _note(self, _: int) -> None:
        self._progress(self._share, self._what)

    def advice(self, plan: Plan) -> Advice:
        """The whole result."""
        self._what = plan.name
        [self._base] = variations(self._loaded, [[{"name": plan.name}]]).variations
        met = self._holds(plan)
        self._confirmed.all_of(plan.name)
        usd = self._confirmed.summary(plan.name).per_month_usd.mean
        least = max(LEAST_USD, LEAST_SHARE * usd)
        kinds = action_kinds(self._loaded, plan, self._settings.spot_per_node_h)
        winners, tried = self._winners(kinds, met=met, usd=usd, least=least)
        steps = self._sequence(winners, usd, least, met=met)
        actions = self._ranked(winners, steps)
        origin = provenance(self._question, self._question.horizon_s or 0.0)
        seeds = {"search_seed": self._question.seed, "confirmation_seed": self._confirmed.question.seed}
        found = Advice(
            verdict="",
            scenario=self._loaded.scenario.scenario,
            plan=plan.name,
            usd_per_month=usd,
            slo_met=met,
            actions=tuple(actions),
            total_saving_usd_per_month=usd - steps[-1].usd_after if steps else 0.0,
            least_saving_usd_per_month=least,
            tried=tuple(tried),
            level=self._level,
            replications=self._question.seeds,
            simulated=len(self._searched.keys) + len(self._confirmed.keys),
            assumptions=assumptions(self._question),
            provenance=origin | seeds,
        )
        return replace(found, verdict=verdict(found))

    def _holds(self, plan: Plan) -> bool:
        """True if a plan meets the SLO at its confidence bound, in the search and on fresh seeds."""
        for runs in (self._searched, self._confirmed):
            runs.add(plan)
        return self._searched.hold(plan.name) and self._confirmed.hold(plan.name)

    def _winners(
        self, kinds: Sequence[ActionKind], *, met: bool, usd: float, least: float
    ) -> tuple[list[tuple[ActionKind, Variation]], list[TriedKind]]:
        """The cheapest plan of each kind that holds and saves enough, and what came of all kinds."""
        spaces = [variations(self._loaded, [[{"name": kind.name}], *kind.dimensions]) for kind in kinds]
        whole = Space(variations=[variation for space in spaces for variation in space.variations])
        found = Candidates(self._question, whole, self._searched.arrivals).found
        winners, tried = [], []
        most = usd - least if met else inf
        sized = inf
        for i, (kind, space) in enumerate(zip(kinds, spaces, strict=True)):
            self._what, self._share = kind.name, i / len(kinds)
            names = {variation.plan.name for variation in space.variations}
            possible = [one for one in found if one.name in names and not self._same(one.variation)]
            limit = min(most, sized - least) if kind.sizes == "own" else most
            best, outcome = self._best(possible, limit)
            if best is not None:
                winners.append((kind, best))
            if best is not None and kind.sizes == "alone":
                sized = self._usd(best.plan.name)
            tried.append(TriedKind(kind=kind.name, plans=space.combinations, outcome=outcome))
        return winners, tried

    def _same(self, variation: Variation) -> bool:
        return not changes_of(self._base, variation)

    def _best(self, possible: Sequence[PlanCandidate], limit: float) -> tuple[Variation | None, str]:
        """The cheapest plan below a cost that holds, on fresh seeds too, and what came of the search."""
        cheaper = {one.name: one for one in possible if one.entrant.bound_usd < limit}
        if not cheaper:
            return None, TOO_LITTLE if possible else "none can serve enough"
        for one in cheaper.values():
            self._searched.add(one.variation.plan)
        leader, outcome = find_winner(
            Race([one.entrant for one in cheaper.values()], self._level),
            self._searched,
            limit,
            usd=lambda name: self._searched.summary(name).per_month_usd.mean,
            confirmed_usd=lambda name: self._usd(name) if self._holds(cheaper[name].variation.plan) else None,
            saving=self._saving,
        )
        return None if leader is None else cheaper[leader].variation, outcome

    def _usd(self, name: str) -> float:
        return self._confirmed.summary(name).per_month_usd.mean

    def _saving(self, name: str) -> Saving:
        base, after = (self._confirmed.summary(one) for one in (self._base.plan.name, name))
        found = difference(base, after, self._level).per_month_usd
        return Saving(mean=found.mean, lo=found.lo, hi=found.hi)

    def _sequence(
        self, winners: Sequence[tuple[ActionKind, Variation]], usd: float, least: float, *, met: bool
    ) -> list[ActionStep]:
        """The actions one after another; where the plan misses the SLO, first the cheapest that makes it meet it."""
        alone = {one.plan.name: one for _, one in winners}
        ranked = sorted(alone, key=lambda name: -self._saving(name).mean)[:SEQUENCED]
        known: dict[frozenset[str], float | None] = {}

        def together(names: tuple[str, ...]) -> float | None:
            key = frozenset(names)
            if key not in known:
                known[key] = self._together([alone[name] for name in names])
            return known[key]

        return in_sequence(ranked, usd, together, least, required=not met)

    def _together(self, actions: Sequence[Variation]) -> float | None:
        """Cost a month of actions together on fresh seeds; None where they contradict or miss the SLO."""
        if len(actions) == 1:
            return self._usd(actions[0].plan.name)
        name = " + ".join(action.plan.name for action in actions)
        partials = [[partial_of(self._base, action)] for action in actions]
        try:
            found = variations(self._loaded, [[{"name": name}], *partials]).variations
            plan = replace(found[0].plan, name=name) if found else None
            if plan is None or not self._holds(plan):
                return None
        except InputError:
            return None
        return self._usd(name)

    def _ranked(
        self, winners: Sequence[tuple[ActionKind, Variation]], steps: Sequence[ActionStep]
    ) -> Iterator[AdvisedAction]:
        """Those of the sequence in its order, then the others by what they save alone."""
        named = {one.plan.name: (kind, one) for kind, one in winners}
        then = {step.action: step.saves_usd for step in steps}
        rest = sorted((name for name in named if name not in then), key=lambda name: -self._saving(name).mean)
        before = self._figures(self._base)
        for name in [*then, *rest]:
            kind, one = named[name]
            changes = tuple(changes_of(self._base, one))
            scores = [score for runs in (self._searched, self._confirmed) for score in runs.all_of(name)]
            risk = miss_probability(scores)
            yield AdvisedAction(
                action=wording(changes),
                kind=kind.name,
                saving_usd_per_month=self._saving(name),
                then_usd_per_month=then.get(name),
                slo_risk=risk,
                slo_risk_class=risk_class(risk),
                confidence=self._confidence(one.plan),
                effort=kind.effort,
                reversible=kind.reversible,
                before=before,
                after=self._figures(one),
                changes=changes,
            )

    def _figures(self, one: Variation) -> PlanFigures:
        summary: PlanSummary = self._confirmed.summary(one.plan.name)
        bounds = {
            check.name: check.measured for check in lower_bounds(self._confirmed.all_of(one.plan.name), self._level)
        }
        written: Any = one.node.plain()
        return PlanFigures(
            usd_per_month=summary.per_month_usd.mean,
            attainment=summary.attainment.mean if summary.attainment else None,
            attainment_at_least=bounds.get("attainment"),
            utilisation=summary.mean(lambda run: run.utilisation),
            plan={**written, "name": self._base.plan.name},
        )

    def _confidence(self, plan: Plan) -> Certainty:
        measured = resolved_plan(plan, self._question).pool.step.provenance != "analytic"
        return certainty(self._loaded.scenario.workload, self._question.horizon_s, measured=measured)
