"""GPUs that are busy over time, if no job waited: against second by second, and their sum is the work."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcost.cli.main import main
from simcost.trace.jobs.describe import describe_jobs
from simcost.trace.jobs.reader import import_jobs

ROWS = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2000), st.integers(1, 8)), min_size=1, max_size=30)


def described(tmp_path: Path, rows: list[tuple[int, int, int]]) -> tuple[dict, Path]:
    lines = "".join(f"{submit_s},{duration_s},{gpus}\n" for submit_s, duration_s, gpus in rows)
    (tmp_path / "log.csv").write_text("submit_s,duration_s,gpus\n" + lines, encoding="utf-8")
    stored = tmp_path / "jobs.parquet"
    import_jobs(tmp_path / "log.csv", "csv", stored)
    return describe_jobs(stored), stored


@given(rows=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_steps_are_means_of_seconds(tmp_path: Path, rows: list[tuple[int, int, int]]) -> None:
    found, _ = described(tmp_path, rows)
    step_s, gpus = found["over_time"]["step_s"], found["over_time"]["gpus"]
    first_s = min(row[0] for row in rows)
    seconds = np.zeros(6000)
    for submit_s, duration_s, count in rows:
        seconds[submit_s - first_s : submit_s - first_s + duration_s] += count
    steps = seconds[: step_s * len(gpus)].reshape(len(gpus), step_s).mean(axis=1)
    assert gpus == pytest.approx(steps.tolist(), abs=1e-5)
    assert sum(gpus) * step_s <= found["gpu_hours"] * 3600 * (1 + 1e-9) + 1


@pytest.mark.parametrize("rows", [[(0, 5, 1)], [(0, 5, 1), (0, 9, 2)], [(0, 5, 1), (9000, 5, 2)]])
def test_a_log_of_jobs_has_its_page(tmp_path: Path, rows: list[tuple[int, int, int]]) -> None:
    _, stored = described(tmp_path, rows)
    assert main(["trace", "describe", str(stored), "--html", str(tmp_path / "jobs.html")]) == 0
    assert (tmp_path / "jobs.html").read_text().count("<svg") == (rows[-1][0] > 0)
