"""Simulations of requests: the distinct ones of a question, stored and reused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simcost.ledger.requests import Ledger
from simcost.rng import stream
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.resolve import Question, ResolvedPlan, run_key
from simcost.scenario.storage.folders import whole_folder
from simcost.scenario.storage.ledgers import ROWS, load_ledger, save_ledger, with_rows_in
from simcost.scenario.storage.sealed import reused
from simcost.sim.serving.pool import Pool

ROWS_UP_TO = 250_000
"""Expected requests of a run up to which the first replication keeps the outcome of each; the others keep
histograms, since rows of all would be most of the time and of the space."""


@dataclass(slots=True, kw_only=True)
class ServingRun:
    """One simulation, and the plans that share it because they differ in money or jobs alone."""

    pool: Pool
    replication: int
    folder: Path
    plans: list[ResolvedPlan] = field(default_factory=list)
    share: float = 0.0
    """How much of it is done."""


def list_serving_runs(question: Question, folder: Path) -> list[ServingRun]:
    """The distinct runs of a question; those that meet the same arrivals stand together."""
    runs: dict[str, ServingRun] = {}
    for replication in range(question.seeds):
        for plan in question.plans:
            pool = plan.drawn(replication)
            key = run_key(question, pool, replication)
            one = ServingRun(pool=pool, replication=replication, folder=folder / key[:32])
            runs.setdefault(key, one).plans.append(plan)
    return list(runs.values())


def serving_ledger(
    question: Question, run: ServingRun, arrivals: Arrivals, tell: Callable[[float], None], *, fresh: bool
) -> Ledger:
    """The stored ledger, or that of a new simulation."""
    if not fresh and (stored := reused(run.folder, load_ledger)) is not None:
        return stored
    with whole_folder(run.folder) as draft:
        ledger = _simulate(question, run, arrivals, draft, tell)
        save_ledger(ledger, draft)
    return with_rows_in(ledger, run.folder)


def _simulate(
    question: Question, run: ServingRun, arrivals: Arrivals, draft: Path, tell: Callable[[float], None]
) -> Ledger:
    from simcost.sim import simulate

    return simulate(
        run.pool,
        arrivals.of(run.replication),
        horizon_s=arrivals.horizon_s,
        seed=int(stream(question.seed, "replication", run.replication).integers(2**62)),
        limits=question.limits,
        rows=draft / ROWS if run.replication == 0 and arrivals.expected <= ROWS_UP_TO else None,
        progress=tell,
    )
