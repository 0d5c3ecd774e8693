"""The compiled schedulers against their plain retelling, on thousands of small workloads."""

from typing import Any

import numpy as np
import pytest
from naive_scheduler import simulate
from support.jobs_of import jobs_of

from simcost.plan.scheduling import (
    ConservativeBackfill,
    DeadlineAware,
    EasyBackfill,
    Elastic,
    FairShare,
    FifoSkip,
    FifoStrict,
    Las,
    PriorityBackfill,
    PriorityPreemptive,
    Quota,
    Quotas,
    Scheduler,
    SjfSkip,
    SjfStrict,
    Srtf,
    SsfSkip,
    SsfStrict,
)
from simcost.scenario.storage.laws import check_job_ledger
from simcost.sim.jobs.engine.setup import most_of
from simcost.sim.jobs.simulate import schedule
from simcost.trace.jobs.jobs import Jobs

pytestmark = pytest.mark.slow

QUEUES = (
    {"a": Quota(nominal=3), "b": Quota(nominal=4)},
    {"a": Quota(nominal=4, borrowing_limit=2), "b": Quota(nominal=3, lending_limit=1)},
    {"a": Quota(nominal=2, borrowing_limit=0, lending_limit=0), "b": Quota(nominal=5, borrowing_limit=3)},
)
POLICIES: tuple[tuple[Scheduler, int], ...] = (
    (FifoStrict(), 400),
    (FifoSkip(), 400),
    (SjfStrict(), 300),
    (SjfSkip(by="limit"), 300),
    (SsfStrict(by="limit"), 200),
    (SsfSkip(), 200),
    (EasyBackfill(), 600),
    (EasyBackfill(shadow_ties="all"), 300),
    (PriorityBackfill(), 400),
    (ConservativeBackfill(), 500),
    (Srtf(overhead=False), 400),
    (Srtf(), 150),
    (Srtf(helios_extra_second=True, overhead=False), 300),
    (Las(thresholds=(2, 5, 11), overhead=False), 400),
    (Las(thresholds=(4, 30)), 150),
    (Quotas(queues=QUEUES[0], checkpoint_interval=3, restart=2), 300),
    (Quotas(queues=QUEUES[1], within="lower-priority", checkpoint_interval=3, restart=2), 300),
    (Quotas(queues=QUEUES[2], reclaim="lower-priority", checkpoint_interval=3, restart=2), 300),
    (Quotas(queues=QUEUES[1], strict=True, reclaim="never"), 200),
    (Quotas(queues=QUEUES[0], within="lower-or-newer-equal-priority", checkpoint_interval=3, restart=2), 200),
    (Quotas(queues=QUEUES[0], borrow="lower-priority", checkpoint_interval=3, restart=2), 300),
    (
        Quotas(
            queues=QUEUES[1],
            within="lower-priority",
            borrow="lower-priority",
            borrow_threshold=0,
            checkpoint_interval=3,
            restart=2,
        ),
        300,
    ),
    (PriorityPreemptive(checkpoint_interval=3, restart=2), 600),
    (DeadlineAware(), 300),
    (FairShare(half_life=10, max_age=30, weight_size=500), 300),
    (Elastic(interval=5, pause=2, scaling=0.7), 200),
    (Elastic(interval=4.1, pause=0, scaling=1), 200),
)


def workload(rng: np.random.Generator) -> tuple[Jobs, int]:
    """Up to 12 jobs on up to 8 GPUs, many of them at the same instants."""
    count, capacity = int(rng.integers(1, 13)), int(rng.integers(1, 9))
    submit = np.sort(rng.integers(0, rng.choice([1, 8, 30]), count))
    submit -= submit[0]
    duration, gpus = rng.integers(1, 12, count), rng.integers(1, capacity + 1, count)
    deadline = np.where(rng.random(count) < 0.3, -1, submit + rng.integers(1, 40, count))
    jobs = jobs_of(
        submit,
        duration,
        gpus,
        limit_s=duration + rng.integers(0, 6, count) * rng.integers(0, 2),
        priority=rng.integers(0, 3, count),
        preemptible=rng.random(count) < 0.8,
        user=rng.integers(0, 3, count),
        users=("a", "b", "c"),
        pool=rng.integers(0, 2, count),
        pools=("a", "b"),
        deadline_s=deadline,
        min_gpus=np.maximum(gpus // 2, 1),
        max_gpus=gpus + rng.integers(0, 4, count),
    )
    return jobs, capacity


def as_dicts(jobs: Jobs) -> list[dict[str, Any]]:
    names = {"submit": "submit_s", "duration": "duration_s", "limit": "limit_s", "deadline": "deadline_s"}
    names |= {name: name for name in ("gpus", "priority", "preemptible", "user", "min_gpus", "max_gpus", "pool")}
    columns = {key: getattr(jobs, name).tolist() for key, name in names.items()}
    return [{key: column[row] for key, column in columns.items()} for row in range(len(jobs))]


@pytest.mark.parametrize(("policy", "count"), POLICIES, ids=lambda one: getattr(one, "kind", ""))
def test_the_kernel_does_what_the_plain_words_say(policy: Scheduler, count: int) -> None:
    rng = np.random.default_rng(20)
    for case in range(count):
        jobs, capacity = workload(rng)
        if isinstance(policy, Quotas):
            capacity = 7
            jobs = jobs[jobs.gpus <= most_of(jobs, policy)]
        ledger = schedule(jobs, capacity, policy)
        expected = simulate(as_dicts(jobs), capacity, policy)
        note = f"case {case}: {as_dicts(jobs)} on {capacity}"
        assert ledger.outcomes.start_s.tolist() == pytest.approx([job["start"] for job in expected]), note
        assert ledger.outcomes.end_s.tolist() == pytest.approx([job["end"] for job in expected]), note
        if policy.kind in {"srtf", "las", "quotas", "priority-preemptive"}:
            assert ledger.outcomes.preemptions.tolist() == [job["stops"] for job in expected], note
            assert ledger.outcomes.lost_s.tolist() == [job.get("lost", 0) for job in expected], note
        else:
            assert not ledger.outcomes.preemptions.any()
        check_job_ledger(ledger)
        assert sum(ledger.gpu_seconds.values()) == pytest.approx(capacity * ledger.horizon_s, rel=1e-9)
        if policy.kind != "elastic":
            assert ledger.gpu_seconds["useful"] == pytest.approx(jobs.gpu_seconds, rel=1e-9), note


@pytest.mark.parametrize(
    ("borrow", "threshold", "start"),
    [("never", None, 100), ("lower-priority", None, 10), ("lower-priority", -1, 100)],
)
def test_a_job_wider_than_its_quota_stops_others_only_with_leave(
    borrow: Any, threshold: int | None, start: int
) -> None:
    """Kueue's borrowWithinCohort and its maxPriorityThreshold."""
    queues = {"x": Quota(nominal=2), "y": Quota(nominal=2)}
    policy = Quotas(queues=queues, borrow=borrow, borrow_threshold=threshold)
    jobs = jobs_of(
        np.array([0, 10]),
        np.array([100, 50]),
        np.array([4, 4]),
        priority=np.array([0, 1]),
        pool=np.array([0, 1]),
        pools=("x", "y"),
    )
    assert schedule(jobs, 4, policy).outcomes.start_s.tolist() == [0, start]
