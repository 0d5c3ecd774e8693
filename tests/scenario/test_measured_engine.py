"""Measured step times and KV caches in another unit are told, those that can be are not."""

from pathlib import Path

import pytest
import yaml

from simcost.catalog import load_catalog
from simcost.perf import ReplicaSpec, fit_memory
from simcost.scenario.inputs.unusual_measurements import SPARE
from simcost.scenario.runs.check import check

SECONDS = {"a": 0.006, "b": 1.6e-05, "c": 1.3e-05, "d": 4.2e-08, "q": 9.2e-10}


def notes(tmp_path: Path, *others: object, **replica: object) -> list[str]:
    """Notes on a plan with a replica, and on others whose replicas are merged over it."""
    scenario = {
        "scenario": "measured",
        "model": "llama-3.1-8b",
        "horizon": 600,
        "workload": {"kind": "synthetic", "rate": 2},
        "slo": {"ttft": 1},
        "defaults": {
            "replica": {"accelerator": "h100", **replica},
            "buy": {"offer": "aws/p5.48xlarge"},
            "scaling": {"kind": "fixed", "replicas": 1},
        },
        "plans": [{"name": "p"}, *({"name": f"q{i}", "replica": other} for i, other in enumerate(others))],
    }
    file = tmp_path / "measured.yaml"
    file.write_text(yaml.safe_dump(scenario))
    found = check(file)
    notes: list[str] = found["notes"]
    return notes


@pytest.mark.parametrize(("factor", "told"), [(1, False), (10, False), (1000, True), (1e6, True), (1e-3, True)])
def test_a_step_time_in_another_unit_is_told(tmp_path: Path, factor: float, told: bool) -> None:
    found = notes(tmp_path, step={name: factor * value for name, value in SECONDS.items()})
    assert ["they are in seconds" in note for note in found] == ([True] if told else [])


def test_a_note_names_the_plans_that_it_holds_for(tmp_path: Path) -> None:
    slow = {"step": {name: 1000 * value for name, value in SECONDS.items()}}
    found = [note for note in notes(tmp_path, {}, slow, slow, step=SECONDS) if "they are in seconds" in note]
    assert [note.split(": ")[0] for note in found] == ["q1, q2"]


@pytest.mark.parametrize("layout", [{}, {"tp": 2}, {"kv_precision": "fp8"}, {"dp": 2}, {"precision": "fp8"}])
def test_a_kv_cache_beyond_the_memory_of_the_devices_is_told(tmp_path: Path, layout: dict[str, object]) -> None:
    spec = ReplicaSpec(accelerator="h100", **layout)
    catalog = load_catalog()
    model, device = catalog.model("llama-3.1-8b"), catalog.accelerator("h100")
    fit = fit_memory(model, device, spec, 8192)
    most = int((device.memory_bytes - fit.weights_bytes_per_device) / fit.kv_bytes_per_token) * spec.dp
    assert fit.kv_capacity_tokens < most, "the estimate itself is never told"
    assert notes(tmp_path, kv_tokens=fit.kv_capacity_tokens, **layout) == []
    assert notes(tmp_path, kv_tokens=int(0.999 * SPARE * most), **layout) == []
    [note] = notes(tmp_path, kv_tokens=int(1.01 * SPARE * most), **layout)
    assert f"{most:,} would at the most" in note


def test_a_kv_cache_in_blocks_is_doubted(tmp_path: Path) -> None:
    catalog = load_catalog()
    model, device = catalog.model("llama-3.1-8b"), catalog.accelerator("h100")
    fit = fit_memory(model, device, ReplicaSpec(accelerator="h100"), 8192)
    blocks = fit.kv_capacity_tokens // 16
    said = fit_memory(model, device, ReplicaSpec(accelerator="h100", kv_tokens=blocks), 8192).provenance
    assert said.endswith("if these are blocks, give their tokens")
    assert notes(tmp_path, kv_tokens=blocks) == [f"Memory: {said}."], "by check too"
    most = fit.kv_capacity_tokens // 2
    assert fit_memory(model, device, ReplicaSpec(accelerator="h100", kv_tokens=most), 8192).provenance == (
        "KV capacity given"
    )


@pytest.mark.parametrize(("dp", "part", "told"), [(2, 0.5, True), (4, 0.25, True), (2, 1, False), (4, 0.4, False)])
def test_a_kv_cache_of_one_rank_is_doubted(tmp_path: Path, dp: int, part: float, *, told: bool) -> None:
    catalog = load_catalog()
    model, device = catalog.model("llama-3.1-8b"), catalog.accelerator("h100")
    whole = fit_memory(model, device, ReplicaSpec(accelerator="h100", dp=dp), 8192).kv_capacity_tokens
    found = notes(tmp_path, dp=dp, kv_tokens=int(part * whole))
    assert [f"in {dp} ranks together: if these are of one rank, give those of all" in note for note in found] == (
        [True] if told else []
    )


@pytest.mark.parametrize(
    ("measured", "told"),
    [("meta-llama/Llama-3.1-8B-Instruct", False), ("Qwen/Qwen3-8B", True), (None, False)],
)
def test_a_calibration_of_another_model_is_told(tmp_path: Path, measured: str | None, told: bool) -> None:
    replica = {"tp": 1, "step": {**SECONDS, "source": "calibrated today"}}
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump({"replica": replica, "calibration": {"model": measured}}))
    found = notes(tmp_path, **{"from": "fit.yaml"})
    assert any("was calibrated on Qwen/Qwen3-8B, which says nothing" in note for note in found) == told
    assert not any("calibrated on" in note for note in notes(tmp_path, step=SECONDS)), "not from a file"


@pytest.mark.parametrize(
    ("fitted", "said"),
    [
        ({"max_num_seqs": 256, "max_num_batched_tokens": 8192}, []),
        (None, []),
        (
            {"max_num_seqs": 256, "max_num_batched_tokens": 2048},
            [
                (
                    "fit.yaml was calibrated with max_num_batched_tokens 2,048, and the plan has 8,192; write "
                    "`batching: {max_num_seqs: 256, max_num_batched_tokens: 2048}` where its engines are those of the "
                    "calibration."
                )
            ],
        ),
    ],
)
def test_other_limits_of_a_batch_than_those_of_a_calibration_are_told(
    tmp_path: Path, fitted: dict[str, int] | None, said: list[str]
) -> None:
    replica = {"tp": 1, "step": {**SECONDS, "source": "calibrated today"}}
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump({"replica": replica, "batching": fitted}))
    assert notes(tmp_path, **{"from": "fit.yaml"}) == said


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"precision": "fp8"}, "precision (bf16, fp8)"),
        ({"tp": 2}, "tp (1, 2)"),
        ({"kv_precision": "fp8"}, "kv_precision (bf16, fp8)"),
        ({"memory_utilisation": 0.9}, ""),
        ({"precision": "fp8", "step": None, "kv_tokens": None}, ""),
        ({"precision": "fp8", "step": {**SECONDS, "a": 0.004}, "kv_tokens": 500_000}, ""),
    ],
)
def test_a_measurement_of_unlike_plans_is_told(tmp_path: Path, other: dict[str, object], differing: str) -> None:
    found = [note for note in notes(tmp_path, other, step=SECONDS, kv_tokens=400_000) if "The same" in note]
    assert [note.split("`")[1] for note in found] == (["step", "kv_tokens"] if differing else [])
    assert all(f"is that of p, q0, which differ in {differing}: a measurement" in note for note in found)
