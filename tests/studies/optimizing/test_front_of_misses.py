"""Front of a search in which no plan meets the SLO: what attainment the money buys."""

from pathlib import Path

import numpy as np
import pytest

import simcost as sc

pytestmark = pytest.mark.slow

SPACE = """\
scenario: misses
model: llama-3.1-8b
horizon: 3min
seeds: 3
workload: {kind: WORKLOAD}
slo: {ttft: 1s, tpot: 60ms, attainment: 99.9%}
plans:
  - name: chat
    replica: {accelerator: l40s, precision: fp8}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
vary:
  - {path: scaling.replicas, from: 1, to: 5}
"""
OPEN = "synthetic, rate: 8/s, burst_cv: 0.5, lengths: {prompt_median: 600, output_median: 150}"
CLOSED = "closed, clients: 300, think: {kind: exponential, mean: 2s}, lengths: {prompt_median: 600, output_median: 150}"


@pytest.mark.parametrize("workload", [OPEN, CLOSED])
def test_it_has_plans_that_the_race_left(tmp_path: Path, workload: str) -> None:
    """With `--front 50` there was no front: the race knows after one replication that a plan misses."""
    scenario = sc.load(SPACE.replace("WORKLOAD", workload))
    assert scenario.optimize(tmp_path).document["frontier"] == []
    found = scenario.optimize(tmp_path, front=2, objectives=["attainment"]).document
    assert found["best"] is None
    points = found["frontier"]
    assert len(points) == 2
    assert not any(point["met"] for point in points)
    assert (np.diff([point["usd_per_month"] for point in points]) > 0).all()
    assert (np.diff([point["attainment"] for point in points]) > 0).all(), "none beats another"
