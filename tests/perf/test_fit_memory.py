"""What fits: the formulas, a real engine's capacity, and what is said when nothing fits."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcost.catalog import load_catalog
from simcost.errors import DoesNotFitError, InputError
from simcost.perf import MemoryFit, ReplicaSpec, fit_memory
from simcost.perf.memory import held_sequences, overhead_bytes, possible_tp, weights_bytes
from simcost.units import GIB

CATALOG = load_catalog()


def fit(model: str, accelerator: str, tokens: int = 8192, **spec: Any) -> MemoryFit:
    replica = ReplicaSpec(accelerator=accelerator, **spec)
    return fit_memory(CATALOG.model(model), CATALOG.accelerator(accelerator), replica, tokens)


def test_the_capacity_of_a_real_engine() -> None:
    """vLLM 0.19 on an RTX 4090: Llama-3.1-8B, bf16, 2,048 batched tokens, 0.9 of memory: 41,408 tokens."""
    found = fit("llama-3.1-8b", "rtx-4090", 2048, memory_utilisation=0.9)
    assert found.overhead_bytes == pytest.approx(1.15 * GIB, rel=0.01)
    assert found.kv_capacity_tokens == pytest.approx(41_408, rel=0.01)


def test_capacity_is_what_is_left_in_whole_blocks() -> None:
    found = fit("llama-3.1-70b", "h100", tp=4, overhead=2e9)
    left = 85_899_345_920 * 0.92 - found.weights_bytes / 4 - 2e9
    assert found.kv_bytes_per_token == 327_680 / 4
    assert found.kv_capacity_tokens % 16 == 0
    assert 0 <= left - found.kv_capacity_tokens * found.kv_bytes_per_token < 16 * found.kv_bytes_per_token


def test_embedding_and_head_stay_at_16_bits() -> None:
    model = CATALOG.model("llama-3.1-8b")
    embeddings = 2 * 128_256 * 4096
    assert weights_bytes(model, ReplicaSpec(accelerator="h100", precision="bf16")) == 2 * model.parameters
    assert (
        weights_bytes(model, ReplicaSpec(accelerator="h100", precision="fp8"))
        == model.parameters - embeddings + 2 * embeddings
    )
    tied = CATALOG.model("llama-3.2-1b")
    assert weights_bytes(tied, ReplicaSpec(accelerator="h100", precision="bf16")) == 2 * tied.parameters


def test_fp8_cache_holds_twice_the_tokens() -> None:
    full, half = (fit("llama-3.1-8b", "h100", kv_precision=p) for p in ("bf16", "fp8"))
    assert half.kv_capacity_tokens == pytest.approx(2 * full.kv_capacity_tokens, abs=32)


def test_heads_are_replicated_once_tp_exceeds_them() -> None:
    per_token = [fit("qwen3-30b-a3b", "h100", tp=tp).kv_bytes_per_token for tp in (1, 2, 4, 8)]
    assert per_token == [98_304, 49_152, 24_576, 24_576]


def test_latent_cache_is_not_split() -> None:
    assert [fit("deepseek-v3", "b200", tp=tp, precision="fp8").kv_bytes_per_token for tp in (8, 16)] == [70_272] * 2


def test_given_values_replace_the_estimates() -> None:
    assert fit("llama-3.1-8b", "h100", kv_tokens=40_000).kv_capacity_tokens == 40_000
    assert fit("llama-3.1-8b", "h100", overhead=3e9).overhead_bytes == 3e9
    with pytest.raises(InputError, match="one block"):
        fit("llama-3.1-8b", "h100", kv_tokens=15)
    with pytest.raises(DoesNotFitError):
        fit("llama-3.1-70b", "h100", kv_tokens=40_000)


def test_a_model_that_does_not_fit_says_what_is_missing_and_what_would_fit() -> None:
    with pytest.raises(DoesNotFitError) as error:
        fit("llama-3.1-70b", "h100")
    text = str(error.value)
    missing = 131.4 + overhead_bytes(CATALOG.model("llama-3.1-70b"), 1, 8192) / GIB - 0.92 * 80
    assert f"{missing:.1f} GiB are missing" in text
    for remedy in ("tp 2 (", "precision fp8 (", "b200-sxm ("):
        assert remedy in text


def test_every_remedy_offered_does_fit() -> None:
    with pytest.raises(DoesNotFitError) as error:
        fit("llama-3.1-405b", "h100", tp=8)
    assert "tp 16" in str(error.value)
    assert fit("llama-3.1-405b", "h100", tp=16).kv_capacity_tokens > 0
    assert fit("llama-3.1-405b", "h100", tp=8, precision="fp8").kv_capacity_tokens > 0
    assert fit("llama-3.1-405b", "h200", tp=8).kv_capacity_tokens > 0


@pytest.mark.parametrize("tp", [3, 5, 64])
def test_tp_must_split_the_heads(tp: int) -> None:
    with pytest.raises(InputError, match=f"tp {tp} does not split the 32 heads .* possible: 1, 2, 4, 8, 16, 32"):
        fit("llama-3.1-8b", "h100", tp=tp)


def test_tp_must_split_the_kv_heads_too() -> None:
    assert possible_tp(CATALOG.model("qwen2.5-7b")) == [1, 2, 4, 28]


def test_precisions_that_cannot_be() -> None:
    with pytest.raises(InputError, match="kv_precision 'int4'"):
        fit("llama-3.1-8b", "h100", kv_precision="int4")
    assert (
        fit("llama-3.1-8b", "b200", precision="fp4").weights_bytes
        < fit("llama-3.1-8b", "b200", precision="fp8").weights_bytes
    )
    assert fit("llama-3.1-70b", "a100", tp=2, precision="fp8").kv_capacity_tokens > 0


@given(
    tokens=st.integers(64, 65_536),
    tp=st.sampled_from([1, 2, 4, 8]),
    name=st.sampled_from(["llama-3.1-70b", "mixtral-8x7b"]),
)
def test_overhead_grows_with_the_budget_and_stays_in_the_known_range(tokens: int, tp: int, name: str) -> None:
    model = CATALOG.model(name)
    assert overhead_bytes(model, tp, tokens) < overhead_bytes(model, tp, tokens + 64)
    if tokens <= 16_384:
        assert 0.5 * GIB < overhead_bytes(model, tp, tokens) < 6 * GIB


def test_more_memory_utilisation_never_holds_less() -> None:
    spec = ReplicaSpec(accelerator="h100")
    model, accelerator = CATALOG.model("llama-3.1-8b"), CATALOG.accelerator("h100")
    held = [
        fit_memory(model, accelerator, replace(spec, memory_utilisation=u), 8192).kv_capacity_tokens
        for u in (0.5, 0.7, 0.9, 1.0)
    ]
    assert held == sorted(set(held))


def test_stages_hold_their_layers_and_ranks_their_own_cache() -> None:
    one, stages = (fit("llama-3.1-70b", "h100", tp=4, pp=pp, overhead=2e9) for pp in (1, 2))
    assert stages.kv_bytes_per_token == one.kv_bytes_per_token / 2
    assert stages.weights_bytes == one.weights_bytes
    assert stages.weights_bytes_per_device == pytest.approx(one.weights_bytes_per_device / 2, rel=0.02)
    ranks = fit("deepseek-v3", "b200", dp=8, ep=8, precision="fp8")
    together = fit("deepseek-v3", "b200", tp=8, precision="fp8")
    assert ranks.weights_bytes_per_device > together.weights_bytes_per_device  # attention whole on each rank
    assert ranks.kv_bytes_per_token == together.kv_bytes_per_token
    assert ranks.kv_capacity_tokens > 5 * together.kv_capacity_tokens


@pytest.mark.parametrize("tokens", [100, 1000, 8192, 50_000])
def test_as_many_sequences_are_held_as_their_windows_and_full_layers_leave_room(tokens: int) -> None:
    model, spec = CATALOG.model("gemma-3-27b"), ReplicaSpec(accelerator="h100", precision="fp8")
    found = fit_memory(model, CATALOG.accelerator("h100"), spec, 8192)
    each = 2 * 16 * 128 * 2 * (10 * tokens + 52 * min(tokens, 1024))
    room = found.kv_capacity_tokens * found.kv_bytes_per_token
    assert held_sequences(found, model, spec, tokens) == pytest.approx(room / each)
    assert "up to 3.8 times as much" in found.provenance
    stated = fit_memory(model, CATALOG.accelerator("h100"), spec, 8192, held_tokens=tokens)
    assert stated.kv_capacity_tokens == pytest.approx(tokens * room / each, abs=16)
    assert f"as of sequences of {tokens:,} tokens, the mean of those held, of which" in stated.provenance


def test_windows_and_linear_layers_cache_less() -> None:
    windowed = fit("gpt-oss-120b", "h100", tp=1, precision="fp4")
    assert windowed.kv_bytes_per_token == 2 * 8 * 64 * 2 * (18 + 18 * 128 / 8192)
    states = 36 * (32 * 128 * 128 + 3 * 8192) * 2 / 2
    assert fit("qwen3-next-80b-a3b", "h200", tp=2).kv_bytes_per_token == 2 * 12 * 1 * 256 * 2 + states / 8192


def test_short_sequences_are_as_many_as_their_states_leave_room_for() -> None:
    """States of linear attention took no room, so that 6 times as many sequences of 300 tokens seemed to fit."""
    model, spec = CATALOG.model("qwen3-next-80b-a3b"), ReplicaSpec(accelerator="h100", tp=2, precision="fp8")
    found = fit_memory(model, CATALOG.accelerator("h100"), spec, 8192)
    each = 2 * 12 * 256 * 2 * 300 + 36 * 1_097_728 / 2
    room = found.kv_capacity_tokens * found.kv_bytes_per_token
    assert held_sequences(found, model, spec, 300) == pytest.approx(room / each, rel=1e-4)
    assert "each with 37.69 MiB of states of linear attention" in found.provenance


def test_what_would_fit_is_of_the_catalog_in_use() -> None:
    large = replace(CATALOG.accelerator("h100"), name="ours", memory_bytes=1.6e11)
    facts = replace(CATALOG.facts, accelerators=(large, *CATALOG.facts.accelerators))
    spec = ReplicaSpec(accelerator="h100")
    with pytest.raises(DoesNotFitError, match=r"another accelerator at tp 1: ours \("):
        fit_memory(
            CATALOG.model("llama-3.1-70b"), CATALOG.accelerator("h100"), spec, 8192, replace(CATALOG, facts=facts)
        )


def test_unknown_states_are_told() -> None:
    model = replace(CATALOG.model("qwen3-next-80b-a3b"), linear_state_bytes=0)
    found = fit_memory(model, CATALOG.accelerator("h200"), ReplicaSpec(accelerator="h200", tp=2), 8192)
    assert "the states of its 36 layers of linear attention are not known and take no room" in found.provenance
