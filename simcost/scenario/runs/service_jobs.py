"""Jobs beside several services: on a cluster of their own, or on what the services leave of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.bills import PurchasedNodes, as_whole_nodes, by_unit
from simcost.scenario.runs.contributions import ServedSide, TrainedSide
from simcost.scenario.runs.execution import RunOptions
from simcost.scenario.runs.job_runs import JobRun, list_job_runs
from simcost.scenario.runs.resolve_services import ResolvedServices
from simcost.scenario.runs.run_keys import key_of, run_key
from simcost.scenario.runs.service_stages import Key as ServiceKey
from simcost.scenario.runs.service_stages import Stage, StoredService, placed
from simcost.scenario.runs.serving_runs import with_incoming
from simcost.scenario.runs.tasks import Key, RunJobs


def list_jobs_of_services(services: ResolvedServices, folder: Path, stages: Sequence[Stage]) -> list[JobRun]:
    """The distinct runs of jobs next to the runs of requests; empty for a scenario without jobs."""
    if services.jobs is None:
        return []
    served = placed(stages)
    return list_job_runs(
        services.jobs,
        folder,
        lambda plan, replication: _serving_key(services, served, plan, replication),
        services.replications,
    )


def _serving_key(
    services: ResolvedServices, served: Mapping[ServiceKey, StoredService], plan: str, replication: int
) -> str:
    """Key of the runs of all services on the fleet that jobs share."""
    keys = dict[str, str]()
    for name, resolved in services.beside_jobs(plan).items():
        keys[name] = with_incoming(
            run_key(services.questions[name], resolved.sampled(replication), replication),
            served[plan, name, replication].incoming,
        )
    return key_of(services=keys) if len(keys) > 1 else next(iter(keys.values()))


def jobs_of_services(
    services: ResolvedServices,
    runs: Sequence[JobRun],
    served: Mapping[tuple[str, str, int], ServedSide],
    options: RunOptions,
    note: Callable[[], None],
) -> dict[Key, TrainedSide]:
    """Run the jobs, once the services of their plans have been simulated.

    Args:
        services: with the jobs.
        runs: the distinct ones.
        served: services by plan, name and replication.
        options: how they run.
        note: called now and then.
    """
    if services.jobs is None:
        return {}
    for run in runs:
        run.serving = {key: _usage(services, served, *key) for key in run.served()}
    trained: dict[Key, TrainedSide] = {}
    for sides in options.workers.execute(runs, RunJobs(question=services.jobs, fresh=options.fresh), note=note):
        trained |= sides
    return trained


def _usage(
    services: ResolvedServices, served: Mapping[tuple[str, str, int], ServedSide], plan: str, replication: int
) -> LedgerUsage:
    """Nodes under the services that jobs run beside, or under all."""
    names = services.beside_jobs(plan) or services.questions
    return by_unit([served[plan, name, replication].usage for name in names])


def on_fleet_of_jobs(side: ServedSide, jobs: TrainedSide) -> ServedSide:
    """A service with what it holds of the fleet that jobs share, as time of whole nodes."""
    [fleet] = jobs.bought
    held = as_whole_nodes(side.usage, int(fleet.usage.slots_per_node))
    return replace(side, usage=held, bought=[PurchasedNodes(usage=held, buy=fleet.buy)])
