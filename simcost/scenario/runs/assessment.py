"""Assessment of the plans of a scenario: what a run finds of them, without a results folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simcost.compare.results import PlanSummary
from simcost.scenario.inputs.changes import Changed
from simcost.scenario.runs.contributions import ServedSide
from simcost.scenario.runs.execution import RunOptions
from simcost.scenario.runs.provenance import assumptions, provenance
from simcost.scenario.runs.resolve import ResolvedScenario, settle
from simcost.scenario.runs.resolve_services import ResolvedServices, settle_services
from simcost.scenario.runs.results_folder import longest_s
from simcost.scenario.runs.run import comparison_of_pool, pool_runs, pool_sides, rows_of_sides
from simcost.scenario.runs.service_provenance import assumptions_of_services, provenance_of_services
from simcost.scenario.runs.service_runs import comparison_of_services, runs_of_services, service_rows
from simcost.scenario.runs.tasks import Key
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The plans of a scenario over their replications."""

    question: ResolvedScenario | ResolvedServices
    plans: tuple[PlanSummary, ...]
    runs: frozenset[str]
    """Distinct simulations."""
    horizon_s: float
    """Length of the longest."""
    served: Mapping[Key, ServedSide] | None = None
    """Contributions of requests; None where they are of several services, or jobs run too."""

    def assumptions(self) -> list[str]:
        """One sentence each, with the services and plans it holds for."""
        if isinstance(self.question, ResolvedServices):
            return assumptions_of_services(self.question)
        return assumptions(self.question)

    def priced(self, loaded: AnyScenario) -> tuple[PlanSummary, ...] | None:
        """The plans in the scenario with other prices and all else the same; None where that takes an assessment."""
        if isinstance(self.question, ResolvedServices) or isinstance(loaded, LoadedServices) or self.served is None:
            return None
        question = replace(self.question, loaded=loaded)
        return comparison_of_pool(question, rows_of_sides(question, self.served, {})).plans

    def provenance(self) -> dict[str, Any]:
        """Versions, seeds and inputs."""
        if isinstance(self.question, ResolvedServices):
            return provenance_of_services(self.question, self.horizon_s)
        return provenance(self.question, self.horizon_s)


def assess(scenario: Changed, options: RunOptions, *, seed: int | None = None, seeds: int | None = None) -> Assessment:
    """Simulate the plans of a scenario; runs that are stored are reused.

    Args:
        scenario: of one pool a plan or of several, of services, of jobs; maybe with a value changed.
        options: of the simulations.
        seed: None = as the scenario says.
        seeds: replications; None = as the scenario says.

    Raises:
        InputError: a trace or a history that cannot be read, numbers that cannot be simulated.
        RunError: a simulation that could not go on.
    """
    if isinstance(scenario.loaded, LoadedServices):
        return _of_services(settle_services(scenario.loaded, seed=seed, seeds=seeds), scenario, options)
    question = replace(settle(scenario.loaded, seed=seed, seeds=seeds), engine=scenario.engine_of())
    serving, training = pool_runs(question, options.folder)
    served, trained = pool_sides(question, options, (serving, training))
    rows = rows_of_sides(question, served, trained)
    return Assessment(
        question=question,
        plans=comparison_of_pool(question, rows).plans,
        runs=frozenset([*(run.folder.name for run in serving), *(run.folder.name for run in training)]),
        horizon_s=longest_s(rows),
        served=None if training else served,
    )


def _of_services(services: ResolvedServices, scenario: Changed, options: RunOptions) -> Assessment:
    services = services.slower({name: scenario.engine_of(name) for name in services.questions})
    rows = service_rows(services, options)
    stages, training = runs_of_services(services, options.folder)
    serving = [run for stage in stages for run in stage]
    return Assessment(
        question=services,
        plans=comparison_of_services(services, rows).plans,
        runs=frozenset([*(run.folder.name for run in serving), *(run.folder.name for run in training)]),
        horizon_s=longest_s(rows),
    )
