"""Duty of the GPUs of Slurm's jobs: typed GPUs, further runs, rows that are there again, times on the clock."""

from pathlib import Path

import pytest

from simcost.trace.utilization.slurm import duty_of_jobs

HEADER = "JobID|User|Submit|Start|End|ElapsedRaw|AllocTRES|State|TRESUsageInTot"


def _run(job: str, start: str, elapsed: str, gpus: str, percent: int) -> str:
    return (
        f"{job}|ann|2026-03-02T00:00:00|{start}|Unknown|{elapsed}|{gpus}|COMPLETED|\n"
        f"{job}.batch|||{start}||{elapsed}||COMPLETED|cpu=1,gres/gpuutil={percent}\n"
        f"{job}.extern|||{start}||{elapsed}||COMPLETED|cpu=1\n"
    )


def _duty(folder: Path, *runs: str, header: str = HEADER) -> dict[str, float]:
    file = folder / "export.txt"
    file.write_text(f"{header}\n{''.join(runs)}")
    return duty_of_jobs(file)


def test_gpus_without_a_total_are_the_sum_over_their_types(tmp_path: Path) -> None:
    runs = (
        _run("1", "2026-03-02T00:00:00", "7200", "cpu=8,gres/gpu:a100=4", 200),
        _run("2_7", "2026-03-02T00:00:00", "7200", "gres/gpu:a100=1,gres/gpu:l4=1", 50),
        _run("3", "2026-03-02T00:00:00", "7200", "gres/gpu=2,gres/gpu:a100=2", 50),
    )
    assert _duty(tmp_path, *runs) == {"1": 0.5, "2_7": 0.25, "3": 0.25}


def test_each_run_of_a_requeued_job_has_its_own_duty(tmp_path: Path) -> None:
    first = _run("1", "2026-03-02T00:00:00", "14400", "gres/gpu=4", 400)
    second = _run("1", "2026-03-02T06:00:00", "7200", "gres/gpu=4", 100)
    assert _duty(tmp_path, first, second) == {"1": 1.0, "1 run 2": 0.25}


def test_a_run_that_two_exports_have_counts_once(tmp_path: Path) -> None:
    run = _run("1", "2026-03-02T00:00:00", "7200", "gres/gpu=4", 200)
    assert _duty(tmp_path, run, run) == {"1": 0.5}


def test_elapsed_may_be_written_as_on_a_clock(tmp_path: Path) -> None:
    run = _run("1", "2026-03-02T00:00:00", "1-02:00:00", "gres/gpu=4", 300)
    assert _duty(tmp_path, run, header=HEADER.replace("ElapsedRaw", "Elapsed")) == {"1": pytest.approx(0.75)}


def test_the_row_of_a_job_that_had_not_started_is_no_run_of_its_own(tmp_path: Path) -> None:
    pending = "1|ann|2026-03-02T00:00:00|Unknown|Unknown|0||PENDING|\n"
    run = _run("1", "2026-03-02T00:00:00", "7200", "gres/gpu=4", 200)
    assert _duty(tmp_path, pending, run) == {"1": 0.5}
