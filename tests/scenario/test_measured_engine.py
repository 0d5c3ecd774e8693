"""Measured step times and KV caches in another unit are faults at their lines, those that can be are not."""

from pathlib import Path

import pytest
import yaml

from simcost.catalog import load_catalog
from simcost.errors import FaultsError
from simcost.perf import ReplicaSpec, fit_memory
from simcost.scenario.checks.load import load_text
from simcost.scenario.checks.measured_engine import SPARE

SECONDS = {"a": 0.006, "b": 1.6e-05, "c": 1.3e-05, "d": 4.2e-08, "q": 9.2e-10}


def faults(tmp_path: Path, **replica: object) -> list[tuple[str, str]]:
    scenario = {
        "scenario": "measured",
        "model": "llama-3.1-8b",
        "horizon": 600,
        "workload": {"kind": "synthetic", "rate": 2},
        "slo": {"ttft": 1},
        "plans": [
            {
                "name": "p",
                "replica": {"accelerator": "h100", **replica},
                "buy": {"offer": "aws/p5.48xlarge"},
                "scaling": {"kind": "fixed", "replicas": 1},
            }
        ],
    }
    try:
        load_text(yaml.safe_dump(scenario), tmp_path / "measured.yaml")
    except FaultsError as error:
        return [(fault.path, fault.message) for fault in error.faults]
    return []


@pytest.mark.parametrize(("factor", "refused"), [(1, False), (10, False), (1000, True), (1e6, True), (1e-3, True)])
def test_a_step_time_in_another_unit_is_refused(tmp_path: Path, factor: float, refused: bool) -> None:
    found = faults(tmp_path, step={name: factor * value for name, value in SECONDS.items()})
    assert [path for path, _ in found] == (["plans.0.replica.step"] if refused else [])
    assert all("they are in seconds" in message for _, message in found)


@pytest.mark.parametrize("layout", [{}, {"tp": 2}, {"kv_precision": "fp8"}, {"dp": 2}, {"precision": "fp8"}])
def test_a_kv_cache_beyond_the_memory_of_the_devices_is_refused(tmp_path: Path, layout: dict[str, object]) -> None:
    spec = ReplicaSpec(accelerator="h100", **layout)
    catalog = load_catalog()
    model, device = catalog.model("llama-3.1-8b"), catalog.accelerator("h100")
    fit = fit_memory(model, device, spec, 8192)
    most = int((device.memory_bytes - fit.weights_bytes_per_device) / fit.kv_bytes_per_token) * spec.dp
    assert fit.kv_capacity_tokens < most, "the estimate itself is never refused"
    assert faults(tmp_path, kv_tokens=fit.kv_capacity_tokens, **layout) == []
    assert faults(tmp_path, kv_tokens=int(0.999 * SPARE * most), **layout) == []
    [(path, message)] = faults(tmp_path, kv_tokens=int(1.01 * SPARE * most), **layout)
    assert path == "plans.0.replica.kv_tokens"
    assert f"{most:,} would at the most" in message


def test_a_kv_cache_in_blocks_is_doubted() -> None:
    catalog = load_catalog()
    model, device = catalog.model("llama-3.1-8b"), catalog.accelerator("h100")
    fit = fit_memory(model, device, ReplicaSpec(accelerator="h100"), 8192)
    blocks = fit.kv_capacity_tokens // 16
    said = fit_memory(model, device, ReplicaSpec(accelerator="h100", kv_tokens=blocks), 8192).provenance
    assert said.endswith("if these are blocks, give their tokens")
    most = fit.kv_capacity_tokens // 2
    assert fit_memory(model, device, ReplicaSpec(accelerator="h100", kv_tokens=most), 8192).provenance == (
        "KV capacity given"
    )
