"""Options that mean something beside another alone are refused without it: they were passed over in silence."""

from pathlib import Path

import pytest
from support.commands import call, refused

JOBS = "job_id,submit_s,duration_s,gpus\n1,0,3600,8\n2,600,3600,8\n"
SAMPLES = "timestamp,Hostname,gpu,DCGM_FI_DEV_GPU_UTIL\n1764547200,n1,0,0\n1764547260,n1,0,0\n"
USAGE = "sku,region,start,end,quantity\naws/g6e.xlarge,us-east-1,2026-03-01T00:00:00Z,2026-03-02T00:00:00Z,1\n"


@pytest.mark.parametrize("option", [("--spot", "1"), ("--trace", "a"), ("--checkpoint", "1h"), ("--write", "0s")])
def test_train_size_without_a_spot_trace(tmp_path: Path, option: tuple[str, str]) -> None:
    (tmp_path / "jobs.csv").write_text(JOBS)
    said = refused("train", "size", tmp_path / "jobs.csv", "--wait", "1h", *option)
    assert f"{option[0]} belongs to --spot-trace" in said


@pytest.mark.parametrize("option", [("--spot", "1"), ("--trace", "a"), ("--changeover", "0s")])
def test_waste_without_a_spot_trace(tmp_path: Path, option: tuple[str, str]) -> None:
    (tmp_path / "samples.csv").write_text(SAMPLES)
    said = refused("waste", tmp_path / "samples.csv", "--price", "1", *option)
    assert f"{option[0]} belongs to --spot-trace" in said


def test_commit_without_paths_and_bill_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text(USAGE)
    (tmp_path / "plan.yaml").write_text("commitments: [{kind: savings-plan, commitment: $1/h, discount: 28 %}]\n")
    usage, plan = tmp_path / "usage.csv", tmp_path / "plan.yaml"
    said = refused("commit", usage, "--options", plan, "--per-instance", "3")
    assert "--per-instance belongs to --paths" in said
    assert "--run-plan belongs to a results folder" in refused("bill", usage, "--plan", plan, "--run-plan", "x")
    missing = refused("bill", tmp_path / "none", "--plan", plan, "--run-plan", "x")
    assert "none: no such file" in missing, "the folder is not there"


@pytest.mark.parametrize("option", [("--series", "a"), ("--path", "3")])
def test_trace_synthesize_without_along(tmp_path: Path, option: tuple[str, str]) -> None:
    (tmp_path / "w.yaml").write_text("{kind: synthetic, rate: 1/s}\n")
    said = refused("trace", "synthesize", tmp_path / "w.yaml", "--horizon", "1h", "-o", tmp_path / "w.parquet", *option)
    assert f"{option[0]} belongs to --along" in said
    assert not (tmp_path / "w.parquet").exists()


def test_trace_synthesize_of_a_trace_without_along(tmp_path: Path) -> None:
    """A trace gives no rate of its own beyond its end: a path does."""
    (tmp_path / "jobs.csv").write_text(JOBS)
    assert call("trace", "import", tmp_path / "jobs.csv", "--jobs-log", "-o", tmp_path / "jobs.parquet").code == 0
    said = refused("trace", "synthesize", tmp_path / "jobs.parquet", "--horizon", "1h", "-o", tmp_path / "w.parquet")
    assert "jobs.parquet: is a trace, which follows a path of a forecast: pass --along" in said


@pytest.mark.parametrize(
    "option", [("--where", "a=b"), ("--on-error", "skip"), ("--decimal", ","), ("--start", "2026-01-01")]
)
@pytest.mark.parametrize("jobs_log", [(), ("--jobs-log",)], ids=["by its columns", "said"])
def test_a_log_of_jobs_takes_no_options_of_requests(
    tmp_path: Path, option: tuple[str, str], jobs_log: tuple[str, ...]
) -> None:
    (tmp_path / "jobs.csv").write_text(JOBS)
    said = refused("trace", "import", tmp_path / "jobs.csv", *jobs_log, "-o", tmp_path / "jobs.parquet", *option)
    assert f"{option[0]} belongs to a log of requests" in said
    assert not (tmp_path / "jobs.parquet").exists()


def test_a_log_of_jobs_needs_no_word(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text(JOBS)
    found = call("trace", "import", tmp_path / "jobs.csv", "-o", tmp_path / "jobs.parquet", "--json").document()
    assert found["jobs"] == 2
