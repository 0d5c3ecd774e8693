"""What a review says was not studied, and by what a future is judged: for each kind of work."""

from pathlib import Path

import pytest
from support.commands import TINY, call

pytestmark = pytest.mark.slow

JOBS = """\
scenario: queue
jobs: {path: jobs.csv}
slo: {wait: {p95: 1h}}
plans:
  - name: sixteen
    buy: {offer: aws/p4d.24xlarge}
    training: {kind: gpus, gpus: 16, checkpoints: {interval: 10min, write: 5min}}
"""
FORECAST = """\
scenario: both
model: llama-3.2-1b
seeds: 2
demand:
  history: counts.csv
  scale: 20
  forecast: {horizon: 1h, model: seasonal-naive}
  requests: {lengths: {prompt_median: 100, output_median: 20}}
jobs: {path: jobs.csv}
slo: {ttft: 1s, attainment: 95%, wait: {p95: 1h}}
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
    training: {kind: gpus, gpus: 8}
"""
LOG = "job_id,submit_s,duration_s,gpus\n1,0,3600,8\n2,60,7200,4\n"
OPEN = "workload: {kind: synthetic, rate: 1/s, lengths:"


def _reviewed(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "jobs.csv").write_text(LOG, encoding="utf-8")
    assert call("run", "mine.yaml", "--out", "out", "--quiet").code == 0
    assert call("report", "out", "-o", "review.md").code == 0
    return (tmp_path / "review.md").read_text(encoding="utf-8")


def test_of_jobs_alone_no_demand_of_requests_is_to_be_studied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command named was refused: "mine.yaml has jobs alone, and no requests"."""
    page = _reviewed(tmp_path, JOBS, monkeypatch)
    assert "simcost sensitivity" not in page
    assert "more or fewer jobs, and other numbers of GPUs, which simcost train size tries" in page
    (plan,) = call("run", "mine.yaml", "--out", "out", "--quiet", "--json").document()["plans"]
    of_work = plan["unit_costs"]["usd_per_useful_accelerator_hour"] * plan["gpu_hours"]["useful"]
    assert plan["gpu_hours"]["checkpoint"] > 0
    assert of_work == pytest.approx(plan["cost_usd"]["total"])


@pytest.mark.parametrize(
    ("stream", "varied"),
    [
        (OPEN, "--vary demand=0.8..1.25 --vary engine=0.8..1.25"),
        ("workload: {kind: closed, clients: 4, lengths:", "--vary engine=0.8..1.25"),
    ],
)
def test_the_command_that_studies_more_is_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str, varied: str
) -> None:
    """Of a closed loop it was refused, since its demand is what its plan answers."""
    page = _reviewed(tmp_path, TINY.replace(OPEN, stream), monkeypatch)
    (command,) = [line.partition("To study them: ")[2] for line in page.splitlines() if "To study them" in line]
    assert command == f"simcost sensitivity mine.yaml --seed 1 --seeds 2 {varied}"
    assert call(*command.split()[1:], "--quiet").code == 0


def test_targets_of_futures_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of demand that is forecast, targets of waits stood nowhere."""
    rows = "".join(f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00:00Z,{100 + h % 24}\n" for h in range(24 * 14))
    (tmp_path / "counts.csv").write_text("timestamp,requests\n" + rows, encoding="utf-8")
    page = _reviewed(tmp_path, FORECAST, monkeypatch)
    assert "A future is met where it keeps: attainment 95.0 %, wait p95 60 min." in page
