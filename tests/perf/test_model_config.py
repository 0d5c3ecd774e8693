"""Models from config.json: the rows of the catalog again, and what has no place in a row."""

from dataclasses import fields, replace
from typing import Any

import pytest

from simcost.catalog import load_catalog
from simcost.catalog.facts import Model
from simcost.errors import InputError
from simcost.perf.model_config import ReadModel, model_of_config

CATALOG = load_catalog()

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
    "vocab_size": 128256,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": LLAMA,
    "llama-3.2-1b": {
        "model_type": "llama",
        "head_dim": 64,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "max_position_embeddings": 131072,
        "num_attention_heads": 32,
        "num_hidden_layers": 16,
        "num_key_value_heads": 8,
        "tie_word_embeddings": True,
        "vocab_size": 128256,
    },
    "mixtral-8x7b": {
        "model_type": "mixtral",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "max_position_embeddings": 32768,
        "num_attention_heads": 32,
        "num_experts_per_tok": 2,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "num_local_experts": 8,
        "sliding_window": None,
        "tie_word_embeddings": False,
        "vocab_size": 32000,
    },
    "deepseek-v3": {
        "model_type": "deepseek_v3",
        "first_k_dense_replace": 3,
        "hidden_size": 7168,
        "intermediate_size": 18432,
        "kv_lora_rank": 512,
        "max_position_embeddings": 163840,
        "moe_intermediate_size": 2048,
        "moe_layer_freq": 1,
        "n_routed_experts": 256,
        "n_shared_experts": 1,
        "num_attention_heads": 128,
        "num_experts_per_tok": 8,
        "num_hidden_layers": 61,
        "num_key_value_heads": 128,
        "q_lora_rank": 1536,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8"},
        "tie_word_embeddings": False,
        "v_head_dim": 128,
        "vocab_size": 129280,
    },
    "qwen3-next-80b-a3b": {
        "model_type": "qwen3_next",
        "decoder_sparse_step": 1,
        "full_attention_interval": 4,
        "head_dim": 256,
        "hidden_size": 2048,
        "intermediate_size": 5120,
        "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_value_head_dim": 128,
        "max_position_embeddings": 262144,
        "mlp_only_layers": [],
        "moe_intermediate_size": 512,
        "num_attention_heads": 16,
        "num_experts": 512,
        "num_experts_per_tok": 10,
        "num_hidden_layers": 48,
        "num_key_value_heads": 2,
        "shared_expert_intermediate_size": 512,
        "tie_word_embeddings": False,
        "vocab_size": 151936,
    },
    "gpt-oss-20b": {
        "model_type": "gpt_oss",
        "head_dim": 64,
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "layer_types": ["sliding_attention", "full_attention"] * 12,
        "max_position_embeddings": 131072,
        "num_attention_heads": 64,
        "num_experts_per_tok": 4,
        "num_hidden_layers": 24,
        "num_key_value_heads": 8,
        "num_local_experts": 32,
        "quantization_config": {"quant_method": "mxfp4"},
        "sliding_window": 128,
        "tie_word_embeddings": False,
        "vocab_size": 201088,
    },
    "gemma-3-1b": {
        "model_type": "gemma3_text",
        "head_dim": 256,
        "hidden_size": 1152,
        "intermediate_size": 6912,
        "max_position_embeddings": 32768,
        "num_attention_heads": 4,
        "num_hidden_layers": 26,
        "num_key_value_heads": 1,
        "sliding_window": 512,
        "sliding_window_pattern": 6,
        "vocab_size": 262144,
    },
    "llama-4-maverick": {
        "model_type": "llama4",
        "tie_word_embeddings": False,
        "text_config": {
            "model_type": "llama4_text",
            "attention_chunk_size": 8192,
            "head_dim": 128,
            "hidden_size": 5120,
            "interleave_moe_layer_step": 2,
            "intermediate_size": 8192,
            "intermediate_size_mlp": 16384,
            "max_position_embeddings": 262144,
            "no_rope_layers": [1, 1, 1, 0] * 12,
            "num_attention_heads": 40,
            "num_experts_per_tok": 1,
            "num_hidden_layers": 48,
            "num_key_value_heads": 8,
            "num_local_experts": 128,
            "vocab_size": 202048,
        },
        "vision_config": {"hidden_size": 1408},
    },
}


def read(config: dict[str, Any], **options: Any) -> ReadModel:
    return model_of_config(config, "mine", source="config.json", as_of="2026-11-29", **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_config_is_the_row_of_the_catalog(name: str) -> None:
    known, found = CATALOG.model(name), read(PUBLISHED[name]).model
    sizes = [
        f.name for f in fields(Model) if f.name not in ("name", "parameters", "source", "as_of", "quality", "notes")
    ]
    assert {size: getattr(found, size) for size in sizes} == {size: getattr(known, size) for size in sizes}
    assert found.parameters == pytest.approx(known.parameters, rel=2e-3)


def test_the_precision_of_a_checkpoint_is_told() -> None:
    quantised = {
        "fp8": {"quant_method": "fp8", "fmt": "e4m3"},
        "fp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
        "int4": {"quant_method": "awq", "bits": 4},
        "int8": {"config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}},
    }
    for precision, stated in quantised.items():
        found = read(LLAMA | {"quantization_config": stated})
        assert found.precision == precision
        assert found.model.notes.endswith(f"checkpoint in {precision}")
        assert f"write `precision: {precision}`" in found.findings[-1]
    with pytest.raises(InputError, match="3 bits"):
        read(LLAMA | {"quantization_config": {"quant_method": "gptq", "bits": 3}})


def test_missing_keys_are_reported_together() -> None:
    few = {name: value for name, value in LLAMA.items() if name not in ("vocab_size", "num_attention_heads")}
    with pytest.raises(InputError, match="the config has no num_attention_heads, vocab_size"):
        read(few)


def test_what_is_assumed_is_told() -> None:
    silent = {name: value for name, value in LLAMA.items() if name != "tie_word_embeddings"}
    assert "tie_word_embeddings is not stated and taken as false" in read(silent).findings[0]
    few = {name: value for name, value in LLAMA.items() if name != "num_key_value_heads"} | {
        "model_type": "gemma3_text"
    }
    assert [one.split()[0] for one in read(few).findings] == ["num_key_value_heads", "head_dim"]
    assert "only text_config is read" in read(PUBLISHED["llama-4-maverick"]).findings[0]


def test_an_mlp_of_two_matrices_has_their_parameters() -> None:
    """BERT large has 334e6 with positions, segments and the pooler; its blocks 12 h^2 each."""
    bert = {
        "model_type": "bert",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "max_position_embeddings": 512,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "vocab_size": 30522,
    }
    found = read(bert)
    assert found.model.parameters == pytest.approx(24 * 12 * 1024**2 + 30522 * 1024, rel=1e-3)
    assert found.model.tied_embeddings
    assert any("an encoder" in one for one in found.findings)


def test_hybrids_have_their_states() -> None:
    """Jamba: attention in one of 8 layers, experts in one of 2, Mamba in the others."""
    jamba = {
        "model_type": "jamba",
        "attn_layer_offset": 4,
        "attn_layer_period": 8,
        "expert_layer_offset": 1,
        "expert_layer_period": 2,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "mamba_d_conv": 4,
        "mamba_d_state": 16,
        "mamba_dt_rank": 256,
        "mamba_expand": 2,
        "max_position_embeddings": 262144,
        "num_attention_heads": 32,
        "num_experts": 16,
        "num_experts_per_tok": 2,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
        "vocab_size": 65536,
    }
    found = read(jamba).model
    assert (found.linear_layers, found.dense_layers, found.linear_state_bytes) == (28, 16, 8192 * (16 + 3) * 2)
    assert found.parameters == pytest.approx(51.6e9, rel=0.01)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"is_encoder_decoder": True}, "encoder and decoder"),
        ({"hybrid_override_pattern": "M-M*-"}, "layers that are not read"),
        ({"layer_types": ["conv", "full_attention"] * 16}, "layers that are not read \\(layer_types\\)"),
        ({"attn_type_list": [0, 1] * 16}, "layers that are not read \\(attn_type_list\\)"),
        ({"layer_types": ["linear_attention"] * 32}, "linear attention of unknown sizes"),
        ({"num_hidden_layers": 10**8}, "100,000,000 layers are more than"),
        ({"num_key_value_heads": 0}, "heads of no size"),
        ({"num_hidden_layers": "32"}, "num_hidden_layers is '32'; it must be a whole number"),
    ],
)
def test_what_has_no_place_in_the_catalog_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(LLAMA | config)


def test_stated_parameters_are_taken() -> None:
    assert read(LLAMA, parameters=8.5e9).model == replace(read(LLAMA).model, parameters=8.5e9, notes="")
