"""Jobs on the nodes of a cluster: each gang starts with all its GPUs on nodes, or waits.

The rules are those of jobs on GPU counts; that the pool has enough free GPUs is checked first, then a placement is
looked for.
"""

from dataclasses import dataclass

import numpy as np

from simcost.errors import InputError
from simcost.job_ledger import BUCKETS, JobLedger, JobOutcomes
from simcost.plan.placement import BestFit, Consolidate, Fgd, OnNodes, Random, Spread
from simcost.plan.scheduling import (
    DeadlineAware,
    FifoSkip,
    FifoStrict,
    SjfSkip,
    SjfStrict,
    SsfSkip,
    SsfStrict,
)
from simcost.rng import stream
from simcost.sim.jobs import nodes as at
from simcost.sim.jobs.members import Gangs, gangs, queue_of, shapes_of, work_of
from simcost.sim.jobs.nodes import MILLI, NEVER, Cluster, Ints, Work
from simcost.sim.jobs.order import order, strict
from simcost.trace.jobs import Jobs
from simcost.trace.jobs.nodes import Nodes

Ordered = FifoStrict | FifoSkip | SjfStrict | SjfSkip | SsfStrict | SsfSkip | DeadlineAware
"""Schedulers with an order that does not change and no preemption."""
POLICIES: dict[type, int] = {
    Consolidate: at.CONSOLIDATE,
    Spread: at.SPREAD,
    Random: at.RANDOM,
    BestFit: at.BEST_FIT,
    Fgd: at.FGD,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lying:
    """Where jobs lay from start to end: one row per job and node."""

    job: Ints
    """Row of the trace."""
    node: Ints
    """Row of the list of nodes."""
    gpus: Ints
    """One bit per GPU of the node; for a part of a GPU, the bit of that GPU."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool:
    """What became of the jobs of a pool."""

    rows: Ints
    """Of the trace: the jobs that fit."""
    nodes: Ints
    work: Work
    capacity: int
    """Milli."""
    empty: float
    """Fragmented milli of the empty pool."""


def schedule_on_nodes(
    jobs: Jobs,
    nodes: Nodes,
    scheduler: Ordered,
    placement: OnNodes,
    *,
    groups: Ints | None = None,
    seed: int = 0,
) -> JobLedger:
    """Run all jobs to their end; `replay_on_nodes` without where they lay."""
    return replay_on_nodes(jobs, nodes, scheduler, placement, groups=groups, seed=seed)[0]


def replay_on_nodes(
    jobs: Jobs,
    nodes: Nodes,
    scheduler: Ordered,
    placement: OnNodes,
    *,
    groups: Ints | None = None,
    seed: int = 0,
) -> tuple[JobLedger, Lying]:
    """Run all jobs to their end. Pools are independent; nodes of one pool only serve the jobs of all pools.

    Jobs that do not fit on their empty pool are rejected: counted, never blocking the line.

    Args:
        jobs: the trace.
        nodes: the cluster.
        scheduler: in which order waiting jobs are tried, and whether the first that does not fit stops the line.
        placement: on which nodes a job goes.
        groups: rack or NVLink domain of each node: a gang of several nodes stays within one if one has room.
        seed: of random placement, and of errors in what a policy knows of durations.

    Returns:
        The ledger, with `fragmented_gpu_seconds`, the exact integral of FGD's F over time (typical jobs: those of
        the pool); and where each job lay.

    Raises:
        InputError: a job in a pool without nodes, or nodes that cannot be described.
    """
    pools = [
        _run(jobs, rows, nodes, here, scheduler, placement, groups, seed, name)
        for name, rows, here in _pools(jobs, nodes)
    ]
    return _ledger(jobs, nodes, pools), _lying(pools)


def _pools(jobs: Jobs, nodes: Nodes) -> list[tuple[str, Ints, Ints]]:
    """Name, jobs and nodes of each pool; a pool of nodes without jobs stands idle."""
    here = at.by_pool(nodes)
    if len(here) == 1:
        return [(name, np.arange(len(jobs)), rows) for name, rows in here.items()]
    used = {jobs.pools[i]: np.flatnonzero(jobs.pool == i) for i in np.unique(jobs.pool)}
    missing = [name for name in used if name not in here or not len(here[name])]
    if missing:
        raise InputError(
            f"pool {missing[0]!r} has {len(used[missing[0]])} jobs but no nodes; add its nodes to the list, "
            f"leave its jobs out, or give nodes of one pool for all jobs (pools of the nodes: {', '.join(here)})"
        )
    none = np.empty(0, np.int64)
    return [(name, used.get(name, none), rows) for name, rows in here.items() if len(rows)]


def _run(
    jobs: Jobs,
    rows: Ints,
    nodes: Nodes,
    here: Ints,
    scheduler: Ordered,
    placement: OnNodes,
    groups: Ints | None,
    seed: int,
    name: str,
) -> _Pool:
    """One pool to its end."""
    from simcost.sim.jobs import place

    c = at.cluster(nodes, here, groups, stream(seed, "placement", name))
    mine = jobs[rows]
    asked = gangs(mine, c, nodes.gpu_types)
    kept = fitting(asked, mine, c)
    mine, asked, policy = mine[kept], asked.of(kept), POLICIES[type(placement)]
    shapes = shapes_of(asked, len(here), scored=policy == at.FGD)
    work = work_of(asked, mine, _rank(mine, scheduler, seed), strict=strict(scheduler))
    capacity = int(c.nodes["total"].sum())
    place.replay(c, shapes, work, policy, queue_of(work))
    empty = float(c.nodes["fragmented"].sum())  # all have left
    return _Pool(rows=rows[kept], nodes=here, work=work, capacity=capacity, empty=empty)


def fitting(asked: Gangs, mine: Jobs, c: Cluster) -> Ints:
    """Rows of the jobs that fit on the pool while it is empty."""
    from simcost.sim.jobs import place

    if not len(mine):
        return np.empty(0, np.int64)
    _, one_each = np.unique(asked.request, return_index=True)
    sample = asked.of(one_each)
    work = work_of(sample, mine[one_each], np.arange(len(one_each)), strict=True)
    shapes = shapes_of(sample, 0, scored=False)
    place.fill(c, shapes, work, at.SPREAD, at.LEAVE, np.empty(len(one_each)))
    return np.flatnonzero(work.jobs["start"][asked.request] != NEVER)


def _rank(jobs: Jobs, scheduler: Ordered, seed: int) -> Ints:
    """Place of each job in the order of the scheduler."""
    rank = np.empty(len(jobs), np.int64)
    rank[order(jobs, scheduler, seed)] = np.arange(len(jobs))
    return rank


def _ledger(jobs: Jobs, nodes: Nodes, pools: list[_Pool]) -> JobLedger:
    outcomes = _outcomes(jobs, pools)
    totals = np.array([pool.work.totals for pool in pools])
    horizon = float(totals[:, at.LAST].max())
    rest = horizon - totals[:, at.LAST]  # a pool stands empty from its last event to the last of all
    idle = totals[:, at.IDLE].sum() + rest @ np.array([pool.capacity for pool in pools])
    blocked = totals[:, at.IDLE_BLOCKED].sum()
    fragmented = totals[:, at.FRAGMENTED].sum() + rest @ np.array([pool.empty for pool in pools])
    useful = sum(int(pool.work.jobs["need"] @ pool.work.jobs["duration"]) for pool in pools)
    spent = {"useful": useful, "idle_blocked": blocked, "idle_free": idle - blocked}
    return JobLedger(
        horizon_s=horizon,
        gpus=int(nodes.gpus.sum()),
        outcomes=outcomes,
        gpu_seconds={bucket: spent.get(bucket, 0.0) / MILLI for bucket in BUCKETS},
        fragmented_gpu_seconds=float(fragmented) / MILLI,
    )


def _outcomes(jobs: Jobs, pools: list[_Pool]) -> JobOutcomes:
    start = np.full(len(jobs), NEVER, np.int64)
    for pool in pools:
        start[pool.rows] = pool.work.jobs["start"]
    none = np.zeros(len(jobs))
    return JobOutcomes(
        submit_s=jobs.submit_s.astype(float),
        start_s=start.astype(float),
        end_s=np.where(start == NEVER, NEVER, start + jobs.duration_s).astype(float),
        gpus=jobs.gpus,
        preemptions=np.zeros(len(jobs), np.int64),
        lost_s=none,
        checkpoint_s=none,
        restart_s=none,
        rejected=start == NEVER,
    )


def _lying(pools: list[_Pool]) -> Lying:
    """Members of all pools, by job of the trace."""
    job = np.concatenate(
        [np.repeat(pool.rows, pool.work.jobs["last"] - pool.work.jobs["first"]) for pool in pools]
    )
    node = np.concatenate([pool.nodes[pool.work.members["node"]] for pool in pools])
    gpus = np.concatenate([pool.work.members["gpus"] for pool in pools])
    order = np.argsort(job, kind="stable")
    return Lying(job=job[order], node=node[order], gpus=gpus[order])
