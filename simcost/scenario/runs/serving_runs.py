"""Simulations of requests: distinct ones of a question, stored and reused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from simcost.ledger.requests import Ledger
from simcost.rng import stream
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.forwarding import ForwardingRun, joined
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario
from simcost.scenario.runs.run_keys import key_of, run_key
from simcost.scenario.storage.folders import reused, whole_folder
from simcost.scenario.storage.ledger_memory import MEMORY
from simcost.scenario.storage.ledgers import ROWS, load_ledger, save_ledger, with_rows_in, without_rows
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
    other_pools: tuple[Pool, ...] = ()
    """Further pools behind the same router."""
    incoming: tuple[ForwardingRun, ...] = ()
    """Runs of other services that send requests on to it."""
    with_rows: bool = False
    """True if the outcome of each request is kept, whatever their number: requests are sent on from it, or to it."""
    plans: list[ResolvedPlan] = field(default_factory=list)
    share: float = 0.0
    """Share of it that is done."""

    @property
    def label(self) -> str:
        """Name of it in messages."""
        return run_label([plan.plan.name for plan in self.plans], self.replication)


def run_label(plans: Sequence[str], replication: int) -> str:
    """Name of a run in messages."""
    return f"plan {', '.join(map(repr, plans))}, replication {replication}"


def list_serving_runs(
    question: ResolvedScenario,
    folder: Path,
    *,
    without: Collection[str] = (),
    incoming: Mapping[tuple[str, int], tuple[ForwardingRun, ...]] = MappingProxyType({}),
    with_rows: Collection[str] = (),
    replications: Sequence[int] | None = None,
) -> list[ServingRun]:
    """The distinct runs of a question; those that meet the same arrivals stand together.

    Args:
        question: the question.
        folder: that of the runs.
        without: plans that are left out.
        incoming: requests that other services send on, by plan and replication.
        with_rows: plans whose runs keep the outcome of each request.
        replications: None = all.
    """
    runs: dict[str, ServingRun] = {}
    for replication in range(question.seeds) if replications is None else replications:
        for plan in (one for one in question.plans if one.plan.name not in without):
            pool, other_pools = plan.sampled(replication), plan.sampled_others(replication)
            forwarded = incoming.get((plan.plan.name, replication), ())
            key = with_incoming(run_key(question, pool, replication, other_pools), forwarded)
            one = ServingRun(
                pool=pool,
                other_pools=other_pools,
                replication=replication,
                folder=folder / key[:32],
                incoming=forwarded,
            )
            one = runs.setdefault(key, one)
            one.plans.append(plan)
            one.with_rows |= plan.plan.name in with_rows
    return list(runs.values())


def with_incoming(key: str, incoming: Sequence[ForwardingRun]) -> str:
    """Key of a run that gets the requests of others too."""
    return key_of(own=key, incoming=[one.identity() for one in incoming]) if incoming else key


def missing_runs(question: ResolvedScenario, folder: Path) -> int:
    """Number of the runs of requests that are not stored, as the last replication tells, which is simulated last."""
    last = list_serving_runs(question, folder, replications=[question.seeds - 1])
    return question.seeds * sum(not run.folder.exists() for run in last)


def serving_ledger(
    question: ResolvedScenario, run: ServingRun, arrivals: Arrivals, tell: Callable[[float], None], *, fresh: bool
) -> Ledger:
    """The stored ledger, or that of a new simulation."""
    assessed = keeps_rows(run.replication, arrivals)
    stored = None if fresh else reused(run.folder, load_ledger)
    if stored is not None and (stored.outcomes.rows is not None or not run.with_rows):
        return stored if assessed else without_rows(stored)
    with whole_folder(run.folder) as draft:
        rows = draft / ROWS if assessed or run.with_rows else None
        ledger = simulated(question, run, arrivals, tell, rows=rows)
        save_ledger(ledger, draft)
    kept = MEMORY.keep(run.folder, with_rows_in(ledger, run.folder))
    return kept if assessed else without_rows(kept)


def keeps_rows(replication: int, arrivals: Arrivals) -> bool:
    """True if the percentiles of a run are exact, from the outcome of each request."""
    return replication == 0 and arrivals.expected <= ROWS_UP_TO


def reads_hashes(*pools: Pool) -> bool:
    """True if one of the pools looks at the hashes of prefixes."""
    return any(pool.prefix_block_tokens is not None for pool in pools)


def replication_seed(seed: int, replication: int) -> int:
    """Seed of the simulator in a replication."""
    return int(stream(seed, "replication", replication).integers(2**62))


def simulated(
    question: ResolvedScenario,
    run: ServingRun,
    arrivals: Arrivals,
    tell: Callable[[float], None],
    *,
    rows: Path | None = None,
) -> Ledger:
    """The ledger of a new simulation, which is not stored; `rows` is the file for the outcome of each request."""
    from simcost.sim import simulate, simulate_pools

    pools = (run.pool, *run.other_pools)
    serve = partial(simulate_pools, pools) if run.other_pools else partial(simulate, run.pool)
    return serve(
        joined(arrivals.of(run.replication, prefixes=reads_hashes(*pools)), run.incoming),
        horizon_s=arrivals.horizon_s,
        seed=replication_seed(question.seed, run.replication),
        limits=question.limits,
        closed=question.loaded.scenario.closed_workload(),
        tenants=question.tenants,
        rows=rows,
        progress=tell,
    )
