"""KV capacity of models with window attention: that of the sequences that the workload holds."""

from pathlib import Path

from support.scenarios import write

from simcost.scenario.checks.load import load
from simcost.scenario.runs.resolve import settle

_GEMMA = """
scenario: windows
model: gemma-3-27b
horizon: 2min
seeds: 1
workload:
  kind: synthetic
  rate: 1/s
  lengths: {kind: uniform, prompt_tokens: [400, 400], output_tokens: [200, 200]}
slo: {ttft: 5s, attainment: 50%}
plans:
  - name: windows
    replica: {accelerator: h100, precision: fp8, overhead: 2GB}
    scaling: {kind: fixed, replicas: 1}
    buy: {offer: aws/p5.48xlarge}
  - name: measured
    replica: {accelerator: h100, precision: fp8, overhead: 2GB, kv_tokens: 100000}
    scaling: {kind: fixed, replicas: 1}
    buy: {offer: aws/p5.48xlarge}
"""


def test_the_cache_of_windows_is_that_of_the_sequences_that_the_workload_holds(tmp_path: Path) -> None:
    """Requests of 400 and 200 tokens hold 500 in the mean, all of them within the window of 1,024."""
    question = settle(load(write(tmp_path, text=_GEMMA)), seed=None, seeds=None)
    windows, measured = question.plans
    assert question.held_tokens == 500
    assert windows.memory.kv_bytes_per_token == 2 * 16 * 128 * 2 * 62
    assert "sequences of 500 tokens" in windows.memory.provenance
    assert measured.pool.kv_capacity_tokens == 100_000
