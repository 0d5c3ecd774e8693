"""A pool on GPU counts: which engine runs it."""

import numpy as np

from simcost.plan.scheduling import (
    ConservativeBackfill,
    EasyBackfill,
    Elastic,
    FairShare,
    Las,
    PriorityPreemptive,
    Quotas,
    Scheduler,
    Srtf,
)
from simcost.sim.jobs.disruptions import Mishaps
from simcost.sim.jobs.engine.setup import on_counts, run_general
from simcost.sim.jobs.order import order, strict
from simcost.sim.jobs.results import Ran, of_flow, undisturbed
from simcost.trace.jobs.jobs import Jobs

_GENERAL = ConservativeBackfill | FairShare | Srtf | Las | PriorityPreemptive | Quotas


def run_pool(jobs: Jobs, capacity: int, policy: Scheduler, mishaps: Mishaps, horizon_s: float) -> Ran:
    """Run the jobs of a pool, none wider than it, until all have ended or the horizon is past."""
    if isinstance(policy, Elastic) and mishaps.none:
        return _elastic(jobs, capacity, policy, horizon_s)
    if isinstance(policy, _GENERAL) or not mishaps.none or jobs.after is not None:
        return of_flow(*run_general(jobs, on_counts(jobs, capacity), policy, mishaps, horizon_s))
    return _queue(jobs, capacity, policy, mishaps.seed, horizon_s)


def _queue(jobs: Jobs, capacity: int, policy: Scheduler, seed: int, horizon_s: float) -> Ran:
    from simcost.sim.jobs.engine import ranked_queue

    easy = isinstance(policy, EasyBackfill)
    discipline = ranked_queue.EASY if easy else ranked_queue.STRICT if strict(policy) else ranked_queue.SKIP
    all_ties = isinstance(policy, EasyBackfill) and policy.shadow_ties == "all"
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.limit_s, order(jobs, policy, seed)
    start, timeline = ranked_queue.run(*columns, capacity, discipline, all_ties, horizon_s)
    return undisturbed(jobs, start, timeline, horizon_s)


def _elastic(jobs: Jobs, capacity: int, policy: Elastic, horizon_s: float) -> Ran:
    from simcost.sim.jobs.engine import elastic

    most = np.minimum(jobs.max_gpus, capacity)
    columns = jobs.submit_s, jobs.duration_s.astype(float), jobs.gpus, jobs.min_gpus, most
    rules = float(policy.scaling), float(policy.interval), float(policy.pause)
    runs, timeline = elastic.run(*columns, capacity, *rules, horizon_s)
    none, never = np.zeros(len(jobs)), np.zeros(len(jobs), np.int64)
    return Ran(
        start_s=runs.start, end_s=runs.end, preemptions=never, failures=never, lost_s=none, checkpoint_s=none,
        restart_s=runs.paused_s, resumed_wait_s=none, timeline=timeline, spent={"restart": float(runs.paused.sum())},
    )  # fmt: skip
