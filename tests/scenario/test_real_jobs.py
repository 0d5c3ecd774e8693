"""The scenarios of the folder on real traces of jobs: published figures come out of the whole way."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from simcost.scenario.checks.load import load
from simcost.scenario.runs.run import run
from simcost.trace.requests.readers import import_trace

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = {
    "philly_jobs.csv.gz": "philly.csv.gz",
    "philly_vc_nodes.csv": "philly-nodes.csv",
    "spot_availability_rle.csv.gz": "spot.csv.gz",
}
REAL = {
    "synthetic/jobs.csv.gz": "traces/philly.csv.gz",
    "synthetic/nodes.csv": "traces/philly-nodes.csv",
    "availability: synthetic/spot.csv": "availability: traces/spot.csv.gz\n"
    "        trace: preemption/4-node/aws-08-03-2023/us-west-2c_v100_1",
    "pool: language  ": "pool: 6c71a0",
    "history: synthetic/requests-hourly.csv": "history: traces/azure-conv-2024-hourly.csv",
    "gaps: {kind: weibull, shape: 0.8}, lengths: {prompt_median: 900, prompt_sigma: 1.0, output_median: 180}": (
        "gaps: {kind: bootstrap, trace: traces/azure-conv-2023.parquet}"
    ),
}
"""What the scenarios name in place of the traces."""


@pytest.fixture
def home(shared: Path, tmp_path: Path) -> Path:
    """A folder with the traces under the names that the scenarios have for them."""
    (tmp_path / "traces").mkdir()
    for theirs, ours in FILES.items():
        shutil.copy(shared / "data" / theirs, tmp_path / "traces" / ours)
    return tmp_path


def result(home: Path, name: str, *changes: tuple[str, str], **options: Any) -> dict[str, dict[str, Any]]:
    text = (SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in REAL.items():
        text = text.replace(old, new)
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    assert "path: synthetic" not in text
    (home / f"{name}.yaml").write_text(text, encoding="utf-8")
    document = run(load(home / f"{name}.yaml"), home / "out", jobs=2, **options)
    return {plan["name"]: plan for plan in document["plans"]}


@pytest.mark.slow
def test_the_published_waits_of_philly(home: Path) -> None:
    """Strict FIFO in partitions as HeliosArtifact has it; strict and skipping in one pool of 400 as published."""
    plans = result(
        home,
        "philly-queue",
        ("704 in one pool", "400 in one pool"),
        ("gpus: 704, scheduler: fifo-strict", "gpus: 400, scheduler: fifo-strict"),
    )
    partitions = plans["704 in partitions"]
    assert partitions["jobs"] == {
        "submitted": 24134,
        "completed": 24134,
        "failed": 0,
        "in_system": 0,
        "preemptions": 0,
        "failures": 0,
    }
    assert partitions["wait_s"]["mean"] == pytest.approx(24956.452, abs=5e-4)
    assert partitions["wait_s"]["p99"] == pytest.approx(439198.83, abs=5e-3)
    assert partitions["wait_s"]["max"] == 1989518
    assert partitions["jct_s"]["mean"] == pytest.approx(33859.80, abs=5e-3)
    strict, skip = plans["400 in one pool"], plans["400, small jobs pass"]
    assert strict["wait_s"]["mean"] == pytest.approx(181921.252, abs=5e-4)
    assert skip["wait_s"]["mean"] == pytest.approx(52438.549, abs=5e-4)
    assert skip["wait_s"]["p50"] == 23458.5
    assert strict["horizon_s"] == 3425759
    for plan in plans.values():
        assert plan["gpu_hours"]["useful"] == pytest.approx(174470.635, abs=5e-4)
    nodes_usd = strict["cost_usd"]["by_category"]["compute"]
    assert nodes_usd == pytest.approx(50 * 3425759 / 3600 * 21.957642)  # 50 nodes of p4d.24xlarge


@pytest.mark.slow
def test_spot_nodes_of_a_real_zone(home: Path) -> None:
    """By hand from the trace: of 4 nodes it has, each stands for 8 of 32, over the first 14 days."""
    plans = result(home, "philly-spot", ("slo:", "horizon: 14d\nslo:"), ("nodes: 130", "nodes: 32"), seeds=1)
    with gzip.open(home / "traces/spot.csv.gz", "rt") as file:
        rows = [line.strip().split(",") for line in file if "us-west-2c_v100_1" in line and "4-node" in line]
    there = [int(row[-1]) for row in rows for _ in range(int(row[3]))][: 14 * 288]
    charges = pq.read_table(home / "out/tables/charges.parquet").to_pylist()
    [spot] = [row for row in charges if row["plan"] == "1,040 spot" and row["pricing_category"] == "Dynamic"]
    [disks] = [row for row in charges if row["plan"] == "1,040 spot" and row is not spot]
    assert disks["consumed_quantity"] == pytest.approx(200 * spot["consumed_quantity"] / 730)
    assert spot["consumed_quantity"] == pytest.approx(8 * sum(there) * 300 / 3600)
    assert spot["billed_cost_usd"] == pytest.approx(6.59 * 8 * sum(there) * 300 / 3600)
    lost = plans["1,040 spot"]
    assert lost["jobs"]["preemptions"] > 0
    assert sum(lost["gpu_hours"].values()) == pytest.approx(32 * 8 * 14 * 24)


@pytest.mark.slow
def test_training_eats_the_night(home: Path, shared: Path) -> None:
    data = shared / "data"
    import_trace(data / "traces/AzureLLMInferenceTrace_conv.csv", "azure-llm", home / "traces/azure-conv-2023.parquet")
    with gzip.open(data / "demand_hourly.csv.gz", "rt") as file:
        hours = [",".join(line.split(",")[1:3]) for line in file if line.startswith("az24_conv")]
    (home / "traces/azure-conv-2024-hourly.csv").write_text("\n".join(["timestamp,requests", *hours]), encoding="utf-8")
    plans = result(
        home,
        "eat-the-night",
        ("since: 2017-10-01", "since: 2017-11-05"),
        ("horizon: 7d", "horizon: 12h, paths: 20"),
        ("scale: 0.5", "scale: 0.2"),
        ("gpus: 72", "gpus: 48"),
        ("one fleet of 72", "one fleet of 48"),
        seeds=2,
    )
    for name, gpus in (("one fleet of 80", 80), ("one fleet of 48", 48)):
        plan = plans[name]
        assert sum(plan["gpu_hours"].values()) == pytest.approx(12 * gpus)
        assert plan["jobs"]["submitted"] == plans["two fleets, fixed"]["jobs"]["submitted"] > 3
        assert plan["slo"]["attainment"] > 0.95
    apart = plans["two fleets, scaled"]
    assert apart["cost_usd"]["total"] > plans["one fleet of 48"]["cost_usd"]["total"]
    shared, whole = (plan["gpu_hours"] for plan in (plans["one fleet of 80"], apart))
    assert whole["requests"] == pytest.approx(shared["requests"], rel=0.1), "the same replicas"
    assert whole["unallocated"] > 0, "whole nodes against GPUs"
