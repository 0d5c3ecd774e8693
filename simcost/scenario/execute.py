"""Runs of a scenario in parallel: each simulated once, stored, reused; the result does not depend on the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TypeVar

from simcost.errors import RunError
from simcost.ledger import Ledger
from simcost.rng import stream
from simcost.scenario.arrivals import Arrivals
from simcost.scenario.folders import whole_folder
from simcost.scenario.resolve import Question, ResolvedPlan, run_key
from simcost.scenario.store import ROWS, load_ledger, save_ledger, with_rows_in
from simcost.sim.pool import Pool

ROWS_UP_TO = 250_000
"""Expected requests of a run up to which the first replication keeps the outcome of each; the others keep
histograms, since rows of all would be most of the time and of the space."""
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Run:
    """One simulation, and the plans that share it because they differ in money alone."""

    pool: Pool
    replication: int
    folder: Path
    plans: list[ResolvedPlan] = field(default_factory=list)
    share: float = 0.0
    """How much of it is done."""


class _StoppedError(Exception):
    """The run was asked to stop."""


def list_runs(question: Question, folder: Path) -> list[Run]:
    """The distinct runs of a question; those that meet the same arrivals stand together."""
    runs: dict[str, Run] = {}
    for replication in range(question.seeds):
        for plan in question.plans:
            pool = plan.drawn(replication)
            key = run_key(question, pool, replication)
            run = runs.setdefault(key, Run(pool=pool, replication=replication, folder=folder / key[:32]))
            run.plans.append(plan)
    return list(runs.values())


def execute(
    question: Question,
    runs: Sequence[Run],
    use: Callable[[Run, Ledger], T],
    *,
    jobs: int,
    fresh: bool,
    progress: Callable[[float, str], None],
) -> list[T]:
    """What `use` makes of the ledger of each run, in the order of the runs.

    Args:
        question: what all runs share.
        runs: the runs.
        use: called in the threads of the runs, so that no more than `jobs` ledgers are held at a time.
        jobs: threads; the compiled engine frees the interpreter.
        fresh: simulate even what is stored.
        progress: called in this thread with the share done and what is done.

    Raises:
        KeyboardInterrupt: finished runs stay stored, the others leave nothing.
    """
    stop = Event()
    arrivals = Arrivals(question.source, kept=jobs)

    def work(run: Run) -> T:
        found = use(run, _ledger(question, run, arrivals, fresh=fresh, stop=stop))
        run.share = 1.0
        return found

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        futures = [threads.submit(work, run) for run in runs]
        try:
            _watch(futures, runs, progress)
            return [future.result() for future in futures]
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)


def _watch(futures: Sequence[Future[T]], runs: Sequence[Run], progress: Callable[[float, str], None]) -> None:
    """Report until all are done or one has failed; then raise its error."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        count = sum(future.done() for future in futures)
        progress(sum(run.share for run in runs) / len(runs), f"{count} of {len(runs)} runs")


def _ledger(question: Question, run: Run, arrivals: Arrivals, *, fresh: bool, stop: Event) -> Ledger:
    """The stored ledger, or that of a new simulation."""
    if not fresh:
        with suppress(RunError):
            return load_ledger(run.folder)
    with whole_folder(run.folder) as draft:
        ledger = _simulate(question, run, arrivals, draft, stop)
        save_ledger(ledger, draft)
    return with_rows_in(ledger, run.folder)


def _simulate(question: Question, run: Run, arrivals: Arrivals, draft: Path, stop: Event) -> Ledger:
    from simcost.sim import simulate

    def note(share: float) -> None:
        run.share = 0.99 * share
        if stop.is_set():
            raise _StoppedError

    return simulate(
        run.pool,
        arrivals.of(run.replication),
        horizon_s=question.horizon_s,
        seed=int(stream(question.seed, "replication", run.replication).integers(2**62)),
        limits=question.limits,
        rows=draft / ROWS if run.replication == 0 and arrivals.expected <= ROWS_UP_TO else None,
        progress=note,
    )
