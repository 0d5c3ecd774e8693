"""Disruptions of jobs besides waiting: failures and checkpoints, as numbers for the general engine."""

from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from simcost.ledger.jobs import Floats, Ints
from simcost.perf.checkpoints import daly_optimum
from simcost.plan.failures import Checkpoints, ClusterFailures
from simcost.plan.scheduling import PriorityPreemptive, Quotas, Scheduler
from simcost.rng import stream
from simcost.sim.compiled import FAR
from simcost.sim.jobs.cluster import COUNT, FreeNodes, Shapes
from simcost.trace.jobs.jobs import CHECKPOINTS, Jobs
from simcost.units import SECONDS_PER_DAY

FOREVER = 1 << 40
GPUS_PER_NODE = 8
"""Of a node that fails, on GPU counts, where nothing says it."""
_LUCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruptions:
    """Disruptions of jobs besides waiting."""

    failures: ClusterFailures | None = None
    checkpoints: Checkpoints | None = None
    """Checkpoints of jobs; None = as the policy says."""
    seed: int = 0

    @property
    def none(self) -> bool:
        """True if jobs run undisturbed."""
        return self.failures is None and self.checkpoints is None


class PoolCapacity(NamedTuple):
    """Capacity for the jobs of a pool."""

    milli: int
    """GPU milli."""
    cluster: FreeNodes
    shapes: Shapes
    members: Any
    first: Ints
    """First member of each job, and one past the last."""
    line: Ints
    """Jobs of one fit or do not fit alike."""
    placement: int
    changes: Ints = np.zeros((0, 2), np.int64)
    """Of its capacity: time and GPU milli from then on, the first at 0; without rows if it never changes."""
    period: int = FAR
    """Time after which they start again."""
    ticks: int = 1
    """Of its clock, per second: what compiled code knows of times is whole ticks."""


def saving_s(jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, disruptions: Disruptions) -> Floats:
    """Seconds between checkpoints of each job, to write one, and to restart: as the log says of the job, else as given,
    else as the policy says; else no work is saved.
    """
    checkpoints, failures = disruptions.checkpoints, disruptions.failures
    standard: tuple[float, float, float] = (FOREVER, 0.0, 0.0)
    if checkpoints is not None:
        standard = checkpoints.interval, checkpoints.write, checkpoints.restart
    elif isinstance(policy, PriorityPreemptive | Quotas):
        standard = policy.checkpoint_interval, 0.0, policy.restart
    interval, write, restart = (
        _column(getattr(jobs, name), each, len(jobs)) for name, each in zip(CHECKPOINTS, standard, strict=True)
    )
    if failures is not None and failures.intervals != "given":
        risks = _risk(jobs, capacity, failures).tolist()
        interval = np.array([_best(*one, failures) for one in zip(write, restart, risks, strict=True)])
    return np.stack([interval, write, restart])


def saving(jobs: Jobs, capacity: PoolCapacity, policy: Scheduler, disruptions: Disruptions) -> tuple[Ints, Ints, Ints]:
    """The same in whole ticks of the pool's clock, at least one between checkpoints."""
    ticks = saving_s(jobs, capacity, policy, disruptions) * capacity.ticks
    ticks[0] = np.clip(ticks[0], 1, min(FOREVER * capacity.ticks, FAR))
    interval, write, restart = np.rint(ticks).astype(np.int64)
    return interval, write, restart


def _column(known: Floats | None, standard: float, count: int) -> Floats:
    if known is None:
        known = np.full(count, np.nan)
    result: Floats = np.where(np.isnan(known), float(standard), known)
    return result


def _best(write: float, restart: float, risk: float, failures: ClusterFailures) -> float:
    """The interval that suits failures per second."""
    if risk == 0:
        return FOREVER
    if failures.intervals == "young":
        return sqrt(2 * write / risk)
    return daly_optimum(write, restart, 1 / risk) if write else 1.0


def _risk(jobs: Jobs, capacity: PoolCapacity, failures: ClusterFailures) -> Floats:
    """Failures per second of each job while it runs."""
    nodes = -(-jobs.gpus // (failures.gpus_per_node or GPUS_PER_NODE))
    if capacity.placement != COUNT:
        nodes = np.diff(capacity.first)
    result: Floats = (nodes * failures.per_node_day + _own(jobs, failures)) / SECONDS_PER_DAY
    return result


def _own(jobs: Jobs, failures: ClusterFailures) -> Floats:
    """Failures per day that do not come from nodes."""
    return np.where(jobs.gpus > 0, failures.size_independent_per_day, 0.0)


def hazards(jobs: Jobs, capacity: PoolCapacity, failures: ClusterFailures | None) -> Floats:
    """Failures per tick that the engine draws for each job: on nodes, what the nodes do not bring."""
    if failures is None:
        return np.zeros(len(jobs))
    own = _own(jobs, failures) / SECONDS_PER_DAY
    result: Floats = (_risk(jobs, capacity, failures) if capacity.placement == COUNT else own) / capacity.ticks
    return result


def luck(disruptions: Disruptions) -> Floats:
    """Times to failure of mean 1."""
    if disruptions.failures is None:
        return np.ones(1)
    return disruptions.failures.model.draw(stream(disruptions.seed, "failures"), _LUCK)


def plan_failures(capacity: PoolCapacity, disruptions: Disruptions) -> bool:
    """Say when each node fails first; whether nodes do."""
    failures, nodes = disruptions.failures, capacity.cluster.nodes
    nodes["fails"] = nodes["back"] = FAR
    if failures is None or failures.per_node_day == 0 or not len(nodes):
        return False
    first = failures.model.draw(stream(disruptions.seed, "nodes"), len(nodes)) / failures.per_node_day * SECONDS_PER_DAY
    nodes["fails"] = np.maximum(np.minimum(first, 1e15), 1.0).astype(np.int64)
    return True
