"""Golden schedules on GPU counts; the accounts; what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.jobs_of import jobs_of, philly

from simcost.errors import InputError
from simcost.plan.scheduling import (
    ConservativeBackfill,
    DeadlineAware,
    EasyBackfill,
    Elastic,
    EstimateError,
    FairShare,
    FifoSkip,
    FifoStrict,
    Las,
    PriorityBackfill,
    PriorityPreemptive,
    Scheduler,
    SjfSkip,
    SjfStrict,
    Srtf,
    SsfSkip,
    SsfStrict,
)
from simcost.sim.jobs.disruptions import Disruptions
from simcost.sim.jobs.document import after_last_submission, replay_document
from simcost.sim.jobs.engine.setup import on_counts, run_general
from simcost.sim.jobs.estimates import estimates, with_limits
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import NONE, Jobs

pytestmark = pytest.mark.slow

EVERY: tuple[Scheduler, ...] = (
    FifoStrict(),
    FifoSkip(),
    SjfStrict(),
    SjfSkip(),
    SsfStrict(),
    SsfSkip(),
    EasyBackfill(),
    PriorityBackfill(),
    ConservativeBackfill(),
    Srtf(),
    Las(),
    PriorityPreemptive(),
    FairShare(),
    DeadlineAware(),
    Elastic(),
)


@pytest.fixture(scope="module")
def fortnight(shared: Path) -> Jobs:
    return philly(shared)


def seven() -> Jobs:
    return jobs_of([0, 1, 1, 2, 3, 5, 6], [8, 5, 8, 8, 9, 8, 6], [4, 2, 3, 2, 1, 2, 1])


@pytest.mark.parametrize(
    ("policy", "start_s", "mean_wait_s"),
    [
        (FifoStrict(), [0, 8, 13, 21, 21, 29, 29], 14.714),
        (FifoSkip(), [0, 8, 24, 8, 13, 16, 13], 9.143),
        (SjfStrict(), [0, 8, 13, 21, 29, 21, 8], 11.714),
        (SjfSkip(), [0, 8, 25, 13, 8, 17, 8], 8.714),
        (EasyBackfill(), [0, 8, 13, 21, 8, 23, 17], 10.286),
        (ConservativeBackfill(), [0, 8, 13, 21, 8, 21, 29], 11.714),
        (Srtf(overhead=False), [0, 1, 25, 2, 6, 10, 6], None),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_seven_jobs_on_four_gpus(policy: Scheduler, start_s: list[int], mean_wait_s: float | None) -> None:
    outcomes = schedule(seven(), 4, policy).outcomes
    assert outcomes.start_s.tolist() == start_s
    if mean_wait_s:
        assert outcomes.wait_s.mean() == pytest.approx(mean_wait_s, abs=5e-4)
        assert (outcomes.end_s - outcomes.start_s == seven().duration_s).all()


def test_shortest_remaining_time_of_seven_jobs() -> None:
    outcomes = schedule(seven(), 4, Srtf(overhead=False)).outcomes
    assert outcomes.end_s.tolist() == [25, 6, 33, 10, 15, 18, 12]
    assert outcomes.jct_s.mean() == pytest.approx(14.429, abs=5e-4)


def test_a_preempted_job_loses_work_since_its_checkpoint_and_pays_a_restart() -> None:
    jobs = jobs_of([0, 3], [10, 2], [4, 2], priority=[0, 1])
    ledger = schedule(jobs, 4, PriorityPreemptive(checkpoint_interval=2, restart=1), keep_timeline=True)
    assert ledger.outcomes.start_s.tolist() == [0, 3]
    assert ledger.outcomes.end_s.tolist() == [14, 5]
    assert ledger.outcomes.preemptions.tolist() == [1, 0]
    assert ledger.outcomes.resumed_wait_s.tolist() == [2, 0]
    used = {name: seconds for name, seconds in ledger.gpu_seconds.items() if seconds}
    assert used == {"useful": 44, "lost": 4, "restart": 4, "idle_blocked": 4}
    assert ledger.timeline.to_pydict() == {
        "t_s": [0, 3, 5, 14],
        "allocated": [4, 2, 4, 0],
        "waiting_jobs": [0, 1, 0, 0],
        "waiting_gpus": [0, 4, 0, 0],
    }


@pytest.mark.parametrize(
    ("gpus", "policy", "wait_s", "jct_s", "p50", "p99", "most", "slowdown", "makespan_s"),
    [
        (400, FifoStrict(), 181_921.252, 190_824.598, 210_056, 365_544.68, 374_925, 485.540, 3_425_759),
        (400, FifoSkip(), 52_438.549, 61_341.894, 23_458.5, 218_249.71, 1_090_310, 179.590, 3_218_263),
        (500, FifoStrict(), 44_926.625, 53_829.971, 35_583, 109_041.01, 111_772, 117.144, 3_178_166),
        (500, FifoSkip(), 27_091.688, 35_995.034, 18_586, 105_565.76, 221_510, 73.844, 3_138_519),
        (700, FifoStrict(), 1_361.987, 10_265.332, 0, 25_639.68, 35_157, 3.591, 3_073_988),
        (700, FifoSkip(), 1_346.094, 10_249.440, 0, 25_647.70, 35_157, 3.605, 3_074_740),
    ],
)
def test_two_weeks_of_philly_in_one_pool(
    fortnight: Jobs,
    gpus: int,
    policy: Scheduler,
    wait_s: float,
    jct_s: float,
    p50: float,
    p99: float,
    most: float,
    slowdown: float,
    makespan_s: float,
) -> None:
    found = replay_document(fortnight, schedule(fortnight, gpus, policy), policy)
    wait = found["wait_s"]
    assert [round(wait["mean"], 3), round(found["jct_s"]["mean"], 3)] == [wait_s, jct_s]
    assert [wait["p50"], round(wait["p99"], 2), wait["max"]] == [p50, p99, most]
    assert [round(found["bounded_slowdown"], 3), found["makespan_s"]] == [slowdown, makespan_s]
    assert found["gpu_hours"]["useful"] == pytest.approx(174_470.635, abs=5e-4)
    assert found["utilisation"] == pytest.approx(174_470.635 * 3600 / gpus / makespan_s, rel=1e-6)


@pytest.mark.parametrize("policy", EVERY, ids=lambda one: one.kind)
@pytest.mark.parametrize("horizon_s", [None, 400_000.7])
def test_every_gpu_second_lies_in_one_bucket(fortnight: Jobs, policy: Scheduler, horizon_s: float | None) -> None:
    rng = np.random.default_rng(3)
    jobs = fortnight[:6000]
    jobs = jobs_of(
        jobs.submit_s,
        jobs.duration_s,
        jobs.gpus,
        priority=rng.integers(0, 4, len(jobs)),
        user=rng.integers(0, 9, len(jobs)),
        users=tuple("abcdefghi"),
        min_gpus=np.maximum(jobs.gpus // 2, 1),
        max_gpus=jobs.gpus * 2,
        pool=rng.integers(0, 2, len(jobs)),
        pools=("a", "b"),
    )
    ledger = schedule(jobs, {"a": 150, "b": 130, "c": 5}, policy, horizon_s=horizon_s, keep_timeline=True)
    assert sum(ledger.gpu_seconds.values()) == pytest.approx(285 * ledger.horizon_s, rel=1e-9)
    assert all(seconds >= 0 for seconds in ledger.gpu_seconds.values())
    assert int(ledger.timeline["allocated"].to_numpy().max()) <= 280
    out = ledger.outcomes
    assert (out.start_s[out.start_s >= 0] >= out.submit_s[out.start_s >= 0]).all()
    assert out.end_s.max() <= ledger.horizon_s == ((horizon_s is None and out.end_s.max()) or 400_000)
    if horizon_s is None:
        assert (out.end_s > 0).all()
        if not isinstance(policy, Elastic):
            assert ledger.gpu_seconds["useful"] == pytest.approx(jobs.gpu_seconds, rel=1e-12)


def test_what_happens_before_the_horizon_does_not_depend_on_it(fortnight: Jobs) -> None:
    for policy in EVERY:
        whole, cut = (schedule(fortnight[:2000], 60, policy, horizon_s=h).outcomes for h in (None, 300_000))
        seen = np.where(whole.end_s <= 300_000, whole.end_s, -1)
        assert np.array_equal(seen, cut.end_s), policy.kind


def test_jobs_wider_than_their_pool_are_rejected_and_block_nobody() -> None:
    jobs = jobs_of([0, 0, 1], [5, 5, 5], [9, 2, 2], pools=("a", "b"), pool=[0, 0, 1])
    ledger = schedule(jobs, {"a": 4, "b": 1}, FifoStrict())
    assert ledger.outcomes.rejected.tolist() == [True, False, True]
    assert ledger.outcomes.start_s.tolist() == [-1, 0, -1]
    document = replay_document(jobs, ledger, FifoStrict())
    assert (document["rejected"], document["completed"]) == (2, 1)
    assert document["pools"]["b"]["wait_s"]["mean"] is None


def test_use_while_jobs_are_submitted_leaves_out_the_end_in_which_none_comes() -> None:
    """Two GPUs: 10 + 5 s of them up to the last submission after 10 s, 110 s of 200 up to the last end."""
    jobs = jobs_of([0, 5, 10], [100, 5, 5], [1, 1, 1])
    for policy in (FifoStrict(), EasyBackfill(), ConservativeBackfill(), Srtf()):
        document = replay_document(jobs, schedule(jobs, 2, policy), policy)
        assert document["utilisation_while_submitted"] == 15 / 20, policy.kind
        assert document["utilisation"] == 110 / 200
    [said] = after_last_submission(jobs)
    assert said["message"].startswith("jobs are submitted in the first 10 s, and run until 100 s on any cluster")
    assert after_last_submission(jobs_of([0, 100], [100, 10], [1, 1])) == []
    at_once = jobs_of([0, 0], [100, 10], [1, 1])
    assert (
        replay_document(at_once, schedule(at_once, 2, FifoStrict()), FifoStrict())["utilisation_while_submitted"]
        is None
    )


def test_waits_of_the_log_stand_beside_those_of_the_replay() -> None:
    jobs = jobs_of([0, 0, 0], [10, 10, 10], [1, 1, 1], recorded_wait_s=np.array([4, NONE, 8]))
    document = replay_document(jobs, schedule(jobs, 2, FifoStrict()), FifoStrict())
    assert document["recorded_wait_s"] == {"mean": 6.0, "p50": 6.0, "p95": 7.8, "p99": 7.96, "max": 8.0}
    plain = jobs_of([0], [10], [1])
    assert replay_document(plain, schedule(plain, 2, FifoStrict()), FifoStrict())["recorded_wait_s"] is None


def test_an_elastic_job_may_ask_for_more_than_there_is() -> None:
    ledger = schedule(jobs_of([0], [100], [8], min_gpus=[2], max_gpus=[8]), 4, Elastic(scaling=1))
    assert ledger.outcomes.end_s.tolist() == [200]


def test_cpu_only_jobs_take_no_gpus() -> None:
    for policy in EVERY:
        ledger = schedule(jobs_of([0, 0, 0], [10, 10, 10], [1, 0, 1]), 1, policy)
        assert ledger.outcomes.end_s[1] == 10, policy.kind
        assert sum(ledger.gpu_seconds.values()) == ledger.horizon_s


def test_no_jobs_at_all() -> None:
    for policy in EVERY:
        ledger = schedule(jobs_of([], [], []), 4, policy, keep_timeline=True)
        assert ledger.horizon_s == 0
        assert replay_document(jobs_of([], [], []), ledger, policy)["utilisation"] is None


def test_pools_without_gpus_are_refused() -> None:
    jobs = jobs_of([0], [1], [1], pools=("physics",))
    with pytest.raises(InputError, match=r"pool 'physics' of the jobs has no GPUs.*did you mean 'phisics'"):
        schedule(jobs, {"phisics": 4}, FifoStrict())
    with pytest.raises(InputError, match="pool 'physics': 0 GPUs; give at least 1"):
        schedule(jobs, {"physics": 0}, FifoStrict())
    with pytest.raises(InputError, match="the cluster: -1 GPUs"):
        schedule(jobs, -1, FifoStrict())


def test_helios_adds_a_second_to_each_job() -> None:
    jobs = jobs_of([0, 100], [10, 20], [1, 1])
    plain, helios = (schedule(jobs, 1, Srtf(helios_extra_second=extra)) for extra in (False, True))
    assert (helios.outcomes.jct_s - plain.outcomes.jct_s).tolist() == [1, 1]
    assert helios.gpu_seconds["restart"] == 2


def test_the_overhead_of_a_preemption_depends_on_the_width() -> None:
    for gpus, overhead_s in ((1, 7), (2, 30), (8, 30), (9, 60)):
        ledger = schedule(jobs_of([0, 10], [100, 5], [gpus, gpus]), gpus, Srtf())
        assert ledger.outcomes.end_s.tolist() == [105 + overhead_s, 15]
        assert ledger.gpu_seconds["restart"] == overhead_s * gpus


def test_usage_decays_by_half_in_a_half_life() -> None:
    """User 0 holds 2 GPUs over [0, 10], then nobody runs: usage at 10 is 2 h (1 - 2^(-10/h)) / ln 2."""
    jobs = jobs_of([0, 30], [10, 1], [2, 1], users=("a",))
    flow, _ = run_general(jobs, on_counts(jobs, 2), FairShare(half_life=20.0), Disruptions(), 30)
    used = 2 * 20 * (1 - 2**-0.5) / np.log(2)
    assert flow.groups["usage"][0] == pytest.approx(used * 0.5)


def test_who_has_used_less_goes_first() -> None:
    jobs = jobs_of([0, 1, 2, 3], [10, 10, 10, 10], [1, 1, 1, 1], user=[0, 0, 0, 1], users=("a", "b"))
    assert schedule(jobs, 1, FairShare(weight_age=0)).outcomes.start_s.tolist() == [0, 20, 30, 10]
    by_age = FairShare(weight_fair=0)
    assert schedule(jobs, 1, by_age).outcomes.start_s.tolist() == [0, 10, 20, 30]


def test_limits_with_an_error() -> None:
    jobs = jobs_of(np.zeros(4000), np.full(4000, 1000), np.ones(4000))
    assert (with_limits(jobs, EstimateError(), 1).limit_s == 1000).all()
    assert (with_limits(jobs, EstimateError(error=0.5), 1).limit_s == 1500).all()
    drawn = with_limits(jobs, EstimateError(error=9, sigma=0.5), 1).limit_s
    assert np.log(drawn / 1000).std() == pytest.approx(0.5, rel=0.05)
    assert np.median(drawn) == pytest.approx(10_000, rel=0.05)
    assert (with_limits(jobs, EstimateError(sigma=1), 1).limit_s >= 1000).all()
    assert np.array_equal(drawn, with_limits(jobs, EstimateError(error=9, sigma=0.5), 1).limit_s)


def test_deadlines_met_late_and_hopeless() -> None:
    jobs = jobs_of([0, 0, 0, 0], [10, 10, 10, 10], [1, 1, 1, 1], deadline_s=[5, 40, 10, -1])
    document = replay_document(jobs, schedule(jobs, 1, DeadlineAware()), DeadlineAware())
    expected: dict[str, Any] = {
        "jobs": 3,
        "met": 1,
        "missed_share": pytest.approx(2 / 3),
        "mean_tardiness_s": pytest.approx(5),
        "hopeless": 1,
    }
    assert document["deadlines"] == expected


def test_a_rejected_job_misses_its_deadline_whenever_it_is_due() -> None:
    jobs = jobs_of([0, 0], [10, 10], [1, 2], deadline_s=[40, 4000])
    deadlines = replay_document(jobs, schedule(jobs, 1, DeadlineAware()), DeadlineAware())["deadlines"]
    assert (deadlines["jobs"], deadlines["met"], deadlines["missed_share"]) == (2, 1, 0.5)


def test_shortest_first_by_the_limits_of_the_users() -> None:
    jobs = jobs_of([0, 0, 0], [10, 5, 6], [1, 1, 1], limit_s=[10, 20, 6])
    assert schedule(jobs, 1, SjfSkip(by="limit")).outcomes.start_s.tolist() == [6, 16, 0]
    assert schedule(jobs, 1, SjfSkip()).outcomes.start_s.tolist() == [11, 0, 5]


def test_the_smallest_service_goes_first() -> None:
    jobs = jobs_of([0, 0, 0], [10, 6, 4], [1, 2, 4])
    assert schedule(jobs, 4, SsfSkip()).outcomes.start_s.tolist() == [0, 0, 10]
    assert schedule(jobs, 4, SjfSkip()).outcomes.start_s.tolist() == [4, 4, 0]


def test_durations_guessed_from_the_past_of_a_user() -> None:
    """Of the last two jobs that had ended; the fourth is submitted before the third ends, the last has no past."""
    submit, duration = [0, 10, 30, 35, 60, 60], [10, 20, 10, 7, 5, 9]
    jobs = jobs_of(submit, duration, [1, 1, 2, 1, 1, 1], user=[0, 0, 0, 0, 0, 1], users=("a", "b"))
    by_user = estimates(jobs, SjfSkip(by="user", last=2), 0)
    assert by_user.tolist() == [0, 10, 15, 15, 8.5, 0]
    assert estimates(jobs, SjfSkip(by="user-gpus", last=9), 0).tolist() == [0, 10, 0, 15, 37 / 3, 0]
    assert estimates(jobs, SjfSkip(by="pool", last=2), 0).tolist() == [0, 10, 15, 15, 8.5, 8.5]
    with pytest.raises(InputError, match="durations by user need a log with users"):
        estimates(jobs_of([0], [1], [1]), SjfSkip(by="user"), 0)


def test_a_guess_with_an_error_is_log_normal_around_the_truth() -> None:
    jobs = jobs_of(np.zeros(4000), np.full(4000, 1000), np.ones(4000))
    drawn = estimates(jobs, SsfStrict(sigma=0.7), 1)
    assert np.log(drawn / 1000).std() == pytest.approx(0.7, rel=0.05)
    assert np.median(drawn) == pytest.approx(1000, rel=0.05)
    assert np.array_equal(drawn, estimates(jobs, SsfStrict(sigma=0.7), 1))
    assert not np.array_equal(drawn, estimates(jobs, SsfStrict(sigma=0.7), 2))
