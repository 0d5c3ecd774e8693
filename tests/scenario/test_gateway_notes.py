"""Limits of a gateway that turn nothing away, and an API that gets nothing: told by `check` and by the result."""

from pathlib import Path
from typing import Any

import pytest
from support.scenarios import write

from simcost.scenario.checks.load import load
from simcost.scenario.runs.check import check
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
    name = limit.split(":")[0]
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
