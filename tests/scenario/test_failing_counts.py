"""Failures on a count of GPUs: of nodes as large as those that are bought."""

from pathlib import Path

import pytest
from support.commands import call
from support.scenarios import write

from simcost.scenario.checks.load import load
from simcost.scenario.inputs.clusters import find_clusters
from simcost.scenario.schema.jobs import OnGpus

pytestmark = pytest.mark.slow

TEXT = """\
scenario: failing
seeds: 20
jobs: {path: jobs.csv}
slo: {jct: {mean: 10h}}
plans:
  - name: small nodes
    buy: {offer: aws/g6.xlarge}
    training: {kind: gpus, gpus: 8, checkpoints: {interval: 20min}, failures: {per_node_day: 4}}
  - name: one node
    buy: {offer: aws/g6.48xlarge}
    training: {kind: gpus, gpus: 8, checkpoints: {interval: 20min}, failures: {per_node_day: 4}}
  - name: stated
    buy: {offer: aws/g6.48xlarge}
    training: {kind: gpus, gpus: 8, checkpoints: {interval: 20min}, failures: {per_node_day: 4, gpus_per_node: 2}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "jobs.csv").write_text("job_id,submit_s,duration_s,gpus\nwide,0,14400,8\n")
    return write(tmp_path, text=TEXT)


def test_a_node_has_the_gpus_that_are_bought_unless_the_scenario_says_it(file: Path) -> None:
    loaded = load(file)
    found = [one.training for one in find_clusters(loaded.scenario.plans, loaded.catalog, loaded.folder)]
    sizes = [one.failures.gpus_per_node for one in found if isinstance(one, OnGpus) and one.failures is not None]
    assert sizes == [1, 8, 2]


def test_a_job_on_more_nodes_fails_more_often(file: Path) -> None:
    """A job of 4 h on 8 nodes fails 5.3 times in that time on average, on one node 0.67 times."""
    said = call("run", file, "--json", "--quiet", "--out", file.parent / "out")
    assert said.code == 0, said.err
    document = said.document()
    small, one, stated = (plan["gpu_hours"]["lost"] for plan in document["plans"])
    assert small > 1.5 * stated > 1.5 * one
    assert any(line.startswith("small nodes: Nodes of 1 GPU fail") for line in document["assumptions"])


def test_repair_of_a_count_is_refused(file: Path) -> None:
    words = ("--failures", "per_node_day=1,repair=1h", "--checkpoints", "interval=1h", "--quiet")
    said = call("train", "replay", file.parent / "jobs.csv", "--gpus", 8, *words)
    assert said.code == 2
    assert "repair is of gangs on nodes (--nodes)" in said.err
