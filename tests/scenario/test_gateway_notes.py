"""Limits of a gateway that turn nothing away, and an API that gets nothing: told by `check` and by the result."""

from pathlib import Path
from typing import Any

import pytest
from support.scenarios import write

from simcost.scenario.checks.load import load, load_with_services
from simcost.scenario.runs.check import check
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle
from simcost.scenario.runs.run import run

ONE = "scaling: {kind: fixed, replicas: 1}\n"
API = "    overflow: {api: deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct, ttft: 1s, tpot: 20ms}\n"
PICKER = "    router: {kind: endpoint-picker, scorers: [{scorer: queue}]}\n"


def notes(folder: Path, *lines: str) -> list[str]:
    """Notes of `check` on the first plan with these lines."""
    return check(write(folder, (ONE, ONE + "".join(lines))))["notes"]


@pytest.mark.parametrize("limit", ["max_queued: 3", "max_queued_per_replica: 1", "max_wait: 500ms"])
def test_a_limit_of_a_queue_that_never_forms_is_told(limit: str, tmp_path: Path) -> None:
    (note,) = notes(tmp_path, f"    admission: {{{limit}}}\n")
    name = limit.partition(":")[0]
    assert note.startswith(f"one: admission: {name}: while a replica is ready nothing waits at the gateway")
    assert "write max_ongoing" in note


@pytest.mark.parametrize(
    "lines",
    [
        ["    admission: {max_ongoing: 8, max_queued: 3, max_wait: 1s}\n"],
        ["    admission: {max_queued: 3}\n", "    router: ray-power-of-two\n"],
        ["    admission: {max_wait: 1s, saturation: {then: hold}}\n", PICKER],
        ["    admission: {max_ongoing: 8, max_queued: 3}\n", API],
        ["    admission: {saturation: {then: reject}}\n", PICKER, API],
        ["    admission: {timeout: 1min}\n"],
    ],
)
def test_a_limit_that_counts_is_not(lines: list[str], tmp_path: Path) -> None:
    assert notes(tmp_path, *lines) == []


@pytest.mark.parametrize("admission", ["", "    admission: {max_ongoing: 8}\n", "    admission: {max_queued: 3}\n"])
def test_an_api_that_gets_nothing_is_told(admission: str, tmp_path: Path) -> None:
    said = [note for note in notes(tmp_path, API, admission) if note.startswith("one: overflow: ")]
    assert len(said) == 1
    assert "no others are rejected; write max_ongoing with max_queued or max_wait" in said[0]


def test_the_result_says_it_too(tmp_path: Path) -> None:
    document: Any = run(load(write(tmp_path, (ONE, ONE + "    admission: {max_queued: 3}\n"))), tmp_path / "out")
    assert any("nothing waits at the gateway" in line for line in document["assumptions"])


def test_the_concurrency_of_a_knative_autoscaler_limits_its_replicas(tmp_path: Path) -> None:
    """As `containerConcurrency` of a manifest does; it moved the target alone, and replicas took what came."""
    scaling = "scaling: {kind: kpa, container_concurrency: 4, min: 1, max: 3}\n"
    plan = settle(load(write(tmp_path, (ONE, scaling))), seed=None, seeds=1).plans[0]
    assert (plan.pool.admission.max_ongoing, plan.pool.admission.max_queued_per_replica) == (4, 40)
    assert "container_concurrency: admission: max_ongoing 4, max_queued_per_replica 40." in plan.notes


def test_a_plan_may_limit_its_replicas_otherwise(tmp_path: Path) -> None:
    scaling = "scaling: {kind: kpa, container_concurrency: 4, min: 1, max: 3}\n    admission: {max_ongoing: 6}\n"
    plan = settle(load(write(tmp_path, (ONE, scaling))), seed=None, seeds=1).plans[0]
    assert (plan.pool.admission.max_ongoing, plan.pool.admission.max_queued_per_replica) == (6, 40)


def test_pools_of_other_limits_are_told(tmp_path: Path) -> None:
    """There is one gateway, which has those of the first pool."""
    pools = """pools:
      - {name: base, scaling: {kind: kpa, container_concurrency: 4, min: 1, max: 3}}
      - {name: peak, scaling: {kind: fixed, replicas: 1}}
"""
    loaded: Any = load_with_services(write(tmp_path, (ONE, pools)))
    plan = settle(loaded, seed=None, seeds=1).plans[0]
    assert plan.pool.admission.max_ongoing == 4
    assert any(note.startswith("limits of the gateway are those of pool base, for peak too") for note in plan.notes)


@pytest.mark.parametrize(
    ("overhead", "told"),
    [
        ("", "the network between them takes no time and costs nothing here; "),
        (", first_token_overhead: 60ms", "traffic between them costs nothing here; "),
    ],
)
def test_the_network_between_pools_in_several_regions_is_told(overhead: str, told: str, tmp_path: Path) -> None:
    pools = f"""pools:
      - {{name: near, scaling: {{kind: fixed, replicas: 1}}}}
      - name: far
        scaling: {{kind: fixed, replicas: 1}}
        replica: {{accelerator: l4{overhead}}}
        buy: {{offer: gcp/g2-standard-8, region: us-central1}}
"""
    loaded: Any = load_with_services(write(tmp_path, (ONE, pools)))
    question = settle(loaded, seed=None, seeds=1)
    [said] = [note for note in question.plans[0].notes if note.startswith("Its pools are in ")]
    assert said.startswith(f"Its pools are in aws us-east-1 and gcp us-central1: {told}")
    outside = [text for text in assumptions(question) if "outside of its engine" in text]
    of_far = "one: Each request of pool far takes 60 ms outside of its engine before its first token."
    assert outside == ([of_far] if overhead else [])
