"""One scenario, run: every plan under the same arrivals, billed, assessed, compared, written down."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.billing import bill
from simcost.compare.comparison import compare
from simcost.compare.document import document
from simcost.compare.result import RunResult, Served
from simcost.errors import InputError
from simcost.ledger import Ledger
from simcost.scenario.execute import Run, execute, list_runs
from simcost.scenario.folders import whole_files
from simcost.scenario.foreseen import Foreseen, write_demand
from simcost.scenario.load import LoadedScenario
from simcost.scenario.provenance import assumptions, provenance
from simcost.scenario.resolve import Question, ResolvedPlan, settle
from simcost.scenario.resolved_text import resolved_text
from simcost.scenario.tables import Rows, rows_of, write_tables
from simcost.slo import assess

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
    """Run a scenario and write its results folder; what was simulated before is reused.

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
        InputError: a folder that is no results folder; a trace that cannot be read; numbers that cannot be simulated.
        RunError: a simulation that could not go on.
    """
    if (out / "scenario.yaml").exists() and not (out / "runs").exists():
        raise InputError(
            f"{out}: its scenario.yaml was not written by a run and would be lost; choose another --out"
        )
    question = settle(loaded, seed=seed, seeds=seeds)
    runs = list_runs(question, out / "runs")

    def use(one: Run, ledger: Ledger) -> list[Rows]:
        return [_rows(question, plan, one, ledger) for plan in one.plans]

    found = execute(question, runs, use, jobs=jobs, fresh=fresh, progress=progress)
    order = {plan.plan.name: place for place, plan in enumerate(question.plans)}
    rows = sorted(
        (r for some in found for r in some), key=lambda r: (order[r.result.plan], r.result.replication)
    )
    return _write(question, rows, out)


def _rows(question: Question, plan: ResolvedPlan, one: Run, ledger: Ledger) -> Rows:
    """What a plan contributes to the result from one run."""
    hours, slots = ledger.replica_hours(), ledger.node_hours() * ledger.slots_per_node
    felt = ledger.outcomes
    served = Served(
        slo=assess(ledger, question.loaded.scenario.slo),
        engine_factor=plan.factors[one.replication],
        requests={
            "arrived": felt.arrived,
            "completed": felt.completed,
            "rejected": felt.rejected,
            "timed_out": felt.timed_out,
            "in_system": felt.in_system,
            "preemptions": felt.preemptions,
        },
        output_tokens=felt.output_tokens,
        replica_hours=hours,
    )
    result = RunResult(
        plan=plan.plan.name,
        replication=one.replication,
        bill=bill(ledger, plan.plan.buy, question.loaded.catalog),
        served=served,
        node_hours=ledger.node_hours(),
        accelerator_hours=slots * ledger.accelerators_per_replica,
        utilisation=felt.work_s / 3600.0 / slots if slots else 0.0,
    )
    return rows_of(result, ledger)


def _write(question: Question, rows: list[Rows], out: Path) -> dict[str, Any]:
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
    )
    with whole_files(out, last="result.json") as draft:
        names = write_tables(rows, draft / "tables")
        (draft / "scenario.yaml").write_text(resolved_text(question), encoding="utf-8")
        source = question.source
        names += write_demand(source, draft) if isinstance(source, Foreseen) else []
        files = [_shown(out / name) for name in ("result.json", "scenario.yaml", *names)]
        budget_usd = scenario.demand.budget if scenario.demand else None
        found = document(comparison, provenance(question), files, budget_usd=budget_usd)
        found["question"] = scenario.question
        if isinstance(source, Foreseen):
            found["demand"] = source.document()
        found["assumptions"] += assumptions(question)
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (draft / "result.json").write_text(text + "\n", encoding="utf-8")
    return found


def _shown(path: Path) -> str:
    """A path relative to the working directory."""
    return os.path.relpath(path)
