"""Jobs beside requests: both begin at once, whatever the hour of the first job in its log."""

from pathlib import Path

import pytest

from simcost.sim.jobs.document import other_hours
from simcost.trace.jobs.reader import import_jobs, read_jobs


@pytest.mark.parametrize(
    ("column", "first", "since", "said"),
    [
        ("submit_s", "600", None, None),
        ("submit_s", "72000", None, "20 h after second 0 of the log"),
        ("submit_s", "86000", None, None),
        ("submit_time", "2024-02-29T13:04:00Z", None, "at 13:04 UTC"),
        ("submit_time", "2024-02-29T13:04:00Z", "2024-03-01", None),
        ("submit_time", "2024-02-29T00:10:00Z", None, None),
    ],
)
def test_jobs_that_begin_at_another_hour_than_requests_are_told(
    tmp_path: Path, column: str, first: str, since: str | None, said: str | None
) -> None:
    later = str(int(first) + 50) if column == "submit_s" else "2024-03-01T00:05:00Z"
    log = tmp_path / "jobs.csv"
    log.write_text(f"job_id,{column},duration_s,gpus\na,{first},60,1\nb,{later},60,1\n", encoding="utf-8")
    jobs, _ = read_jobs(log, since=since)
    found = other_hours(jobs)
    assert [one["kind"] for one in found] == ([] if said is None else ["other_hours"])
    assert said is None or said in found[0]["message"]


def test_a_stored_trace_keeps_the_hour_of_its_first_job(tmp_path: Path) -> None:
    log = tmp_path / "jobs.csv"
    log.write_text("job_id,submit_s,duration_s,gpus\na,72000,60,1\n", encoding="utf-8")
    import_jobs(log, "auto", tmp_path / "jobs.parquet")
    [said] = other_hours(read_jobs(tmp_path / "jobs.parquet")[0])
    assert "20 h after second 0" in said["message"]


@pytest.mark.parametrize(
    ("since", "timezone", "begins", "submitted"),
    [
        ("2024-02-29", "UTC", "2024-02-29T00:00:00", [5700, 90000]),
        ("2024-02-20", "UTC", "2024-02-29T00:00:00", [5700, 90000]),
        ("2024-02-29T01:00:00", "UTC", "2024-02-29T01:00:00", [2100, 86400]),
        ("2024-02-28", "America/New_York", "2024-02-28T05:00:00", [74100, 158400]),
    ],
)
def test_jobs_beside_requests_keep_the_hours_that_they_were_submitted_at(
    tmp_path: Path, since: str, timezone: str, begins: str, submitted: list[int]
) -> None:
    """The first job from a midnight on came with the first requests, and was told to be chosen from a midnight on."""
    log = tmp_path / "jobs.csv"
    rows = "a,2024-02-29T01:35:00Z,60,1\nb,2024-03-01T01:00:00Z,60,1\n"
    log.write_text(f"job_id,submit_time,duration_s,gpus\n{rows}", encoding="utf-8")
    jobs, _ = read_jobs(log, since=since, timezone=timezone, keep_hours=True)
    assert jobs.start_utc is not None
    assert (jobs.start_utc[:19], jobs.submit_s.tolist()) == (begins, submitted)
    assert [one["kind"] for one in other_hours(jobs, timezone)] == (["other_hours"] if "T" in since else [])
    alone, _ = read_jobs(log, since=since, timezone=timezone)
    assert alone.submit_s.tolist() == [0, 84300]
