"""The least fleet of each plan that meets the SLO in each replication: one size after the other is simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simcost.billing.owned import Owned
from simcost.errors import InputError
from simcost.ledger.requests import Ledger
from simcost.plan.replica_counts import largest, sized
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.bills import costs_of
from simcost.scenario.runs.contributions import served_side
from simcost.scenario.runs.execute import execute
from simcost.scenario.runs.resolve import Question, ResolvedPlan, Source, run_key
from simcost.scenario.runs.serving_runs import ServingRun, serving_ledger
from simcost.studies.breakeven.search import Search
from simcost.studies.breakeven.study import Fleet

Key = tuple[str, int]
"""Plan and replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How runs are made."""

    runs: Path
    """Folder in which ledgers are stored, and found again."""
    jobs: int
    fresh: bool
    note: Callable[[], None]
    """Called now and then."""


@dataclass(frozen=True, slots=True)
class _Tried:
    met: bool
    fleet: Fleet


def least_fleets(
    question: Question, plans: tuple[str, ...], guesses: dict[Key, int], work: Work
) -> dict[str, tuple[Fleet | None, ...]]:
    """By plan and replication; None where no size that was tried meets the SLO.

    Args:
        question: with the demand to serve.
        plans: names of the plans to size.
        guesses: sizes to begin with.
        work: how runs are made.
    """
    arrivals = Arrivals(requests_of(question), kept=work.jobs)
    resolved = {plan.plan.name: plan for plan in question.plans if plan.plan.name in plans}
    searches = {(name, i): Search(guesses[name, i]) for name in plans for i in range(question.seeds)}
    tried: dict[tuple[Key, int], _Tried] = {}

    def serve(run: ServingRun, tell: Callable[[float], None]) -> _Tried:
        return _tried(question, run, serving_ledger(question, run, arrivals, tell, fresh=work.fresh))

    while asked := {key: size for key, search in searches.items() if (size := search.size()) is not None}:
        runs = list(_runs(question, resolved, asked, work.runs))
        for (key, size), one in zip(
            asked.items(), execute(runs, serve, jobs=work.jobs, note=work.note), strict=True
        ):
            tried[key, size] = one
            searches[key].tell(size, enough=one.met)
    return {
        name: tuple(
            None if (size := searches[name, i].enough) is None else tried[(name, i), size].fleet
            for i in range(question.seeds)
        )
        for name in plans
    }


def requests_of(question: Question) -> Source:
    """Where the requests come from.

    Raises:
        InputError: there are none.
    """
    if question.source is None:
        raise InputError(f"{question.loaded.path}: has jobs alone, no requests that an API could answer")
    return question.source


def _runs(
    question: Question, resolved: dict[str, ResolvedPlan], asked: dict[Key, int], folder: Path
) -> Iterator[ServingRun]:
    for (name, replication), size in asked.items():
        plan = resolved[name]
        scaling = sized(plan.pool.scaling, size)
        buy = replace(plan.plan.buy, nodes=None) if isinstance(plan.plan.buy, Owned) else plan.plan.buy
        grown = replace(
            plan, plan=replace(plan.plan, scaling=scaling, buy=buy), pool=replace(plan.pool, scaling=scaling)
        )
        pool = grown.drawn(replication)
        key = run_key(question, pool, replication)
        yield ServingRun(pool=pool, replication=replication, folder=folder / key[:32], plans=[grown])


def _tried(question: Question, run: ServingRun, ledger: Ledger) -> _Tried:
    [plan] = run.plans
    side = served_side(question, plan, run.replication, ledger)
    if not side.bought:
        raise InputError(
            f"plan {plan.plan.name!r} shares its fleet with jobs; name plans that serve requests alone"
        )
    service = side.served.slo
    hours = sum(one.usage.node_hours() * one.usage.slots_per_node for one in side.bought)
    fleet = Fleet(
        replicas=largest(plan.pool.scaling),
        usd_per_month=costs_of(side.bought, question.loaded.catalog).per_month_usd,
        attainment=service.attainment,
        ttft_p95_s=service.metrics["ttft_s"]["p95"],
        tpot_p95_s=service.metrics["tpot_s"]["p95"],
        utilisation=side.busy_hours / hours if hours else 0.0,
    )
    return _Tried(service.met, fleet)
