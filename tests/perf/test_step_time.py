"""Step times: laws of the physics, the order of sources, and the spread that is stated."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import load_catalog
from simcost.errors import CatalogError, InputError
from simcost.perf import GivenStep, Knot, ReplicaSpec, StepTime, step_time
from simcost.perf.document import perf_document
from simcost.perf.factors import corrected, correction
from simcost.perf.memory import gemm_rate
from simcost.perf.precision_notes import NEAR, slower_than_bf16
from simcost.perf.roofline import StepLoad, base_s, seconds

CATALOG = load_catalog()


def step(model: str, accelerator: str, **spec: Any) -> StepTime:
    replica = ReplicaSpec(accelerator=accelerator, **spec)
    return step_time(CATALOG, CATALOG.model(model), CATALOG.accelerator(accelerator), replica)


def test_given_coefficients_come_first() -> None:
    measured = GivenStep(a=0.01, b=2e-5, c=1e-5, d=3e-8, q=1e-9)
    found = step("llama-3.1-8b", "h100", step=measured)
    assert found.provenance == "given"
    assert found.seconds(100, 2, 1000, 5000) == pytest.approx(0.01 + 2e-3 + 2e-5 + 3e-5 + 5e-6)
    assert 0 < found.sigma < 0.2


def test_what_was_measured_corrects_the_physics_and_narrows_the_spread() -> None:
    measured, other = step("llama-3.1-8b", "h100", precision="fp8"), step("phi-4", "h100", precision="fp8")
    nowhere = step("llama-3.1-8b", "l4", precision="fp8")
    assert measured.provenance == other.provenance == "calibrated"
    assert nowhere.provenance == "analytic"
    assert "same configuration" in measured.source
    assert "same accelerator and precision" in other.source
    assert "no measurement of it" in nowhere.source
    assert 0.05 < measured.sigma < other.sigma
    assert nowhere.sigma >= 0.3


@pytest.mark.parametrize(
    ("model", "spec"),
    [
        ("mistral-7b", {}),
        ("qwen3-30b-a3b", {"tp": 2, "precision": "fp8"}),
        ("deepseek-v3", {"dp": 8, "ep": 8, "precision": "fp8"}),
        ("gpt-oss-120b", {"tp": 2, "pp": 2, "precision": "fp4"}),
    ],
)
def test_the_table_is_the_form_itself(model: str, spec: dict[str, Any]) -> None:
    """Each step of up to 256 tokens to the last digits, others to some millionths, also beyond the last knot."""
    replica, accelerator = ReplicaSpec(accelerator="h200-sxm", **spec), CATALOG.accelerator("h200")
    shape = CATALOG.model(model)
    fit = CATALOG.hardware_fit(accelerator, gemm_rate(accelerator, replica.precision))
    factors = correction(CATALOG, shape, accelerator, replica)
    tokens = np.concatenate([np.arange(1, 256), np.geomspace(256, 300_000, 500).round()])
    load = StepLoad(tokens // 3, tokens - tokens // 3, tokens * 700, tokens * 90)
    times = factors.factor * seconds(corrected(fit, factors.fixed_factor), accelerator, shape, replica, load)
    found = step_time(CATALOG, shape, accelerator, replica)
    assert found.seconds(*load) == pytest.approx(times, rel=1e-5)
    assert found.seconds(*(x[:255] for x in load)) == pytest.approx(times[:255], rel=1e-12)


def test_the_summary_meets_the_step_time_where_it_says() -> None:
    found = step("qwen3-30b-a3b", "h100", tp=2)
    line = found.linear(8192, 256)
    assert line["a_s"] == found.seconds(0, 0, 0, 0)
    assert line["a_s"] + 8192 * line["b_s_per_token"] == pytest.approx(found.seconds(8192, 0, 0, 0))
    assert line["a_s"] + 256 * line["c_s_per_sequence"] == pytest.approx(found.seconds(0, 256, 0, 0))
    assert line["a_s"] + 16 * line["c_s_per_sequence"] < 0.7 * found.seconds(0, 16, 0, 0)  # concave


@given(
    knots=st.dictionaries(st.integers(0, 1000), st.floats(0, 1), min_size=1, max_size=9),
    tokens=st.integers(0, 1500),
    factor=st.floats(0.1, 10),
)
def test_a_given_base_is_interpolated(knots: dict[int, float], tokens: int, factor: float) -> None:
    base = tuple(Knot(tokens=at, seconds=knots[at]) for at in sorted(knots))
    measured = GivenStep(a=0.01, b=2e-5, c=1e-5, d=3e-8, q=1e-9, base=base, factor=factor)
    after = next((i for i, knot in enumerate(base) if knot.tokens >= tokens), len(base))
    expected = base[min(after, len(base) - 1)].seconds
    if after > 0 and len(base) > 1:
        low, high = base[min(after, len(base) - 1) - 1], base[min(after, len(base) - 1)]
        slope = (high.seconds - low.seconds) / (high.tokens - low.tokens)
        slope = slope if tokens <= high.tokens else max(slope, 0)
        expected = high.seconds + slope * (tokens - high.tokens)
    time = step("llama-3.1-8b", "h100", step=measured).seconds(tokens, 0, 1000, 5000)
    assert time == pytest.approx(factor * (0.01 + expected + 2e-5 * tokens + 3e-5 + 5e-6), abs=1e-12)


def test_knots_out_of_order_are_refused() -> None:
    knots = (Knot(tokens=8, seconds=1), Knot(tokens=2, seconds=1))
    with pytest.raises(ValueError, match="order"):
        GivenStep(a=0, b=0, c=0, d=0, base=knots)


@pytest.mark.parametrize(
    ("model", "accelerator", "spec"),
    [
        ("llama-3.1-8b", "a10g", {"tp": 2}),
        ("mixtral-8x7b", "h100", {"tp": 2}),
        ("llama-3.1-8b", "h100", {"precision": "int4"}),
        ("llama-3.1-8b", "gaudi3", {}),
        ("llama-3.1-8b", "trainium2", {"precision": "fp8"}),
    ],
)
def test_what_no_engine_was_measured_on_is_analytic_and_wide(
    model: str, accelerator: str, spec: dict[str, Any]
) -> None:
    found = step(model, accelerator, **spec)
    assert found.provenance == "analytic"
    assert found.sigma >= 0.2


def test_tp_over_an_unknown_link() -> None:
    with pytest.raises(CatalogError, match="link bandwidth of trainium1"):
        step("llama-3.1-8b", "trainium1", tp=2)


@pytest.mark.parametrize(
    ("model", "spec", "words"),
    [
        ("llama-3.1-8b", {"tp": 3}, "tp 3 does not split"),
        ("llama-3.1-8b", {"pp": 33}, "pp 33 is more than the 32 layers"),
        ("llama-3.1-8b", {"ep": 2}, "ep 2 splits experts"),
        ("mixtral-8x7b", {"tp": 2, "ep": 4}, "possible: 1, 2"),
    ],
)
def test_layouts_that_cannot_be_are_refused(model: str, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        step(model, "h100", **spec)


def physics(model: str, accelerator: str, **spec: Any) -> Callable[[float, float, float, float], float]:
    """Seconds of P, B, K, Q without correction factors."""
    replica, device, shape = (
        ReplicaSpec(accelerator=accelerator, **spec),
        CATALOG.accelerator(accelerator),
        CATALOG.model(model),
    )
    fit = CATALOG.hardware_fit(device, gemm_rate(device, replica.precision))
    return lambda *load: float(seconds(fit, device, shape, replica, StepLoad(*(np.array([float(x)]) for x in load)))[0])


def test_fp8_cache_halves_the_cost_of_reading_it() -> None:
    full, half = (step("llama-3.1-8b", "h100", kv_precision=p) for p in ("bf16", "fp8"))
    assert half.d_s_per_token == full.d_s_per_token / 2


def test_8_bit_weights_without_fp8_units_save_bytes_but_no_arithmetic() -> None:
    full, half = (physics("mistral-7b", "a100", precision=p) for p in ("bf16", "fp8"))
    assert half(0, 1, 1024, 0) < 0.75 * full(0, 1, 1024, 0)
    assert half(8192, 0, 0, 0) == pytest.approx(full(8192, 0, 0, 0), rel=0.01)


def test_4_bit_products_have_a_rate_of_their_own() -> None:
    times = {p: physics("llama-3.1-70b", "b200", precision=p)(8192, 0, 0, 0) for p in ("bf16", "int4", "fp8", "fp4")}
    assert 1.4 * times["fp4"] < times["fp8"] < times["bf16"]
    assert times["int4"] == pytest.approx(times["bf16"], rel=0.01)
    on_hopper = {p: physics("llama-3.1-70b", "h200", precision=p)(8192, 0, 0, 0) for p in ("bf16", "fp4")}
    assert on_hopper["fp4"] == pytest.approx(on_hopper["bf16"], rel=0.01)


def test_experts_are_read_as_the_batch_touches_them() -> None:
    model, fit = CATALOG.model("qwen3-30b-a3b"), CATALOG.hardware_fit(CATALOG.accelerator("h100"), "bf16")
    spec = ReplicaSpec(accelerator="h100-sxm")
    one, some, all_of_them = base_s(fit, CATALOG.accelerator("h100"), model, spec, np.array([1.0, 16.0, 256.0]))
    fixed_s = model.layers * (fit.layer_s + fit.expert_layer_s) + fit.step_s
    share = (some - fixed_s) / (all_of_them - fixed_s)
    assert one - fixed_s < 0.2 * (all_of_them - fixed_s)
    assert share == pytest.approx(1 - (1 - 8 / 128) ** 16, abs=0.15)


def test_a_pipeline_steps_as_the_whole_model_does_with_a_stage_s_share_of_the_rows() -> None:
    whole, staged = physics("llama-3.1-70b", "h100", tp=4), physics("llama-3.1-70b", "h100", tp=4, pp=2)
    fit = CATALOG.hardware_fit(CATALOG.accelerator("h100"), "bf16")
    host_s = fit.step_s + 64 * fit.sequence_s / 2  # each stage's host handles all sequences
    assert whole(0, 64, 64 * 1024, 0) == pytest.approx(staged(0, 128, 128 * 1024, 0) - host_s, rel=0.03)


def test_ranks_share_the_attention_and_step_together() -> None:
    together, ranks = (
        physics("deepseek-v3", "h200", precision="fp8", **spec) for spec in ({"tp": 8}, {"dp": 8, "ep": 8})
    )
    assert ranks(0, 512, 512 * 8192, 0) < together(0, 512, 512 * 8192, 0)  # the latent cache is not split by tp
    assert ranks(0, 1, 1024, 0) > together(0, 1, 1024, 0)  # attention weights are not split by dp


@pytest.mark.parametrize("rows", [64.0, 8192.0])
def test_ranks_of_a_dense_model_step_as_replicas_do_side_by_side(rows: float) -> None:
    alone = physics("llama-3.1-8b", "l40s", tp=4, precision="fp8")
    ranks = physics("llama-3.1-8b", "l40s", tp=4, dp=2, precision="fp8")
    assert ranks(2 * rows, 0, 0, 0) == pytest.approx(alone(rows, 0, 0, 0))


@pytest.mark.parametrize("accelerator", ["rtx-4090", "trainium1", "inferentia2"])
def test_int8_products_run_at_their_own_peak(accelerator: str) -> None:
    eight, half = (physics("llama-3.2-1b", accelerator, precision=p) for p in ("int8", "bf16"))
    assert eight(8192, 0, 0, 0) < half(8192, 0, 0, 0)


def test_two_nodes_exchange_over_the_network() -> None:
    one, two = (physics("llama-3.1-405b", "h100", tp=tp)(8192, 0, 0, 0) for tp in (8, 16))
    rack = [physics("llama-3.1-405b", "gb200", tp=tp)(8192, 0, 0, 0) for tp in (8, 16)]
    assert two > 0.8 * one
    assert rack[1] < 0.8 * rack[0]


def test_a_window_bounds_what_a_token_reads() -> None:
    found = step("gpt-oss-120b", "h100", tp=2, precision="fp4")
    full = 18 * 2 * 4 * 64 * 2 / CATALOG.accelerator("h100").memory_bytes_per_s
    assert found.d_s_per_token == pytest.approx(full, rel=0.5)
    assert found.c_s_per_sequence > 18 / 18 * 128 * found.d_s_per_token


@pytest.mark.parametrize("copies", [2, 4, 7])
@pytest.mark.parametrize("model", ["llama-3.2-1b", "llama-3.1-8b"])
def test_time_slices_together_do_what_the_device_does_and_no_more(model: str, copies: int) -> None:
    """They take turns, so that what a step waits for, launches included, takes as many times as long."""
    shape, device = CATALOG.model(model), CATALOG.accelerator("h100")
    whole, sliced = (
        step_time(CATALOG, shape, device, ReplicaSpec(accelerator="h100", precision="fp8", slice=part))
        for part in (None, f"1/{copies}")
    )
    for load in ((0, 1, 1000, 0), (0, 64, 64_000, 0), (512, 8, 8000, 131_072)):
        assert sliced.seconds(*load) == pytest.approx(copies * whole.seconds(*load))


def test_an_engine_of_choice_and_the_mean_of_engines() -> None:
    model, accelerator = CATALOG.model("deepseek-v3"), CATALOG.accelerator("h200")
    found = {
        engine: correction(
            CATALOG, model, accelerator, ReplicaSpec(accelerator="h200-sxm", tp=8, precision="fp8", engine=engine)
        )
        for engine in (None, "sglang", "trtllm")
    }
    assert found["sglang"].factor != found["trtllm"].factor
    assert (
        min(found["sglang"].factor, found["trtllm"].factor) < found[None].factor < max(f.factor for f in found.values())
    )
    assert found[None].sigma > min(found["sglang"].sigma, found["trtllm"].sigma)


@pytest.mark.parametrize(
    ("accelerator", "precision", "said"),
    [
        ("h100", "fp8", "h100-sxm fp8, its own coefficients; "),
        ("mi300x", "bf16", "mi300x bf16, its own coefficients, of products the mean of others; "),
        ("a100", "int8", "a100-80gb-sxm int8, its own coefficients, of products the mean of others; "),
        ("l4", "bf16", "l4 bf16, no measurement of it, mean coefficients of others; "),
    ],
)
def test_the_source_says_what_was_measured_of_the_accelerator(accelerator: str, precision: Any, said: str) -> None:
    spec = ReplicaSpec(accelerator=accelerator, precision=precision)
    found = step_time(CATALOG, CATALOG.model("llama-3.1-8b"), CATALOG.accelerator(accelerator), spec)
    assert found.source.startswith(said)


def test_fewer_bits_that_come_out_slower_say_by_what_both_were_measured() -> None:
    """fp8 on tp 8 has the factor of 11 measurements of that layout, bf16 that of the model: in opposite directions, by
    more than fp8 saves. Nothing said so."""
    model, h200 = CATALOG.model("llama-3.1-8b"), CATALOG.accelerator("h200")
    spec = ReplicaSpec(accelerator="h200", tp=8, precision="fp8")
    load = (0.0, 1.0, 2048.0, 0.0)
    slower = step("llama-3.1-8b", "h200", tp=8, precision="fp8").seconds(*load)
    ratio = slower / step("llama-3.1-8b", "h200", tp=8).seconds(*load)
    assert ratio > NEAR
    [said] = slower_than_bf16(CATALOG, model, h200, spec)
    assert said.startswith(f"fp8 takes {ratio:.3g} times as long as bf16 for a step of 1 sequence")
    rows = [correction(CATALOG, model, h200, replace(spec, precision=one)).rows for one in ("fp8", "bf16")]
    assert f"fp8 by {rows[0]} of the same configuration, bf16 by {rows[1]} of the same" in said
    assert said in perf_document(CATALOG, "llama-3.1-8b", spec)["assumptions"]
    assert slower_than_bf16(CATALOG, model, h200, replace(spec, precision="bf16")) == ()
    assert slower_than_bf16(CATALOG, model, h200, replace(spec, step=GivenStep(a=0.01, b=0, c=0, d=0, base=()))) == ()
    assert slower_than_bf16(CATALOG, model, h200, replace(spec, tp=1)) == ()


def test_checking_what_fits_loads_no_heavy_library() -> None:
    code = (
        "import sys; from simcost.catalog import load_catalog; from simcost.perf import ReplicaSpec, fit_memory;"
        "c = load_catalog(); fit_memory(c.model('llama-3.1-8b'), c.accelerator('h100'),"
        " ReplicaSpec(accelerator='h100'), 8192);"
        "assert not {'numpy', 'scipy', 'pydantic', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
