"""Levers on a served model: pruning and adapters in memory and time, and the quality that was published of them."""

from dataclasses import replace
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import call, refused

from simcost.catalog import load_catalog
from simcost.errors import InputError
from simcost.perf import GivenStep, MemoryFit, ReplicaSpec, StepTime, fit_memory, step_time
from simcost.perf.adapters import AdapterLoading, AdapterSlots
from simcost.perf.images import ImageTime
from simcost.perf.memory import WEIGHT_BYTES, bytes_per_weight
from simcost.perf.pruning import SPARSE_RATE, FewerLayers, NarrowerLayers, Sparse24

CATALOG = load_catalog()
LLAMA = CATALOG.model("llama-3.1-8b")


def served(accelerator: str = "h100", model: str = "llama-3.1-8b", **spec: Any) -> tuple[MemoryFit, StepTime]:
    shape, device = CATALOG.model(model), CATALOG.accelerator(accelerator)
    replica = ReplicaSpec(accelerator=accelerator, **spec)
    return fit_memory(shape, device, replica, 8192), step_time(CATALOG, shape, device, replica)


@given(precision=st.sampled_from(sorted(WEIGHT_BYTES)))
def test_two_of_four_weights_take_half_their_bits_and_two_bits_of_place(precision: Any) -> None:
    dense = ReplicaSpec(accelerator="h100", precision=precision)
    sparse = replace(dense, pruning=Sparse24())
    assert bytes_per_weight(sparse) == WEIGHT_BYTES[precision] / 2 + 2 * 2 / 4 / 8


def test_sparse_products_are_faster_by_the_stated_rate_and_never_twice() -> None:
    (dense, plain), (sparse, faster) = served(precision="fp8"), served(precision="fp8", pruning=Sparse24())
    assert sparse.weights_bytes < dense.weights_bytes
    assert sparse.kv_capacity_tokens > dense.kv_capacity_tokens
    prefill, decode = (8192, 0, 0, 0), (0, 8, 8 * 1024, 0)
    assert 1.05 < plain.seconds(*prefill) / faster.seconds(*prefill) < SPARSE_RATE
    assert 1.0 < plain.seconds(*decode) / faster.seconds(*decode) < 1 / 0.625


@pytest.mark.parametrize(
    ("pruning", "published"),
    [(NarrowerLayers(hidden=3072, ffn=9216), 4.51e9), (FewerLayers(layers=16), 4.54e9)],
)
def test_pruned_shapes_have_the_published_parameters(pruning: Any, published: float) -> None:
    """Llama-3.1-Minitron-4B, width and depth."""
    shape = pruning.shape(LLAMA)
    assert shape.parameters == pytest.approx(published, rel=0.005)
    small, fewer = served(pruning=pruning)
    whole, step = served()
    assert small.weights_bytes == pytest.approx(2 * shape.parameters)
    assert small.kv_capacity_tokens > whole.kv_capacity_tokens
    assert fewer.seconds(4096, 0, 0, 0) < step.seconds(4096, 0, 0, 0)


def test_layers_with_experts_keep_their_share() -> None:
    """Half of the layers of Llama 4 Maverick, every second of them dense, were all dense."""
    half, whole = FewerLayers(layers=24).shape(CATALOG.model("llama-4-maverick")), CATALOG.model("llama-4-maverick")
    assert (half.dense_layers, half.experts) == (12, 128)
    assert half.parameters == pytest.approx(whole.parameters / 2, rel=0.01)


def test_a_model_of_linear_attention_alone_needs_its_capacity_or_its_states() -> None:
    one = ReplicaSpec(accelerator="h100", pruning=FewerLayers(layers=1))
    known, device = CATALOG.model("qwen3-next-80b-a3b"), CATALOG.accelerator("h100")
    unknown = replace(known, linear_state_bytes=0)
    with pytest.raises(InputError, match="all of its layers have linear attention"):
        fit_memory(unknown, device, one, 8192)
    assert fit_memory(unknown, device, replace(one, kv_tokens=4096), 8192).kv_capacity_tokens == 4096
    assert fit_memory(known, device, one, 8192).kv_bytes_per_token == known.linear_state_bytes / 8192


def test_half_of_the_layers_cache_half_of_the_bytes() -> None:
    half, whole = served(pruning=FewerLayers(layers=16))[0], served()[0]
    assert half.kv_bytes_per_token == whole.kv_bytes_per_token / 2


@pytest.mark.parametrize(
    ("model", "accelerator", "spec", "message"),
    [
        ("llama-3.1-8b", "t4", {"pruning": Sparse24(), "precision": "int8"}, "t4 multiplies no 2:4"),
        ("llama-3.1-8b", "b200", {"pruning": Sparse24(), "precision": "fp4"}, "fp4 weights is not modelled"),
        ("mixtral-8x7b", "b200", {"pruning": Sparse24()}, "experts of mixtral-8x7b"),
        ("llama-3.1-8b", "h100", {"pruning": FewerLayers(layers=32)}, "has 32; write a smaller size"),
        ("llama-3.1-8b", "h100", {"pruning": NarrowerLayers(hidden=5000)}, "hidden 5,000"),
        ("llama-3.1-8b", "h100", {"pruning": NarrowerLayers()}, "needs hidden, ffn or moe_ffn"),
        ("qwen3-30b-a3b", "h100", {"pruning": NarrowerLayers(ffn=3072)}, "ffn changes nothing; write moe_ffn"),
        ("mixtral-8x7b", "b200", {"lora": AdapterSlots()}, "modules: attention"),
        ("llama-3.1-8b", "h100", {"kv_precision": "fp4"}, "use kv_precision fp8"),
    ],
)
def test_what_is_not_modelled_is_refused(model: str, accelerator: str, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        served(accelerator, model, **spec)


def test_adapters_take_their_bytes_from_the_cache_and_lengthen_each_step() -> None:
    plain, step = served()
    slots = AdapterSlots(rank=16, slots=8)
    found, slower = served(lora=slots)
    assert found.adapters_bytes_per_device == 8 * 83_886_080
    taken = (plain.kv_capacity_tokens - found.kv_capacity_tokens) * plain.kv_bytes_per_token
    assert taken == pytest.approx(8 * 83_886_080, abs=16 * plain.kv_bytes_per_token)
    assert slower.seconds(100, 10, 1000, 0) == pytest.approx(1.28 * step.seconds(100, 10, 1000, 0))
    assert AdapterSlots(modules="attention").adapter_bytes(LLAMA) == 27_262_976
    assert AdapterSlots(rank=64).step_factor == pytest.approx(1.12)


def test_the_slowdown_by_adapters_is_as_unsure_as_it_is_large() -> None:
    """Nobody measured it: 95 % of the spread are from none of it to twice as much, in logarithms."""
    plain, many = served()[1], served(lora=AdapterSlots(rank=16, slots=16))[1]
    of_adapters = (many.sigma**2 - plain.sigma**2) ** 0.5
    assert of_adapters == pytest.approx(log(1 + 16 * 0.035) / 1.96)
    loaded = AdapterSlots(slots=16, load=AdapterLoading(disk=1e9, link=2e10))
    assert served(lora=loaded)[1].sigma == plain.sigma  # of which a run counts as many as a step has
    assert "not fitted, and not in the spread of step times" in loaded.assumption


def test_a_measured_step_holds_for_pruning_and_adapters_as_it_is() -> None:
    measured = GivenStep(a=0.012, b=5e-5, c=3e-5, d=4e-8)
    levers: dict[str, Any] = {"step": measured, "pruning": Sparse24(), "lora": AdapterSlots(slots=8)}
    assert served("l40s", **levers)[1] == served("l40s", step=measured)[1]
    pruned, adapted = ReplicaSpec(accelerator="l40s", **levers).assumptions
    assert "measured with the pruning 2:4" in pruned
    assert "1.22 times as fast" not in pruned
    assert "measured with 8 LoRA adapters of rank 16" in adapted
    assert "times as long" not in adapted


def test_times_of_images_hold_for_pruning_as_they_are() -> None:
    images = (ImageTime(size="512x512", fixed=0.2, step=0.01),)
    [pruned] = ReplicaSpec(accelerator="l40s", images=images, pruning=Sparse24()).assumptions
    assert "measured with the pruning 2:4" in pruned
    assert "1.22 times as fast" not in pruned


@pytest.mark.parametrize(("layout", "words"), [("pp", "Pipeline of 4 stages"), ("dp", "4 data-parallel ranks")])
def test_an_even_share_of_a_step_over_stages_and_ranks_is_told(layout: str, words: str) -> None:
    """A prompt alone is computed by one of them, and takes as long as on one device: up to four times the step."""
    spec = ReplicaSpec(accelerator="h100", **{layout: 4})  # type: ignore[arg-type]
    prompt = (4096, 0, 0, 4096 * 2048)
    [sentence] = spec.assumptions
    assert sentence.startswith(words)
    assert "up to 4 times as long as here" in sentence
    assert served(**{layout: 4})[1].seconds(*prompt) > served()[1].seconds(*prompt) / 4
    assert ReplicaSpec(accelerator="h100", tp=4).assumptions == ()


def test_half_of_an_adapter_is_shared_out_over_the_devices() -> None:
    assert AdapterSlots().bytes_per_device(LLAMA, 4, 1) == pytest.approx(83_886_080 * (0.5 + 0.5 / 4))


def test_fp4_cache_takes_nine_sixteenths_of_a_byte() -> None:
    four, sixteen = served("b200", kv_precision="fp4")[0], served("b200")[0]
    assert four.kv_bytes_per_token / sixteen.kv_bytes_per_token == pytest.approx(0.5625 / 2)


@pytest.mark.parametrize("pruning", [Sparse24(), NarrowerLayers(ffn=7168), FewerLayers(layers=24)])
@pytest.mark.parametrize("accelerator", ["h100", "l4", "rtx-pro-6000"])
def test_a_pruned_model_is_faster_than_the_whole_one_and_less_surely_known(pruning: Any, accelerator: str) -> None:
    whole, pruned = served(accelerator, precision="fp8")[1], served(accelerator, precision="fp8", pruning=pruning)[1]
    for load in ((8192, 0, 0, 0), (0, 1, 100, 0), (0, 64, 64_000, 0), (512, 64, 64_000, 131_072)):
        assert pruned.seconds(*load) < whole.seconds(*load)
    assert pruned.sigma >= whole.sigma


@pytest.mark.parametrize(("model", "tp"), [("llama-3.1-8b", 8), ("llama-3.1-405b", 8), ("qwen3-30b-a3b", 4)])
def test_a_pruned_model_is_never_known_more_surely_than_the_whole_one(model: str, tp: int) -> None:
    """Its times have the factors of the whole model, so that they are as far off as those at least."""
    layers = FewerLayers(layers=CATALOG.model(model).layers - 1)
    for accelerator in ("h100", "mi300x", "b300"):
        spec = ReplicaSpec(accelerator=accelerator, tp=tp, precision="fp8")
        device = CATALOG.accelerator(accelerator)
        whole, pruned = (
            step_time(CATALOG, CATALOG.model(model), device, one) for one in (spec, replace(spec, pruning=layers))
        )
        assert pruned.sigma >= whole.sigma


def test_perf_takes_levers_from_the_command_line() -> None:
    replica = ("perf", "llama-3.1-8b", "--on", "h100", "--precision", "fp8", "--json")
    plain = call(*replica).document()
    sparse = call(*replica, "--pruning", "2:4").document()
    assert (sparse["pruning"], plain["pruning"]) == ("2:4", None)
    assert sparse["weights_bytes"] < plain["weights_bytes"]
    assert "2 bits of place" in sparse["assumptions"][0]
    narrow = call(*replica, "--pruning", "width,hidden=3072,ffn=9216", "--lora", "rank=8,slots=2").document()
    assert narrow["pruning"] == "width hidden=3072 ffn=9216"
    assert narrow["lora"] == {"rank": 8, "slots": 2, "modules": "all", "cpu_slots": None, "load": None}
    assert "not a size" in refused(*replica, "--pruning", "depth,layers")
    assert "pruning" in refused(*replica, "--pruning", "3:4")
    assert "unknown key 'slot'; did you mean 'slots'" in refused(*replica, "--lora", "rank=16,slot=4")
    drafts = refused(*replica, "--speculation", "drafter=eagle3,acceptance=0.7,token=5")
    assert "speculation.token: unknown key 'token'; did you mean 'tokens'" in drafts
    mixture = call("perf", "mixtral-8x7b", "--on", "h200", "--lora", "slots=2,modules=attention", "--json").document()
    assert mixture["lora"]["modules"] == "attention"
    assert "no step time is known on CPUs" in refused("perf", "llama-3.1-8b", "--on", "cpu")


def test_a_slice_on_the_command_line_has_its_part_of_the_device() -> None:
    whole = call("perf", "llama-3.2-1b", "--on", "h100", "--json").document()
    part = call("perf", "llama-3.2-1b", "--on", "h100", "--slice", "1/4", "--json").document()
    assert (whole["slice"], part["slice"]) == (None, "1/4")
    assert part["coefficients"]["a_s"] == pytest.approx(4 * whole["coefficients"]["a_s"])
    assert part["kv_capacity_tokens"] < whole["kv_capacity_tokens"] / 4
    assert any("1/4" in said for said in part["assumptions"])
