"""Waste of a plan whose services have unlike hardware: GPU-hours and USD as its result has them."""

from pathlib import Path

import pytest

from simcost.scenario.checks.load import load_with_services
from simcost.scenario.runs.run import run
from simcost.studies.waste.from_results import waste_of_plan

pytestmark = pytest.mark.slow

TWO = """\
scenario: two
horizon: 10min
seeds: 1
services:
  - name: chat
    model: llama-3.2-1b
    workload: {kind: synthetic, rate: 1/s, lengths: {prompt_median: 100, output_median: 20}}
    slo: {ttft: 5s}
  - name: big
    model: llama-3.1-70b
    workload: {kind: synthetic, rate: 0.5/s, lengths: {prompt_median: 100, output_median: 20}}
    slo: {ttft: 5s}
plans:
  - name: apart
    scaling: {kind: fixed, replicas: 1}
    services:
      chat: {replica: {accelerator: l4}, buy: {offer: aws/g6.xlarge}}
      big: {replica: {accelerator: h100, tp: 4}, buy: {offer: aws/p5.48xlarge}}
"""


def test_services_of_unlike_hardware_waste_what_their_own_gpus_cost(tmp_path: Path) -> None:
    """A replica of one cheap GPU, and one of 4 GPUs on a node of 8: each hour as many GPUs and USD as it has."""
    (tmp_path / "two.yaml").write_text(TWO, encoding="utf-8")
    [plan] = run(load_with_services(tmp_path / "two.yaml"), tmp_path / "out")["plans"]
    found = waste_of_plan(plan, plan["horizon_s"])
    spent = plan["cost_usd"]["by_state"]
    assert found.capacity_gpu_hours == pytest.approx(plan["accelerator_hours"])
    assert found.cost_usd == pytest.approx(plan["cost_usd"]["by_category"]["compute"])
    assert found.buckets["free_idle"].gpu_hours == pytest.approx(4 / 6)
    for bucket, state in (("useful", "computing"), ("allocated_idle", "idle"), ("free_idle", "unallocated")):
        assert found.buckets[bucket].usd == pytest.approx(spent[state], rel=1e-9)
    assert found.price.source.endswith("the mean of unlike prices")
    assert [one.usd for one in found.ranked] == sorted((one.usd for one in found.ranked), reverse=True)
