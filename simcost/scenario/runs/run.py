"""Run of one scenario: every plan under the same arrivals, billed, assessed, compared, written to a folder.

Runs are parallel: each is simulated once, stored and reused; the result does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simcost.compare.comparison import Comparison, compare
from simcost.errors import InputError
from simcost.execution.options import EngineOptions
from simcost.scenario.inputs.forecast_demand import ForecastDemand
from simcost.scenario.inputs.model_quality import model_qualities
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.contributions import ServedSide, TrainedSide, as_one
from simcost.scenario.runs.execution import Progress, RunOptions, watched, workers_of
from simcost.scenario.runs.job_runs import JobRun, list_job_runs, serving_keys
from simcost.scenario.runs.provenance import assumptions, input_files, provenance, resolved_text
from simcost.scenario.runs.resolve import ResolvedScenario, check_startable, settle
from simcost.scenario.runs.resolve_services import settle_services
from simcost.scenario.runs.results_folder import ComparedRuns, check_results, longest_s, results_by_plan, write_results
from simcost.scenario.runs.service_provenance import input_files_of_services, resolved_services_text
from simcost.scenario.runs.service_runs import compared_services, service_rows
from simcost.scenario.runs.serving_runs import ServingRun, list_serving_runs
from simcost.scenario.runs.tables import RunTables
from simcost.scenario.runs.tasks import Key, RunJobs, ServeRequests, shared_by_runs
from simcost.scenario.schema.loaded_scenario import AnyScenario, LoadedServices
from simcost.scenario.storage.folders import alone


def run(
    loaded: AnyScenario | ResolvedScenario,
    out: Path,
    *,
    seeds: int | None = None,
    seed: int | None = None,
    jobs: int = 1,
    engine: EngineOptions | None = None,
    fresh: bool = False,
    progress: Progress = lambda _share, _what: None,
) -> dict[str, Any]:
    """Run a scenario and write its results folder; runs that were simulated before are reused.

    Args:
        loaded: the scenario; of one that is settled already, `seeds` and `seed` are those it was settled with.
        out: the results folder: `result.json`, `scenario.yaml`, `tables/`, and `runs/`, a ledger in each.
        seeds: replications; None = as the scenario says.
        seed: None = as the scenario says.
        jobs: simulations at a time on this machine; the result does not depend on it.
        engine: what executes them, None = processes of this machine; the result does not depend on it.
        fresh: simulate again what is stored.
        progress: called with the share done and what is done.

    Returns:
        The document of `simcost run`, as `result.json` has it.

    Raises:
        InputError: a folder that is not a results folder, or in which another run is at work; an unreadable trace;
            numbers that cannot be simulated.
        RunError: a simulation that could not go on.
    """
    if (out / "scenario.yaml").exists() and not (out / "runs").exists():
        raise InputError(f"{out}: its scenario.yaml was not written by a run and would be lost; choose another --out")
    with alone(out, "run"), workers_of(out / "runs", jobs=jobs, engine=engine) as workers:
        options = RunOptions(folder=out / "runs", workers=workers, fresh=fresh, progress=progress)
        if isinstance(loaded, LoadedServices):
            services = settle_services(loaded, seed=seed, seeds=seeds)
            for question in services.questions.values():
                check_startable(question)
            check_results(input_files_of_services(services), resolved_services_text(services), out)
            return write_results(compared_services(services, service_rows(services, options)), out)
        question = loaded if isinstance(loaded, ResolvedScenario) else settle(loaded, seed=seed, seeds=seeds)
        check_startable(question)
        forecast = isinstance(question.source, ForecastDemand)
        resolved = resolved_text(question)
        check_results(input_files(question), resolved, out, forecast=forecast)
        rows = pool_rows(question, options, pool_runs(question, options.folder))
        return write_results(_compared(question, rows, resolved), out)


def pool_runs(
    question: ResolvedScenario, folder: Path, replications: Sequence[int] | None = None
) -> tuple[list[ServingRun], list[JobRun]]:
    """The distinct runs of a question, of requests and of jobs; of some replications, or of all."""
    serving = list_serving_runs(question, folder, replications=replications)
    return serving, list_job_runs(question, folder, serving_keys(question), replications)


def pool_rows(
    question: ResolvedScenario,
    options: RunOptions,
    runs: tuple[list[ServingRun], list[JobRun]],
    replications: Sequence[int] | None = None,
) -> list[RunTables]:
    """Contribution of each plan in each replication."""
    return rows_of_sides(question, *pool_sides(question, options, runs), replications)


def pool_sides(
    question: ResolvedScenario, options: RunOptions, runs: tuple[list[ServingRun], list[JobRun]]
) -> tuple[dict[Key, ServedSide], dict[Key, TrainedSide]]:
    """Contributions by plan and replication: first the requests are served, then the jobs run."""
    serving, training = runs
    note, workers = watched([*serving, *training], options.progress), options.workers
    served, trained = dict[Key, ServedSide](), dict[Key, TrainedSide]()
    alone = shared_by_runs(question)
    if question.source is not None:
        arrivals = Arrivals(question.source)
        for sides in workers.execute(
            serving, ServeRequests(question=alone, arrivals=arrivals, fresh=options.fresh), note=note
        ):
            served |= sides
    for run in training:
        run.serving = {key: served[key].usage for key in run.served() if key in served}
    for found in workers.execute(training, RunJobs(question=alone, fresh=options.fresh), note=note):
        trained |= found
    return served, trained


def rows_of_sides(
    question: ResolvedScenario,
    served: Mapping[Key, ServedSide],
    trained: Mapping[Key, TrainedSide],
    replications: Sequence[int] | None = None,
) -> list[RunTables]:
    """Each plan in each replication, at the prices of the question; of some replications, or of all."""
    names = [plan.name for plan in question.loaded.scenario.plans]
    numbers = range(question.seeds) if replications is None else replications
    keys = [(name, replication) for name in names for replication in numbers]
    return [as_one(*key, served.get(key), trained.get(key), question.loaded.catalog) for key in keys]


def comparison_of_pool(question: ResolvedScenario, rows: list[RunTables]) -> Comparison:
    """The plans compared."""
    scenario = question.loaded.scenario
    return compare(
        results_by_plan(rows),
        scenario=scenario.scenario,
        model=scenario.model,
        baseline=scenario.baseline or scenario.plans[0].name,
        level=scenario.level,
        risk=scenario.demand.risk if scenario.demand else None,
        qualities=model_qualities(question.loaded) if question.source is not None else {},
        quality=scenario.quality,
        margin=scenario.margin,
    )


def _compared(question: ResolvedScenario, rows: list[RunTables], resolved: str) -> ComparedRuns:
    scenario, source = question.loaded.scenario, question.source
    return ComparedRuns(
        question=scenario.question,
        comparison=comparison_of_pool(question, rows),
        rows=rows,
        resolved=resolved,
        provenance=provenance(question, longest_s(rows)),
        assumptions=assumptions(question),
        forecast=source if isinstance(source, ForecastDemand) else None,
        budget_usd=scenario.demand.budget if scenario.demand else None,
    )
