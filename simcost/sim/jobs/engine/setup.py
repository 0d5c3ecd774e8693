"""From policies and columns of jobs to the general engine, one pool at a time."""

from typing import Any

import numpy as np

from simcost.errors import InputError, did_you_mean
from simcost.ledger.jobs import NEVER, Floats, Ints
from simcost.plan.scheduling import (
    EasyBackfill,
    FairShare,
    Las,
    PriorityPreemptive,
    Quotas,
    Scheduler,
    Srtf,
)
from simcost.sim.compiled import FAR
from simcost.sim.jobs.changing_capacity import LONGEST_S, GpuCapacity, ticks_per_s
from simcost.sim.jobs.cluster import COUNT, MILLI, FreeNodes, Shapes
from simcost.sim.jobs.dependencies import edges
from simcost.sim.jobs.disruptions import (
    FOREVER,
    Disruptions,
    PoolCapacity,
    hazards,
    luck,
    plan_failures,
    saving,
    saving_s,
)
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.fair_share import share_tree
from simcost.sim.jobs.estimates import keys
from simcost.trace.jobs.jobs import Jobs
from simcost.units import SECONDS_PER_DAY

_ROWS = 1 << 14
DISCIPLINES = {
    "strict": state.STRICT,
    "skip": state.SKIP,
    "easy": state.EASY,
    "conservative": state.CONSERVATIVE,
    "fair": state.FAIR,
    "remaining": state.SELECT,
    "priority": state.PRIORITY,
    "quotas": state.COHORT,
}
"""Their numbers in the compiled code."""
_IN_ONE_QUEUE = ("strict", "conservative", "priority")
"""Disciplines that look at jobs in the order of the queue alone."""
_RECLAIM = ("never", "lower-priority", "any")
_WITHIN = ("never", "lower-priority", "lower-or-newer-equal-priority")


def on_counts(jobs: Jobs, capacity: int) -> PoolCapacity:
    """A pool without nodes: fractions of a GPU take a whole one."""
    from simcost.sim.jobs.cluster import MEMBER, NODE, SHAPE

    cluster = FreeNodes(
        left=np.zeros((0, 1), np.int64),
        nodes=np.zeros(0, NODE),
        clock=np.ones(1, np.int64),
        largest=np.ones(2),
        free_in=np.zeros(1, np.int64),
        free_rack=np.zeros(1, np.int64),
        rack_of=np.zeros(1, np.int64),
        chance=np.zeros(1),
    )
    shapes = Shapes(np.zeros(0, SHAPE), np.zeros((0, 0), np.int8))
    line = np.unique(jobs.gpus, return_inverse=True)[1].astype(np.int64)
    return PoolCapacity(
        capacity * MILLI,
        cluster,
        shapes,
        np.zeros(0, MEMBER),
        np.zeros(len(jobs) + 1, np.int64),
        line,
        COUNT,
    )


def on_changing_counts(
    jobs: Jobs, capacity: GpuCapacity, policy: Scheduler, disruptions: Disruptions, horizon_s: float
) -> PoolCapacity:
    """A pool without nodes whose GPUs come and go, with a clock fine enough for all that happens."""
    most = on_counts(jobs, capacity.most)
    interval, write, restart = saving_s(jobs, most, policy, disruptions)
    stay_s = jobs.duration_s + restart + jobs.duration_s / np.maximum(interval, 1e-9) * write
    times_s = np.concatenate([capacity.times_s, [horizon_s], *np.unique([interval, write, restart], axis=1)])
    end_s = (LONGEST_S if horizon_s == np.inf else horizon_s) + float(stay_s.max(initial=0))
    ticks = ticks_per_s(times_s[np.isfinite(times_s)], end_s * len(jobs))
    return most._replace(
        changes=np.stack([np.rint(capacity.since_s * ticks).astype(np.int64), capacity.gpus * MILLI], axis=1),
        period=FAR if capacity.period_s is None else round(capacity.period_s * ticks),
        ticks=ticks,
    )


def run_general(
    jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, disruptions: Disruptions, horizon_s: float
) -> tuple[state.Flow, Floats]:
    """Run the jobs of a pool until all have ended or the horizon is past.

    Args:
        jobs: of the pool; each fits on it while it is empty.
        capacity: of the pool while it is empty.
        policy: who goes first.
        disruptions: failures, checkpoints, seed.
        horizon_s: infinite, or seconds that are whole ticks of the pool's clock.

    Returns:
        What became of the jobs, and the time line; times are ticks.

    Raises:
        InputError: a policy that runs on counts alone, queues without quotas, shares that are none, a capacity on
            which some jobs never end.
    """
    from simcost.sim.jobs.engine import event_loop
    from simcost.sim.jobs.engine.placement import renew

    flow = _flow(jobs, capacity, policy, disruptions)
    flow.pool["fragmented"] = renew(capacity.cluster, capacity.shapes)[1]
    runs = {
        state.CONSERVATIVE: event_loop.reserved,
        state.FAIR: event_loop.by_share,
        state.SELECT: event_loop.by_remaining,
        state.PRIORITY: event_loop.by_priority,
        state.COHORT: event_loop.by_quota,
    }
    run = runs.get(_kind(policy), event_loop.in_order)
    timeline: list[Floats] = []
    until = _until(capacity, horizon_s)
    while not flow.pool["done"][0]:
        run(capacity.cluster, capacity.shapes, flow, until)
        timeline.append(flow.timeline[: flow.pool["rows"][0]].copy())
        flow.pool["rows"] = 0
    if horizon_s < np.inf:
        event_loop.close(flow, round(horizon_s * capacity.ticks))
    elif len(capacity.changes) and (flow.jobs["state"] != state.ENDED).any():
        raise InputError(
            "some jobs never get through on this capacity, which is too small for them, or too short at a time; "
            "checkpoint more often, give more GPUs, or a horizon"
        )
    return flow, np.concatenate(timeline)


def _until(capacity: PoolCapacity, horizon_s: float) -> float:
    """Last tick at which something may happen. A capacity that changes at the horizon does so after the run."""
    if not len(capacity.changes):
        return float(horizon_s)
    return float(round(horizon_s * capacity.ticks) - 1) if horizon_s < np.inf else LONGEST_S * capacity.ticks


def _flow(jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, disruptions: Disruptions) -> state.Flow:
    """The engine before its first event."""
    count = len(jobs)
    tasks = _tasks(jobs, capacity, policy, disruptions)
    groups, tasks["group"] = _groups(jobs, policy)
    if isinstance(policy, Quotas):  # whether a job may start depends on its queue and priority too
        alike = np.stack([tasks["line"], tasks["group"], tasks["priority"]])
        tasks["line"] = np.unique(alike, axis=1, return_inverse=True)[1].reshape(-1)
    after = _after(jobs, tasks)
    free = np.flatnonzero(tasks["unmet"] == 0)
    changes = len(capacity.changes)
    lists = np.zeros((state.LISTS, max(4 * count + 200, changes)), np.int64)
    lists[state.CHANGES, :changes], lists[state.CAPACITY, :changes] = capacity.changes.T
    lists[state.JOINS, : len(free)] = tasks["submit"][free] * count + free
    lists[state.BLOCKED], lists[state.FREE], lists[state.SPAN, 1] = -1, capacity.milli, 1
    pool = _pool(policy, capacity, disruptions)
    pool["next_start"] = FAR
    pool["coming"], pool["least"] = len(free), tasks["need"].min(initial=FOREVER)
    pool["leaves"] = _order_queue(tasks, groups, lists, policy)
    return state.Flow(
        jobs=tasks,
        members=capacity.members,
        pool=pool,
        lists=lists,
        after=after,
        groups=groups,
        timeline=np.zeros((_ROWS, 4)),
        luck=luck(disruptions),
    )


def _order_queue(tasks: Any, groups: Any, lists: Ints, policy: Scheduler) -> int:
    """Subqueue, place and rank of each job, while nobody waits: leaves of the trees over them."""
    count = len(tasks)
    if policy.discipline in _IN_ONE_QUEUE:
        tasks["subqueue"] = 0
    elif policy.discipline == "fair":
        alike = np.stack([tasks["line"], tasks["group"], np.unique(tasks["key"], return_inverse=True)[1].reshape(-1)])
        tasks["subqueue"] = np.unique(alike, axis=1, return_inverse=True)[1].reshape(-1)
    else:
        tasks["subqueue"] = tasks["line"]
    by_place = np.lexsort((tasks["key"], tasks["subqueue"]))
    lists[state.BY_PLACE, :count], tasks["place"][by_place] = by_place, np.arange(count)
    sizes = np.bincount(tasks["subqueue"])
    lists[state.FIRST, 1 : len(sizes) + 1] = np.cumsum(sizes)
    leaves = 1 << count.bit_length()  # more than jobs: a rank past the last is one too
    lists[state.SPANS, : 2 * leaves] = FAR
    if isinstance(policy, Quotas | PriorityPreemptive):
        by_rank = np.lexsort((tasks["key"], tasks["group"]))
        lists[state.BY_RANK, :count], tasks["rank"][by_rank] = by_rank, np.arange(count)
        groups["first"] = np.searchsorted(tasks["group"][by_rank], np.arange(len(groups)))
    return leaves


def _groups(jobs: Jobs, policy: Scheduler) -> tuple[Any, Ints | int]:
    """The tree of shares, the queues or the levels; and the group of each job."""
    if isinstance(policy, FairShare):
        present = np.unique(jobs.user)
        tree, leaf = share_tree([jobs.users[i] for i in present], policy.shares)
        return tree, leaf[np.searchsorted(present, jobs.user)]
    if isinstance(policy, Quotas):
        return _queues(policy), _queue_of(jobs, policy)
    if isinstance(policy, PriorityPreemptive):
        return _one_queue(), 0
    if isinstance(policy, Las):
        return _levels(policy), 0
    return np.zeros(0, state.GROUP), 0


def _tasks(jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, disruptions: Disruptions) -> Any:
    """The jobs as records."""
    tasks = np.zeros(len(jobs), state.TASK)
    work = jobs.duration_s * capacity.ticks
    tasks["submit"], tasks["work"], tasks["left"] = jobs.submit_s * capacity.ticks, work, work
    tasks["slack"] = 0 if isinstance(policy, Srtf | Las) else (jobs.limit_s - jobs.duration_s) * capacity.ticks
    tasks["need"] = jobs.gpus * (jobs.gpu_milli if capacity.placement != COUNT else MILLI)
    tasks["size"], tasks["priority"], tasks["preemptible"] = jobs.gpus, jobs.priority, jobs.preemptible
    tasks["first"], tasks["last"], tasks["line"] = capacity.first[:-1], capacity.first[1:], capacity.line
    tasks["start"] = tasks["reserved"] = tasks["promised"] = -1
    tasks["hazard"] = hazards(jobs, capacity, disruptions.failures)
    tasks["interval"], tasks["write"], tasks["restart"] = saving(jobs, capacity, policy, disruptions)
    tasks["key"] = _keys(jobs, capacity, policy, disruptions.seed)
    return tasks


def _keys(jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, seed: int) -> Floats:
    """The queue is kept in order of it; of fair share, the part of the priority that stays."""
    if isinstance(policy, Srtf):
        return jobs.duration_s.astype(float)
    if isinstance(policy, FairShare):
        most = max(int(jobs.priority.max(initial=0)), 1)
        size = jobs.gpus / max(capacity.milli // MILLI, 1)
        result: Floats = policy.weight_size * size + policy.weight_priority * jobs.priority / most
        return result
    return keys(jobs, policy, seed)


def _pool(policy: Scheduler, capacity: PoolCapacity, disruptions: Disruptions) -> Any:
    """The policy as numbers, and the pool while it is empty."""
    pool = np.zeros(1, state.POOL)
    pool["kind"], pool["placement"], pool["half_life"] = _kind(policy), capacity.placement, 1.0
    pool["capacity"] = pool["up"] = pool["idle"] = capacity.milli
    pool["next_change"], pool["period"], pool["changes"] = FAR, capacity.period, len(capacity.changes)
    if len(capacity.changes):
        pool["up"] = pool["idle"] = capacity.changes[0, 1]
        _plan_change(pool[0], capacity)
    if isinstance(policy, EasyBackfill):
        pool["all_ties"] = policy.shadow_ties == "all"
    if isinstance(policy, Srtf | Las):
        pool["saves"], pool["overhead"], pool["las"] = 1, policy.overhead, isinstance(policy, Las)
    if isinstance(policy, Srtf):
        pool["extra"] = policy.helios_extra_second
    if isinstance(policy, FairShare):
        pool["age"], pool["fair"] = policy.weight_age, policy.weight_fair
        pool["max_age"], pool["half_life"] = policy.max_age, policy.half_life
    if isinstance(policy, Quotas):
        pool["reclaim"], pool["within"] = _RECLAIM.index(policy.reclaim), _WITHIN.index(policy.within)
        pool["strict"], pool["threshold"] = policy.strict, _threshold(policy)
    if isinstance(policy, PriorityPreemptive):
        pool["within"] = _WITHIN.index("lower-priority")
    failures = disruptions.failures
    if failures is not None:
        pool["repair"], pool["node_rate"] = round(failures.repair), failures.per_node_day / SECONDS_PER_DAY
        pool["breaks"] = plan_failures(capacity, disruptions)
    return pool


def _plan_change(pool: Any, capacity: PoolCapacity) -> None:
    """The first change of capacity after that at 0."""
    pool["change"] = 1
    if len(capacity.changes) > 1:
        pool["next_change"] = capacity.changes[1, 0]
    elif capacity.period < FAR:
        pool["change"], pool["lap"], pool["next_change"] = 0, capacity.period, capacity.period


def _kind(policy: Scheduler) -> int:
    if policy.discipline == "elastic":
        raise InputError("elastic runs on GPU counts, without checkpoints, failures and dependencies; take them out")
    return DISCIPLINES[policy.discipline]


def _levels(policy: Las) -> Any:
    result = np.zeros(len(policy.thresholds), state.GROUP)
    result["threshold"] = np.ceil(policy.thresholds)
    if (np.diff(result["threshold"]) <= 0).any():
        raise InputError(f"las: thresholds {', '.join(f'{threshold:g}' for threshold in policy.thresholds)} must rise")
    return result


def _queues(policy: Quotas) -> Any:
    """The quotas, GPU milli."""
    result = np.zeros(len(policy.queues), state.GROUP)
    for i, quota in enumerate(policy.queues.values()):
        lends = quota.nominal if quota.lending_limit is None else min(quota.lending_limit, quota.nominal)
        result[i]["nominal"], result[i]["kept"] = quota.nominal * MILLI, (quota.nominal - lends) * MILLI
        result[i]["borrow"] = FOREVER if quota.borrowing_limit is None else quota.borrowing_limit * MILLI
    return result


def _one_queue() -> Any:
    """A queue whose quota is endless: priorities are a cohort of one."""
    result = np.zeros(1, state.GROUP)
    result["nominal"] = result["kept"] = FOREVER
    return result


def _threshold(policy: Quotas) -> int:
    """Up to which priority jobs of other queues may be stopped for one that borrows."""
    if policy.borrow == "never":
        return state.NOBODY
    if policy.reclaim == "never":
        raise InputError(
            "quotas: borrow=lower-priority stops jobs of other queues, which reclaim=never forbids: give "
            "reclaim=lower-priority or reclaim=any"
        )
    return FOREVER if policy.borrow_threshold is None else policy.borrow_threshold


def most_of(jobs: Jobs, policy: Quotas) -> Ints:
    """GPUs that each job's queue may use at most, while the others use none."""
    queues = _queues(policy)
    lendable = queues["nominal"] - queues["kept"]
    most = queues["kept"] + np.minimum(lendable.sum(), lendable + queues["borrow"])
    result: Ints = most[_queue_of(jobs, policy)] // MILLI
    return result


def _queue_of(jobs: Jobs, policy: Quotas) -> Ints:
    """The queue of each job, by the name of its pool."""
    names = list(policy.queues)
    used = [jobs.pools[i] for i in np.unique(jobs.pool)]
    for name in used:
        if name not in policy.queues:
            raise InputError(
                f"pool {name!r} of the jobs has no quota{did_you_mean(name, names)}; quotas are given for "
                f"{', '.join(names) or 'none'}"
            )
    index = np.array([names.index(name) if name in policy.queues else NEVER for name in jobs.pools], np.int64)
    result: Ints = index[jobs.pool]
    return result


def _after(jobs: Jobs, tasks: Any) -> Ints:
    """Rows that wait for each row, one after the other; `tasks` learns where those of each lie, and how many it
    waits for itself.
    """
    row, before = edges(jobs)
    tasks["unmet"] = np.bincount(row, minlength=len(jobs))
    count = np.bincount(before, minlength=len(jobs))
    tasks["after_end"] = np.cumsum(count)
    tasks["after"] = tasks["after_end"] - count
    result: Ints = row[np.argsort(before, kind="stable")]
    return result
