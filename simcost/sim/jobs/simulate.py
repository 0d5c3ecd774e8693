"""Scheduling on GPU counts: pools without nodes, each with its own queue; which engine runs it."""

from collections.abc import Mapping

import numpy as np

from simcost.errors import InputError, did_you_mean
from simcost.ledger.jobs import Ints, JobLedger
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import (
    EasyBackfill,
    Elastic,
    Quotas,
    Scheduler,
)
from simcost.sim.jobs.changing_capacity import GpuCapacity
from simcost.sim.jobs.cluster import MILLI
from simcost.sim.jobs.dependencies import check_pools, with_followers
from simcost.sim.jobs.disruptions import Disruptions
from simcost.sim.jobs.engine.setup import most_of, on_changing_counts, on_counts, run_general
from simcost.sim.jobs.estimates import order
from simcost.sim.jobs.results import FinishedPool, PoolRun, integrals, ledger_of, of_flow, undisturbed
from simcost.trace.jobs.jobs import Flags, Jobs

_RANKED = ("strict", "skip", "easy")
"""Disciplines of queues that keep their order and preempt no job: they have an engine of their own."""
_IN_LINE = ("strict", "skip")
"""Those of them that reserve nothing either: capacity may change."""


def run_pool(
    jobs: Jobs, capacity: int | GpuCapacity, policy: Scheduler, disruptions: Disruptions, horizon_s: float
) -> PoolRun:
    """Run the jobs of a pool, none wider than it, until all have ended or the horizon is past."""
    if isinstance(capacity, GpuCapacity):
        counts = on_changing_counts(jobs, capacity, policy, disruptions, horizon_s)
        return of_flow(*run_general(jobs, counts, policy, disruptions, horizon_s), counts.ticks)
    if isinstance(policy, Elastic) and disruptions.none:
        return _elastic(jobs, capacity, policy, horizon_s)
    if policy.discipline not in _RANKED or not disruptions.none or jobs.after is not None:
        return of_flow(*run_general(jobs, on_counts(jobs, capacity), policy, disruptions, horizon_s), 1)
    return _queue(jobs, capacity, policy, disruptions.seed, horizon_s)


def _queue(jobs: Jobs, capacity: int, policy: Scheduler, seed: int, horizon_s: float) -> PoolRun:
    from simcost.sim.jobs.engine import ranked_queue

    all_ties = isinstance(policy, EasyBackfill) and policy.shadow_ties == "all"
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.limit_s, order(jobs, policy, seed)
    discipline = (ranked_queue.STRICT, ranked_queue.SKIP, ranked_queue.EASY)[_RANKED.index(policy.discipline)]
    start, timeline = ranked_queue.run(*columns, capacity, discipline, all_ties, horizon_s)
    return undisturbed(jobs, start, timeline, horizon_s, *integrals(timeline, capacity, horizon_s))


def _elastic(jobs: Jobs, capacity: int, policy: Elastic, horizon_s: float) -> PoolRun:
    from simcost.sim.jobs.engine import elastic

    most = np.minimum(jobs.max_gpus, capacity)
    columns = jobs.submit_s, jobs.duration_s.astype(float), jobs.gpus, jobs.min_gpus, most
    rules = float(policy.scaling), float(policy.interval), float(policy.pause)
    runs, timeline = elastic.run(*columns, capacity, *rules, horizon_s)
    none, never = np.zeros(len(jobs)), np.zeros(len(jobs), np.int64)
    milli_s, last_s = integrals(timeline, capacity, horizon_s, float(runs.paused.sum()))
    return PoolRun(
        start_s=runs.start,
        end_s=runs.end,
        preemptions=never,
        failures=never,
        lost_s=none,
        checkpoint_s=none,
        restart_s=runs.paused_s,
        held_gpu_s=runs.held,
        resumed_wait_s=none,
        timeline=timeline,
        milli_s=milli_s,
        last_s=last_s,
    )


def schedule(
    jobs: Jobs,
    gpus: Mapping[str, int] | int | GpuCapacity,
    policy: Scheduler,
    *,
    horizon_s: float | None = None,
    keep_timeline: bool = False,
    seed: int = 0,
    failures: ClusterFailures | None = None,
    checkpoints: Checkpoints | None = None,
) -> JobLedger:
    """Run a job trace on GPU counts, event by event, in exact seconds.

    At one instant completions release, then capacity changes, then arrivals join, then one pass over the queue is
    made. Where capacity falls below what runs, the jobs that started last stop; each loses its work since its last
    checkpoint, keeps its place in the queue, and pays its restart. Jobs wider than their pool ever is (elastic: whose
    least is wider; quotas: than what their queue may ever use) are rejected, and so are those that wait for the end of
    rejected ones. Fractions of a GPU take a whole one.

    Args:
        jobs: the trace.
        gpus: by pool, or one pool for all jobs, whose capacity may change.
        policy: who goes first.
        horizon_s: end of the run and of the accounts, whole seconds unless capacity changes; None = when the last job
            ends.
        keep_timeline: put the state after each event into the ledger.
        seed: of failures, and of errors in what a policy knows of durations.
        failures: of nodes and jobs; None = nothing fails.
        checkpoints: how jobs save their work; None = it costs no time, and happens as the policy says.

    Raises:
        InputError: a pool without GPUs, a capacity that makes no sense or on which some jobs never end, a policy that
            takes none that changes, a log without what the policy goes by, or a job that waits for one of another pool.
    """
    pools = _pools(jobs, gpus, policy)
    check_pools(jobs, [rows for rows, _ in pools])
    disruptions = Disruptions(failures=failures, checkpoints=checkpoints, seed=seed)
    horizon = np.inf if horizon_s is None else float(horizon_s if isinstance(gpus, GpuCapacity) else horizon_s // 1)
    rejected = with_followers(jobs, _too_wide(jobs, pools, policy))
    runs: list[FinishedPool] = []
    for rows, capacity in pools:
        fits = rows[~rejected[rows]]
        run = run_pool(jobs[fits], capacity, policy, disruptions, horizon)
        runs.append(FinishedPool(rows=fits, milli=_most(capacity) * MILLI, run=run))
    return ledger_of(jobs, rejected, runs, horizon_s=horizon, keep_timeline=keep_timeline)


def _most(capacity: int | GpuCapacity) -> int:
    return capacity.most if isinstance(capacity, GpuCapacity) else capacity


def _pools(
    jobs: Jobs, gpus: Mapping[str, int] | int | GpuCapacity, policy: Scheduler
) -> list[tuple[Ints, int | GpuCapacity]]:
    """Rows and GPUs of each pool; queues with quotas share them all."""
    everyone = np.arange(len(jobs))
    if isinstance(gpus, GpuCapacity):
        gpus.check()
        if policy.discipline not in _IN_LINE:
            raise InputError(
                f"{policy.kind} takes no capacity that changes: it reserves or preempts; take fifo-skip, fifo-strict, "
                "or another policy whose queue keeps its order"
            )
        return [(everyone, gpus)]
    if isinstance(gpus, int):
        _check("the cluster", gpus)
        return [(everyone, gpus)]
    _check_pools(jobs, gpus)
    if isinstance(policy, Quotas):
        return [(everyone, sum(gpus.values()))]
    index = {name: i for i, name in enumerate(jobs.pools)}
    return [(np.flatnonzero(jobs.pool == index.get(name, -1)), capacity) for name, capacity in gpus.items()]


def _check_pools(jobs: Jobs, gpus: Mapping[str, int]) -> None:
    for i in np.unique(jobs.pool):
        if jobs.pools[i] not in gpus:
            hint = did_you_mean(jobs.pools[i], list(gpus))
            raise InputError(f"pool {jobs.pools[i]!r} of the jobs has no GPUs: give it a number{hint}")
    for name, capacity in gpus.items():
        _check(f"pool {name!r}", capacity)


def _check(place: str, gpus: int) -> None:
    if gpus < 1:
        raise InputError(f"{place}: {gpus} GPUs; give at least 1")


def _too_wide(jobs: Jobs, pools: list[tuple[Ints, int | GpuCapacity]], policy: Scheduler) -> Flags:
    """Jobs that could never start."""
    need = jobs.min_gpus if isinstance(policy, Elastic) else jobs.gpus
    result = need > most_of(jobs, policy) if isinstance(policy, Quotas) else np.zeros(len(jobs), np.bool_)
    for rows, capacity in pools:
        result[rows] |= need[rows] > _most(capacity)
    return result
