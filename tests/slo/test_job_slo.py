"""Service levels of jobs on paper."""

from dataclasses import replace

import numpy as np
import pytest

from simcost.ledger.jobs import NEVER, JobLedger, JobOutcomes
from simcost.slo import Slo, assess_jobs


def ledger(*rows: tuple[float, float, float, bool], horizon_s: float = 100.0) -> JobLedger:
    """(submit, start, end, kept out) each."""
    submit, start, end, rejected = (np.array(column) for column in zip(*rows, strict=True))
    none, count = np.zeros(len(rows)), np.zeros(len(rows), np.int64)
    outcomes = JobOutcomes(
        submit_s=submit.astype(float),
        start_s=start.astype(float),
        end_s=end.astype(float),
        gpus=count + 1,
        preemptions=count + 2,
        lost_s=none,
        checkpoint_s=none,
        restart_s=none,
        held_gpu_s=none,
        rejected=rejected.astype(bool),
    )
    return JobLedger(horizon_s=horizon_s, gpus=4, outcomes=outcomes, gpu_seconds={})


def test_waits_and_completions() -> None:
    report = assess_jobs(ledger((0, 0, 10, False), (5, 10, 40, False), (20, 50, 90, False)), Slo())
    counts = {"submitted": 3, "completed": 3, "failed": 0, "in_system": 0, "preemptions": 6, "failures": 0}
    assert report.jobs == counts
    assert report.wait_s == {
        "mean": pytest.approx(35 / 3),
        "p50": 5,
        "p90": 25,
        "p95": pytest.approx(27.5),
        "p99": 29.5,
        "max": 30,
    }
    assert report.jct_s["mean"] == 115 / 3
    assert report.checks == ()
    assert report.deadlines_met is None


def test_what_is_not_done_counts_until_the_end_of_the_run() -> None:
    report = assess_jobs(ledger((0, 0, NEVER, False), (60, NEVER, NEVER, False)), Slo())
    assert report.jobs["in_system"] == 2
    assert (report.wait_s["max"], report.jct_s["max"]) == (40, 100)


def test_a_target_that_jobs_without_an_end_may_still_miss_is_undecided() -> None:
    """Twenty jobs, two of which run on at 100 s, 90 s after their submission. P90 lies between the 18th and the 19th,
    which may be any time from 90 s on; P50 is of jobs that ended; a P95 within 80 s is missed already."""
    jobs = [(10.0, 10.0, 20.0, False)] * 18 + [(10.0, 10.0, NEVER, False)] * 2
    slo = Slo(jct={"p50": 60.0, "p90": 95.0, "p95": 80.0, "mean": 60.0}, wait={"max": 0.0})
    report = assess_jobs(ledger(*jobs), slo)
    assert [check.name for check in report.checks if check.met] == [
        "wait_s max",
        "jct_s p50",
        "jct_s p90",
        "jct_s mean",
    ]
    assert report.undecided == ("jct_s p90", "jct_s mean")
    waits = assess_jobs(ledger(*jobs, (99.0, NEVER, NEVER, False)), Slo(wait={"p90": 5.0, "p99": 5.0}))
    assert waits.undecided == ("wait_s p99",)
    ended = [(10.0, 10.0, 20.0, False)] * 20
    assert assess_jobs(ledger(*ended), slo).undecided == ()


def test_a_target_on_waits_that_jobs_miss_after_they_were_stopped() -> None:
    """Jobs that start at once and are stopped for long keep any target on waits up to the first start."""
    run = ledger(*[(0.0, 1.0, 90.0, False)] * 4)
    stopped = replace(run, outcomes=replace(run.outcomes, resumed_wait_s=np.full(4, 60.0)))
    slo = Slo(wait={"p95": 10.0, "max": 100.0}, jct={"p50": 95.0})
    assert all(check.met for check in assess_jobs(stopped, slo).checks)
    assert [(check.name, check.measured) for check in assess_jobs(stopped, slo).after_stops] == [("wait_s p95", 61.0)]
    assert assess_jobs(run, slo).after_stops == ()


def test_jobs_kept_out_wait_for_ever_against_a_target_only() -> None:
    slo = Slo(wait={"p50": 1.0, "p95": 60.0, "max": 60.0}, jct={"p50": 50.0})
    many = [(float(i), float(i), i + 10.0, False) for i in range(19)]
    report = assess_jobs(ledger(*many, (19, NEVER, NEVER, True)), slo)
    assert report.jobs["failed"] == 1
    assert report.wait_s["max"] == 0
    assert [(check.name, check.measured, check.met) for check in report.checks] == [
        ("wait_s p50", 0, True),
        ("wait_s p95", None, False),
        ("wait_s max", None, False),
        ("jct_s p50", 10, True),
    ]
    some = assess_jobs(ledger(*many[:9], (19, NEVER, NEVER, True)), Slo(wait={"p50": 1.0, "p90": 1.0}))
    assert [check.met for check in some.checks] == [
        True,
        False,
    ]  # 9 of 10: P90 lies between the 9th and the last


def test_deadlines() -> None:
    """Of three that are decided, one is late and one has not ended; one is due after the end of the run."""
    jobs = ledger((0, 0, 10, False), (0, 0, 30, False), (0, 0, NEVER, False), (0, 0, NEVER, False), (0, 0, 9, False))
    due = np.array([20, 20, 90, 150, NEVER])
    report = assess_jobs(jobs, Slo(deadlines=0.5), due)
    assert report.deadlines_met == pytest.approx(1 / 3)
    assert [(check.name, check.met) for check in report.checks] == [("deadlines", False)]
    [missing] = assess_jobs(jobs, Slo(deadlines=0.5)).checks
    assert missing.measured is None
    assert not missing.met


@pytest.mark.parametrize(("due", "met"), [(99, 0.5), (100, 0.5), (101, 1.0)])
def test_a_deadline_at_the_end_of_the_run_is_past(due: int, met: float) -> None:
    jobs = ledger((0, 0, 100, False), (0, 0, NEVER, False), horizon_s=100.0)
    assert assess_jobs(jobs, Slo(), np.array([100, due])).deadlines_met == met


@pytest.mark.parametrize("due", [50, 10_000])
def test_a_job_that_is_kept_out_never_meets_its_deadline(due: int) -> None:
    """Whenever it is due: a cluster too small for it must not look as good as one that runs it."""
    jobs = ledger((0, 0, 10, False), (0, NEVER, NEVER, True), horizon_s=100.0)
    assert assess_jobs(jobs, Slo(), np.array([20, due])).deadlines_met == 0.5


def test_a_job_waits_from_the_end_of_those_it_follows() -> None:
    """The second could start at 40, the third at no time before the end of the run."""
    jobs = ledger((0, 0, 40, False), (5, 50, NEVER, False), (5, NEVER, NEVER, False))
    jobs = replace(jobs, outcomes=replace(jobs.outcomes, eligible_s=np.array([0, 40, np.inf])))
    report = assess_jobs(jobs, Slo())
    assert (report.wait_s["max"], report.wait_s["mean"]) == (10, pytest.approx(10 / 3))
    assert report.jct_s["max"] == 95


def test_times_are_of_jobs_that_started_and_of_those_that_ended() -> None:
    """One starts and one ends at second 0."""
    out = ledger((0, 0, 0, False), (2, 7, NEVER, False), (3, 9, 11, False), (4, NEVER, NEVER, True)).outcomes
    assert out.wait_s.tolist() == [0, 5, 6]
    assert out.jct_s.tolist() == [0, 8]
