"""Jobs on the nodes of a cluster: each gang starts with all its GPUs on nodes, or waits.

The rules are those of jobs on GPU counts; that the pool has enough free GPUs is checked first, then a placement is
looked for. Reservations of backfill are counts.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simcost.errors import InputError
from simcost.ledger.jobs import JobLedger
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import (
    BestFit,
    Consolidate,
    Fgd,
    OnNodes,
    Quotas,
    Random,
    Rigid,
    Spread,
    Topology,
)
from simcost.rng import stream
from simcost.sim.jobs.cluster import (
    BEST_FIT,
    CONSOLIDATE,
    FGD,
    LEAVE,
    MILLI,
    NEVER,
    RANDOM,
    SPREAD,
    FreeNodes,
    Gangs,
    Ints,
    Shapes,
    by_pool,
    cluster,
    gangs,
    queue_of,
    shapes_of,
    work_of,
)
from simcost.sim.jobs.dependencies import check_pools, with_followers
from simcost.sim.jobs.disruptions import Disruptions, PoolCapacity
from simcost.sim.jobs.engine.setup import most_of, run_general
from simcost.sim.jobs.estimates import order, strict
from simcost.sim.jobs.results import FinishedPool, PoolRun, ledger_of, of_flow, undisturbed
from simcost.trace.jobs.jobs import Flags, Jobs
from simcost.trace.jobs.nodes import NodeTable

_IN_LINES = ("strict", "skip")
"""Disciplines with an order that does not change, and no reservations: they have an engine of their own."""
Ordered = Rigid
POLICIES: dict[type, int] = {
    Consolidate: CONSOLIDATE,
    Spread: SPREAD,
    Random: RANDOM,
    BestFit: BEST_FIT,
    Fgd: FGD,
    Topology: CONSOLIDATE,
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lying:
    """Placement of jobs when they last started: one row per job and node."""

    job: Ints
    """Row of the trace."""
    node: Ints
    """Row of the list of nodes."""
    gpus: Ints
    """One bit per GPU of the node; for a part of a GPU, the bit of that GPU."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _PlacedPool:
    """A pool after its run, and where its jobs lay."""

    pool: FinishedPool
    nodes: Ints
    members: Any
    first: Ints
    """First member of each job, and one past the last."""


def schedule_on_nodes(
    jobs: Jobs,
    nodes: NodeTable,
    scheduler: Ordered,
    placement: OnNodes,
    *,
    groups: Ints | None = None,
    seed: int = 0,
    horizon_s: float | None = None,
    keep_timeline: bool = False,
    failures: ClusterFailures | None = None,
    checkpoints: Checkpoints | None = None,
) -> JobLedger:
    """Run jobs on nodes; `replay_on_nodes` without where they lay."""
    return replay_on_nodes(
        jobs,
        nodes,
        scheduler,
        placement,
        groups=groups,
        seed=seed,
        horizon_s=horizon_s,
        keep_timeline=keep_timeline,
        failures=failures,
        checkpoints=checkpoints,
    )[0]


def replay_on_nodes(
    jobs: Jobs,
    nodes: NodeTable,
    scheduler: Ordered,
    placement: OnNodes,
    *,
    groups: Ints | None = None,
    seed: int = 0,
    horizon_s: float | None = None,
    keep_timeline: bool = False,
    failures: ClusterFailures | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[JobLedger, Lying]:
    """Run jobs on nodes. Pools are independent; nodes of one pool only serve the jobs of all pools, and so do all
    nodes where queues have quotas.

    Jobs that do not fit on their empty pool are rejected: counted, never blocking the line; so are those that wait
    for the end of rejected ones.

    Args:
        jobs: the trace.
        nodes: the cluster.
        scheduler: in which order waiting jobs are tried, and what happens to those that do not fit.
        placement: on which nodes a job goes.
        groups: rack or NVLink domain of each node: a job stays within one if one has room; in place of those of the
            nodes.
        seed: of random placement, of failures, and of errors in what a policy knows of durations.
        horizon_s: end of the run and of the accounts, whole seconds; None = when the last job ends.
        keep_timeline: put the state after each event into the ledger.
        failures: of nodes and jobs; None = nothing fails.
        checkpoints: how jobs save their work; None = it costs no time, and happens as the scheduler says.

    Returns:
        The ledger, with `fragmented_gpu_seconds`, the exact integral of FGD's F over time (typical jobs: those of
        the pool); and where each job lay.

    Raises:
        InputError: a job in a pool without nodes, or nodes that cannot be described.
    """
    disruptions = Disruptions(failures=failures, checkpoints=checkpoints, seed=seed)
    horizon = np.inf if horizon_s is None else float(horizon_s // 1)
    setting = _Setting(jobs, nodes, scheduler, placement, groups, disruptions, horizon)
    pools_of = _pools(setting)
    check_pools(jobs, [rows for _, rows, _ in pools_of])
    sites = [_site(setting, *pool) for pool in pools_of]
    rejected = np.ones(len(jobs), np.bool_)
    for site in sites:
        rejected[site.rows[site.fits]] = False
    rejected = with_followers(jobs, rejected)
    placed = [_run(setting, site, rejected) for site in sites]
    lying, pools = _lying(placed), [one.pool for one in placed]
    facts = crossings(lying, nodes)
    ledger = ledger_of(jobs, rejected, pools, horizon_s=horizon, keep_timeline=keep_timeline, facts=facts)
    return ledger, lying


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """Inputs of a replay."""

    jobs: Jobs
    nodes: NodeTable
    scheduler: Ordered
    placement: OnNodes
    groups: Ints | None
    disruptions: Disruptions
    horizon_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Site:
    """A pool before it runs."""

    rows: Ints
    """Jobs of the trace."""
    nodes: Ints
    cluster: FreeNodes
    asked: Gangs
    fits: Ints
    """Those of `rows` that fit on the empty pool."""


def _pools(setting: _Setting) -> list[tuple[str, Ints, Ints]]:
    """Name, jobs and nodes of each pool; a pool of nodes without jobs stands idle."""
    jobs, here = setting.jobs, by_pool(setting.nodes)
    if len(here) == 1 or isinstance(setting.scheduler, Quotas):
        everywhere = np.argsort(np.array(setting.nodes.names, dtype=object), kind="stable")
        return [(next(iter(here)), np.arange(len(jobs)), everywhere)]
    used = {jobs.pools[i]: np.flatnonzero(jobs.pool == i) for i in np.unique(jobs.pool)}
    missing = [name for name in used if name not in here or not len(here[name])]
    if missing:
        raise InputError(
            f"pool {missing[0]!r} has {len(used[missing[0]])} jobs but no nodes; add its nodes to the list, "
            f"leave its jobs out, or give nodes of one pool for all jobs (pools of the nodes: {', '.join(here)})"
        )
    none = np.empty(0, np.int64)
    return [(name, used.get(name, none), rows) for name, rows in here.items() if len(rows)]


def _site(setting: _Setting, name: str, rows: Ints, here: Ints) -> _Site:
    """A pool, and which of its jobs fit on it."""
    nodes, groups = setting.nodes, setting.groups
    domain, rack = levels(nodes, setting.placement) if groups is None else (groups, None)
    c = cluster(nodes, here, domain, rack, stream(setting.disruptions.seed, "placement", name))
    mine = setting.jobs[rows]
    asked = gangs(mine, c, nodes.gpu_types)
    kept = fitting(asked, mine, c)
    if isinstance(setting.scheduler, Quotas):
        kept = kept[mine.gpus[kept] <= most_of(mine, setting.scheduler)[kept]]
    return _Site(rows, here, c, asked, kept)


def levels(nodes: NodeTable, placement: OnNodes) -> tuple[Ints | None, Ints | None]:
    """NVLink domains and racks of the nodes that a placement looks at; None = it does not, or they are not said.

    Raises:
        InputError: it looks at them, and the list of nodes says neither.
    """
    if not isinstance(placement, Topology):
        return None, None
    if nodes.domain is None and nodes.rack is None:
        raise InputError("topology needs a column rack or domain in the list of nodes; or take consolidate")
    return nodes.domain, nodes.rack


def _run(setting: _Setting, site: _Site, rejected: Flags) -> _PlacedPool:
    """One pool to its end, or to the horizon."""
    kept = site.fits[~rejected[site.rows[site.fits]]]
    rows = site.rows[kept]
    mine, asked, policy = setting.jobs[rows], site.asked.of(kept), POLICIES[type(setting.placement)]
    shapes = shapes_of(asked, len(site.nodes), scored=policy == FGD)
    plain = setting.disruptions.none and mine.after is None and setting.horizon_s == np.inf
    engine = _in_lines if setting.scheduler.discipline in _IN_LINES and plain else _in_general
    run, members, empty = engine(setting, site, mine, asked, shapes, policy)
    milli = int(setting.nodes.gpus[site.nodes].sum()) * MILLI
    pool = FinishedPool(rows=rows, milli=milli, run=run, fragmented_milli=empty)
    return _PlacedPool(pool=pool, nodes=site.nodes, members=members, first=asked.members[0])


def _in_lines(
    setting: _Setting, site: _Site, mine: Jobs, asked: Gangs, shapes: Shapes, policy: int
) -> tuple[PoolRun, Any, float]:
    """The run by the engine for orders that never change, members, and fragmented milli of the empty pool."""
    from simcost.sim.jobs.engine import gang_queue

    rank = np.empty(len(mine), np.int64)
    rank[order(mine, setting.scheduler, setting.disruptions.seed)] = np.arange(len(mine))
    work = work_of(asked, mine, rank, strict=strict(setting.scheduler))
    timeline = np.zeros((2 * len(mine), 4))
    noted = gang_queue.replay(site.cluster, shapes, work, policy, queue_of(work), timeline)
    timeline[:, [1, 3]] /= MILLI
    idle, blocked, fragmented, last_s = work.totals.tolist()
    held = work.jobs["need"] * work.jobs["duration"]
    milli_s = {"useful": float(held.sum()), "idle_blocked": blocked, "idle_free": idle - blocked}
    run = undisturbed(mine, work.jobs["start"], timeline[:noted], np.inf, milli_s, last_s)
    empty = float(site.cluster.nodes["fragmented"].sum())  # all have left
    return replace(run, fragmented_milli_s=fragmented, held_gpu_s=held / MILLI), work.members, empty


def _in_general(
    setting: _Setting, site: _Site, mine: Jobs, asked: Gangs, shapes: Shapes, policy: int
) -> tuple[PoolRun, Any, float]:
    """The same by the general engine."""
    from simcost.sim.jobs.engine.placement import renew

    first, members = asked.members
    capacity = PoolCapacity(
        milli=int(site.cluster.nodes["total"].sum()),
        cluster=site.cluster,
        shapes=shapes,
        members=asked.records(members),
        first=first,
        line=asked.request,
        placement=policy,
    )
    empty = renew(site.cluster, shapes)[1]
    flow, timeline = run_general(mine, capacity, setting.scheduler, setting.disruptions, setting.horizon_s)
    return of_flow(flow, timeline, capacity.ticks), flow.members, empty


def fitting(asked: Gangs, mine: Jobs, c: FreeNodes) -> Ints:
    """Rows of the jobs that fit on the pool while it is empty."""
    from simcost.sim.jobs.engine.placement import fill

    if not len(mine):
        return np.empty(0, np.int64)
    _, one_each = np.unique(asked.request, return_index=True)
    sample = asked.of(one_each)
    work = work_of(sample, mine[one_each], np.arange(len(one_each)), strict=True)
    shapes = shapes_of(sample, 0, scored=False)
    fill(c, shapes, work, SPREAD, LEAVE, np.empty(len(one_each)))
    return np.flatnonzero(work.jobs["start"][asked.request] != NEVER)


def crossings(lying: Lying, nodes: NodeTable) -> dict[str, float]:
    """Gangs on several nodes, how many of them lie within one NVLink domain and one rack, and over how many in all;
    nothing where the nodes do not say.
    """
    count = np.bincount(lying.job)
    several = np.isin(lying.job, np.flatnonzero(count > 1))
    result: dict[str, float] = {}
    for level, place in (("domain", nodes.domain), ("rack", nodes.rack)):
        if place is not None and len(lying.job):
            pairs = np.unique(np.stack([lying.job[several], place[lying.node[several]]]), axis=1)
            each = np.bincount(pairs[0])
            result["gangs_on_several_nodes"] = float((count > 1).sum())
            result[f"gangs_in_one_{level}"] = float((each == 1).sum())
            result[f"{level}s_of_these_gangs"] = float(each.sum())
    return result


def _lying(placed: list[_PlacedPool]) -> Lying:
    """Members of all pools, by job of the trace."""
    job = np.concatenate([np.repeat(one.pool.rows, np.diff(one.first)) for one in placed])
    node = np.concatenate([one.nodes[one.members["node"]] for one in placed])
    gpus = np.concatenate([one.members["gpus"] for one in placed])
    order = np.argsort(job, kind="stable")
    return Lying(job=job[order], node=node[order], gpus=gpus[order])
