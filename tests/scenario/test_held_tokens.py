"""KV capacity of models with window attention: that of the sequences that the workload holds."""

from math import ceil
from pathlib import Path

from support.scenarios import write

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, fit_memory, step_time
from simcost.plan.serving import Batching
from simcost.scenario.checks.load import load
from simcost.scenario.runs.resolve import settle
from simcost.studies.new_scenario.sizing import ANY, LOAD, MeanLoad, guess_plan, requests_per_s

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


def test_a_new_scenario_begins_with_as_many_replicas_as_short_requests_need() -> None:
    catalog, load_ = load_catalog(), MeanLoad(rate_per_s=2000, prompt_tokens=400, output_tokens=200)
    plan = guess_plan(catalog, "gemma-3-27b", "l40s", ANY, load_)
    model, device = catalog.model("gemma-3-27b"), catalog.accelerator("l40s")
    spec = ReplicaSpec(accelerator=device.name, tp=plan.tp, precision="fp8")
    step, most = step_time(catalog, model, device, spec), Batching()
    held = fit_memory(model, device, spec, most.max_num_batched_tokens, held_tokens=500).kv_capacity_tokens
    bears = requests_per_s(step, load_, held, most.max_num_seqs)
    assert plan.replicas == ceil(2000 / (LOAD * bears))
