"""Run of one scenario: every plan under the same arrivals, billed, assessed, compared, written to a folder.

Runs are parallel: each is simulated once, stored and reused; the result does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.compare.comparison import compare
from simcost.errors import InputError
from simcost.ledger.requests import LedgerUsage
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.inputs.model_quality import model_qualities
from simcost.scenario.runs.contributions import (
    ServedSide,
    TrainedSide,
    as_one,
    left_for_jobs,
    served_side,
    trained_side,
)
from simcost.scenario.runs.execution import Progress, RunOptions, execute, watched
from simcost.scenario.runs.job_runs import JobRun, job_ledger, list_job_runs, serving_keys
from simcost.scenario.runs.provenance import assumptions, input_files, provenance, resolved_text
from simcost.scenario.runs.resolve import ResolvedScenario, settle
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.results_folder import ComparedRuns, check_results, longest_s, results_by_plan, write_results
from simcost.scenario.runs.service_provenance import input_files_of_services, resolved_services_text
from simcost.scenario.runs.service_runs import compared_services, service_rows
from simcost.scenario.runs.serving_runs import Arrivals, ServingRun, list_serving_runs, serving_ledger
from simcost.scenario.runs.tables import RunTables
from simcost.scenario.schema.loaded_scenario import LoadedScenario, LoadedServices

Key = tuple[str, int]
"""Plan and replication."""


def run(
    loaded: LoadedScenario | LoadedServices,
    out: Path,
    *,
    seeds: int | None = None,
    seed: int | None = None,
    jobs: int = 1,
    fresh: bool = False,
    progress: Progress = lambda _share, _what: None,
) -> dict[str, Any]:
    """Run a scenario and write its results folder; runs that were simulated before are reused.

    Args:
        loaded: the scenario.
        out: the results folder: `result.json`, `scenario.yaml`, `tables/`, and `runs/`, a ledger in each.
        seeds: replications; None = as the scenario says.
        seed: None = as the scenario says.
        jobs: simulations at a time; the result does not depend on it.
        fresh: simulate again what is stored.
        progress: called with the share done and what is done.

    Returns:
        The document of `simcost run`, as `result.json` has it.

    Raises:
        InputError: a folder that is not a results folder; an unreadable trace; numbers that cannot be simulated.
        RunError: a simulation that could not go on.
    """
    if (out / "scenario.yaml").exists() and not (out / "runs").exists():
        raise InputError(f"{out}: its scenario.yaml was not written by a run and would be lost; choose another --out")
    options = RunOptions(folder=out / "runs", jobs=jobs, fresh=fresh, progress=progress)
    if isinstance(loaded, LoadedServices):
        services = settle_services(loaded, seed=seed, seeds=seeds)
        check_results(input_files_of_services(services), resolved_services_text(services), out)
        return write_results(compared_services(services, service_rows(services, options)), out)
    question = settle(loaded, seed=seed, seeds=seeds)
    check_results(
        input_files(question), resolved_text(question), out, forecast=isinstance(question.source, ForecastDemand)
    )
    return write_results(_compared(question, _rows(question, options)), out)


def _rows(question: ResolvedScenario, options: RunOptions) -> list[RunTables]:
    """Contribution of each plan in each replication: first the requests are served, then the jobs run."""
    serving, training = (
        list_serving_runs(question, options.folder),
        list_job_runs(question, options.folder, serving_keys(question)),
    )
    note, jobs, fresh = watched([*serving, *training], options.progress), options.jobs, options.fresh
    served, trained = dict[Key, ServedSide](), dict[Key, TrainedSide]()
    if question.source is not None:
        arrivals = Arrivals(question.source, kept=jobs)

        def serve(run: ServingRun, tell: Callable[[float], None]) -> dict[Key, ServedSide]:
            ledger = serving_ledger(question, run, arrivals, tell, fresh=fresh)
            return {
                (plan.plan.name, run.replication): served_side(question, plan, run.replication, ledger)
                for plan in run.plans
            }

        for sides in execute(serving, serve, jobs=jobs, note=note):
            served |= sides
    if question.jobs is not None:
        trace = question.jobs

        def usage_of(plan: str, replication: int) -> LedgerUsage | None:
            side = served.get((plan, replication))
            return None if side is None else side.usage

        def train(run: JobRun, _: Callable[[float], None]) -> dict[Key, TrainedSide]:
            requests = usage_of(run.cluster.plan.name, run.replication)
            ledger = job_ledger(question, run, left_for_jobs(run.cluster, requests), fresh=fresh)
            return {
                (cluster.plan.name, r): trained_side(
                    question, trace, cluster, r, ledger, usage_of(cluster.plan.name, r)
                )
                for cluster, r in run.uses
            }

        for found in execute(training, train, jobs=jobs, note=note):
            trained |= found
    names = [plan.name for plan in question.loaded.scenario.plans]
    keys = [(name, replication) for name in names for replication in range(question.seeds)]
    return [as_one(*key, served.get(key), trained.get(key), question.loaded.catalog) for key in keys]


def _compared(question: ResolvedScenario, rows: list[RunTables]) -> ComparedRuns:
    scenario, source = question.loaded.scenario, question.source
    comparison = compare(
        results_by_plan(rows),
        scenario=scenario.scenario,
        model=scenario.model,
        baseline=scenario.baseline or scenario.plans[0].name,
        level=scenario.level,
        risk=scenario.demand.risk if scenario.demand else None,
        qualities=model_qualities(question.loaded) if source is not None else {},
        quality=scenario.quality,
        margin=scenario.margin,
    )
    return ComparedRuns(
        question=scenario.question,
        comparison=comparison,
        rows=rows,
        resolved=resolved_text(question),
        provenance=provenance(question, longest_s(rows)),
        assumptions=assumptions(question),
        forecast=source if isinstance(source, ForecastDemand) else None,
        budget_usd=scenario.demand.budget if scenario.demand else None,
    )
