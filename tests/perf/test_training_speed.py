"""FLOPs, utilisation and time of training against published figures."""

import csv
import doctest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simcost.catalog import load_catalog
from simcost.errors import CatalogError, InputError
from simcost.perf.training import duration, utilization
from simcost.perf.training.duration import (
    Failures,
    checkpoints,
    compute_s,
    ettr_of,
    failure_rates,
    peak_flops,
)
from simcost.perf.training.methods import Distill, Full, Lora, Pruned, TransferLearning
from simcost.perf.training.utilization import ParallelLayout, measured_mfu, published_mfu, scale_factor

CATALOG = load_catalog()
H100 = CATALOG.accelerator("h100")
SMALL, LARGE, HUGE = (CATALOG.model(f"llama-3.1-{size}") for size in ("8b", "70b", "405b"))
LLAMA2 = {
    "7B": replace(SMALL, parameters=6.738e9, kv_heads=32, ffn=11008, vocabulary=32000),
    "13B": replace(
        SMALL, parameters=13.016e9, layers=40, hidden=5120, heads=40, kv_heads=40, ffn=13824, vocabulary=32000
    ),
    "70B": replace(LARGE, parameters=68.977e9, vocabulary=32000),
}
NEMO = {  # tokens/s and TFLOP/s per GPU, DGX-H100, FP8, NVIDIA/NeMo performance_summary.md @070a0bb
    "7B": ((17120, 682), (25206, 673)),
    "13B": ((9741, 754), (14161, 733)),
    "70B": ((1833, 756), (2557, 705)),
}


def test_the_run_of_405b_takes_66_9_days_of_computing() -> None:
    assert compute_s(6 * 405e9 * 15.6e12, 16384, 400e12) / 86400 == pytest.approx(66.9, abs=0.05)


@pytest.mark.parametrize("size", NEMO)
def test_flops_of_a_parameter_are_those_that_a_vendor_counts(size: str) -> None:
    model = LLAMA2[size]
    for (tokens_per_s, tflops), method in zip(NEMO[size], (Full(), Lora()), strict=True):
        counted = tflops * 1e12 / tokens_per_s
        assert method.flops(model, 4096).parameters == pytest.approx(counted, rel=0.02)


@pytest.mark.parametrize("size", NEMO)
def test_lora_trains_about_as_much_faster_as_was_measured(size: str) -> None:
    (full_rate, _), (lora_rate, _) = NEMO[size]
    full, lora = Full().flops(LLAMA2[size], 4096), Lora().flops(LLAMA2[size], 4096)
    assert 1.4 <= full.parameters / lora.parameters <= 1.5
    assert full.model / lora.model == pytest.approx(lora_rate / full_rate, rel=0.06)


def test_examples_of_the_formulas() -> None:
    for module in (duration, utilization):
        found = doctest.testmod(module)
        assert found.attempted
        assert not found.failed


def test_windows_see_what_they_see_and_linear_attention_nothing() -> None:
    """Gemma 3 was counted as if all layers saw the whole sequence: 45 % too many FLOPs at 32,768 tokens."""
    gemma, hybrid, latent = map(CATALOG.model, ("gemma-3-27b", "qwen3-next-80b-a3b", "deepseek-v3"))
    width = 12 * gemma.heads * gemma.head_dim
    assert Full().flops(gemma, 32768).attention == width * (10 * 32768 + 52 * 1024)
    assert Full().flops(gemma, 512).attention == width * 62 * 512
    assert Full().flops(hybrid, 8192).attention == 12 * 12 * hybrid.heads * hybrid.head_dim * 8192
    assert Full().flops(latent, 4096).attention == 6 * 61 * 128 * (128 + 64 + 128) * 4096


def test_attention_is_counted_without_causal_halving() -> None:
    assert Full().flops(SMALL, 8192).attention == 12 * 32 * 4096 * 8192


def test_recomputing_makes_the_hardware_do_eight_of_six() -> None:
    flops = Full().flops(SMALL, 4096)
    assert (flops.model + flops.recomputed) / flops.model == pytest.approx(8 / 6)


def test_a_teacher_adds_its_forward_pass() -> None:
    flops = Distill(teacher=LARGE).flops(SMALL, 4096)
    assert flops.teacher == pytest.approx(Full().flops(LARGE, 4096).model / 3)
    assert flops.parameters == 6 * SMALL.parameters


def test_a_mask_saves_no_flops_and_two_of_four_what_was_measured() -> None:
    full = Full().flops(SMALL, 4096)
    assert Pruned(kept_share=0.5, pruning="unstructured").flops(SMALL, 4096).model == full.model
    assert Pruned(kept_share=0.5).flops(SMALL, 4096).model == pytest.approx(full.model / 2)
    faster = Pruned(kept_share=0.5, pruning="2:4", speedup=1.25).flops(SMALL, 4096)
    assert faster.parameters == pytest.approx(full.parameters / 1.25)


def test_frozen_layers_need_a_forward_pass_only() -> None:
    full = Full().flops(SMALL, 4096).model
    assert TransferLearning(trained_share=1).flops(SMALL, 4096).model == pytest.approx(full)
    assert TransferLearning(trained_share=0.25).flops(SMALL, 4096).model == pytest.approx(full / 2)


@pytest.mark.parametrize(
    ("gpu", "name", "expected"),
    [
        ("h100_80gb", "h100-sxm", (0.364, 0.404, 0.422)),
        ("a100_80gb", "a100-80gb-sxm", (0.495, 0.541, 0.569)),
        ("a100_40gb", "a100-40gb-sxm", (0.462, 0.509, 0.534)),
    ],
)
def test_quartiles_of_mfu_are_those_of_the_published_runs(
    shared: Path, gpu: str, name: str, expected: tuple[float, float, float]
) -> None:
    row = next(
        r
        for r in CATALOG.facts.training_mfu
        if (r.accelerator, r.precision, r.parameters_from, r.parameters_to) == (name, "bf16", 0, None)
    )
    with (shared / "data/published_mfu.csv").open(newline="") as file:
        values = [
            float(r["mfu_pct"]) / 100
            for r in csv.DictReader(file)
            if "llm-foundry" in r["source"] and r["gpu"] == gpu and "fp8" not in r["precision"]
        ]
    ours = (row.mfu_p25, row.mfu_median, row.mfu_p75)
    assert row.rows == len(values)
    assert ours == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), abs=1e-4)
    assert ours == pytest.approx(expected, abs=6e-4)


def test_the_narrowest_size_class_is_taken_and_an_unknown_card_is_an_error() -> None:
    assert CATALOG.training_mfu("h100-sxm", "bf16", 405e9).rows == 5
    assert CATALOG.training_mfu("h100-sxm", "bf16", 8e9).parameters_to == 2e10
    assert CATALOG.training_mfu("a100-40gb-sxm", "bf16", 405e9).parameters_from == 0
    with pytest.raises(CatalogError, match=r"b200-sxm in bf16.*give `mfu`"):
        CATALOG.training_mfu("b200-sxm", "bf16", 8e9)


def test_mfu_falls_with_sequence_length_and_with_scale() -> None:
    def likely(gpus: int, sequence_tokens: int) -> float:
        layout = ParallelLayout(gpus=gpus, sequence_tokens=sequence_tokens)
        return published_mfu(CATALOG, SMALL, H100, "bf16", layout).mid

    assert likely(8, 2048) == pytest.approx(0.416, abs=1e-3)  # the median itself, at the length of its runs
    by_length = [likely(8, tokens) for tokens in (2048, 3000, 4096, 8192, 32768, 65536)]
    assert by_length == sorted(by_length, reverse=True)
    by_scale = [likely(gpus, 4096) for gpus in (8, 96, 1024, 4608, 16384)]
    assert by_scale[0] == by_scale[1]
    assert by_scale[1:] == sorted(by_scale[1:], reverse=True)


def test_the_scale_factor_goes_through_the_two_points_measured() -> None:
    assert 0.47 * scale_factor(96) == pytest.approx(0.47)
    assert 0.47 * scale_factor(4608) == pytest.approx(0.42, abs=5e-4)


def test_what_was_not_measured_is_said() -> None:
    far = published_mfu(CATALOG, HUGE, H100, "bf16", ParallelLayout(gpus=16384, sequence_tokens=131072))
    assert any("65,536" in note for note in far.notes)
    assert any("extrapolated" in note for note in far.notes)
    assert "Megatron" in far.source
    assert far.low < far.mid < far.high


def test_a_measured_mfu_must_be_a_share() -> None:
    for wrong in (0.0, -0.1, 1.2):
        with pytest.raises(InputError, match="dense peak"):
            measured_mfu(wrong)


def test_time_is_counted_at_the_dense_peak_of_a_precision_that_trains() -> None:
    assert peak_flops(H100, "bf16") == 989e12
    with pytest.raises(CatalogError, match="no dense fp8 peak of a100"):
        peak_flops(CATALOG.accelerator("a100"), "fp8")
    with pytest.raises(InputError, match="int4 is not modelled"):
        peak_flops(H100, "int4")


def test_failures_and_checkpoints_stretch_the_run() -> None:
    failures = Failures()
    rates = failure_rates(failures, CATALOG.facts.failure_rates)
    assert rates == (2.34e-3, 3.79e-3, 6.5e-3)
    written = checkpoints(405e9, 16384, failures, rates[1])
    assert written.size_bytes == 14 * 405e9
    assert written.write_s == pytest.approx(14 * 405e9 / 2048e9)
    values = [ettr_of(written, 16384, failures, rate).value for rate in rates]
    assert values == sorted(values, reverse=True)
    assert 0.9 < values[1] < 0.99  # the run itself reported more than 90 % of effective time


def test_without_failures_no_time_is_lost() -> None:
    failures = Failures(per_node_day=0.0)
    written = checkpoints(8e9, 8, failures, 0.0)
    assert ettr_of(written, 8, failures, 0.0).value == 1.0


def test_a_run_that_would_never_end_is_refused() -> None:
    failures = Failures(per_node_day=1e6, checkpoint_interval_s=86400)
    with pytest.raises(InputError, match="would never end"):
        ettr_of(checkpoints(8e9, 8, failures, 1e6), 8, failures, 1e6)
    with pytest.raises(InputError, match="write_bytes_per_s is 0"):
        Failures(write_bytes_per_s=0.0)
    with pytest.raises(CatalogError, match="no failure rate"):
        failure_rates(Failures(), ())
