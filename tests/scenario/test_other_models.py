"""Models without decode in scenarios: latency tables, batching windows, and what is wrong with them."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.scenario.checks.load import find_faults, load_with_services
from simcost.scenario.runs.check import check
from simcost.scenario.runs.resolve import settle
from simcost.scenario.schema.loaded_scenario import LoadedScenario

TABLE = "batch_size,seconds\n4,0.009\n1,0.006\n\n8,0.013\n"
TEXT = """\
scenario: classifier
horizon: 10min
seeds: 1
model: llama-3.2-1b
workload: {kind: synthetic, rate: 20/s, lengths: {prompt_median: 1, prompt_sigma: 0, output_median: 1, output_sigma: 0}}
slo: {e2e: 100ms}
plans:
  - name: a
    replica: {accelerator: l4, latency_table: table.csv}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
    batching: {max_batch: 8, window: 5ms}
"""


def scenario(folder: Path, *changes: tuple[str, str], table: str = TABLE) -> Path:
    (folder / "table.csv").write_text(table, encoding="utf-8")
    return write(folder, *changes, text=TEXT)


def test_a_batch_takes_the_time_of_the_table(tmp_path: Path) -> None:
    loaded = load_with_services(scenario(tmp_path))
    assert isinstance(loaded, LoadedScenario)
    question = settle(loaded, seed=None, seeds=None)
    [plan] = question.plans
    seconds = [plan.pool.step.seconds(size, 0, 0, 0) for size in (1, 2, 4, 6, 8)]
    assert seconds == pytest.approx([0.006, 0.007, 0.009, 0.011, 0.013])
    assert (plan.pool.batching.max_num_seqs, plan.pool.batching.window) == (8, 0.005)
    assert "table.csv" in loaded.calibrations
    assert any("latency table table.csv" in line for line in [plan.pool.step.source])


def test_tokens_that_a_table_takes_for_requests_are_told(tmp_path: Path) -> None:
    assert check(scenario(tmp_path))["notes"] == []
    [note] = check(scenario(tmp_path, ("prompt_median: 1,", "prompt_median: 300,")))["notes"]
    assert "each token for a request of a batch, and requests have 300 tokens in the mean (a)" in note


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("size,seconds\n1,0.1\n", "table.csv: has the columns size, seconds, needs batch_size, seconds"),
        ("batch_size,seconds\n1,fast\n", "table.csv:2: '1,fast' is not a batch size and its seconds"),
        ("batch_size,seconds\n1,0.1\n1,0.2\n", "table.csv:3: batch_size 1 appears twice"),
        ("batch_size,seconds\n0,0.1\n", "table.csv:2: batch sizes are 1 or more"),
        ("batch_size,seconds\n2,nan\n", "table.csv:2: batch sizes are 1 or more, and seconds above 0, not 2,nan"),
        ("batch_size,seconds\n2\n", "table.csv:2: "),
        ("batch_size,seconds\n", "table.csv: has no rows"),
        ("", "table.csv: "),
    ],
)
def test_a_wrong_table_is_located(tmp_path: Path, table: str, fault: str) -> None:
    found = [f"{fault.path}: {fault.message}" for fault in find_faults(scenario(tmp_path, table=table))]
    assert found
    assert found[0].startswith(f"plans.0.replica.latency_table: {fault}"), found


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("table.csv", "other.csv"), "plans.0.replica.latency_table: no file 'other.csv'; put a CSV file"),
        (("table.csv", "../table.csv"), "plans.0.replica.latency_table: "),
        (("table.csv", "[1]"), "plans.0.replica.latency_table: a list is not the name of a file"),
        (("table.csv}", "table.csv, step: {a: 1, b: 0, c: 0, d: 0}}"), "plans.0.replica.latency_table: cannot be comb"),
        (("window: 5ms", "window: -5ms"), "plans.0.batching.window: "),
        (("window: 5ms", "window: 5ms, kv_block_tokens: 16"), "plans.0.batching: a KV cache in blocks has no batching"),
        (
            ("max_batch: 8", "max_batch: 8, max_num_batched_tokens: 8"),
            "plans.0.batching: max_num_batched_tokens (8) mu",
        ),
        (
            ("    batching:", "    prefix_cache: {hit_share: 40%}\n    batching:"),
            "plans.0.prefix_cache: cannot be combined with a batching window",
        ),
    ],
)
def test_what_cannot_be_batched_is_located(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    assert find_faults(scenario(tmp_path)) == []
    found = [f"{fault.path}: {fault.message}" for fault in find_faults(scenario(tmp_path, change))]
    assert any(one.startswith(fault) for one in found), found
