"""Closed forms and laws of queues, for jobs on GPU counts."""

from dataclasses import replace
from math import factorial

import numpy as np
import pytest
from support.jobs_of import jobs_of

from simcost.plan.scheduling import (
    ConservativeBackfill,
    EasyBackfill,
    FairShare,
    FifoSkip,
    FifoStrict,
    PriorityPreemptive,
    Scheduler,
    SjfStrict,
    Srtf,
)
from simcost.sim.jobs.disruptions import Disruptions
from simcost.sim.jobs.engine.setup import on_counts, run_general
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import Jobs

pytestmark = pytest.mark.slow

MEAN_S = 1_000_000
"""So long that whole seconds make no difference."""


def single_width(servers: int, load: float, count: int, *, deterministic: bool = False) -> Jobs:
    """Poisson arrivals of jobs of one GPU, exponential or constant in length."""
    rng = np.random.default_rng(11)
    submit = np.cumsum(rng.exponential(MEAN_S / load / servers, count)).astype(np.int64)
    duration = np.full(count, MEAN_S) if deterministic else np.ceil(rng.exponential(MEAN_S, count))
    return jobs_of(submit - submit[0], duration, np.ones(count))


def mean_wait(jobs: Jobs, gpus: int, policy: Scheduler) -> float:
    """In mean durations."""
    return float(schedule(jobs, gpus, policy).outcomes.wait_s.mean() / MEAN_S)


def erlang_c(servers: int, load: float) -> float:
    """Probability of waiting in M/M/c."""
    offered = servers * load
    blocked = offered**servers / factorial(servers) / (1 - load)
    return blocked / (sum(offered**k / factorial(k) for k in range(servers)) + blocked)


@pytest.mark.parametrize(
    ("servers", "load", "wait", "waits"),
    [
        (1, 0.8, 4.0, 0.8),
        (4, 0.8, 0.745541, 0.596432),
        (8, 0.9, 0.876916, 0.701533),
        (64, 0.9, 0.048541, 0.310663),
    ],
)
def test_mmc_waits(servers: int, load: float, wait: float, waits: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(waits, abs=1e-6)
    assert waits / (servers * (1 - load)) == pytest.approx(wait, abs=1e-6)
    outcomes = schedule(single_width(servers, load, 200_000), servers, FifoStrict()).outcomes
    assert outcomes.wait_s.mean() / MEAN_S == pytest.approx(wait, rel=0.05)
    assert (outcomes.wait_s > 0).mean() == pytest.approx(waits, rel=0.05)


def test_constant_lengths_halve_the_wait() -> None:
    """M/D/1: rho / (2 (1 - rho))."""
    assert mean_wait(single_width(1, 0.8, 200_000, deterministic=True), 1, FifoStrict()) == pytest.approx(2.0, rel=0.03)


def test_shortest_first_and_shortest_remaining_first() -> None:
    """M/M/1 at 0.8: mean wait 1.88222 without preemption, mean response 2.35277 with it."""
    jobs = single_width(1, 0.8, 200_000)
    assert mean_wait(jobs, 1, SjfStrict()) == pytest.approx(1.88222, rel=0.03)
    jct_s = schedule(jobs, 1, Srtf(overhead=False)).outcomes.jct_s
    assert jct_s.mean() / MEAN_S == pytest.approx(2.35277, rel=0.03)


def gangs(seed: int, count: int = 3000) -> Jobs:
    rng = np.random.default_rng(seed)
    gpus = 2 ** rng.integers(0, 6, count)
    duration = np.ceil(rng.lognormal(6, 1.5, count)).astype(np.int64)
    submit = np.sort(rng.integers(0, int(np.dot(gpus, duration) / 64 / 0.9), count))
    limit = np.ceil(duration * rng.uniform(1, 5, count)).astype(np.int64)
    return jobs_of(submit - submit[0], duration, gpus, limit_s=limit, priority=rng.integers(0, 3, count))


@pytest.mark.parametrize(
    "policy",
    [FifoStrict(), FifoSkip(), EasyBackfill(), ConservativeBackfill(), FairShare()],
    ids=lambda one: one.kind,
)
def test_littles_law_is_an_identity(policy: Scheduler) -> None:
    """The integral of the number waiting is the sum of the waits; that of GPUs allocated the sum of the work."""
    jobs = gangs(1)
    ledger = schedule(jobs, 64, policy, keep_timeline=True)
    t, waiting, allocated = (ledger.timeline[name].to_numpy() for name in ("t_s", "waiting_jobs", "allocated"))
    span = np.diff(t)
    assert np.dot(waiting[:-1], span) == ledger.outcomes.wait_s.sum()
    assert np.dot(allocated[:-1], span) == jobs.gpu_seconds
    assert waiting[-1] == allocated[-1] == 0


def test_waits_of_preempted_jobs_obey_littles_law_too() -> None:
    for policy in (Srtf(), PriorityPreemptive(checkpoint_interval=100)):
        ledger = schedule(gangs(2), 64, policy, keep_timeline=True)
        out, t = ledger.outcomes, ledger.timeline["t_s"].to_numpy()
        waited = np.dot(ledger.timeline["waiting_jobs"].to_numpy()[:-1], np.diff(t))
        assert out.preemptions.sum() > 100
        assert out.resumed_wait_s is not None
        assert waited == pytest.approx(out.wait_s.sum() + out.resumed_wait_s.sum(), rel=1e-12)
        held = out.jct_s - (out.start_s - out.submit_s) - out.resumed_wait_s
        assert held == pytest.approx(gangs(2).duration_s + out.lost_s + out.restart_s, rel=1e-12)


def test_nobody_starves_under_strict_fifo() -> None:
    start_s = schedule(gangs(3), 64, FifoStrict()).outcomes.start_s
    assert (np.diff(start_s) >= 0).all()


def test_equal_widths_never_need_skipping() -> None:
    jobs = gangs(4)
    equal = jobs_of(jobs.submit_s, jobs.duration_s, np.full(len(jobs), 3))
    strict, skip = (schedule(equal, 7, policy).outcomes.start_s for policy in (FifoStrict(), FifoSkip()))
    assert np.array_equal(strict, skip)


def test_nobody_starts_after_the_first_reservation_of_conservative_backfill() -> None:
    jobs = gangs(5)
    for limit, moved in ((jobs.limit_s, 500), (jobs.duration_s, 0)):
        one = replace(jobs, limit_s=limit)
        flow, _ = run_general(one, on_counts(one, 64), ConservativeBackfill(), Disruptions(), np.inf)
        start, promised = flow.jobs["start"], flow.jobs["promised"]
        assert (start <= promised).all()
        assert (start < promised).sum() >= moved
    assert np.array_equal(start, promised)


def test_easy_never_delays_the_reservation_of_the_head() -> None:
    """When a job becomes the head and is blocked, the releases by the limits say when it starts at the latest."""
    jobs = gangs(6, 600)
    start = schedule(jobs, 64, EasyBackfill()).outcomes.start_s
    checked = 0
    for row in range(1, len(jobs)):
        head_since = max(start[:row].max(), jobs.submit_s[row])  # all before it have started
        if start[row] <= head_since:
            continue
        before = (start <= head_since) & (start + jobs.duration_s > head_since) & (np.arange(len(jobs)) < row)
        others = (start < head_since) & (start + jobs.duration_s > head_since) & (np.arange(len(jobs)) > row)
        running = np.flatnonzero(before | others)
        ends = sorted((start[i] + jobs.limit_s[i], jobs.gpus[i]) for i in running)
        free, shadow = 64 - jobs.gpus[running].sum(), head_since
        for end, gpus in ends:
            if free >= jobs.gpus[row]:
                break
            free, shadow = free + gpus, end
        assert start[row] <= shadow
        checked += 1
    assert checked > 100
