"""Simulations of the plans of a scenario with one value changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simcost.compare.racing import hopeless
from simcost.execution.options import EngineOptions
from simcost.execution.workers import Workers
from simcost.scenario.inputs.changes import Changed, with_plans
from simcost.scenario.runs.assessment import Assessment, assess
from simcost.scenario.runs.execution import RunOptions
from simcost.scenario.runs.resolve import ResolvedScenario, Source, key_of, settle
from simcost.scenario.runs.serving_runs import Arrivals
from simcost.scenario.runs.simulations import Simulations
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.studies.sensitivity.states import PlanAtValue, SimulatedPlans


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivitySettings:
    """Options of the runs."""

    runs: Path
    seeds: int | None = None
    seed: int | None = None
    jobs: int = 1
    engine: EngineOptions | None = None


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
        self._arrivals: dict[str, Arrivals] = {}
        """Requests of the base, which plans, step times and prices do not change."""
        self._last: Arrivals | None = None

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
        if not self._arrivals and isinstance(found.question, ResolvedScenario) and found.question.source is not None:
            source = found.question.source
            self._arrivals[_identity(source)] = Arrivals(source, kept=found.question.seeds)
        return found

    def of(self, changed: Changed, what: str) -> SimulatedPlans:
        """Simulations of a scenario with a value changed."""
        loaded = changed.loaded
        if isinstance(loaded, LoadedScenario) and loaded.scenario.jobs is None:
            question = replace(
                settle(loaded, seed=self._settings.seed, seeds=self._settings.seeds), engine=changed.engine
            )
            if question.source is not None:
                return _OneByOne(self._simulations(question, question.source, what), self)
        return _Together(self, changed, what)

    def _simulations(self, question: ResolvedScenario, source: Source, what: str) -> Simulations:
        arrivals = self._requests(source, question.seeds)
        found = Simulations(question, source, self._settings.runs, self._workers, lambda _: self._tell(what), arrivals)
        for plan in question.loaded.scenario.plans:
            found.add(plan)
        return found

    def hold(self, arrivals: Arrivals) -> None:
        """Keep these requests in memory, and those of the base, but no others."""
        if self._last is not None and self._last is not arrivals:
            self._last.forget()
        self._last = None if arrivals in self._arrivals.values() else arrivals

    def _requests(self, source: Source, seeds: int) -> Arrivals:
        """Those of the base where they are the same, else new ones."""
        return self._arrivals.get(_identity(source)) or Arrivals(source, kept=seeds)


def _identity(source: Source) -> str:
    """All that the requests of a source depend on."""
    return key_of(requests=source.identity(0), horizon_s=source.horizon_s)


class _Together:
    """Plans of services or of jobs, in all their replications."""

    def __init__(self, runs: ValueRuns, changed: Changed, what: str) -> None:
        self._runs, self._changed, self._what = runs, changed, what

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans, all complete."""
        some = replace(self._changed, loaded=with_plans(self._changed.loaded, names))
        return {plan.name: PlanAtValue.of(plan) for plan in self._runs.assess(some, self._what).plans}

    complete = judged


class _OneByOne:
    """Plans of requests: the slowest replication of each comes first, and may tell that it misses the SLO."""

    def __init__(self, simulations: Simulations, runs: ValueRuns) -> None:
        self._simulations, self._runs = simulations, runs

    def judged(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans; those that miss even if all their other replications were perfect have one replication."""
        seeds = self._simulations.question.seeds
        self._runs.hold(self._simulations.arrivals)
        first = self._simulations([(name, self._simulations.slowest(name)) for name in names])
        missed = [name for (name, _), score in first.items() if hopeless([score], seeds)]
        found = {name: PlanAtValue.of(self._simulations.summary(name), complete=seeds == 1) for name in missed}
        return {**found, **self.complete([name for name in names if name not in missed])}

    def complete(self, names: Sequence[str]) -> Mapping[str, PlanAtValue]:
        """The plans in all replications."""
        self._runs.hold(self._simulations.arrivals)
        self._simulations.complete(names)
        self._runs.runs |= self._simulations.keys
        return {name: PlanAtValue.of(self._simulations.summary(name)) for name in names}
