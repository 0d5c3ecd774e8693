"""A job log beside samples tells of the failed work in their time, and of no other."""

from pathlib import Path

import pytest

from simcost.studies.waste.study import waste
from simcost.trace.jobs.reader import read_jobs

HEAD = "job_id,submit,start,end,gpus,status"
JOBS = (
    "a,2026-03-02T07:00:00{z},2026-03-02T08:00:00{z},2026-03-02T09:00:00{z},2,failed",  # inside
    "b,2026-03-02T07:00:00{z},2026-03-02T07:30:00{z},2026-03-02T08:30:00{z},4,failed",  # half of it
    "c,2026-03-02T07:00:00{z},2026-03-02T11:30:00{z},2026-03-03T08:00:00{z},4,killed",  # half an hour of it
    "d,2026-03-01T07:00:00{z},2026-03-01T07:30:00{z},2026-03-01T08:30:00{z},8,failed",
    "e,2026-03-02T11:59:00{z},2026-03-02T12:00:00{z},2026-03-02T12:30:00{z},8,failed",
)


def found(folder: Path, jobs: str, zone: str, timezone: str = "UTC"):
    """Samples of four hours from 8 o'clock."""
    samples, log = folder / "samples.csv", folder / "jobs.csv"
    rows = [f"2026-03-02T{h:02d}:{m:02d}:00{zone},0,8,50" for h in range(8, 12) for m in (0, 30)]
    samples.write_text("\n".join(["timestamp,gpu,gpus,gpu_util", *rows]) + "\n", encoding="utf-8")
    log.write_text(jobs + "\n", encoding="utf-8")
    beside, said = read_jobs(log, timezone=timezone)
    return waste(samples, price_usd_per_h=2.0, jobs=beside, jobs_said=said, timezone=timezone)


@pytest.mark.parametrize(("zone", "timezone"), [("Z", "UTC"), ("", "UTC"), ("", "America/New_York")])
def test_jobs_count_for_as_long_as_they_ran_in_the_time_of_the_samples(
    tmp_path: Path, zone: str, timezone: str
) -> None:
    """400 GPU-hours of a month of failed jobs lay within the 4 GPU-hours of an hour of samples."""
    result = found(tmp_path, "\n".join([HEAD, *JOBS]).format(z=zone), zone, timezone)
    assert result.outcomes == {"passed": 0.0, "failed": 2.0 + 2.0, "killed": 2.0, "unknown": 0.0}
    [said] = [one for one in result.findings if one["kind"] == "other_times"]
    assert (said["count"], said["message"]) == (
        4,
        "4 jobs ran at other times than the samples, 2 of them in part: that time is not counted",
    )


def test_a_log_of_another_time_says_so(tmp_path: Path) -> None:
    result = found(tmp_path, "\n".join([HEAD, JOBS[3]]).format(z="Z"), "Z")
    assert result.outcomes is None
    [said] = [one["message"] for one in result.findings if one["kind"] == "other_times"]
    assert said == "1 job ran at other times than the samples: that time is not counted"


def test_a_log_without_dates_counts_wholly_and_says_so(tmp_path: Path) -> None:
    result = found(tmp_path, "job_id,submit_s,duration_s,gpus,status\na,0,3600,2,failed", "Z")
    assert result.outcomes is not None
    assert result.outcomes["failed"] == 2.0
    [said] = [one["message"] for one in result.findings if one["kind"] == "times_unknown"]
    assert said.startswith("the times of the jobs have no dates: all jobs count")
