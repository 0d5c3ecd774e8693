"""A plan of one pool, the plans that actions make of it, and their simulations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from simcost.errors import InputError
from simcost.execution.workers import Workers
from simcost.rng import confirmation_seed
from simcost.scenario.inputs.control import spot_rates
from simcost.scenario.inputs.offer_dimensions import note_on_choices
from simcost.scenario.inputs.variations import Space, Variation, of_one_plan, variations
from simcost.scenario.runs.candidates import Candidates
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.runs.resolve import ResolvedScenario, resolved_plan, settle
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.runs.whole_plans import certainty
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.advising.advised import Choices
from simcost.studies.advising.advisor import Advisor
from simcost.studies.advising.changes import changes_between, partial_between
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.purchase_kinds import running_terms
from simcost.studies.advising.request_kinds import request_kinds
from simcost.studies.advising.result import Advice, Certainty, FieldChange
from simcost.studies.advising.settings import SEEDS, AdviceSettings, Progress, Stage, chosen_plan
from simcost.studies.advising.winner import NOT_GOOD


def advise_pool(loaded: LoadedScenario, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions on a plan of one pool."""
    scenario = loaded.scenario
    chosen = chosen_plan(loaded, settings.plan)
    alone = of_one_plan(loaded, next(one for one in scenario.plans if one.name == chosen))
    question = settle(alone, seed=settings.seed, seeds=settings.seeds or scenario.seeds or SEEDS)
    stage = Stage(progress, chosen, settings.jobs)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        plan = PlanOfOnePool(question, runs, workers, stage, settings)
        return Advisor(plan, stage).advice(scenario.scenario)


class PlanOfOnePool:
    """A plan of one pool as the advisor asks about it; of its actions the capacity is known by bounds."""

    def __init__(
        self, question: ResolvedScenario, runs: Path, workers: Workers, stage: Stage, settings: AdviceSettings
    ) -> None:
        self._question, self._loaded, self._spot_per_node_h = question, question.loaded, settings.spot_per_node_h
        [plan] = question.loaded.scenario.plans
        self.name = plan.name
        fresh = settings.fresh_seed if settings.fresh_seed is not None else confirmation_seed(question.seed)

        def simulations(question: ResolvedScenario) -> Simulations:
            if question.source is None:
                raise InputError(f"{question.loaded.path}: has no requests to serve")
            return Simulations(question, question.source, runs, workers, stage)

        self.searched = simulations(question)
        self.confirmed = simulations(settle(question.loaded, seed=fresh, seeds=question.seeds))
        self._made: dict[str, Variation] = {}
        [base] = variations(self._loaded, [[{"name": plan.name}]]).variations
        self._add(base)

    def _add(self, variation: Variation) -> None:
        self._made[variation.plan.name] = variation
        for runs in (self.searched, self.confirmed):
            runs.add(variation.plan)

    def questions(self) -> Sequence[ResolvedScenario]:
        """That of its requests."""
        return [self._question]

    def kinds(self) -> Sequence[ActionKind]:
        """Those of a plan of requests."""
        return list(request_kinds(self._loaded, self._loaded.scenario.plans[0], self._spot_per_node_h))

    def choices(self, kinds: Sequence[ActionKind]) -> Iterator[Choices]:
        """Those that may serve enough, by the bounds of their capacity."""
        spaces = [variations(self._loaded, [[{"name": kind.name}], *kind.dimensions]) for kind in kinds]
        whole = Space(variations=[variation for space in spaces for variation in space.variations])
        for variation in whole.variations:
            self._add(variation)
        found = Candidates(self._question, whole, self.searched.arrivals).found
        for space in spaces:
            names = {variation.plan.name for variation in space.variations}
            entrants = [one.entrant for one in found if one.name in names and self.changes(one.name)]
            poor = bool(names) and not entrants and not any(map(self.searched.good_enough, names))
            yield Choices(
                combinations=space.combinations, entrants=entrants, none=NOT_GOOD if poor else "none can serve enough"
            )

    def together(self, names: Sequence[str]) -> str:
        """Name of the plan with several actions. Raises InputError where they contradict each other."""
        name = " + ".join(names)
        partials = [[partial_between(self.written(self.name), self.written(action))] for action in names]
        found = variations(self._loaded, [[{"name": name}], *partials]).variations
        if not found:
            raise InputError(f"{name}: contradict each other")
        self._add(replace(found[0], plan=replace(found[0].plan, name=name)))
        return name

    def changes(self, name: str) -> tuple[FieldChange, ...]:
        """Fields in which a plan differs, defaults written out."""
        in_full, other_in_full = (asdict(self._made[one].plan) for one in (self.name, name))
        return tuple(changes_between(self.written(self.name), self.written(name), in_full, other_in_full))

    def written(self, name: str) -> dict[str, Any]:
        """A plan as a scenario has it."""
        plain = self._made[name].node.plain()
        return plain if isinstance(plain, dict) else {}

    def spot_rates(self, name: str) -> Sequence[float | None]:
        """Interruptions of a spot node an hour; empty without such nodes."""
        return spot_rates([self._made[name].plan])

    def certainty(self, name: str) -> Certainty:
        """Of the requests and of the engine of a plan."""
        measured = resolved_plan(self._made[name].plan, self._question).pool.step.provenance != "analytic"
        return certainty(self._loaded.scenario.workload, self._question.horizon_s, measured=measured)

    def about(self) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Assumptions and provenance of the plan that is advised on."""
        own = [*note_on_choices(self._loaded.scenario), *running_terms([self._made[self.name].plan])]
        lines = [*assumptions(self._question), *own]
        return lines, provenance(self._question, self._question.horizon_s or 0.0)
