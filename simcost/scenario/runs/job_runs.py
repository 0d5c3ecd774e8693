"""Simulations of jobs: the distinct ones of a question, stored and reused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from simcost.errors import InputError
from simcost.ledger.jobs import Floats, JobLedger
from simcost.scenario.inputs.clusters import Cluster, run_jobs
from simcost.scenario.runs.resolve import ResolvedScenario
from simcost.scenario.runs.run_keys import job_key, run_key
from simcost.scenario.storage.folders import reused, whole_folder
from simcost.scenario.storage.ledgers import load_job_ledger, save_job_ledger
from simcost.sim.jobs.changing_capacity import GpuCapacity

if TYPE_CHECKING:
    from simcost.ledger.requests import LedgerUsage

SAMPLES = 480
"""Lines of the time line that is kept: means over equal parts of the run."""


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One simulation, and the plans and replications that share it."""

    cluster: Cluster
    replication: int
    folder: Path
    uses: list[tuple[Cluster, int]] = field(default_factory=list)
    serving: Mapping[tuple[str, int], LedgerUsage] = field(default_factory=dict)
    """Nodes under the requests of plans whose fleet jobs share, by plan and replication."""
    share: float = 0.0
    """Share of it that is done."""

    @property
    def label(self) -> str:
        """Name of it in messages."""
        return f"jobs of plan {self.cluster.plan.name!r}, replication {self.replication}"

    def served(self) -> list[tuple[str, int]]:
        """Plans and replications whose requests may hold a part of the cluster."""
        return [(self.cluster.plan.name, self.replication), *((cluster.plan.name, r) for cluster, r in self.uses)]


def serving_keys(question: ResolvedScenario) -> Callable[[str, int], str]:
    """The key of the run that serves the requests of a plan in a replication."""
    plans = {plan.plan.name: plan for plan in question.plans}
    return lambda plan, replication: run_key(question, plans[plan].sampled(replication), replication)


def list_job_runs(
    question: ResolvedScenario,
    folder: Path,
    serving_key: Callable[[str, int], str],
    replications: Sequence[int] | None = None,
) -> list[JobRun]:
    """The distinct runs of a question. One in which nothing is random serves all replications.

    Args:
        question: jobs and clusters.
        folder: where runs are stored.
        serving_key: by plan and replication, the key of what serves requests on the fleet that jobs share.
        replications: None = all.
    """
    runs: dict[str, JobRun] = {}
    for replication in range(question.seeds) if replications is None else replications:
        for cluster in question.clusters:
            serving = serving_key(cluster.plan.name, replication) if cluster.shared else ""
            key = job_key(question, cluster, serving, replication)
            one = JobRun(cluster=cluster, replication=replication, folder=folder / key[:32])
            runs.setdefault(key, one).uses.append((cluster, replication))
    return list(runs.values())


def job_ledger(question: ResolvedScenario, run: JobRun, left: GpuCapacity | None, *, fresh: bool) -> JobLedger:
    """The stored ledger, or that of a new simulation; `left` is what requests leave of a shared fleet."""
    if not fresh and (stored := reused(run.folder, load_job_ledger)) is not None:
        return stored
    with whole_folder(run.folder) as draft:
        ledger = _simulate(question, run, left)
        save_job_ledger(ledger, draft)
    return ledger


def _simulate(question: ResolvedScenario, run: JobRun, left: GpuCapacity | None) -> JobLedger:
    assert question.jobs is not None  # noqa: S101 - clusters have jobs
    jobs = question.jobs.sampled(run.replication)
    rules = {"seed": question.seed, "replication": run.replication}
    try:
        ledger = run_jobs(run.cluster, jobs, left, horizon_s=question.horizon_s, **rules)
        if ledger.horizon_s == 0:  # no job ever fits: an empty cluster for as long as they would take
            until_s = float((jobs.submit_s + jobs.duration_s).max())
            ledger = run_jobs(run.cluster, jobs, left, horizon_s=until_s, **rules)
    except InputError as error:
        raise InputError(f"jobs of plan {run.cluster.plan.name!r}: {error}") from error
    spot, timeline = run.cluster.spot, ledger.timeline
    return replace(
        ledger,
        nodes=None
        if spot is None
        else spot.intervals(spot.first_tick(question.seed, run.replication), ledger.horizon_s),
        timeline=None if timeline is None else _thinned(timeline, ledger.horizon_s),
    )


def _thinned(timeline: pa.Table, horizon_s: float) -> pa.Table:
    """Means over equal parts of the run."""
    since = timeline["t_s"].to_numpy()
    columns = {name: timeline[name].to_numpy() for name in ("allocated", "waiting_jobs", "waiting_gpus")}
    start = np.arange(SAMPLES) * (horizon_s / SAMPLES)
    return pa.table({"t_s": start} | {name: means(since, values, horizon_s) for name, values in columns.items()})


def means(since_s: Floats, values: Floats, horizon_s: float) -> Floats:
    """Mean over each of SAMPLES parts of a run of what is constant between changes, and 0 before the first."""
    t, v = np.append(since_s, max(horizon_s, since_s.max(initial=0.0))), np.append(values, 0.0)
    area = np.concatenate([[0.0], np.cumsum(np.diff(t) * v[:-1])])
    edges = np.arange(SAMPLES + 1) * (horizon_s / SAMPLES)
    found: Floats = np.diff(np.interp(edges, t, area)) / (horizon_s / SAMPLES)
    return found
