"""Step times: published test vectors, the order of sources, and the spread that is stated."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import load_catalog
from simcost.catalog.facts import Precision
from simcost.errors import CatalogError, InputError
from simcost.perf import GivenStep, Knot, ReplicaSpec, StepTime, step_time
from simcost.perf.roofline import StepLoad, seconds

CATALOG = load_catalog()

# accelerator, model, tp, precision, P, B, Q, K, milliseconds of the linear and of the eight-coefficient form
VECTORS = [
    ("h100-sxm", "llama-3.1-70b", 8, "bf16", 0, 64, 0, 131_072, 13.239, 13.230),
    ("h100-sxm", "llama-3.1-8b", 1, "bf16", 2_048, 0, 2_097_152, 0, 40.891, 45.500),
    ("h100-sxm", "llama-3.1-8b", 1, "fp8", 512, 32, 131_072, 65_536, 15.035, 14.147),
    ("a100-80gb-sxm", "qwen3-32b", 2, "bf16", 1_024, 0, 2_621_440, 0, 163.203, 162.193),
]


def step(model: str, accelerator: str, **spec: Any) -> StepTime:
    replica = ReplicaSpec(accelerator=accelerator, **spec)
    return step_time(CATALOG, CATALOG.model(model), CATALOG.accelerator(accelerator), replica)


@pytest.mark.parametrize("vector", VECTORS)
def test_published_vectors(vector: tuple[Any, ...]) -> None:
    accelerator, model, tp, precision, p, b, q, k, linear_ms, eight_ms = vector
    found = step(model, accelerator, tp=tp, precision=precision)
    assert found.seconds(p, b, k, q) * 1e3 == pytest.approx(linear_ms, abs=0.001)
    fit = CATALOG.hardware_fit(accelerator, precision)
    assert fit is not None
    load = StepLoad(*(np.array([float(x)]) for x in (p, b, k, q)))
    times = seconds(fit, CATALOG.model(model), tp, precision, "bf16", load)
    assert times[0] * 1e3 == pytest.approx(eight_ms, rel=2e-4)


def test_given_coefficients_come_first() -> None:
    measured = GivenStep(a=0.01, b=2e-5, c=1e-5, d=3e-8, q=1e-9)
    found = step("llama-3.1-8b", "h100", step=measured)
    assert found.provenance == "given"
    assert found.seconds(100, 2, 1000, 5000) == pytest.approx(0.01 + 2e-3 + 2e-5 + 3e-5 + 5e-6)
    assert 0 < found.sigma < 0.2


def test_a_fit_of_the_configuration_comes_before_that_of_the_accelerator() -> None:
    own, other = step("llama-3.1-8b", "h100"), step("mistral-7b", "h100")
    assert own.provenance == other.provenance == "calibrated"
    assert "llama-3.1-8b tp 1 bf16, mean error 7.0%" in own.source
    assert "eight coefficients" in other.source
    assert 0.2 < own.sigma < other.sigma < 0.35


def test_the_hardware_fit_agrees_with_the_fits_of_its_configurations() -> None:
    fit, own = CATALOG.hardware_fit("h100-sxm", "bf16"), step("llama-3.1-70b", "h100", tp=8)
    assert fit is not None
    for batch, context in ((1, 1024), (64, 2048), (256, 1024)):
        load = StepLoad(*(np.array([float(x)]) for x in (0, batch, batch * context, 0)))
        time = seconds(fit, CATALOG.model("llama-3.1-70b"), 8, "bf16", "bf16", load)
        assert time[0] == pytest.approx(own.seconds(0, batch, batch * context, 0), rel=0.15)


@pytest.mark.parametrize(
    ("model", "tp", "precision"), [("mistral-7b", 1, "bf16"), ("qwen3-30b-a3b", 2, "fp8"), ("deepseek-v3", 8, "fp8")]
)
def test_the_table_is_the_form_itself(model: str, tp: int, precision: Precision) -> None:
    """Each step of up to 256 tokens to the last digits, others to some millionths, also beyond the last knot."""
    found, fit = step(model, "h200", tp=tp, precision=precision), CATALOG.hardware_fit("h200-sxm", precision)
    assert fit is not None
    tokens = np.concatenate([np.arange(1, 256), np.geomspace(256, 300_000, 500).round()])
    load = StepLoad(tokens // 3, tokens - tokens // 3, tokens * 700, tokens * 90)
    times = seconds(fit, CATALOG.model(model), tp, precision, "bf16", load)
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


def test_without_measurements_the_datasheet_is_used_and_the_spread_is_wide() -> None:
    found = step("llama-3.1-8b", "l4", precision="fp8")
    assert found.provenance == "analytic"
    assert "no measurement" in found.source
    assert 0.3 <= found.sigma < 0.5
    weights_s = 8.03e9 / CATALOG.accelerator("l4").memory_bytes_per_s
    assert weights_s < found.seconds(0, 1, 1024, 0) < 1.5 * weights_s


@pytest.mark.parametrize(
    ("model", "accelerator", "spec", "least", "reason"),
    [
        ("llama-3.1-8b", "a10g", {"tp": 2}, 0.5, "PCIe"),
        ("llama-3.1-8b", "a10g", {"tp": 8}, 0.7, "PCIe"),
        ("mistral-7b", "l40s", {"tp": 2}, 0.5, "PCIe"),
        ("mixtral-8x7b", "h100", {"tp": 2}, 0.35, "experts"),
        ("deepseek-v3", "h200", {"tp": 8, "precision": "fp8"}, 0.35, "latent"),
        ("llama-3.1-8b", "h100", {"precision": "int4"}, 0.3, "int4"),
        ("llama-3.1-8b", "a100", {"precision": "fp8"}, 0.3, "fp8 weights at the bf16 rate"),
        ("llama-3.1-8b", "b200", {"precision": "fp4"}, 0.5, "fp4"),
        ("llama-3.1-8b", "mi300x", {}, 0.5, "NVIDIA"),
    ],
)
def test_what_lies_outside_of_the_fits_is_analytic_and_wide(
    model: str, accelerator: str, spec: dict[str, Any], least: float, reason: str
) -> None:
    found = step(model, accelerator, **spec)
    assert found.provenance == "analytic"
    assert found.sigma >= least
    assert reason in found.source


def test_the_all_reduce_that_defies_the_model_is_refused_unless_measured() -> None:
    assert step("llama-3.1-70b", "l40s", tp=8).provenance == "calibrated"
    with pytest.raises(CatalogError, match=r"l40s at tp 8 .* \(llama-3.1-70b\), use tp 4"):
        step("qwen3-32b", "l40s", tp=8)


def test_tp_over_an_unknown_link() -> None:
    with pytest.raises(CatalogError, match="link bandwidth of trainium1"):
        step("llama-3.1-8b", "trainium1", tp=2)


def test_bad_parallelism_and_precision_are_refused() -> None:
    with pytest.raises(InputError, match="tp 3"):
        step("llama-3.1-8b", "h100", tp=3)
    with pytest.raises(InputError, match="fp4"):
        step("llama-3.1-8b", "a100", precision="fp4")


def test_fp8_cache_halves_the_cost_of_reading_it() -> None:
    full, half = (step("llama-3.1-8b", "h100", kv_precision=p) for p in ("bf16", "fp8"))
    assert half.d_s_per_token == full.d_s_per_token / 2
    full, half = (step("mistral-7b", "h100", kv_precision=p) for p in ("bf16", "fp8"))
    assert half.d_s_per_token == pytest.approx(full.d_s_per_token / 2, rel=0.1)


def test_8_bit_weights_without_fp8_units_save_bytes_but_no_arithmetic() -> None:
    full, half = (step("mistral-7b", "a100", precision=p) for p in ("bf16", "fp8"))
    assert half.seconds(0, 1, 1024, 0) < 0.75 * full.seconds(0, 1, 1024, 0)
    assert half.seconds(8192, 0, 0, 0) == pytest.approx(full.seconds(8192, 0, 0, 0), rel=0.15)


def test_experts_are_read_as_the_batch_touches_them() -> None:
    model, fit = CATALOG.model("qwen3-30b-a3b"), CATALOG.hardware_fit("h100-sxm", "bf16")
    assert fit is not None
    batch = np.array([1.0, 16.0, 256.0])
    zero = np.zeros(3)
    times = seconds(fit, model, 1, "bf16", "bf16", StepLoad(zero, batch, zero, zero))
    fixed_s = model.layers * fit.layer_s
    all_weights_s = 2 * model.parameters / (fit.weight_efficiency * fit.memory_bytes_per_s)
    assert times[0] - fixed_s < 0.2 * all_weights_s
    assert times[2] - fixed_s == pytest.approx(all_weights_s, rel=0.05)


def test_checking_what_fits_loads_no_heavy_library() -> None:
    code = (
        "import sys; from simcost.catalog import load_catalog; from simcost.perf import ReplicaSpec, fit_memory;"
        "c = load_catalog(); fit_memory(c.model('llama-3.1-8b'), c.accelerator('h100'),"
        " ReplicaSpec(accelerator='h100'), 8192);"
        "assert not {'numpy', 'scipy', 'pydantic', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
