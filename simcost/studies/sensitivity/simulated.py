"""Simulations of the plans of a scenario with one value changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

from simcost.compare.results import PlanSummary
from simcost.compare.scores import hopeless
from simcost.compare.sensitivity import NotKnownYetError, at_once
from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers
from simcost.scenario.inputs.changes import Changed, with_plans
from simcost.scenario.runs.assessment import Assessment, assess
from simcost.scenario.runs.execution import RunOptions
from simcost.scenario.runs.resolve import ResolvedScenario, Source, settle
from simcost.scenario.runs.simulations import Request, Simulations, simulate_lines
from simcost.scenario.runs.tasks import Key
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedScenario
from simcost.studies.sensitivity.states import PlanAtValue, SimulatedPlans


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivitySettings:
    """Options of the study."""

    runs: Path
    """Folder in which runs are stored."""
    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None
    grids: Sequence[tuple[str, str]] = ()
    """Pairs of paths that vary together."""
    variance: bool = False
    """True if the shares of the variance are asked for."""


class NotSimulatedError(NotKnownYetError):
    """An answer depends on runs that are not there yet."""

    def __init__(self, simulations: Simulations, keys: Sequence[Key]) -> None:
        super().__init__(f"not simulated: {', '.join(name for name, _ in keys)}")
        self.simulations, self.keys = simulations, keys


def _not_simulated(group: ExceptionGroup[Exception]) -> Iterator[NotSimulatedError]:
    """The errors of a group, and of the groups in it."""
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _not_simulated(error)
        elif isinstance(error, NotSimulatedError):
            yield error
        else:
            raise error


class ValueRuns:
    """Runs at the values of a study.

    Args:
        settings: options of the runs.
        workers: what executes them.
        tell: called now and then with what is done.
    """

    def __init__(self, settings: SensitivitySettings, workers: Workers, tell: Callable[[str], None]) -> None:
        self._settings, self._workers, self._tell = settings, workers, tell
        self.runs: set[str] = set()
        """Distinct simulations."""
        self._base: Assessment | None = None

    def assess(self, changed: Changed, what: str) -> Assessment:
        """All plans in all replications."""
        options = RunOptions(
            folder=self._settings.runs,
            workers=self._workers,
            fresh=False,
            progress=lambda _share, _what: self._tell(what),
        )
        found = assess(changed, options, seed=self._settings.seed, seeds=self._settings.seeds)
        self.runs |= found.runs
        return found

    def assess_base(self, loaded: AnyScenario) -> Assessment:
        """The scenario itself: what its runs used is kept, which prices do not change."""
        self._base = self.assess(Changed(loaded=loaded), "base")
        return self._base

    def follow(self, searches: Sequence[Callable[[], None]]) -> None:
        """Make searches, each again and again until no run is missing; runs of all are simulated side by side.

        Args:
            searches: raise NotSimulatedError as long as runs are missing.
        """
        simulate_lines([self._requests_of(search) for search in searches], self._workers)

    def _requests_of(self, search: Callable[[], None]) -> Iterator[Request]:
        """The runs that a search waits for, one time after another."""
        while True:
            try:
                at_once([search])
            except ExceptionGroup as group:
                missing = list(_not_simulated(group))
            else:
                return
            yield [(error.simulations, error.keys) for error in missing]
            for error in missing:
                self.runs |= error.simulations.keys

    def of(self, changed: Changed, what: str, *, priced: bool) -> SimulatedPlans:
        """Simulations of a scenario with values changed; `priced` = they are prices alone, on which no run depends."""
        loaded = changed.loaded
        plans = self._base.priced(loaded) if priced and self._base is not None else None
        if plans is not None:
            return _Priced(plans)
        if isinstance(loaded, LoadedScenario) and loaded.scenario.jobs is None:
            question = replace(
                settle(loaded, seed=self._settings.seed, seeds=self._settings.seeds), engine=changed.engine_of()
            )
            if question.source is not None:
                return _OneByOne(self._simulations(question, question.source, what))
        return _Together(self, changed, what)

    def _simulations(self, question: ResolvedScenario, source: Source, what: str) -> Simulations:
        found = Simulations(
            question, source, self._settings.runs, self._workers, lambda _: self._tell(what), against_perfect=False
        )
        for plan in question.loaded.scenario.plans:
            found.add(plan)
        return found


class _Priced:
    """Plans of which prices alone differ from those of the base."""

    def __init__(self, plans: Sequence[PlanSummary]) -> None:
        self._plans = {plan.name: PlanAtValue.of(plan) for plan in plans}

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans, all complete."""
        return {name: self._plans[name] for name in names}

    complete = judged

    def expected(self, name: str, _base: PlanAtValue) -> PlanAtValue:
        """As judged."""
        return self._plans[name]


class _Together:
    """Plans of services or of jobs, in all their replications."""

    def __init__(self, runs: ValueRuns, changed: Changed, what: str) -> None:
        self._runs, self._changed, self._what = runs, changed, what

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans, all complete."""
        some = replace(self._changed, loaded=with_plans(self._changed.loaded, names))
        return {plan.name: PlanAtValue.of(plan) for plan in self._runs.assess(some, self._what).plans}

    complete = judged

    def expected(self, name: str, _base: PlanAtValue) -> PlanAtValue:
        """As judged."""
        return self.judged([name])[name]


class _OneByOne:
    """Plans of requests: the slowest replications of each come first, and may tell that it misses the SLO.

    Both methods raise NotSimulatedError as long as runs are missing that they need next.
    """

    def __init__(self, simulations: Simulations) -> None:
        self._simulations = simulations

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans; those that miss even if all their other replications were perfect have no more of these."""
        next_keys = {name: self._next(name) for name in names}
        self._need([key for name in names for key in next_keys[name]])
        seeds = self._simulations.question.seeds
        found = {name: self._simulations.summary(name) for name in names}
        return {name: PlanAtValue.of(plan, complete=len(plan.results) == seeds) for name, plan in found.items()}

    def _next(self, name: str) -> list[Key]:
        """Runs that tell more: none if the verdict is known, the slowest one first, then those that show that the plan
        misses the SLO if they are like the ones made, else all.
        """
        slowest, seeds = self._simulations.by_slowness(name), self._simulations.question.seeds
        made = [key for key in slowest if key in self._simulations.results]
        missing = [key for key in slowest if key not in made]
        scores = list(self._simulations.scores(made).values())
        if not missing or (scores and hopeless(scores, seeds)):
            return []
        if not scores:
            return missing[:1]
        alike = [*islice(cycle(scores), seeds)]
        enough = next((count for count in range(len(scores) + 1, seeds) if hopeless(alike[:count], seeds)), seeds)
        return missing[: enough - len(scores)]

    def complete(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans in all replications."""
        self._need(self._simulations.missing(names))
        return {name: PlanAtValue.of(self._simulations.summary(name)) for name in names}

    def expected(self, name: str, base: PlanAtValue) -> PlanAtValue:
        """As judged; or, where the slowest replication is far from missing the SLO, as this one tells."""
        slowest, made = self._simulations.by_slowness(name)[:1], self._simulations.results
        self._need([key for key in slowest if key not in made])
        plan = self._simulations.summary(name)
        more_to_come = len(plan.results) < self._simulations.question.seeds
        found = PlanAtValue.of(plan, complete=False).over_all(base) if plan.eligible and more_to_come else None
        return found or self.judged([name])[name]

    def _need(self, keys: Sequence[Key]) -> None:
        if keys:
            raise NotSimulatedError(self._simulations, keys)
