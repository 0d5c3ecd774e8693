"""A plan whose parts depend on each other, and the plans that actions make of it, each simulated as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from simcost.errors import FaultsError, InputError
from simcost.execution.workers import Workers
from simcost.rng import confirmation_seed
from simcost.scenario.files.nodes import items
from simcost.scenario.files.pools import in_pools
from simcost.scenario.files.sharing import KEY
from simcost.scenario.inputs.combined_plans import not_a_plan
from simcost.scenario.inputs.control import spot_rates
from simcost.scenario.inputs.offer_dimensions import note_on_choices
from simcost.scenario.inputs.variations import as_dimensions
from simcost.scenario.inputs.whole_variations import WholePlan, whole_variations, with_plan
from simcost.scenario.runs.execution import workers_of
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.whole_bounds import entrant_of
from simcost.scenario.runs.whole_plans import WholePlans, is_sampled
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices
from simcost.scenario.schema.scenario import Plan
from simcost.studies.advising.advised import Choices
from simcost.studies.advising.advisor import Advisor
from simcost.studies.advising.changes import changes_between, partial_between
from simcost.studies.advising.kinds import ActionKind
from simcost.studies.advising.purchase_kinds import running_terms
from simcost.studies.advising.result import Advice, Certainty, FieldChange
from simcost.studies.advising.settings import SEEDS, AdviceSettings, Progress, Stage, chosen_plan
from simcost.studies.advising.whole_kinds import whole_kinds
from simcost.studies.advising.winner import NOT_GOOD, TOO_LITTLE


def advise_whole_plan(loaded: AnyScenario, runs: Path, settings: AdviceSettings, progress: Progress) -> Advice:
    """Actions on a plan of services that depend on each other, or with jobs.

    Raises:
        InputError: no such plan.
    """
    chosen = chosen_plan(loaded.first, settings.plan)
    names = [plan.name for plan in loaded.first.scenario.plans]
    node = in_pools(items(loaded.root.get("plans"))[names.index(chosen)])
    base = WholePlan(name=chosen, loaded=with_plan(loaded, node), node=node)
    stage = Stage(progress, chosen, settings.jobs)
    with workers_of(runs, jobs=settings.jobs, engine=settings.engine) as workers:
        return Advisor(DependentPlan(base, runs, workers, stage, settings), stage).advice(
            loaded.first.scenario.scenario
        )


class DependentPlan:
    """A whole plan as the advisor asks about it."""

    def __init__(self, base: WholePlan, runs: Path, workers: Workers, stage: Stage, settings: AdviceSettings) -> None:
        self._loaded, self._spot_per_node_h = base.loaded, settings.spot_per_node_h
        self.name, self._in_full = base.name, _in_full(base.loaded)

        def made(seed: int | None, seeds: int | None) -> WholePlans:
            return WholePlans(base.loaded, seed=seed, seeds=seeds, runs=runs, workers=workers, note=stage)

        seeds = settings.seeds or base.loaded.first.scenario.seeds
        self.searched = made(settings.seed, seeds or (SEEDS if is_sampled(base.loaded) else None))
        fresh = confirmation_seed(self.searched.seed)
        self.confirmed = made(fresh, self.searched.seeds)
        self._made: dict[str, WholePlan] = {}
        self._add(base)

    def _add(self, plan: WholePlan) -> None:
        self._made[plan.name] = plan
        for runs in (self.searched, self.confirmed):
            runs.add(plan.name, plan.loaded)

    def questions(self) -> Sequence[ResolvedScenario]:
        """Those of its services, or its own."""
        found = self.searched.question(self.name)
        return list(found.questions.values()) if isinstance(found, ResolvedServices) else [found]

    def kinds(self) -> Sequence[ActionKind]:
        """Those of each service, of shared nodes and of jobs."""
        return whole_kinds(self._loaded, self._spot_per_node_h)

    def choices(self, kinds: Sequence[ActionKind]) -> Iterator[Choices]:
        """Those that are plans; simulation alone says whether they serve enough."""
        for kind in kinds:
            try:
                space = whole_variations(self._loaded, as_dimensions([[{"name": kind.title}], *kind.dimensions]))
            except FaultsError as error:
                yield Choices(combinations=0, entrants=(), none=not_a_plan(error.faults))
                continue
            except InputError as error:
                yield Choices(combinations=0, entrants=(), none=f"cannot be: {error}")
                continue
            for plan in space.plans:
                self._add(plan)
            good = [plan for plan in space.plans if self.searched.good_enough(plan.name)]
            entrants = [entrant_of(plan, self.searched.question(plan.name)) for plan in good if self.changes(plan.name)]
            none = TOO_LITTLE if good or not space.plans else NOT_GOOD
            yield Choices(combinations=space.combinations, entrants=entrants, none=none)

    def together(self, names: Sequence[str]) -> str:
        """Name of the plan with several actions. Raises InputError where they contradict each other."""
        name = " + ".join(names)
        partials = [[partial_between(self.written(self.name), self.written(action))] for action in names]
        [made] = whole_variations(self._loaded, as_dimensions([[{"name": name}], *partials])).plans
        self._add(replace(made, name=name))
        return name

    def changes(self, name: str) -> tuple[FieldChange, ...]:
        """Fields in which a plan differs, defaults written out."""
        in_full = _in_full(self._made[name].loaded)
        return tuple(changes_between(self.written(self.name), self.written(name), self._in_full, in_full))

    def written(self, name: str) -> dict[str, Any]:
        """A plan as a scenario has it."""
        plain = self._made[name].node.plain()
        return plain if isinstance(plain, dict) else {}

    def spot_rates(self, name: str) -> Sequence[float | None]:
        """Interruptions of a spot node an hour, of each pool of requests with such nodes."""
        return spot_rates(plan for plan in _plans_of(self._made[name].loaded) if plan.replica)

    def certainty(self, name: str) -> Certainty:
        """Of the requests and of the engines of all services."""
        return self.searched.certainty(name)

    def about(self) -> tuple[Sequence[str], Mapping[str, Any]]:
        """Assumptions and provenance of the plan that is advised on."""
        lines, origin = self.searched.about([self.name])
        made = self._made[self.name].loaded
        return [*lines, *note_on_choices(made.first.scenario), *running_terms(_plans_of(made))], origin


def _plans_of(loaded: AnyScenario) -> list[Plan]:
    """The parts of the one plan of a scenario: of each service and of jobs."""
    if not isinstance(loaded, LoadedServices):
        return list(loaded.scenario.plans)
    every = [*loaded.services.values(), *([] if loaded.jobs is None else [loaded.jobs])]
    return [plan for one in every for plan in one.scenario.plans]


def _in_full(loaded: AnyScenario) -> dict[str, Any]:
    """The one plan of a scenario with its defaults written out, and the part of each service."""
    if not isinstance(loaded, LoadedServices):
        return asdict(loaded.scenario.plans[0])
    parts = {name: asdict(one.scenario.plans[0]) for name, one in loaded.services.items()}
    whole = loaded.first if loaded.jobs is None else loaded.jobs
    return asdict(whole.scenario.plans[0]) | {KEY: parts}
