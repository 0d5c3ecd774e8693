"""From policies and columns of jobs to the compiled schedulers, one pool at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simcost.job_ledger import NEVER, Floats, Ints
from simcost.plan.scheduling import (
    ConservativeBackfill,
    EasyBackfill,
    Elastic,
    FairShare,
    PriorityPreemptive,
    Scheduler,
    Srtf,
)
from simcost.sim.jobs.order import order, strict
from simcost.trace.jobs import Jobs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ran:
    """What became of the jobs of one pool, in their order."""

    start_s: Floats
    end_s: Floats
    timeline: Floats
    """After each event: t, GPUs allocated, jobs waiting, their GPUs."""
    preemptions: Ints
    lost_s: Floats
    restart_s: Floats
    resumed_wait_s: Floats
    lost_gpu_s: float
    restart_gpu_s: float


def run_pool(jobs: Jobs, capacity: int, policy: Scheduler, horizon_s: float, seed: int) -> Ran:
    """Run the jobs of a pool, none wider than it, until all have ended or the horizon is past."""
    if isinstance(policy, Srtf):
        return _srtf(jobs, capacity, policy, horizon_s)
    if isinstance(policy, PriorityPreemptive):
        return _priority(jobs, capacity, policy, horizon_s)
    if isinstance(policy, Elastic):
        return _elastic(jobs, capacity, policy, horizon_s)
    if isinstance(policy, FairShare):
        start, timeline = _fair(jobs, capacity, policy, horizon_s)
    elif isinstance(policy, ConservativeBackfill):
        from simcost.sim.jobs import reserve

        columns = jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.limit_s
        start, _, timeline = reserve.run(*columns, capacity, horizon_s)
    else:
        start, timeline = _queue(jobs, capacity, policy, horizon_s, seed)
    return _undisturbed(jobs, start, timeline, horizon_s)


def _queue(jobs: Jobs, capacity: int, policy: Scheduler, horizon_s: float, seed: int) -> tuple[Ints, Floats]:
    from simcost.sim.jobs import queue

    easy = isinstance(policy, EasyBackfill)
    discipline = queue.EASY if easy else queue.STRICT if strict(policy) else queue.SKIP
    all_ties = isinstance(policy, EasyBackfill) and policy.shadow_ties == "all"
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.limit_s, order(jobs, policy, seed)
    return queue.run(*columns, capacity, discipline, all_ties, horizon_s)


def _fair(jobs: Jobs, capacity: int, policy: FairShare, horizon_s: float) -> tuple[Ints, Floats]:
    from simcost.sim.jobs import fair

    users, user = np.unique(jobs.user, return_inverse=True)
    kinds, line = np.unique(np.stack([user, jobs.gpus]), axis=1, return_inverse=True)
    line = line.reshape(-1)
    head = np.searchsorted(np.sort(line), np.arange(kinds.shape[1]))
    none = np.zeros(len(users))
    lines = fair.Lines(kinds[0].copy(), kinds[1].copy(), np.argsort(line, kind="stable"), head, head.copy(),
                       none, none.copy(), none.copy())  # fmt: skip
    factors = policy.weight_age, policy.weight_fair, policy.weight_size, policy.max_age, policy.half_life
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, line
    return fair.run(*columns, lines, fair.Weights(*map(float, factors)), capacity, horizon_s)


def _undisturbed(jobs: Jobs, start: Ints, timeline: Floats, horizon_s: float) -> Ran:
    """Who has started runs to its end."""
    end = start + jobs.duration_s
    none = np.zeros(len(jobs))
    return Ran(
        start_s=start.astype(float), end_s=np.where((start == NEVER) | (end > horizon_s), NEVER, end).astype(float),
        timeline=timeline, preemptions=np.zeros(len(jobs), np.int64), lost_s=none, restart_s=none,
        resumed_wait_s=none, lost_gpu_s=0.0, restart_gpu_s=0.0,
    )  # fmt: skip


def _srtf(jobs: Jobs, capacity: int, policy: Srtf, horizon_s: float) -> Ran:
    from simcost.sim.jobs import srtf

    widths, line = np.unique(jobs.gpus, return_inverse=True)
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, line.astype(np.int64), widths
    runs, timeline = srtf.run(*columns, capacity, policy.overhead, int(policy.helios_extra_second), horizon_s)
    return _preempted(jobs, runs, timeline, np.zeros(len(jobs)))


def _priority(jobs: Jobs, capacity: int, policy: PriorityPreemptive, horizon_s: float) -> Ran:
    from simcost.sim.jobs import priority

    columns = jobs.submit_s, jobs.duration_s.astype(float), jobs.gpus, jobs.priority, jobs.preemptible
    runs, timeline = priority.run(
        *columns, order(jobs, policy, 0), capacity, float(policy.checkpoint_interval), float(policy.restart), horizon_s
    )  # fmt: skip
    return _preempted(jobs, runs, timeline, runs.lost)


def _preempted(jobs: Jobs, runs: Any, timeline: Floats, lost_s: Floats) -> Ran:
    """`runs` of either preemptive scheduler."""
    restart_s = runs.restart.astype(float)
    return Ran(
        start_s=runs.start.astype(float), end_s=runs.end.astype(float), timeline=timeline,
        preemptions=runs.stops, lost_s=lost_s, restart_s=restart_s, resumed_wait_s=runs.again.astype(float),
        lost_gpu_s=float(np.dot(lost_s, jobs.gpus)), restart_gpu_s=float(np.dot(restart_s, jobs.gpus)),
    )  # fmt: skip


def _elastic(jobs: Jobs, capacity: int, policy: Elastic, horizon_s: float) -> Ran:
    from simcost.sim.jobs import elastic

    most = np.minimum(jobs.max_gpus, capacity)
    columns = jobs.submit_s, jobs.duration_s.astype(float), jobs.gpus, jobs.min_gpus, most
    rules = float(policy.scaling), float(policy.interval), float(policy.pause)
    runs, timeline = elastic.run(*columns, capacity, *rules, horizon_s)
    return Ran(
        start_s=runs.start, end_s=runs.end, timeline=timeline, preemptions=np.zeros(len(jobs), np.int64),
        lost_s=np.zeros(len(jobs)), restart_s=runs.paused_s, resumed_wait_s=np.zeros(len(jobs)),
        lost_gpu_s=0.0, restart_gpu_s=float(runs.paused.sum()),
    )  # fmt: skip
