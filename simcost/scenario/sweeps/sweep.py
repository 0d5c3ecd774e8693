"""Run of a sweep: the runs that its dataset lacks, in batches; then the dataset in order, and its description."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import fsum
from pathlib import Path
from typing import Any

from simcost import __version__
from simcost.errors import InputError
from simcost.execution.options import EngineOptions
from simcost.outputs import check_folder, whole_file
from simcost.scenario.runs.execution import Progress, workers_of
from simcost.scenario.runs.provenance import scenario_as_read
from simcost.scenario.runs.resolve import settle
from simcost.scenario.storage.engine_version import engine_version
from simcost.scenario.storage.folders import DESCRIPTION
from simcost.scenario.sweeps.batches import SweepBatch, SweepRuns, in_order, list_batches
from simcost.scenario.sweeps.dataset import RUNS, RunKey, columns_of, compact, known_runs
from simcost.scenario.sweeps.space import SweepSpace, SweptPlan

CPU_S_PER_REQUEST, CPU_S_PER_RUN = 0.5e-6, 0.02
"""Of a simulation and what is around it, as measured (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions:
    """Options of the runs of a sweep; its rows depend on none of them."""

    jobs: int = 1
    engine: EngineOptions | None = None
    limit: int | None = None
    """New runs, at most; the next call goes on."""
    progress: Progress = lambda _share, _what: None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEstimate:
    """Size of a sweep."""

    plans: int
    runs: int
    known: int
    """Runs that are in the dataset already."""
    requests_per_run: float
    """Expected requests of the first plan."""
    cpu_s: float
    """Expected time of the runs that are missing, of one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRuns:
    """Outcome of a call: what was new, and what is still missing."""

    new: int
    reused: int
    missing: int
    others: int
    """Rows of plans that the sweep does not have now, which are kept apart."""
    files: tuple[Path, ...]


def estimate(space: SweepSpace, folder: Path) -> SweepEstimate:
    """Number of runs of a sweep, and their expected time."""
    known, requests = known_runs(folder), _requests(space)
    missing = sum((plan.key, r) not in known for plan, r in in_order(space.plans))
    return SweepEstimate(
        plans=len(space.plans),
        runs=space.runs,
        known=space.runs - missing,
        requests_per_run=requests,
        cpu_s=missing * (CPU_S_PER_RUN + requests * CPU_S_PER_REQUEST),
    )


def sweep(space: SweepSpace, folder: Path, options: SweepOptions) -> FinishedRuns:
    """Run what the dataset of a sweep lacks; what is finished stays, whatever ends the call.

    Args:
        space: the plans.
        folder: of `runs/`, the dataset, `sweep.json`, its description, and `others/`, rows that it has no plan for.
        options: simulations at a time, and others that no row depends on.

    Raises:
        InputError: the folder holds something else.
        KeyboardInterrupt: batches that were finished stay.
    """
    check_sweep_folder(folder)
    rows = folder / RUNS
    columns = columns_of(space.fields, [plan.values for plan in space.plans])
    wanted = list(_wanted(space))
    _describe(space, folder, finished=False)
    compact(wanted, columns, folder)
    known = known_runs(folder)
    missing = _missing(space, known)
    asked = missing if options.limit is None else missing[: options.limit]
    if asked:
        batches = list_batches(asked, rows, _requests(space))
        with workers_of(rows, jobs=options.jobs, engine=options.engine) as workers:
            workers.execute(batches, SweepRuns(space.loaded, columns), note=_noted(batches, options.progress))
    files, others = compact(wanted, columns, folder)
    left = len(missing) - len(asked)
    _describe(space, folder, finished=not left)
    return FinishedRuns(
        new=len(asked), reused=space.runs - len(missing), missing=left, others=others, files=tuple(files)
    )


def check_sweep_folder(folder: Path) -> None:
    """Raise InputError where a folder is there that no sweep has written."""
    check_folder(folder)
    if folder.is_dir() and not (folder / DESCRIPTION).is_file() and any(folder.iterdir()):
        raise InputError(f"{folder}: holds something else than a sweep; name a new folder with --out")


def _missing(space: SweepSpace, known: set[RunKey]) -> list[tuple[SweptPlan, int]]:
    """Runs without a row; those of plans that are the same but for their names once."""
    return list({(plan.key, r): (plan, r) for plan, r in in_order(space.plans) if (plan.key, r) not in known}.values())


def _wanted(space: SweepSpace) -> Iterator[tuple[RunKey, dict[str, Any]]]:
    """The runs in the order of the plans, each with its columns."""
    for plan in space.plans:
        for replication in range(plan.seeds):
            head = {"plan": plan.plan.name, "base": plan.base, **plan.values, "replication": replication}
            yield (plan.key, replication), head


def _requests(space: SweepSpace) -> float:
    """Expected requests of a run of the first plan."""
    if not space.plans:
        return 0.0
    first = space.plans[0]
    source = settle(replace(space.loaded, scenario=first.scenario), seed=None, seeds=first.seeds).source
    return 0.0 if source is None else float(source.expected())


def _noted(batches: list[SweepBatch], progress: Progress) -> Any:
    """A note that reports the runs that are done."""
    runs = sum(len(batch.runs) for batch in batches)

    def note() -> None:
        done = fsum(batch.share * len(batch.runs) for batch in batches)
        share = done / runs
        first = "" if share else "; once per machine the simulator is compiled, some 10 s"
        progress(share, f"{int(done):,} of {runs:,} runs{first}")

    return note


def provenance(space: SweepSpace) -> dict[str, Any]:
    """Versions, seed, the SHA-256 of each input, and the date of the newest fact."""
    loaded = space.loaded
    named = {os.path.relpath(loaded.folder / name): digest for name, digest in space.inputs.items()}
    return {
        "simcost_version": __version__,
        "engine_version": engine_version(),
        "seed": loaded.scenario.seed,
        "inputs": scenario_as_read(loaded) | named,
        "catalog_date": loaded.catalog.as_of,
    }


def _describe(space: SweepSpace, folder: Path, *, finished: bool) -> None:
    """Write the description of a sweep."""
    loaded = space.loaded
    said = {
        "format": 1,
        "scenario": loaded.scenario.scenario,
        "question": loaded.scenario.question,
        "finished": finished,
        "fields": list(space.fields),
        "plans": len(space.plans),
        "runs": space.runs,
        "excluded": [{"count": count, "reason": reason} for reason, count in sorted(space.excluded.items())],
        "provenance": provenance(space),
    }
    with whole_file(folder / DESCRIPTION) as draft:
        draft.write_text(json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
