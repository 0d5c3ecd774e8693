"""Jobs that had not ended when their log did: they hold GPUs, which are not free."""

from dataclasses import replace
from pathlib import Path

import pytest

from simcost.cli.main import main
from simcost.errors import InputError
from simcost.studies.waste.price import price_of
from simcost.studies.waste.study import read, waste
from simcost.studies.waste.workload_actions import SpotCase, move_to_spot
from simcost.trace.jobs.reader import import_jobs, read_jobs

DAY = "2026-03-02T{:02d}:00:00"
HEAD = "JobID|User|Partition|Submit|Start|End|ElapsedRaw|AllocTRES|State"


def job(name: str, start: int | None, end: int | None, gpus: int, state: str, submit: int = 0) -> str:
    """A row of sacct, in hours of a day."""
    begun, ended = ("Unknown" if hour is None else DAY.format(hour) for hour in (start, end))
    seconds = 3600 * (end - start) if start is not None and end is not None else 3600
    return f"{name}|u|gpu|{DAY.format(submit)}|{begun}|{ended}|{seconds}|gres/gpu={gpus}|{state}"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten hours: one job of 4 GPUs all the time, one of 4 GPUs that still runs since hour 1, one that waits."""
    path = tmp_path / "sacct.txt"
    rows = [job("1", 0, 10, 4, "COMPLETED"), job("2", 1, None, 4, "RUNNING"), job("3", None, None, 4, "PENDING")]
    path.write_text("\n".join([HEAD, *rows]) + "\n")
    return path


def test_a_job_that_still_runs_holds_its_gpus_up_to_the_end_of_the_log(log: Path) -> None:
    found = waste(log, price_usd_per_h=2.0, gpus=8)
    assert found.capacity_gpu_hours == 80
    assert found.buckets["unmeasured"].gpu_hours == pytest.approx(40 + 4 * 9)
    assert found.buckets["blocked_in_pool"].gpu_hours == pytest.approx(4)  # it waited an hour for 4 free GPUs
    assert found.buckets["free_idle"].gpu_hours == 0
    said = {one["kind"]: one["message"] for one in found.findings}
    assert said["running"] == "1 job has not ended: the GPUs were taken as held up to the last time of the log"
    assert said["never_started"].endswith("; their waits are not counted")


def test_replays_still_keep_such_jobs_out(log: Path) -> None:
    jobs, findings = read_jobs(log)
    assert list(jobs.job_id) == ["1"]
    assert jobs.running is None
    assert [one["dropped"] for one in findings if one["kind"] == "running"] == [True]


def test_more_gpus_held_than_there_are_may_be_a_job_that_is_gone(log: Path) -> None:
    with pytest.raises(
        InputError, match=r"held 8 GPUs at once, more than the 4 given; .*jobs without an end are there"
    ):
        waste(log, price_usd_per_h=2.0, gpus=4)


def test_how_long_a_running_job_would_be_on_spot_is_unknown(log: Path) -> None:
    _, _, jobs = read(log, {}, 8, "UTC")
    assert jobs is not None
    assert jobs.running is not None
    assert list(jobs.running) == [False, True]
    marked = replace(jobs, spot_ok=jobs.preemptible)
    (action,) = move_to_spot(marked, price_of(2.0, None), SpotCase(usd_per_gpu_h=0.5))
    assert action.saves_usd is not None
    assert action.saves_usd.hi == 40 * 1.5


def test_findings_on_the_job_log_beside_samples_are_told(log: Path, tmp_path: Path, capsys) -> None:
    duty = tmp_path / "duty.csv"
    rows = [f"2026-03-02T{h:02d}:00:00Z,0,50" for h in range(4)]
    duty.write_text("timestamp,gpu,DCGM_FI_DEV_GPU_UTIL\n" + "\n".join(rows) + "\n")
    assert main(["waste", str(duty), "--price", "2", "--jobs-log", str(log)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "sacct.txt: 1 job was kept out: it has not ended" in said
    assert "have times without a zone" in said
    assert main(["waste", str(duty), "--price", "2", "--jobs-log", str(log), "--timezone", "Europe/Berlin"]) == 0
    assert "have times without a zone" not in " ".join(capsys.readouterr().out.split())


def test_a_stored_trace_lacks_them_and_says_so(log: Path, tmp_path: Path) -> None:
    import_jobs(log, "sacct", tmp_path / "jobs.parquet")
    found = waste(tmp_path / "jobs.parquet", price_usd_per_h=2.0, gpus=8)
    assert found.buckets["unmeasured"].gpu_hours == 40
    [said] = [one["message"] for one in found.findings if one["kind"] == "left_at_import"]
    assert said.startswith("2 rows of the log were kept out when it was imported; jobs among them that had not ended")
    assert "left_at_import" not in {one["kind"] for one in waste(log, price_usd_per_h=2.0, gpus=8).findings}


def test_a_log_without_starts_says_why_its_jobs_hold_more_gpus_than_there_are(tmp_path: Path) -> None:
    log = tmp_path / "jobs.csv"
    log.write_text("job_id,submit_s,duration_s,gpus\na,0,600,8\nb,60,600,8\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"held 16 GPUs .* the 8 given; check the number.*started when.*start_s=COLUMN"
    ):
        waste(log, price_usd_per_h=2.0, gpus=8)
