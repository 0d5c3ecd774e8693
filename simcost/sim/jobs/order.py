"""The order in which a policy looks at waiting jobs, where it never changes."""

import numpy as np

from simcost.ledger.jobs import Floats, Ints
from simcost.plan.scheduling import (
    DeadlineAware,
    FifoStrict,
    PriorityPreemptive,
    Quotas,
    Scheduler,
    Shortest,
    SjfStrict,
    SsfSkip,
    SsfStrict,
)
from simcost.sim.jobs.estimates import estimates
from simcost.trace.jobs.jobs import NONE, Jobs


def strict(policy: Scheduler) -> bool:
    """Whether the first job that does not fit stops the line."""
    return isinstance(policy, FifoStrict | SjfStrict | SsfStrict)


def order(jobs: Jobs, policy: Scheduler, seed: int) -> Ints:
    """Rows in the order of the policy: by (key, submit, row)."""
    found: Ints = np.argsort(keys(jobs, policy, seed), kind="stable")
    return found


def keys(jobs: Jobs, policy: Scheduler, seed: int) -> Floats:
    """By job; the smallest goes first, then the first row."""
    if isinstance(policy, Shortest):
        served = jobs.gpus * jobs.gpu_milli if isinstance(policy, SsfStrict | SsfSkip) else 1
        return estimates(jobs, policy, seed) * served
    if isinstance(policy, DeadlineAware):
        return np.where(jobs.deadline_s == NONE, np.inf, jobs.deadline_s)
    if isinstance(policy, PriorityPreemptive | Quotas):
        return -jobs.priority.astype(float)
    return np.zeros(len(jobs))
