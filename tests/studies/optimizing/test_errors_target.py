"""Availability of a service is the target `errors`: `simcost optimize` adds replicas until crashes leave few requests
without an answer.
"""

from pathlib import Path

import pytest

import simcost as sc

pytestmark = pytest.mark.slow

SPACE = """\
scenario: available
model: llama-3.1-8b
horizon: 2h
seeds: 3
workload: {kind: synthetic, rate: 3/s, lengths: {prompt_median: 600, output_median: 180}}
slo: {e2e: 60s, attainment: 90%, errors: ERRORS}
plans:
  - name: chat
    replica: {accelerator: l40s, precision: fp8}
    buy: {offer: aws/g6e.xlarge}
    scaling: {kind: fixed, replicas: 1}
    admission: {max_wait: 20s}
    interruptions: INTERRUPTIONS
vary:
  - {path: scaling.replicas, from: 1, to: 3}
"""


@pytest.mark.parametrize(
    ("errors", "interruptions", "replicas"),
    [
        ("0.5%", "{replicas_per_day: 24}", 2),
        ("0.5%", "{nodes: {per_node_day: 24}}", 3),
        ("50%", "{replicas_per_day: 24}", 1),
        ("0.5%", "{replicas_per_day: 0}", 1),
    ],
)
def test_failures_count_against_it(tmp_path: Path, errors: str, interruptions: str, replicas: int) -> None:
    text = SPACE.replace("ERRORS", errors).replace("INTERRUPTIONS", interruptions)
    best = sc.load(text).optimize(tmp_path).document["best"]
    assert best["plan"]["scaling"]["replicas"] == replicas
    assert best["lower_bounds"]["errors"] <= float(errors.rstrip("%")) / 100
