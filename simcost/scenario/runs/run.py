"""Run of one scenario: every plan under the same arrivals, billed, assessed, compared, written to a folder.

Runs are parallel: each is simulated once, stored and reused; the result does not depend on the order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Any, Protocol, TypeVar

from simcost.compare.comparison import compare
from simcost.compare.document import document
from simcost.compare.results import RunResult
from simcost.errors import InputError
from simcost.outputs import check_folder, check_outputs
from simcost.scenario.inputs.forecast_demand import DEMAND_FILES, Foreseen, write_demand
from simcost.scenario.inputs.model_quality import model_qualities
from simcost.scenario.runs.contributions import (
    ServedSide,
    TrainedSide,
    as_one,
    left_for_jobs,
    served_side,
    trained_side,
)
from simcost.scenario.runs.job_runs import JobRun, job_ledger, list_job_runs
from simcost.scenario.runs.provenance import assumptions, input_files, provenance, resolved_text
from simcost.scenario.runs.resolve import ResolvedScenario, settle
from simcost.scenario.runs.serving_runs import Arrivals, ServingRun, list_serving_runs, serving_ledger
from simcost.scenario.runs.tables import RunTables, write_tables
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.storage.folders import SUMS, whole_files, write_sums


class TrackedRun(Protocol):
    """Something that takes a while."""

    share: float
    """Share of it that is done."""


class StoppedError(Exception):
    """The run was asked to stop."""


R = TypeVar("R", bound=TrackedRun)
T = TypeVar("T")


def execute(
    runs: Sequence[R],
    work: Callable[[R, Callable[[float], None]], T],
    *,
    jobs: int,
    note: Callable[[], None],
) -> list[T]:
    """Return the results of `work` for each run, in their order.

    Args:
        runs: the runs.
        work: called in a thread for each run, with a function to tell the share done, which raises StoppedError to
            stop it. No more than `jobs` are at work at a time.
        jobs: threads; compiled code frees the interpreter.
        note: called in this thread now and then.

    Raises:
        KeyboardInterrupt: finished runs stay stored, the others leave nothing.
    """
    stop = Event()

    def one(run: R) -> T:
        def tell(share: float) -> None:
            run.share = 0.99 * share
            if stop.is_set():
                raise StoppedError

        found = work(run, tell)
        run.share = 1.0
        return found

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        futures = [threads.submit(one, run) for run in runs]
        try:
            _watch(futures, note)
            return [future.result() for future in futures]
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)


def _watch(futures: Sequence[Future[T]], note: Callable[[], None]) -> None:
    """Report until all are done or one has failed; then raise its error."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        note()


Key = tuple[str, int]
"""Plan and replication."""
Progress = Callable[[float, str], None]


def run(
    loaded: LoadedScenario,
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
    question = settle(loaded, seed=seed, seeds=seeds)
    _check_results(question, out)
    return _write(question, _rows(question, out / "runs", jobs=jobs, fresh=fresh, progress=progress), out)


def _check_results(question: ResolvedScenario, out: Path) -> None:
    """Raise InputError where a result would replace an input; a scenario that stays as it is does not count."""
    check_folder(out)
    read, resolved = input_files(question), out / "scenario.yaml"
    names = ["result.json", "report.html", *(DEMAND_FILES if isinstance(question.source, Foreseen) else ())]
    if resolved.is_file() and resolved.read_bytes() != resolved_text(question).encode():
        names.append(resolved.name)
    check_outputs([*(out / name for name in names), *out.glob("tables/*")], read)
    stored = (out / "runs").resolve()
    for path in read:
        if path.resolve().is_relative_to(stored):
            raise InputError(f"{path}: is an input and lies among the runs of {out}; choose another --out")


def _rows(question: ResolvedScenario, folder: Path, *, jobs: int, fresh: bool, progress: Progress) -> list[RunTables]:
    """Contribution of each plan in each replication: first the requests are served, then the jobs run."""
    serving, training = list_serving_runs(question, folder), list_job_runs(question, folder)
    every: list[TrackedRun] = [*serving, *training]

    def note() -> None:
        done, share = sum(run.share == 1.0 for run in every), sum(run.share for run in every) / len(every)
        first = "" if share else "; once per machine the simulator is compiled, some 10 s"
        progress(share, f"{done} of {len(every)} runs{first}")

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

        def train(run: JobRun, _: Callable[[float], None]) -> dict[Key, TrainedSide]:
            beside = served.get((run.cluster.plan.name, run.replication))
            ledger = job_ledger(question, run, left_for_jobs(run.cluster, beside), fresh=fresh)
            return {
                (cluster.plan.name, r): trained_side(
                    question, trace, cluster, r, ledger, served.get((cluster.plan.name, r))
                )
                for cluster, r in run.uses
            }

        for found in execute(training, train, jobs=jobs, note=note):
            trained |= found
    names = [plan.name for plan in question.loaded.scenario.plans]
    keys = [(name, replication) for name in names for replication in range(question.seeds)]
    return [as_one(*key, served.get(key), trained.get(key), question.loaded.catalog) for key in keys]


def _write(question: ResolvedScenario, rows: list[RunTables], out: Path) -> dict[str, Any]:
    """Compare, and write the results folder; `result.json` comes last."""
    scenario = question.loaded.scenario
    results: dict[str, list[RunResult]] = {}
    for row in rows:
        results.setdefault(row.result.plan, []).append(row.result)
    comparison = compare(
        results,
        scenario=scenario.scenario,
        model=scenario.model,
        baseline=scenario.baseline or scenario.plans[0].name,
        level=scenario.level,
        risk=scenario.demand.risk if scenario.demand else None,
        qualities=model_qualities(question.loaded) if question.source is not None else {},
        quality=scenario.quality,
        margin=scenario.margin,
    )
    longest_s = max(row.result.bill.horizon_s for row in rows)
    with whole_files(out, SUMS, "result.json") as draft:
        names = write_tables(rows, draft / "tables")
        (draft / "scenario.yaml").write_text(resolved_text(question), encoding="utf-8")
        source = question.source
        names += write_demand(source, draft) if isinstance(source, Foreseen) else []
        files = [_shown(out / name) for name in ("result.json", "scenario.yaml", *names)]
        budget_usd = scenario.demand.budget if scenario.demand else None
        found = document(comparison, provenance(question, longest_s), files, budget_usd=budget_usd)
        found["question"] = scenario.question
        if isinstance(source, Foreseen):
            found["demand"] = source.document()
        found["assumptions"] += assumptions(question)
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (draft / "result.json").write_text(text + "\n", encoding="utf-8")
        write_sums(draft)
    return found


def _shown(path: Path) -> str:
    """A path relative to the working directory."""
    return os.path.relpath(path)
