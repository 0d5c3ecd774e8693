"""Jobs beside several services: on a cluster of their own, or on what the services leave of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from simcost.ledger.requests import LedgerUsage
from simcost.scenario.runs.bills import PurchasedNodes, as_whole_nodes, by_unit
from simcost.scenario.runs.contributions import ServedSide, TrainedSide, left_for_jobs, trained_side
from simcost.scenario.runs.execution import RunOptions, execute
from simcost.scenario.runs.job_runs import JobRun, job_ledger, list_job_runs
from simcost.scenario.runs.resolve import key_of, run_key
from simcost.scenario.runs.resolve_services import ResolvedServices

Key = tuple[str, int]
"""Plan and replication."""


def list_jobs_of_services(services: ResolvedServices, folder: Path) -> list[JobRun]:
    """The distinct runs of jobs; none where there are no jobs."""
    if services.jobs is None:
        return []
    return list_job_runs(services.jobs, folder, lambda plan, replication: _serving_key(services, plan, replication))


def _serving_key(services: ResolvedServices, plan: str, replication: int) -> str:
    """Key of the runs of all services on the fleet that jobs share."""
    keys = {
        name: run_key(services.questions[name], one.sampled(replication), replication)
        for name, one in services.beside_jobs(plan).items()
    }
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
    question = services.jobs
    if question is None or question.jobs is None:
        return {}
    trace = question.jobs

    def usage_of(plan: str, replication: int) -> LedgerUsage:
        names = services.beside_jobs(plan) or services.questions
        return by_unit([served[plan, name, replication].usage for name in names])

    def train(run: JobRun, _: Callable[[float], None]) -> dict[Key, TrainedSide]:
        left = left_for_jobs(run.cluster, usage_of(run.cluster.plan.name, run.replication))
        ledger = job_ledger(question, run, left, fresh=options.fresh)
        return {
            (cluster.plan.name, replication): trained_side(
                question, trace, cluster, replication, ledger, usage_of(cluster.plan.name, replication)
            )
            for cluster, replication in run.uses
        }

    found: dict[Key, TrainedSide] = {}
    for sides in execute(runs, train, jobs=options.jobs, note=note):
        found |= sides
    return found


def on_fleet_of_jobs(side: ServedSide, jobs: TrainedSide) -> ServedSide:
    """A service with what it holds of the fleet that jobs share, as time of whole nodes."""
    [fleet] = jobs.bought
    held = as_whole_nodes(side.usage, int(fleet.usage.slots_per_node))
    return replace(side, usage=held, bought=[PurchasedNodes(usage=held, buy=fleet.buy)])
