"""Plans that are varied and read prefixes, where no plan of the scenario does: they meet the hashes of the trace."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from support.commands import call

from simcost.scenario.checks.load import load
from simcost.scenario.runs.arrivals import Arrivals
from simcost.scenario.runs.resolve import resolved_plan, settle
from simcost.trace.requests.writer import TraceWriter

CACHED = """\
scenario: cached
model: llama-3.2-1b
seeds: 1
workload: {kind: trace, path: talks.parquet}
slo: {ttft: 1s}
plans:
  - name: one
    replica: {accelerator: l4}
    buy: {offer: aws/g6.xlarge}
    scaling: {kind: fixed, replicas: 1}
    prefix_cache: true
"""


def with_talks(folder: Path) -> None:
    """Twenty requests, a second apart, all of the same four blocks."""
    columns = {
        "arrival_ns": np.arange(20) * 10**9,
        "prompt_tokens": np.full(20, 2048, np.int32),
        "output_tokens": np.full(20, 5, np.int32),
        "prefix_hashes": pa.array([[1, 2, 3, 4]] * 20, pa.list_(pa.int64())),
    }
    with TraceWriter(folder / "talks.parquet", source="test", optional=["prefix_hashes"], block_tokens=512) as out:
        out.write(pa.table(columns))


def test_a_plan_with_a_cache_reads_prefixes_whatever_the_plans_of_the_scenario_do(tmp_path: Path) -> None:
    with_talks(tmp_path)
    (tmp_path / "plain.yaml").write_text(CACHED.replace("    prefix_cache: true\n", ""), encoding="utf-8")
    question = settle(load(tmp_path / "plain.yaml"), seed=None, seeds=None)
    [plain] = question.plans
    varied = resolved_plan(replace(plain.plan, prefix_cache=True), question)
    assert (plain.pool.prefix_block_tokens, varied.pool.prefix_block_tokens) == (None, 512)
    assert question.source is not None
    arrivals = Arrivals(question.source)
    without, with_them = ([*arrivals.of(0, prefixes=asked)] for asked in (False, True))
    assert [batch.prefix for batch in without] == [None]
    assert [len(batch.prefix_hashes()[1]) for batch in with_them] == [80]


@pytest.mark.slow
def test_a_swept_plan_hits_its_cache_as_a_run_does(tmp_path: Path) -> None:
    with_talks(tmp_path)
    file = tmp_path / "cached.yaml"
    file.write_text(f"{CACHED}sweep: {{matrix: {{scaling.replicas: [1]}}}}\n", encoding="utf-8")
    swept = call("sweep", file, "-o", tmp_path / "swept", "--json", "--quiet").document()["best"]
    [plan] = call("run", file, "--out", tmp_path / "out", "--json", "--quiet").document()["plans"]
    assert plan["prefix_cache"]["hit_rate"] > 0.9
    assert swept["ttft_mean_s"] == plan["slo"]["metrics"]["ttft_s"]["mean"]
    assert swept["utilisation"] == plan["utilisation"]
