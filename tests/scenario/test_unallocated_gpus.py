"""GPUs of serving nodes that no replica holds, beside jobs: every GPU-hour that is paid is in one bucket."""

from math import fsum
from pathlib import Path
from typing import Any

import pytest
from support.job_scenarios import NIGHT, home

from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.run import run
from simcost.studies.waste.from_results import waste_of_plan

pytestmark = pytest.mark.slow

NODES = (
    ("aws/g6.xlarge", "aws/g6.12xlarge"),
    ("gpus: 10", "gpus: 12"),
    ("gpus: 11", "gpus: 12"),
    ("seeds: 2", "seeds: 1"),
)
"""Nodes of four GPUs, of which a replica takes one."""
REQUESTS = "workload: {kind: synthetic, rate: 4/s, lengths: {prompt_median: 100, output_median: 60}}\n"
SERVICES = (
    (
        REQUESTS,
        "services: [{name: chat, " + REQUESTS.strip() + ", slo: {ttft: 2s}}, "
        "{name: search, workload: {kind: synthetic, rate: 1/s}, slo: {ttft: 2s}}]\n",
    ),
    ("slo: {ttft: 2s, wait: {p95: 90min}}", "slo: {wait: {p95: 90min}}"),
    ("defaults:\n", "defaults:\n  services: {chat: {}, search: {scaling: {max: 2}}}\n"),
)


def plans(folder: Path, *changes: tuple[str, str]) -> list[dict[str, Any]]:
    document = run(load_with_services(home(folder, *NODES, *changes, text=NIGHT)), folder / "out")
    found: list[dict[str, Any]] = document["plans"]
    return found


@pytest.mark.parametrize("changes", [(), SERVICES], ids=["one pool", "services"])
def test_every_gpu_hour_that_is_paid_is_in_one_bucket(tmp_path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    apart, fleet = plans(tmp_path, *changes)
    for plan in (apart, fleet):
        hours = {key: value for key, value in plan["gpu_hours"].items() if key != "down"}
        assert fsum(hours.values()) == pytest.approx(plan["accelerator_hours"])
        assert fsum(plan["gpu_share"].values()) == pytest.approx(1)
        served = plan["services"] if changes else [plan]
        held = fsum(h for one in served for state, h in one["replica_hours"].items() if state != "unallocated")
        assert hours["requests"] == pytest.approx(held)
    assert apart["gpu_hours"]["unallocated"] > 1
    assert fleet["gpu_hours"]["unallocated"] == 0


@pytest.mark.parametrize("changes", [(), SERVICES], ids=["one pool", "services"])
def test_waste_of_such_a_plan_is_of_all_that_is_paid(tmp_path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    for plan in plans(tmp_path, *changes):
        waste = waste_of_plan(plan, 7200.0)
        assert waste.capacity_gpu_hours == pytest.approx(plan["accelerator_hours"])
        assert waste.utilisation == plan["utilisation"]
        assert waste.price.usd_per_gpu_hour == pytest.approx(4.6016 / 4)
