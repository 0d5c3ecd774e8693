"""Batches of runs of a sweep: simulated one after the other, with what they share, and written as one file of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import pyarrow as pa

from simcost import __version__
from simcost.errors import InputError, RunError
from simcost.ledger.requests import Ledger
from simcost.outputs import temporary_folder
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.contributions import as_one, served_side
from simcost.scenario.runs.resolve import ResolvedPlan, ResolvedScenario, resolved_plan, settle
from simcost.scenario.runs.run_keys import run_key
from simcost.scenario.runs.serving_runs import ServingRun, keeps_rows, simulated
from simcost.scenario.runs.tables import run_row
from simcost.scenario.schema.loaded_scenario import LoadedScenario
from simcost.scenario.storage.engine_version import engine_version
from simcost.scenario.sweeps.dataset import write_rows
from simcost.scenario.sweeps.space import SweptPlan

RUNS = 64
"""Runs of a batch, at most."""
KEPT_S = 5.0
"""Time after which finished rows are written: what a kill may lose, beside the runs at work."""
REQUESTS = 20_000_000
"""Expected requests of a batch, at most; a run of more is a batch of its own."""
_HELD = 4
"""Scenarios whose requests are held at a time."""
Row = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class SweepBatch:
    """Runs that are at work together."""

    runs: Sequence[tuple[SweptPlan, int]]
    """Plans and replications."""
    folder: Path
    """Folder of the rows."""
    share: float = 0.0
    """Share of them that is done."""

    @property
    def label(self) -> str:
        """Name of its first run in messages."""
        plan, replication = self.runs[0]
        return f"plan {plan.plan.name!r}, replication {replication}, and {len(self.runs) - 1} further runs"


def list_batches(missing: Sequence[tuple[SweptPlan, int]], folder: Path, requests: float) -> list[SweepBatch]:
    """The runs that are missing, in batches.

    Args:
        missing: plans and replications, in the order of `in_order`.
        folder: of the rows.
        requests: that a run is expected to have.
    """
    size = max(1, min(RUNS, int(REQUESTS / max(requests, 1.0))))
    parts = [missing[i : i + size] for i in range(0, len(missing), size)]
    return [SweepBatch(runs=sorted(part, key=_arrivals), folder=folder) for part in parts]


def _arrivals(run: tuple[SweptPlan, int]) -> tuple[str, int]:
    """The same for runs that meet the same requests."""
    plan, replication = run
    return plan.scenario_key, replication


@dataclass(frozen=True, slots=True)
class _Settled:
    """A scenario with its requests."""

    question: ResolvedScenario
    arrivals: Arrivals


class _Shared:
    """Shared parts of the runs of a batch: plans in numbers by key, and the ledgers of the same arrivals.

    Args:
        folder: for the outcomes of single requests, from which short runs have exact percentiles.
    """

    def __init__(self, folder: Path) -> None:
        self.plans: dict[str, ResolvedPlan] = {}
        self._folder, self._of, self._ledgers = folder, ("", 0), dict[str, Ledger]()

    def ledger(
        self, settled: _Settled, run: ServingRun, key: str, arrivals: tuple[str, int], tell: Callable[[float], None]
    ) -> Ledger:
        """The ledger of a run; those of other arrivals are let go."""
        if arrivals != self._of:
            self._ledgers, self._of = {}, arrivals
            for path in self._folder.iterdir():
                path.unlink()
        if key not in self._ledgers:  # plans that differ in money alone share it
            rows = self._folder / f"{key}.parquet" if keeps_rows(run.replication, settled.arrivals) else None
            self._ledgers[key] = simulated(settled.question, run, settled.arrivals, tell, rows=rows)
        return self._ledgers[key]


class SweepRuns:
    """Runs of a sweep: what several batches need is settled once for each process."""

    def __init__(self, loaded: LoadedScenario, columns: pa.Schema) -> None:
        self._loaded, self._columns, self._lock = loaded, columns, Lock()
        self._settled: dict[str, _Settled] = {}

    def __reduce__(self) -> tuple[type[SweepRuns], tuple[LoadedScenario, pa.Schema]]:
        """Another process settles for itself, so that rows name the inputs that it has read."""
        return SweepRuns, (self._loaded, self._columns)

    def __call__(self, run: SweepBatch, tell: Callable[[float], None]) -> int:
        """Simulate a batch and write its rows; returns their number."""
        rows, written_s = list[Row](), monotonic()
        with temporary_folder() as folder:
            shared = _Shared(folder)
            for done, (plan, replication) in enumerate(run.runs):

                def within(share: float, done: int = done) -> None:
                    tell((done + share) / len(run.runs))

                within(0.0)
                rows.append(self._row(plan, replication, shared, within))
                if monotonic() - written_s > KEPT_S or done == len(run.runs) - 1:
                    write_rows(rows, self._columns, run.folder)
                    rows, written_s = [], monotonic()
        return len(run.runs)

    def _row(self, plan: SweptPlan, replication: int, shared: _Shared, tell: Callable[[float], None]) -> Row:
        """A run as a row; one that cannot be has its error in it."""
        head = {"plan": plan.plan.name, "base": plan.base, **plan.values, "replication": replication}
        made = {"engine_version": engine_version(), "simcost_version": __version__, "key": plan.key}
        try:
            return head | self._figures(plan, replication, shared, tell) | made | {"error": None}
        except (InputError, RunError) as error:
            return head | made | {"error": str(error)}

    def _figures(self, plan: SweptPlan, replication: int, shared: _Shared, tell: Callable[[float], None]) -> Row:
        settled = self._of(plan)
        question = settled.question
        if plan.key not in shared.plans:
            shared.plans[plan.key] = resolved_plan(plan.plan, question)
        resolved = shared.plans[plan.key]
        pool, others = resolved.sampled(replication), resolved.sampled_others(replication)
        key = run_key(question, pool, replication, others)
        run = ServingRun(pool=pool, other_pools=others, replication=replication, folder=Path())
        ledger = shared.ledger(settled, run, key, _arrivals((plan, replication)), tell)
        side = served_side(question, resolved, replication, ledger)
        result = as_one(plan.plan.name, replication, side, None, question.loaded.catalog).result
        row = run_row(result)
        costs = {"cost_usd": row.pop("total_usd"), "cost_usd_per_month": row.pop("per_month_usd")}
        wasted = {"over_provisioned_usd": result.over_provisioned_usd}
        return {"seed": question.seed} | costs | row | wasted | {"simulation": key}

    def _of(self, plan: SweptPlan) -> _Settled:
        """The scenario of a plan, settled; the last few are held."""
        with self._lock:
            if plan.scenario_key not in self._settled:
                loaded = replace(self._loaded, scenario=plan.scenario)
                question = settle(loaded, seed=None, seeds=plan.seeds)
                if question.source is None:
                    raise InputError(f"{loaded.path}: has no requests to serve")
                found = _Settled(question, Arrivals(question.source))
                self._settled[plan.scenario_key] = found
                while len(self._settled) > _HELD:
                    del self._settled[next(iter(self._settled))]
            return self._settled[plan.scenario_key]


def in_order(plans: Sequence[SweptPlan]) -> Iterator[tuple[SweptPlan, int]]:
    """The runs of plans: by scenario, then by plan, those that may share simulations next to each other."""
    groups: dict[tuple[str, str], list[SweptPlan]] = {}
    scenarios = {key: place for place, key in enumerate(dict.fromkeys(plan.scenario_key for plan in plans))}
    for plan in plans:
        groups.setdefault((plan.scenario_key, plan.alike), []).append(plan)
    for key in sorted(groups, key=lambda key: scenarios[key[0]]):
        for plan in groups[key]:
            yield from ((plan, replication) for replication in range(plan.seeds))
