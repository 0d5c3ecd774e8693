"""Model of the catalog from the `config.json` of a checkpoint, as transformers of Hugging Face writes it.

Sizes are taken as they stand; parameters are counted from them unless they are given. What has no place in a row of the
catalog is refused or told: encoders of images and audio, experts and windows by rules that are not known here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from simcost.catalog.facts import Model, Precision
from simcost.errors import InputError
from simcost.perf.layer_kinds import Config, KindsOfLayers, kinds_of_layers, whole_number
from simcost.perf.model_shape import counted_parameters

_PARTS = ("text_config", "llm_config", "language_config", "language_model_config")
_SHARED = ("tie_word_embeddings", "quantization_config", "is_encoder_decoder", "architectures")
"""Keys of the whole that hold for its language model too."""
_TIED = ("gemma", "gpt2", "gpt_bigcode", "opt", "bloom", "cohere", "falcon", "mpt", "bert", "roberta", "starcoder2")
"""Beginnings of model types whose class in transformers ties embedding and LM head where the file is silent."""
_TWO_MATRICES = ("gpt", "bloom", "opt", "falcon", "mpt", "phi", "starcoder2", "bert", "roberta", "xlm-", "nemotron")
"""Beginnings of model types whose MLP has no gate."""
_GATED = ("phi3", "phimoe", "gpt_oss", "nemotron-nas", "modernbert")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
_OWN_HEAD_DIM = ("gemma", "qwen3")
"""Beginnings of model types whose heads are not the hidden size over their number where the file is silent."""
_ENCODERS = ("bert", "roberta", "xlm-roberta", "modernbert", "distilbert", "deberta", "electra", "nomic_bert")
_UNTOLD = 1e18
"""Stands for the parameters until they are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """A model as it was read."""

    model: Model
    precision: Precision
    """Of the weights of the checkpoint, as a replica writes it."""
    findings: tuple[str, ...]
    """Sentences on what was assumed, and on what to write elsewhere."""


def model_of_config(
    config: Config, name: str, *, source: str, as_of: str, parameters: float | None = None
) -> ReadModel:
    """The model of a configuration.

    Args:
        config: the document.
        name: under which the catalog is to know it.
        source: of the fact.
        as_of: its date.
        parameters: all of them; None = as counted from the shape.

    Raises:
        InputError: keys that are missing, all at once, or kinds of models that have no place in the catalog.
    """
    text, part = _language_model(config)
    _check_known(text)
    sizes = _Sizes(text)
    kinds = kinds_of_layers(text, sizes.layers)
    heads, experts = _attention(text, sizes), _experts(text, sizes, kinds)
    sizes.check()
    if not heads["kv_heads"] or not heads["head_dim"]:
        raise InputError("has heads of no size: num_key_value_heads, head_dim or hidden_size is too small")
    counted = parameters is None
    notes = ["parameters as counted from the shape"] * counted + ["text part"] * bool(part)
    precision = _precision(text.get("quantization_config"))
    notes += [f"checkpoint in {precision}"] * (precision != "bf16")
    try:
        model = Model(
            name=name,
            parameters=_UNTOLD if parameters is None else parameters,
            layers=sizes.layers,
            hidden=sizes.hidden,
            heads=sizes.heads,
            ffn=ceil(sizes.ffn * 2 / 3) if _two_matrices(text) else sizes.ffn,
            vocabulary=sizes.vocabulary,
            tied_embeddings=_tied(text),
            context_tokens=sizes.context,
            **heads,
            **experts,
            **kinds.attention,
            source=source,
            as_of=as_of,
            quality="B",
            notes="; ".join(notes),
        )
    except ValueError as error:
        raise InputError(f"has sizes that do not fit each other: {error}") from error
    return ReadModel(
        model=replace(model, parameters=counted_parameters(model)) if counted else model,
        precision=precision,
        findings=(*_assumed(text, part), *_of_precision(precision)),
    )


def _assumed(text: Config, part: str) -> Iterator[str]:
    """Sentences on what was read otherwise than it stands, or not at all."""
    if part or "vision_config" in text or "audio_config" in text:
        yield f"only {part or 'the language model'} is read: encoders of images or audio weigh nothing and take no time"
    if _two_matrices(text):
        yield "its MLP has two matrices and is written as three of two thirds of its width"
    if text.get("tie_word_embeddings") is None:
        taken = str(_tied(text)).lower()
        yield f"tie_word_embeddings is not stated and taken as {taken}, the default of such models"
    grouped = text.get("kv_lora_rank") or text.get("multi_query") or any(text.get(name) for name in _KV_HEADS)
    if not grouped and not _two_matrices(text):
        yield "num_key_value_heads is not stated: as many as num_attention_heads are taken"
    if text.get("head_dim") is None and _begins(text, _OWN_HEAD_DIM):
        yield "head_dim is not stated and taken as hidden_size / num_attention_heads, as few such models have it"
    if text.get("index_topk"):
        yield "its sparse attention is counted as full attention, and its indexer not at all"
    if text.get("num_nextn_predict_layers") or text.get("mtp_num_hidden_layers"):
        yield "its layers of multi-token prediction are not counted"
    if _begins(text, _ENCODERS):
        yield (
            "an encoder: its requests are prompts with one output token, and it keeps no KV cache between steps; "
            "attention is counted as that of a decoder, half of the pairs"
        )


class _Sizes:
    """Sizes of a configuration, whose missing keys are reported together."""

    def __init__(self, text: Config) -> None:
        self._text, self._missing = text, list[str]()
        self.layers = self.of("num_hidden_layers", "n_layer", "n_layers", "num_layers")
        self.hidden = self.of("hidden_size", "n_embd", "d_model")
        self.heads = self.of("num_attention_heads", "n_head", "n_heads")
        self.vocabulary = self.of("vocab_size", "padded_vocab_size")
        self.context = self.of(
            "max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "model_max_length", "n_ctx"
        )
        names = ("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "d_ff")
        usual = 4 * self.hidden if _two_matrices(text) else text.get("moe_intermediate_size")
        self.ffn = self.of(*(["intermediate_size_mlp"] if "intermediate_size_mlp" in text else names), otherwise=usual)

    def of(self, *names: str, otherwise: int | None = None) -> int:
        """The first of some keys that is there."""
        if otherwise is None and not any(self._text.get(name) is not None for name in names):
            self._missing.append(names[0])
            return 1
        value = whole_number(self._text, *names, otherwise=otherwise)
        if otherwise is None and not value:
            raise InputError(f"{names[0]} is 0; it must be more")
        return value

    def check(self) -> None:
        """Raises InputError if a key was missing."""
        if self._missing:
            raise InputError(
                f"the config has no {', '.join(self._missing)}: the class of the model takes its default; write the "
                "value into a copy of the file"
            )


def _language_model(config: Config) -> tuple[Config, str]:
    """The configuration of the language model, and the key under which it was found; empty = it is the whole."""
    part = next((key for key in _PARTS if isinstance(config.get(key), dict)), "")
    if not part:
        return config, ""
    return {**{key: config[key] for key in _SHARED if key in config}, **config[part]}, part


def _check_known(text: Config) -> None:
    """Raises InputError for anything but the configuration of a decoder."""
    if text.get("is_encoder_decoder"):
        raise InputError("a model of encoder and decoder has no place in the catalog; give a `latency_table` or `step`")
    if "model_index" in text or "_diffusers_version" in text:
        raise InputError("this is the configuration of a diffusion model; state `images` or an `image_table` instead")


def _begins(text: Config, kinds: Sequence[str]) -> bool:
    return str(text.get("model_type", "")).startswith(tuple(kinds))


def _two_matrices(text: Config) -> bool:
    return _begins(text, _TWO_MATRICES) and not _begins(text, _GATED)


def _tied(text: Config) -> bool:
    """True if one matrix serves as embedding and LM head; where the file does not say, by the kind of model."""
    stated = text.get("tie_word_embeddings")
    return _begins(text, _TIED) if stated is None else bool(stated)


def _attention(text: Config, sizes: _Sizes) -> dict[str, Any]:
    """Heads and their sizes; of latent attention the ranks."""
    if rank := sizes.of("kv_lora_rank", otherwise=0):
        head_dim = sizes.of("qk_nope_head_dim")
        value_dim = sizes.of("v_head_dim", otherwise=head_dim)
        return {
            "kv_heads": sizes.heads,
            "head_dim": head_dim,
            "kv_lora_rank": rank,
            "q_lora_rank": sizes.of("q_lora_rank", otherwise=0),
            "rope_head_dim": sizes.of("qk_rope_head_dim"),
            "value_head_dim": 0 if value_dim == head_dim else value_dim,
        }
    one = text.get("multi_query") and not text.get("new_decoder_architecture")
    return {
        "kv_heads": 1 if one else sizes.of(*_KV_HEADS, otherwise=sizes.heads),
        "head_dim": sizes.of("head_dim", "kv_channels", "attention_head_dim", otherwise=sizes.hidden // sizes.heads),
        "gated_attention": bool(text.get("attn_output_gate")) or _begins(text, ("qwen3_next",)),
    }


def _experts(text: Config, sizes: _Sizes, kinds: KindsOfLayers) -> dict[str, Any]:
    """Experts and their sizes; none of a dense model."""
    experts = sizes.of("n_routed_experts", "num_local_experts", "num_experts", "moe_num_experts", otherwise=0)
    if experts <= 1:
        return {}
    width = sizes.of("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    names = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts", "experts_per_token")
    counted = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
    shared_width = sizes.of("shared_expert_intermediate_size", "shared_intermediate_size", otherwise=0)
    shared = sizes.of(*counted, otherwise=ceil(shared_width / max(width, 1)))
    return {
        "experts": experts,
        "experts_per_token": sizes.of(*names),
        "moe_ffn": width,
        "shared_experts": 1 if _begins(text, ("llama4",)) else shared,
        "dense_layers": kinds.dense_layers,
    }


def _precision(quantization: Any) -> Precision:
    """Precision of the weights of a quantised checkpoint."""
    if not isinstance(quantization, dict):
        return "bf16"
    method = str(quantization.get("quant_method", "")).lower()
    named = f"{method} {quantization.get('quant_algo', '')} {quantization.get('fmt', '')}".lower()
    groups = quantization.get("config_groups")
    listed = [group for group in groups.values() if isinstance(group, dict)] if isinstance(groups, dict) else []
    weights: Config = next((group["weights"] for group in listed if isinstance(group.get("weights"), dict)), {})
    bits = weights.get("num_bits") or quantization.get("bits") or quantization.get("w_bit")
    if "fp4" in named:
        return "fp4"
    if bits is None and ("fp8" in named or "e4m3" in named):
        return "fp8"
    if bits == 4 or quantization.get("load_in_4bit"):
        return "fp4" if weights.get("type") == "float" else "int4"
    if bits == 8 or quantization.get("load_in_8bit"):
        return "fp8" if weights.get("type") == "float" else "int8"
    raise InputError(
        f"its quantization_config ({method or 'of no quant_method'}, {bits or 'unknown'} bits) is none that is "
        "modelled; take it out, and write the precision of the replica that comes nearest: bf16, fp8, int8, int4 or fp4"
    )


def _of_precision(precision: Precision) -> list[str]:
    if precision == "bf16":
        return []
    return [f"the checkpoint is in {precision}: write `precision: {precision}` of the replica, which is bf16 otherwise"]
