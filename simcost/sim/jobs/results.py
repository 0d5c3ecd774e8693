"""Runs of pools, whichever engine ran them, and the one ledger that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import pyarrow as pa

from simcost.ledger.jobs import BUCKETS, NEVER, Floats, Ints, JobLedger, JobOutcomes
from simcost.sim.jobs.cluster import MILLI
from simcost.sim.jobs.dependencies import eligible_s
from simcost.sim.jobs.engine import state
from simcost.trace.jobs.jobs import Flags, Jobs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolRun:
    """Outcomes of the jobs of a pool, in their order, and the time of its GPUs."""

    start_s: Floats
    end_s: Floats
    preemptions: Ints
    failures: Ints
    lost_s: Floats
    checkpoint_s: Floats
    restart_s: Floats
    held_gpu_s: Floats
    resumed_wait_s: Floats
    timeline: Floats
    """After each event: t, GPUs allocated, jobs waiting, their GPUs."""
    milli_s: dict[str, float]
    """GPU-milli-seconds by bucket, up to `last_s`."""
    last_s: float
    """The horizon, or the last event."""
    fragmented_milli_s: float = 0.0
    """Up to `last_s`; of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FinishedPool:
    """A pool after its run."""

    rows: Ints
    """Of the trace: the jobs that ran in it."""
    milli: int
    """GPU milli, at most."""
    run: PoolRun
    fragmented_milli: float | None = None
    """While it is empty; None without nodes."""


def undisturbed(
    jobs: Jobs, start: Ints, timeline: Floats, horizon_s: float, milli_s: dict[str, float], last_s: float
) -> PoolRun:
    """A run on whole GPUs in which who has started runs to its end."""
    end = start + jobs.duration_s
    held_s: Floats = np.where(start == NEVER, 0.0, np.minimum(end, horizon_s) - start)
    none, never = np.zeros(len(jobs)), np.zeros(len(jobs), np.int64)
    return PoolRun(
        start_s=start.astype(float),
        end_s=np.where((start == NEVER) | (end > horizon_s), NEVER, end).astype(float),
        preemptions=never,
        failures=never,
        lost_s=none,
        checkpoint_s=none,
        restart_s=none,
        held_gpu_s=held_s * jobs.gpus,
        resumed_wait_s=none,
        timeline=timeline,
        milli_s=milli_s,
        last_s=last_s,
    )


def of_flow(flow: state.Flow, timeline: Floats, ticks: int) -> PoolRun:
    """The run of the general engine, whose times are so many ticks per second."""
    jobs, pool = flow.jobs, flow.pool[0]
    spent = {
        "useful": jobs["work"] - jobs["left"],
        "checkpoint": jobs["written"],
        "lost": jobs["lost"],
        "restart": jobs["restarted"],
    }
    rest = {
        "idle_blocked": pool["blocked_s"],
        "idle_free": pool["idle_s"] - pool["blocked_s"],
        "down": pool["down_s"],
    }
    milli_s = {bucket: float((jobs["need"] * (each / ticks)).sum()) for bucket, each in spent.items()}
    milli_s |= {bucket: float(each) / ticks for bucket, each in rest.items()}
    timeline[:, 0] /= ticks
    timeline[:, [1, 3]] /= MILLI
    return PoolRun(
        start_s=np.where(jobs["start"] == NEVER, NEVER, jobs["start"] / ticks),
        end_s=np.where(jobs["state"] == state.ENDED, jobs["end"] / ticks, NEVER),
        preemptions=jobs["stops"].copy(),
        failures=jobs["fails"].copy(),
        lost_s=jobs["lost"] / ticks,
        checkpoint_s=jobs["written"] / ticks,
        restart_s=jobs["restarted"] / ticks,
        held_gpu_s=jobs["need"] * (sum(spent.values()) / ticks) / MILLI,
        resumed_wait_s=jobs["again"] / ticks,
        timeline=timeline,
        milli_s=milli_s,
        last_s=float(pool["now"]) / ticks,
        fragmented_milli_s=float(pool["fragmented_s"]) / ticks,
    )


def integrals(
    timeline: Floats, gpus: int, horizon_s: float, restart_gpu_s: float = 0.0
) -> tuple[dict[str, float], float]:
    """GPU-milli-seconds by bucket of a pool whose GPUs are always there, and its last event or the horizon.

    Args:
        timeline: of its run.
        gpus: of the pool.
        horizon_s: end of the run, or infinite.
        restart_gpu_s: GPU-seconds that were allocated, but went into restarts.
    """
    t, allocated, waiting, _ = np.vstack([np.zeros((1, 4)), timeline]).T
    last_s = float(t[-1]) if horizon_s == np.inf else horizon_s
    span = np.diff(np.append(t, last_s))
    idle = (gpus - allocated) * span
    gpu_s = {
        "useful": float(np.dot(allocated, span)) - restart_gpu_s,
        "restart": restart_gpu_s,
        "idle_blocked": float(idle[waiting > 0].sum()),
        "idle_free": float(idle[waiting == 0].sum()),
    }
    return {bucket: seconds * MILLI for bucket, seconds in gpu_s.items()}, last_s


def ledger_of(
    jobs: Jobs,
    rejected: Flags,
    pools: Sequence[FinishedPool],
    *,
    horizon_s: float,
    keep_timeline: bool,
    facts: dict[str, float] | None = None,
) -> JobLedger:
    """The ledger of a trace, on counts or on nodes.

    Args:
        jobs: the trace.
        rejected: jobs that no pool ran.
        pools: after their runs.
        horizon_s: end of the accounts; infinite = the last event of all pools.
        keep_timeline: put the state after each event into the ledger.
        facts: further sums.
    """
    last = np.array([pool.run.last_s for pool in pools])
    until = float(last.max(initial=0.0)) if horizon_s == np.inf else horizon_s
    rest = until - last  # a pool stands empty from its last event to the last of all
    total = {bucket: fsum(pool.run.milli_s.get(bucket, 0.0) for pool in pools) for bucket in BUCKETS}
    total["idle_free"] += float(rest @ np.array([pool.milli for pool in pools]))
    return JobLedger(
        horizon_s=until,
        gpus=sum(pool.milli for pool in pools) // MILLI,
        outcomes=_outcomes(jobs, rejected, pools),
        gpu_seconds={bucket: milli_s / MILLI for bucket, milli_s in total.items()},
        fragmented_gpu_seconds=_fragmented(pools, rest),
        submitting_gpu_seconds=fsum(
            _allocated_s(pool.run.timeline, float(jobs.submit_s.max(initial=0))) for pool in pools
        ),
        timeline=_table([pool.run.timeline for pool in pools]) if keep_timeline else None,
        facts=facts or {},
    )


def _outcomes(jobs: Jobs, rejected: Flags, pools: Sequence[FinishedPool]) -> JobOutcomes:
    """Outcomes of the pools in the order of the trace."""

    def gather(name: str, default: float = 0.0) -> Floats:
        whole = np.full(len(jobs), default, np.float64)
        for pool in pools:
            whole[pool.rows] = getattr(pool.run, name)
        return whole

    end_s = gather("end_s", NEVER)
    return JobOutcomes(
        submit_s=jobs.submit_s.astype(float),
        start_s=gather("start_s", NEVER),
        end_s=end_s,
        gpus=jobs.gpus,
        preemptions=gather("preemptions").astype(np.int64),
        lost_s=gather("lost_s"),
        checkpoint_s=gather("checkpoint_s"),
        restart_s=gather("restart_s"),
        held_gpu_s=gather("held_gpu_s"),
        rejected=rejected,
        resumed_wait_s=gather("resumed_wait_s"),
        failures=gather("failures").astype(np.int64),
        eligible_s=eligible_s(jobs, end_s),
    )


def _allocated_s(timeline: Floats, until_s: float) -> float:
    """GPU-seconds allocated in so many first seconds."""
    since = np.minimum(timeline[:, 0], until_s)
    return float(np.diff(np.append(since, until_s)) @ timeline[:, 1])


def _fragmented(pools: Sequence[FinishedPool], rest_s: Floats) -> float | None:
    """GPU-seconds, the rest after the last event of each pool included."""
    empty = [pool.fragmented_milli for pool in pools if pool.fragmented_milli is not None]
    if not empty:
        return None
    return (fsum(pool.run.fragmented_milli_s for pool in pools) + float(rest_s @ np.array(empty))) / MILLI


def _table(timelines: list[Floats]) -> pa.Table:
    """The sum of the pools' states at each time at which one of them changes."""
    t = np.unique(np.concatenate([timeline[:, 0] for timeline in timelines]))
    state = np.zeros((len(t), 3))
    for one in timelines:
        before = np.vstack([np.zeros((1, 3)), one[:, 1:]])
        state += before[np.searchsorted(one[:, 0], t, side="right")]
    names = ("allocated", "waiting_jobs", "waiting_gpus")
    return pa.table({"t_s": t} | {name: column.astype(np.int64) for name, column in zip(names, state.T, strict=True)})
