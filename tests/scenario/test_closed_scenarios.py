"""Scenarios of clients who wait: what they exclude, and requests that are the same for every plan."""

from pathlib import Path

import numpy as np
import pytest
from support.scenarios import SMALL, write

from simcost.errors import InputError
from simcost.scenario.checks.load import find_faults, load
from simcost.scenario.inputs.demand_scale import scaled
from simcost.scenario.runs.resolve import settle

OPEN = "workload:\n  kind: synthetic\n  rate: 0.5/s\n  lengths: {prompt_median: 100, output_median: 20}\n"
CLOSED = "workload: {kind: closed, clients: 4}\n"
FIXED = "scaling: {kind: fixed, replicas: 1}"
TEXT = SMALL.replace(OPEN, CLOSED)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("horizon: 10min\n", "", "1:1: horizon: is required with a closed workload"),
        (
            "workload: {",
            "workload:\n  - {kind: synthetic, rate: 1/s}\n  - {",
            "7:5: workload.1: is a closed loop and cannot be combined with other workloads",
        ),
        (
            FIXED,
            f"{FIXED}\n    retries: {{attempts: 2}}",
            "12:14: plans.0.retries: cannot be combined with a closed workload",
        ),
        (
            FIXED,
            f"{FIXED}\n    admission: {{max_wait: 5s}}",
            "12:27: plans.0.admission.max_wait: cannot be combined with a closed workload",
        ),
        (
            FIXED,
            "scaling: {kind: forecast, per_replica: 1, max: 2}",
            "11:14: plans.0.scaling: expects a demand at set times",
        ),
        ("clients: 4", "clients: 0", "5:35: workload.clients: 0 must be at least 1"),
        (
            "clients: 4",
            "clients: 4, ramp: [{at: 9s, clients: 2}, {at: 3s, clients: 1}]",
            "5:11: workload: ramp has 3 s after 9 s; write its times in rising order",
        ),
        (
            "clients: 4",
            "clients: 4, lengths: {kind: uniform, prompt_tokens: [9, 3], output_tokens: [1, 1]}",
            "5:47: workload.lengths: prompt_tokens is from 9 to 3; write the smaller number first",
        ),
        (
            "clients: 4",
            "clients: 4, lengths: {kind: in-order, trace: gone.parquet}",
            "5:71: workload.lengths.trace: no file 'gone.parquet'",
        ),
        (
            "clients: 4",
            "clients: 4, think: {kind: normal}",
            "5:52: workload.think.kind: 'normal' is not a kind known here",
        ),
        (
            "slo:",
            "demand: {history: h.csv, forecast: {horizon: 1d}}\nslo:",
            "6:9: demand: cannot be combined with a workload; write one of the two",
        ),
    ],
)
def test_faults_of_a_closed_workload_are_located(tmp_path: Path, old: str, new: str, fault: str) -> None:
    (tmp_path / "h.csv").write_text("timestamp,value\n")
    file = tmp_path / "small.yaml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    found = [str(fault).replace(f"{tmp_path}/small.yaml:", "") for fault in find_faults(file)]
    assert any(one.startswith(fault) for one in found), found


def test_requests_have_no_end_or_as_many_as_asked(tmp_path: Path) -> None:
    endless = settle(load(write(tmp_path, text=TEXT)), seed=None, seeds=None).source
    limited = settle(load(write(tmp_path, ("clients: 4", "clients: 4, requests: 70000"), text=TEXT)), seed=1, seeds=1)
    assert endless is not None
    assert limited.source is not None
    assert (endless.expected(), limited.source.expected()) == (float("inf"), 70_000)
    assert sum(map(len, limited.source.batches(0))) == 70_000
    one, other, again = (next(iter(endless.batches(k))) for k in (0, 1, 0))
    assert np.array_equal(one.prompt_tokens, again.prompt_tokens)
    assert not np.array_equal(one.prompt_tokens, other.prompt_tokens)
    assert not one.arrival_ns.any()


def test_a_closed_loop_has_no_demand_to_scale(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="closed loop has as many requests as its plan answers"):
        scaled(load(write(tmp_path, text=TEXT)), 2.0)
