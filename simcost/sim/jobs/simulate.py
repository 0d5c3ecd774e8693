"""Scheduling on GPU counts: pools without nodes, each with its own queue and engine."""

from collections.abc import Mapping

import numpy as np

from simcost.errors import InputError, did_you_mean
from simcost.ledger.jobs import BUCKETS, NEVER, Floats, Ints, JobLedger, JobOutcomes
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import (
    EasyBackfill,
    Elastic,
    Quotas,
    Scheduler,
)
from simcost.sim.jobs.dependencies import check_pools, with_followers
from simcost.sim.jobs.disruptions import Mishaps
from simcost.sim.jobs.engine.setup import most_of, on_counts, run_general
from simcost.sim.jobs.estimates import order
from simcost.sim.jobs.results import Ran, of_flow, undisturbed
from simcost.trace.jobs.jobs import Flags, Jobs

_RANKED = ("strict", "skip", "easy")
"""Disciplines of queues that keep their order and preempt nobody: they have an engine of their own."""


def run_pool(jobs: Jobs, capacity: int, policy: Scheduler, mishaps: Mishaps, horizon_s: float) -> Ran:
    """Run the jobs of a pool, none wider than it, until all have ended or the horizon is past."""
    if isinstance(policy, Elastic) and mishaps.none:
        return _elastic(jobs, capacity, policy, horizon_s)
    if policy.discipline not in _RANKED or not mishaps.none or jobs.after is not None:
        return of_flow(*run_general(jobs, on_counts(jobs, capacity), policy, mishaps, horizon_s))
    return _queue(jobs, capacity, policy, mishaps.seed, horizon_s)


def _queue(jobs: Jobs, capacity: int, policy: Scheduler, seed: int, horizon_s: float) -> Ran:
    from simcost.sim.jobs.engine import ranked_queue

    all_ties = isinstance(policy, EasyBackfill) and policy.shadow_ties == "all"
    columns = jobs.submit_s, jobs.duration_s, jobs.gpus, jobs.limit_s, order(jobs, policy, seed)
    discipline = (ranked_queue.STRICT, ranked_queue.SKIP, ranked_queue.EASY)[_RANKED.index(policy.discipline)]
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
        start_s=runs.start,
        end_s=runs.end,
        preemptions=never,
        failures=never,
        lost_s=none,
        checkpoint_s=none,
        restart_s=runs.paused_s,
        resumed_wait_s=none,
        timeline=timeline,
        spent={"restart": float(runs.paused.sum())},
    )


def schedule(
    jobs: Jobs,
    gpus: Mapping[str, int] | int,
    policy: Scheduler,
    *,
    horizon_s: float | None = None,
    keep_timeline: bool = False,
    seed: int = 0,
    failures: ClusterFailures | None = None,
    checkpoints: Checkpoints | None = None,
) -> JobLedger:
    """Run a job trace on GPU counts, event by event, in exact seconds.

    At one instant completions release, then arrivals join, then one pass over the queue is made. Jobs wider than
    their pool (elastic: whose least is wider; quotas: than what their queue may ever use) are rejected, and so are
    those that wait for the end of rejected ones. Fractions of a GPU take a whole one.

    Args:
        jobs: the trace.
        gpus: by pool, or one pool for all jobs.
        policy: who goes first.
        horizon_s: end of the run and of the accounts, whole seconds; None = when the last job ends.
        keep_timeline: put the state after each event into the ledger.
        seed: of failures, and of errors in what a policy knows of durations.
        failures: of nodes and jobs; None = nothing fails.
        checkpoints: how jobs save their work; None = it costs no time, and happens as the policy says.

    Raises:
        InputError: a pool without GPUs, a log without what the policy goes by, or a job that waits for one of another
            pool.
    """
    pools = _pools(jobs, gpus)
    if isinstance(policy, Quotas):
        pools = [(np.arange(len(jobs)), sum(capacity for _, capacity in pools))]
    check_pools(jobs, [rows for rows, _ in pools])
    mishaps = Mishaps(failures=failures, checkpoints=checkpoints, seed=seed)
    horizon = np.inf if horizon_s is None else float(horizon_s // 1)
    rejected = with_followers(jobs, _too_wide(jobs, pools, policy))
    ran: list[tuple[Ints, int, Ran]] = []
    for rows, capacity in pools:
        fits = rows[~rejected[rows]]
        ran.append((fits, capacity, run_pool(jobs[fits], capacity, policy, mishaps, horizon)))
    outcomes = outcomes_of(jobs, rejected, [(rows, one) for rows, _, one in ran])
    until = max(float(outcomes.end_s.max(initial=0.0)), 0.0) if horizon_s is None else horizon
    return JobLedger(
        horizon_s=until,
        gpus=sum(capacity for _, capacity in pools),
        outcomes=outcomes,
        gpu_seconds=_gpu_seconds([(capacity, one) for _, capacity, one in ran], until),
        timeline=table([one.timeline for _, _, one in ran]) if keep_timeline else None,
    )


def _pools(jobs: Jobs, gpus: Mapping[str, int] | int) -> list[tuple[Ints, int]]:
    """Rows and GPUs of each pool."""
    if isinstance(gpus, int):
        _check("the cluster", gpus)
        return [(np.arange(len(jobs)), gpus)]
    for i in np.unique(jobs.pool):
        if jobs.pools[i] not in gpus:
            hint = did_you_mean(jobs.pools[i], list(gpus))
            raise InputError(f"pool {jobs.pools[i]!r} of the jobs has no GPUs: give it a number{hint}")
    index = {name: i for i, name in enumerate(jobs.pools)}
    for name, capacity in gpus.items():
        _check(f"pool {name!r}", capacity)
    return [(np.flatnonzero(jobs.pool == index.get(name, -1)), gpus[name]) for name in gpus]


def _check(place: str, gpus: int) -> None:
    if gpus < 1:
        raise InputError(f"{place}: {gpus} GPUs; give at least 1")


def _too_wide(jobs: Jobs, pools: list[tuple[Ints, int]], policy: Scheduler) -> Flags:
    """Jobs that could never start."""
    need = jobs.min_gpus if isinstance(policy, Elastic) else jobs.gpus
    found = need > most_of(jobs, policy) if isinstance(policy, Quotas) else np.zeros(len(jobs), np.bool_)
    for rows, capacity in pools:
        found[rows] |= need[rows] > capacity
    return found


def outcomes_of(jobs: Jobs, rejected: Flags, ran: list[tuple[Ints, Ran]]) -> JobOutcomes:
    """The pools' outcomes in the order of the trace; rows of it with the outcome of each."""

    def gather(name: str, default: float = 0.0) -> Floats:
        whole = np.full(len(jobs), default, np.float64)
        for rows, one in ran:
            whole[rows] = getattr(one, name)
        return whole

    return JobOutcomes(
        submit_s=jobs.submit_s.astype(float),
        start_s=gather("start_s", NEVER),
        end_s=gather("end_s", NEVER),
        gpus=jobs.gpus,
        preemptions=gather("preemptions").astype(np.int64),
        lost_s=gather("lost_s"),
        checkpoint_s=gather("checkpoint_s"),
        restart_s=gather("restart_s"),
        rejected=rejected,
        resumed_wait_s=gather("resumed_wait_s"),
        failures=gather("failures").astype(np.int64),
    )


def _gpu_seconds(ran: list[tuple[int, Ran]], until: float) -> dict[str, float]:
    """The buckets: integrals over the time lines of the pools."""
    total = dict.fromkeys(BUCKETS, 0.0)
    for capacity, one in ran:
        t, allocated, waiting, _ = np.vstack([np.zeros((1, 4)), one.timeline]).T
        span = np.diff(np.append(t, until))
        idle = (capacity - allocated) * span
        total["idle_blocked"] += float(idle[waiting > 0].sum())
        total["idle_free"] += float(idle[waiting == 0].sum())
        total["useful"] += float(np.dot(allocated, span)) - sum(one.spent.values())
        for bucket, seconds in one.spent.items():
            total[bucket] += seconds
    return total


def table(timelines: list[Floats]) -> object:
    """The sum of the pools' states at each time at which one of them changes."""
    import pyarrow as pa

    t = np.unique(np.concatenate([one[:, 0] for one in timelines]))
    state = np.zeros((len(t), 3))
    for one in timelines:
        before = np.vstack([np.zeros((1, 3)), one[:, 1:]])
        state += before[np.searchsorted(one[:, 0], t, side="right")]
    names = ("allocated", "waiting_jobs", "waiting_gpus")
    return pa.table({"t_s": t} | {name: column.astype(np.int64) for name, column in zip(names, state.T, strict=True)})
