"""Knowledge of schedulers before a job runs: limits of users, estimates from the past, and static queue orders."""

from dataclasses import replace

import numpy as np

from simcost.errors import InputError
from simcost.ledger.jobs import Floats, Ints
from simcost.plan.scheduling import (
    EstimateError,
    Scheduler,
    Shortest,
)
from simcost.rng import stream
from simcost.trace.jobs.jobs import NONE, Jobs


def with_limits(jobs: Jobs, error: EstimateError, seed: int) -> Jobs:
    """The jobs with limits drawn again; the same seed gives the same limits whatever the policy."""
    noise = stream(seed, "limits").standard_normal(len(jobs)) if error.sigma else np.zeros(len(jobs))
    limit = np.ceil(jobs.duration_s * (1 + error.error) * np.exp(error.sigma * noise)).astype(np.int64)
    return replace(jobs, limit_s=np.maximum(limit, jobs.duration_s))


def with_writes(jobs: Jobs, bytes_per_s: float) -> Jobs:
    """The jobs with the time to write their state at a bandwidth.

    Raises:
        InputError: the log says the state of no job.
    """
    if jobs.state_bytes is None:
        raise InputError("a bandwidth of checkpoints needs a column state_bytes or params in the log of jobs")
    return replace(jobs, ckpt_write_s=jobs.state_bytes / bytes_per_s)


def estimates(jobs: Jobs, known: Shortest, seed: int) -> Floats:
    """Guessed durations, seconds; 0 = no history.

    Raises:
        InputError: a guess by user, of a log without users.
    """
    if known.by == "duration":
        guess = jobs.duration_s.astype(float)
    elif known.by == "limit":
        guess = jobs.limit_s.astype(float)
    else:
        guess = _means(jobs, _groups(jobs, known.by), known.last)
    noise = stream(seed, "estimates").standard_normal(len(jobs)) if known.sigma else np.zeros(len(jobs))
    result: Floats = guess * np.exp(known.sigma * noise)
    return result


def _groups(jobs: Jobs, by: str) -> Ints:
    """The group of each job, numbered from 0."""
    if by.startswith("user") and not jobs.users_known and len(jobs.users) < 2:
        raise InputError("durations by user need a log with users; guess by pool, or by the limit")
    group = jobs.user if by.startswith("user") else jobs.pool
    width = jobs.gpus if by.endswith("-gpus") else np.zeros(len(jobs), np.int64)
    result: Ints = np.unique(np.stack([group, width]), axis=1, return_inverse=True)[1].reshape(-1)
    return result


def _means(jobs: Jobs, group: Ints, last: int) -> Floats:
    """Mean duration of the last jobs of the group that had ended, in the log, when each job was submitted."""
    waited = 0 if jobs.recorded_wait_s is None else np.maximum(jobs.recorded_wait_s, 0)
    end = jobs.submit_s + waited + jobs.duration_s
    guess = np.zeros(len(jobs))
    for one in range(int(group.max(initial=-1)) + 1):
        rows = np.flatnonzero(group == one)
        past = rows[np.argsort(end[rows], kind="stable")]
        total = np.concatenate([[0], np.cumsum(jobs.duration_s[past])])
        ended = np.searchsorted(end[past], jobs.submit_s[rows], side="right")
        first = np.maximum(ended - last, 0)
        guess[rows] = (total[ended] - total[first]) / np.maximum(ended - first, 1)
    return guess


def strict(policy: Scheduler) -> bool:
    """True if the first job that does not fit stops the queue."""
    return policy.discipline == "strict"


def order(jobs: Jobs, policy: Scheduler, seed: int) -> Ints:
    """Rows in the order of the policy: by (key, submit, row)."""
    result: Ints = np.argsort(keys(jobs, policy, seed), kind="stable")
    return result


def keys(jobs: Jobs, policy: Scheduler, seed: int) -> Floats:
    """By job; the smallest goes first, then the first row."""
    if isinstance(policy, Shortest):
        served = jobs.gpus * jobs.gpu_milli if policy.ranks_by == "service" else 1
        return estimates(jobs, policy, seed) * served
    if policy.ranks_by == "deadline":
        return np.where(jobs.deadline_s == NONE, np.inf, jobs.deadline_s)
    if policy.ranks_by == "priority":
        return -jobs.priority.astype(float)
    return np.zeros(len(jobs))
