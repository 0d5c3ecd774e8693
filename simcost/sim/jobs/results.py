"""Outcomes of the jobs of one pool, whichever engine ran them."""

from dataclasses import dataclass

import numpy as np

from simcost.ledger.jobs import NEVER, Floats, Ints
from simcost.sim.jobs.cluster import MILLI
from simcost.sim.jobs.engine import state
from simcost.trace.jobs.jobs import Jobs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ran:
    """By job, in their order."""

    start_s: Floats
    end_s: Floats
    preemptions: Ints
    failures: Ints
    lost_s: Floats
    checkpoint_s: Floats
    restart_s: Floats
    resumed_wait_s: Floats
    timeline: Floats
    """After each event: t, GPUs allocated, jobs waiting, their GPUs."""
    spent: dict[str, float]
    """GPU-seconds by bucket, but for those that were useful or idle."""


def undisturbed(jobs: Jobs, start: Ints, timeline: Floats, horizon_s: float) -> Ran:
    """Outcomes where every job that starts runs to its end."""
    end = start + jobs.duration_s
    none, never = np.zeros(len(jobs)), np.zeros(len(jobs), np.int64)
    return Ran(
        start_s=start.astype(float),
        end_s=np.where((start == NEVER) | (end > horizon_s), NEVER, end).astype(float),
        preemptions=never,
        failures=never,
        lost_s=none,
        checkpoint_s=none,
        restart_s=none,
        resumed_wait_s=none,
        timeline=timeline,
        spent={},
    )


def of_flow(flow: state.Flow, timeline: Floats) -> Ran:
    """The jobs of the general engine."""
    jobs, milli = flow.jobs, float(MILLI)
    seconds = {"lost": jobs["lost"], "checkpoint": jobs["written"], "restart": jobs["restarted"]}
    spent = {name: float(np.dot(jobs["need"], one)) / milli for name, one in seconds.items()}
    spent["down"] = float(flow.pool["down_s"][0]) / milli
    timeline[:, [1, 3]] /= milli
    return Ran(
        start_s=jobs["start"].astype(float),
        end_s=np.where(jobs["state"] == state.ENDED, jobs["end"], NEVER).astype(float),
        preemptions=jobs["stops"].copy(),
        failures=jobs["fails"].copy(),
        lost_s=jobs["lost"].astype(float),
        checkpoint_s=jobs["written"].astype(float),
        restart_s=jobs["restarted"].astype(float),
        resumed_wait_s=jobs["again"].astype(float),
        timeline=timeline,
        spent=spent,
    )
