"""Requests that are longer than the context of the model that answers them are told."""

from pathlib import Path

import pytest
from support.commands import call
from support.scenarios import write

from simcost.scenario.checks.load import load
from simcost.scenario.runs.context_windows import beyond_context
from simcost.scenario.runs.resolve import settle

TEXT = """\
scenario: long
horizon: 10min
seeds: 1
workload: {kind: synthetic, rate: 1/s, lengths: {kind: uniform, prompt_tokens: [30000, 50000], output_tokens: [1, 1]}}
slo: {ttft: 9s}
defaults: {buy: {offer: aws/p5.4xlarge}, scaling: {kind: fixed, replicas: 1}}
plans:
  - {name: short, model: qwen3-8b, replica: {accelerator: h100}}
  - {name: long, model: llama-3.1-8b, replica: {accelerator: h100}}
"""


def test_requests_beyond_the_context_of_a_model_are_counted(tmp_path: Path) -> None:
    question = settle(load(write(tmp_path, text=TEXT)), seed=None, seeds=None)
    assert question.source is not None
    tokens = [int(n) + 1 for batch in question.source.batches(0) for n in batch.prompt_tokens]
    longer = sum(n > 40_960 for n in tokens)
    assert 0 < longer < len(tokens)
    [(sentence, plan)] = beyond_context(question)
    assert plan == "short"
    assert sentence.startswith(f"{longer} of the first {len(tokens)} requests (")


def test_requests_that_no_data_parallel_rank_holds_are_counted(tmp_path: Path) -> None:
    """Each rank has a KV cache of its own, of the capacity of the replica over their number."""
    short = "name: short, model: qwen3-8b, replica: {accelerator: h100"
    ranks = (short, "name: short, model: llama-3.1-8b, replica: {accelerator: h100, dp: 2, kv_tokens: 80000")
    nodes = ("buy: {offer: aws/p5.4xlarge}", "buy: {offer: aws/p5.48xlarge}")
    question = settle(load(write(tmp_path, ranks, nodes, text=TEXT)), seed=None, seeds=None)
    assert question.source is not None
    tokens = [int(n) + 1 for batch in question.source.batches(0) for n in batch.prompt_tokens]
    longer = sum(n > 40_000 for n in tokens)
    [(sentence, plan)] = beyond_context(question)
    assert plan == "short"
    assert sentence.startswith(f"{longer} of the first {len(tokens)} requests (")
    assert "one of 2 data-parallel ranks, 40,000" in sentence


@pytest.mark.parametrize(("context", "told"), [("40960", False), ("40961", True)])
def test_perf_tells_of_a_context_that_the_model_does_not_have(context: str, *, told: bool) -> None:
    found = call("perf", "qwen3-8b", "--on", "h100", "--context", context, "--json").document()["assumptions"]
    assert any("more than the context of qwen3-8b, 40,960" in line for line in found) == told
