"""Numbers without a unit that were meant in another one: told by `check`, and by the result."""

from pathlib import Path

import pytest
from support.scenarios import write

from simcost.scenario.checks.load import load
from simcost.scenario.runs.check import check
from simcost.scenario.runs.provenance import assumptions
from simcost.scenario.runs.resolve import settle

ONE = "scaling: {kind: fixed, replicas: 1}\n"
API = "overflow: {api: deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct"
PAIRS = [
    ("startup: {weights: 2}", "startup.weights is 2 bytes a second"),
    ("startup: {network: 10, image_size: 12GB}", "startup.network is 10 bytes a second"),
    ("startup: {network: 1GB/s, image_size: 12}", "startup.image_size is 12 bytes: "),
    (
        "disaggregation: {scaling: {kind: fixed, replicas: 1}, link: {bandwidth: 25000}}",
        "disaggregation.link.bandwidth is 25000 bytes a second",
    ),
    (f"admission: {{max_ongoing: 2, max_queued: 1}}\n    {API}, ttft: 400, tpot: 15ms}}", "overflow.ttft is 6.67 min"),
]


@pytest.mark.parametrize(("line", "said"), PAIRS)
def test_a_number_in_another_unit_is_told(line: str, said: str, tmp_path: Path) -> None:
    file = write(tmp_path, (ONE, f"{ONE}    {line}\n"))
    (note,) = check(file)["notes"]
    assert note.startswith(f"one: {said}")
    assert "write its unit, as " in note
    told = settle(load(file), seed=None, seeds=1).plans[0].notes
    assert sum(text.startswith(said) for text in told) == 1


def test_values_with_their_units_are_not(tmp_path: Path) -> None:
    lines = "    startup: {weights: 2GB/s, network: 10MB/s, image_size: 12GB, storage: 1.5MB/s}\n"
    assert check(write(tmp_path, (ONE, ONE + lines)))["notes"] == []


def test_a_limit_without_a_unit_that_is_long_for_seconds_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, ("ttft: 1s", "ttft: 1000, percentiles: {ttft: {p95: 500}}"))
    notes = check(file)["notes"]
    assert [note.partition(": ")[0] for note in notes] == [
        "slo.ttft is 16.7 min",
        "slo.percentiles.ttft.p95 is 8.33 min",
    ]
    assert all("is in seconds; write its unit, as " in note for note in notes)
    assert {*notes} <= {*assumptions(settle(load(file), seed=None, seeds=1))}


@pytest.mark.parametrize("limit", ['"1000"', "1_000", '"1,000"', "1e3"])
def test_a_limit_in_quotes_or_with_marks_is_a_number_too(limit: str, tmp_path: Path) -> None:
    (note,) = check(write(tmp_path, ("ttft: 1s", f"ttft: {limit}")))["notes"]
    assert note.startswith("slo.ttft is 16.7 min: ")
    assert note.endswith("as 1000ms.")


def test_limits_of_a_tenant_are_told(tmp_path: Path) -> None:
    tenants = "tenants:\n  - {name: a, slo: {ttft: 1000}}\nslo:"
    file = write(tmp_path, ("slo:", tenants), ("kind: synthetic", "kind: synthetic\n  tenant: a"))
    (note,) = check(file)["notes"]
    assert note.startswith("tenants.0.slo.ttft is 16.7 min: ")


def test_a_limit_with_its_unit_may_be_long(tmp_path: Path) -> None:
    assert check(write(tmp_path, ("ttft: 1s", "ttft: 1000s")))["notes"] == []
