"""Runs of a scenario of several services: each as a scenario of its own, then the plans from their services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simcost.compare.comparison import Comparison, compare
from simcost.execution.task import Tell
from simcost.ledger.shared_nodes import SharedLedger
from simcost.scenario.inputs.model_quality import service_qualities
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import PurchasedNodes
from simcost.scenario.runs.contributions import ServedSide, served_side
from simcost.scenario.runs.execution import RunOptions, watched
from simcost.scenario.runs.final_answers import sending_final_answers, with_final_answers
from simcost.scenario.runs.job_runs import JobRun
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.results_folder import ComparedRuns, longest_s, results_by_plan
from simcost.scenario.runs.service_jobs import jobs_of_services, list_jobs_of_services, on_fleet_of_jobs
from simcost.scenario.runs.service_provenance import (
    assumptions_of_services,
    provenance_of_services,
    resolved_services_text,
)
from simcost.scenario.runs.service_results import of_services
from simcost.scenario.runs.service_stages import Key, SeparateRun, Stage, list_stages, longest_first
from simcost.scenario.runs.serving_runs import serving_ledger
from simcost.scenario.runs.shared_runs import SharedRun, shared_ledger, shared_side
from simcost.scenario.runs.tables import RunTables


@dataclass(frozen=True, slots=True)
class ServiceSides:
    """Contributions of runs."""

    services: dict[Key, ServedSide] = field(default_factory=dict)
    shared: dict[tuple[str, int], list[PurchasedNodes]] = field(default_factory=dict)
    """Nodes that services share, by plan and replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeServices:
    """Contributions of a run of one service, or of several on shared nodes."""

    services: ResolvedServices
    arrivals: Mapping[str, Arrivals]
    """By service."""
    fresh: bool

    def check_inputs(self) -> None:
        """Check that traces are those of the command. Raises RunError."""
        for arrivals in self.arrivals.values():
            arrivals.check_inputs()

    def __call__(self, run: SeparateRun | SharedRun, tell: Tell) -> ServiceSides:
        """The contributions."""
        if isinstance(run, SharedRun):
            return _of_shared(
                self.services, run, shared_ledger(self.services, run, self.arrivals, tell, fresh=self.fresh)
            )
        question, replication = self.services.questions[run.service], run.replication
        ledger = serving_ledger(question, run.run, self.arrivals[run.service], tell, fresh=self.fresh)
        return ServiceSides(
            {
                (plan.plan.name, run.service, replication): served_side(question, plan, replication, ledger)
                for plan in run.run.plans
            }
        )


def runs_of_services(services: ResolvedServices, folder: Path) -> tuple[list[Stage], list[JobRun]]:
    """The distinct runs of requests by stage, and those of jobs."""
    stages = list_stages(services, folder)
    return stages, list_jobs_of_services(services, folder, stages)


def service_rows(services: ResolvedServices, options: RunOptions) -> list[RunTables]:
    """Contribution of each plan in each replication."""
    stages, training = runs_of_services(services, options.folder)
    note = watched([*(run for stage in stages for run in stage), *training], options.progress)
    arrivals = {
        name: Arrivals(question.source) for name, question in services.questions.items() if question.source is not None
    }
    requests = {name: arrival.expected for name, arrival in arrivals.items()}
    task = ServeServices(services=services, arrivals=arrivals, fresh=options.fresh)
    sides = _sides(task, [longest_first(stage, requests) for stage in stages], options, note)
    sides.services.update(with_final_answers(services, stages, arrivals, sides.services))
    trained = jobs_of_services(services, training, sides.services, options, note)
    rows = []
    for plan in (one.name for one in services.loaded.first.scenario.plans):
        beside = services.beside_jobs(plan)
        for replication in services.replications:
            own = {name: sides.services[plan, name, replication] for name in services.questions}
            jobs = trained.get((plan, replication))
            own |= {} if jobs is None else {name: on_fleet_of_jobs(own[name], jobs) for name in beside}
            sharing = [name for name in own if (plan, name) in services.loaded.sharing]
            shared = sides.shared.get((plan, replication), [])
            row = of_services(
                plan,
                replication,
                own,
                services.catalog,
                shared=sending_final_answers(shared, [own[name] for name in sharing]),
                sharing=sharing,
                trained=jobs,
                beside_jobs=beside,
            )
            rows.append(row)
    return rows


def _sides(
    task: ServeServices,
    stages: Sequence[Stage],
    options: RunOptions,
    note: Callable[[], None],
) -> ServiceSides:
    """Simulate the services, those to which others send requests after these."""
    found = ServiceSides()
    for runs in stages:
        for one in options.workers.execute(runs, task, note=note):
            found.services.update(one.services)
            found.shared.update(one.shared)
    return found


def _of_shared(services: ResolvedServices, run: SharedRun, ledger: SharedLedger) -> ServiceSides:
    found = ServiceSides()
    for plan in run.plans:
        side = shared_side(services, plan, run.replication, ledger)
        found.services.update({(plan, name, run.replication): service for name, service in side.services.items()})
        found.shared[plan, run.replication] = side.nodes
    return found


def comparison_of_services(services: ResolvedServices, rows: list[RunTables]) -> Comparison:
    """The plans compared, each with its services."""
    scenario = services.loaded.first.scenario
    return compare(
        results_by_plan(rows),
        scenario=scenario.scenario,
        model=None,
        baseline=scenario.baseline or scenario.plans[0].name,
        level=scenario.level,
        quality=scenario.quality,
        margin=scenario.margin,
        risk=next((demand.demand.risk for demand in services.demands.values()), None),
        of_services=service_qualities(services.loaded),
    )


def compared_services(services: ResolvedServices, rows: list[RunTables]) -> ComparedRuns:
    """All that a results folder says of them."""
    return ComparedRuns(
        question=services.loaded.first.scenario.question,
        comparison=comparison_of_services(services, rows),
        rows=rows,
        resolved=resolved_services_text(services),
        provenance=provenance_of_services(services, longest_s(rows)),
        assumptions=assumptions_of_services(services),
        demands=services.demands,
    )
