"""Failures, checkpoints and dependencies: what holds whatever the policy."""

from dataclasses import replace

import numpy as np
import pytest
from naive_scheduler import simulate
from support import placed_jobs
from support.jobs_of import jobs_of
from test_jobs_naive import as_dicts, workload

from simcost.errors import InputError
from simcost.perf.checkpoints import daly_time, young
from simcost.plan.failures import Checkpoints, ClusterFailures, Weibull
from simcost.plan.scheduling import (
    ConservativeBackfill,
    Consolidate,
    EasyBackfill,
    Elastic,
    FairShare,
    Fgd,
    FifoSkip,
    FifoStrict,
    Las,
    PriorityBackfill,
    PriorityPreemptive,
    Quota,
    Quotas,
    Rigid,
    SjfSkip,
    Srtf,
)
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.simulate import schedule
from simcost.sim.jobs.simulate_on_nodes import schedule_on_nodes
from simcost.trace.jobs.jobs import Jobs

pytestmark = pytest.mark.slow

QUOTAS = Quotas(queues={"a": Quota(nominal=20), "b": Quota(nominal=12)})
POLICIES: tuple[Rigid, ...] = (
    FifoStrict(),
    FifoSkip(),
    SjfSkip(),
    EasyBackfill(),
    PriorityBackfill(),
    ConservativeBackfill(),
    FairShare(),
    Srtf(),
    Las(thresholds=(9000.0, 40000.0)),
    PriorityPreemptive(),
    QUOTAS,
)
OFTEN = ClusterFailures(per_node_day=2.0, size_independent_per_day=1.0, repair=1800)
SAVED = Checkpoints(interval=1800, write=60, restart=300)


def some(seed: int, count: int = 300) -> Jobs:
    rng = np.random.default_rng(seed)
    gpus = rng.choice([1, 1, 2, 4, 8, 16], count)
    duration = rng.lognormal(8.5, 1.2, count).astype(int) + 1
    submit = np.sort(rng.integers(0, int(gpus @ duration / 32 / 0.8), count))
    return jobs_of(
        submit - submit[0],
        duration,
        gpus,
        limit_s=duration * rng.integers(1, 4, count),
        pool=rng.integers(0, 2, count),
        pools=("a", "b"),
        priority=rng.integers(0, 3, count),
        user=rng.integers(0, 3, count),
        users=("x", "y", "z"),
    )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.kind)
@pytest.mark.parametrize("placed", [False, True])
def test_work_done_and_lost_is_work_run(policy: Rigid, *, placed: bool) -> None:
    jobs, more = some(1), {"failures": OFTEN, "checkpoints": SAVED, "seed": 3}
    if placed:
        ledger = schedule_on_nodes(jobs, placed_jobs.nodes_of(8, 8, 8, 8), policy, Consolidate(), **more)
    else:
        ledger = schedule(jobs, 32, policy, **more)
    out = ledger.outcomes
    assert out.failures is not None
    assert out.failures.sum() > 50
    held = out.end_s - out.start_s - out.resumed_wait_s
    assert np.array_equal(held, jobs.duration_s + out.lost_s + out.checkpoint_s + out.restart_s)
    assert ledger.gpu_seconds["useful"] == pytest.approx(jobs.gpu_seconds, rel=1e-12)
    for bucket, seconds in (
        ("lost", out.lost_s),
        ("checkpoint", out.checkpoint_s),
        ("restart", out.restart_s),
    ):
        assert ledger.gpu_seconds[bucket] == pytest.approx(np.dot(seconds, jobs.gpus), rel=1e-12)
    check_job_ledger(ledger)
    assert sum(ledger.gpu_seconds.values()) == pytest.approx(32 * ledger.horizon_s, rel=1e-9)
    assert (ledger.gpu_seconds["down"] > 0) == placed
    assert (out.lost_s[(out.failures == 0) & (out.preemptions == 0)] == 0).all()


@pytest.mark.parametrize("placed", [False, True])
def test_a_gang_takes_as_long_as_daly_says(*, placed: bool) -> None:
    """The reference case: mean time between failures 3.09 h, writing 2 min, restart 5 min, Young's interval."""
    count, mtbf_s = 400, 3.09 * 3600
    interval = round(young(120, mtbf_s))
    jobs = jobs_of(np.zeros(count), np.full(count, 60 * interval), np.full(count, 16))
    failures = ClusterFailures(per_node_day=86400 / mtbf_s / 2, intervals="young")
    saved = Checkpoints(interval=9.0, write=120, restart=300)
    if placed:
        nodes = placed_jobs.nodes_of(*[8] * (2 * count))
        out = schedule_on_nodes(jobs, nodes, FifoSkip(), Consolidate(), failures=failures, checkpoints=saved).outcomes
    else:
        out = schedule(jobs, 16 * count, FifoSkip(), failures=failures, checkpoints=saved).outcomes
    expected = daly_time(60.0 * interval, interval, 120, 300, mtbf_s) - 120  # the last is not written
    assert out.jct_s.mean() == pytest.approx(expected, rel=0.01)
    rate = out.failures.sum() / out.jct_s.sum()
    assert rate == pytest.approx(1 / mtbf_s, rel=0.03)


def test_what_fails_seldom_is_as_what_never_fails() -> None:
    jobs = some(2)
    never = ClusterFailures(per_node_day=0.0)
    for policy in POLICIES:
        plain = schedule(jobs, 32, policy).outcomes
        same = schedule(jobs, 32, policy, failures=never).outcomes
        assert np.array_equal(plain.end_s, same.end_s), policy.kind
        assert not same.failures.any()


def test_the_same_seed_fails_alike_under_every_policy() -> None:
    jobs = replace(some(3), submit_s=np.zeros(300, np.int64))
    first, again, other = (
        schedule(jobs, 9000, policy, failures=OFTEN, checkpoints=SAVED, seed=seed).outcomes
        for policy, seed in ((FifoSkip(), 1), (EasyBackfill(), 1), (FifoSkip(), 2))
    )
    assert np.array_equal(first.end_s, again.end_s)
    assert not np.array_equal(first.end_s, other.end_s)


def test_failures_that_cluster_leave_more_jobs_alone() -> None:
    jobs = jobs_of(np.zeros(2000), np.full(2000, 40_000), np.full(2000, 1))
    even, clustered = (
        schedule(jobs, 2000, FifoSkip(), failures=one).outcomes
        for one in (
            ClusterFailures(per_node_day=1.0),
            ClusterFailures(per_node_day=1.0, model=Weibull(shape=0.5)),
        )
    )
    assert (even.failures > 0).mean() == pytest.approx(1 - np.exp(-40_000 / 86_400), abs=0.03)
    assert (clustered.failures > 0).mean() > (even.failures > 0).mean()  # many die young
    assert even.lost_s.sum() == pytest.approx((even.jct_s - 40_000).sum())  # no checkpoint: all is lost


def test_a_broken_node_takes_its_gangs_along_and_is_away() -> None:
    """One gang on two nodes; a node that breaks stops it whole, and it waits until the node is back."""
    jobs = jobs_of([0], [500_000], [16])
    often = ClusterFailures(per_node_day=1.0, repair=3600)
    ledger = schedule_on_nodes(
        jobs,
        placed_jobs.nodes_of(8, 8),
        FifoSkip(),
        Fgd(),
        failures=often,
        checkpoints=SAVED,
        keep_timeline=True,
    )
    out, state = ledger.outcomes, ledger.timeline
    assert out.failures[0] > 3
    assert set(state["allocated"].to_pylist()) == {0, 16}
    assert out.resumed_wait_s[0] >= 3600 * out.failures[0]
    assert ledger.gpu_seconds["down"] >= 3600 * 8 * out.failures[0]


@pytest.mark.parametrize("policy", [FifoStrict(), FifoSkip(), SjfSkip(), EasyBackfill()], ids=lambda one: one.kind)
def test_dependencies_as_the_plain_words_say(policy: Rigid) -> None:
    rng = np.random.default_rng(7)
    for case in range(150):
        jobs, capacity = workload(rng)
        order = rng.permutation(len(jobs))
        before = [tuple(order[:at][rng.random(at) < 0.15].tolist()) for at in range(len(jobs))]
        after = np.empty(len(jobs), object)
        rows = as_dicts(jobs)
        for at, row in enumerate(order.tolist()):
            after[row] = tuple(str(one) for one in before[at])
            rows[row]["after"] = before[at]
        jobs = replace(jobs, after=after)
        found, expected = schedule(jobs, capacity, policy).outcomes, simulate(rows, capacity, policy)
        assert found.start_s.tolist() == [job["start"] for job in expected], case
        assert found.end_s.tolist() == [job["end"] for job in expected], case


@pytest.mark.parametrize("policy", [one for one in POLICIES if one is not QUOTAS], ids=lambda one: one.kind)
def test_nobody_starts_before_those_it_waits_for_have_ended(policy: Rigid) -> None:
    jobs = some(4)
    after = np.empty(len(jobs), object)
    after[:] = [tuple(str(one) for one in (row - 7, row // 2) if 0 <= one < row) for row in range(len(jobs))]
    jobs = replace(jobs, after=after)
    for ledger in (
        schedule(jobs, 32, policy),
        schedule_on_nodes(jobs, placed_jobs.nodes_of(*[8] * 4), policy, Consolidate()),
    ):
        start, end = ledger.outcomes.start_s, ledger.outcomes.end_s
        assert (end > 0).all()
        for row, names in enumerate(after):
            assert all(start[row] >= end[int(name)] for name in names)


@pytest.mark.parametrize("gpus", [24, 100_000])
def test_a_job_waits_for_gpus_from_the_end_of_those_it_follows(gpus: int) -> None:
    """Little's law: the jobs in the queue over time are the waits of all; with GPUs for all, none waits at all."""
    jobs = some(4)
    after = np.empty(len(jobs), object)
    after[:] = [tuple(str(one) for one in (row - 7, row // 2) if 0 <= one < row) for row in range(len(jobs))]
    ledger = schedule(replace(jobs, after=after), gpus, FifoSkip(), keep_timeline=True)
    waits, out, state = ledger.waits_s(), ledger.outcomes, ledger.timeline
    length = np.diff(np.append(state["t_s"].to_numpy(), ledger.horizon_s))
    assert waits.sum() == pytest.approx(float(state["waiting_jobs"].to_numpy() @ length))
    assert out.wait_s.tolist() == waits.tolist()
    for row, names in enumerate(after):
        assert out.queued_s[row] == max([out.submit_s[row], *(out.end_s[int(name)] for name in names)])
    assert waits.any() == (gpus < 100_000)


def test_a_job_whose_predecessor_runs_at_the_end_has_not_waited() -> None:
    after = np.array([(), ("0",)], object)
    jobs = replace(jobs_of([0, 10], [100, 5], [1, 1]), after=after)
    ledger = schedule(jobs, 4, FifoSkip(), horizon_s=50.0)
    assert ledger.outcomes.queued_s.tolist() == [0, np.inf]
    assert ledger.waits_s().tolist() == [0, 0]


def test_who_waits_for_a_rejected_job_is_rejected() -> None:
    after = np.array([(), ("0",), ("1",), ()], object)
    jobs = replace(jobs_of([0, 0, 0, 0], [5, 5, 5, 5], [9, 1, 1, 1]), after=after)
    assert schedule(jobs, 8, FifoStrict()).outcomes.rejected.tolist() == [True, True, True, False]
    nodes = placed_jobs.nodes_of(8)
    assert schedule_on_nodes(jobs, nodes, FifoStrict(), Fgd()).outcomes.rejected.tolist() == [
        True,
        True,
        True,
        False,
    ]


def test_dependencies_across_pools_are_refused() -> None:
    after = np.array([(), ("0",)], object)
    jobs = replace(jobs_of([0, 0], [5, 5], [1, 1], pool=[0, 1], pools=("a", "b")), after=after)
    with pytest.raises(InputError, match="job 1 of pool 'b' waits for job 0 of pool 'a'"):
        schedule(jobs, {"a": 4, "b": 4}, FifoStrict())
    assert schedule(jobs, 4, FifoStrict()).outcomes.start_s.tolist() == [0, 5]


def test_elastic_jobs_neither_fail_nor_wait_for_others() -> None:
    jobs = jobs_of([0], [5], [1])
    with pytest.raises(InputError, match="elastic runs on GPU counts, without checkpoints, failures and dependencies"):
        schedule(jobs, 4, Elastic(), failures=OFTEN)
