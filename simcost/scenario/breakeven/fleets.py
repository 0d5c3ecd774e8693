"""The least fleet of each plan that meets the SLO in each replication: one size after the other is simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from simcost.billing import bill
from simcost.compare.breakeven.search import Search
from simcost.compare.breakeven.study import Fleet
from simcost.ledger import Ledger
from simcost.plan.sizing import sized
from simcost.scenario.execute import Run, execute
from simcost.scenario.resolve import Question, ResolvedPlan, run_key
from simcost.slo import assess

Key = tuple[str, int]
"""Plan and replication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How runs are made."""

    runs: Path
    """Folder in which ledgers are stored, and found again."""
    jobs: int
    fresh: bool
    progress: Callable[[float, str], None]


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
    resolved = {plan.plan.name: plan for plan in question.plans if plan.plan.name in plans}
    searches = {(name, i): Search(guesses[name, i]) for name in plans for i in range(question.seeds)}
    tried: dict[tuple[Key, int], _Tried] = {}
    while asked := {key: size for key, search in searches.items() if (size := search.size()) is not None}:
        runs = list(_runs(question, resolved, asked, work.runs))
        found = execute(
            question,
            runs,
            lambda run, ledger: _tried(question, run, ledger),
            jobs=work.jobs,
            fresh=work.fresh,
            progress=work.progress,
        )
        for (key, size), one in zip(asked.items(), found, strict=True):
            tried[key, size] = one
            searches[key].tell(size, enough=one.met)
    return {
        name: tuple(
            None if (size := searches[name, i].enough) is None else tried[(name, i), size].fleet
            for i in range(question.seeds)
        )
        for name in plans
    }


def _runs(
    question: Question, resolved: dict[str, ResolvedPlan], asked: dict[Key, int], folder: Path
) -> Iterator[Run]:
    for (name, replication), size in asked.items():
        plan = resolved[name]
        scaling = sized(plan.plan.scaling, size)
        grown = replace(
            plan, plan=replace(plan.plan, scaling=scaling), pool=replace(plan.pool, scaling=scaling)
        )
        pool = grown.drawn(replication)
        key = run_key(question, pool, replication)
        yield Run(pool=pool, replication=replication, folder=folder / key[:32], plans=[grown])


def _tried(question: Question, run: Run, ledger: Ledger) -> _Tried:
    from simcost.plan.sizing import largest

    [plan] = run.plans
    service = assess(ledger, question.loaded.scenario.slo)
    slot_s = ledger.node_hours() * ledger.slots_per_node * 3600.0
    return _Tried(
        service.met,
        Fleet(
            replicas=largest(plan.plan.scaling),
            usd_per_month=bill(ledger, plan.plan.buy, question.loaded.catalog).per_month_usd,
            attainment=service.attainment,
            ttft_p95_s=service.metrics["ttft_s"]["p95"],
            tpot_p95_s=service.metrics["tpot_s"]["p95"],
            utilisation=ledger.outcomes.work_s / slot_s if slot_s else 0.0,
        ),
    )
