"""Kinds of layers by the `config.json` of a checkpoint: with experts or dense, of what attention."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from simcost.errors import InputError

Config: TypeAlias = Mapping[str, Any]

_WINDOWED = ("sliding_attention", "chunked_attention", "local_attention")
_FULL = ("full_attention", "attention", "global_attention")
_LINEAR = ("linear_attention", "mamba", "mamba2")
MOST, MOST_LAYERS = 1_000_000_000, 10_000
"""Largest size of a model that is believed."""
_OTHERWISE = ("hybrid_override_pattern", "linear_attn_config", "mamba_d_ssm", "ssm_cfg", "state_size", "block_types")
"""Keys of models with layers that are not read here."""


def whole_number(text: Config, *names: str, otherwise: int | None = None) -> int:
    """The first of some keys that is there.

    Raises:
        InputError: none is, without a default; or it is not a whole number of 0 or more.
    """
    found = next((name for name in names if text.get(name) is not None), None)
    if found is None and otherwise is None:
        raise InputError(f"the config has no {names[0]}; write its value into a copy of the file")
    value = otherwise if found is None else text[found]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise InputError(f"{found} is {value!r}; it must be a whole number from 0 to {MOST:,}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsOfLayers:
    """Numbers of layers of each kind."""

    dense_layers: int
    """Of a model with experts, those without."""
    attention: dict[str, Any]
    """Layers with a window and of linear attention, by the columns of the catalog."""


class _Linear(NamedTuple):
    """Layers of linear attention: how many, their parameters, and the state of one."""

    layers: int = 0
    parameters: int = 0
    state_bytes: int = 0


def kinds_of_layers(text: Config, layers: int) -> KindsOfLayers:
    """Kinds of the layers of a language model.

    Raises:
        InputError: layers of a kind that has no place in the catalog.
    """
    if layers > MOST_LAYERS:
        raise InputError(f"{layers:,} layers are more than the {MOST_LAYERS:,} that a model may have")
    linear = _linear(text, layers)
    windowed = _windowed(text, layers - linear.layers)
    return KindsOfLayers(
        dense_layers=layers - _with_experts(text, layers),
        attention={
            "window_layers": windowed,
            "window_tokens": _window(text) if windowed else 0,
            "linear_layers": linear.layers,
            "linear_parameters": linear.parameters,
            "linear_state_bytes": linear.state_bytes,
        },
    )


def _with_experts(text: Config, layers: int) -> int:
    """Layers with experts, of a model that has some."""
    for name, sparse in (("mlp_layer_types", "sparse"), ("moe_layer_freq", 1)):
        if isinstance(listed := text.get(name), list):
            return listed[:layers].count(sparse)
    if isinstance(text.get("moe_layers"), list):
        return len(text["moe_layers"])
    start = whole_number(text, "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index", otherwise=0)
    steps = ("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_interval", "expert_layer_period")
    every = max(whole_number(text, *steps, otherwise=1), 1)
    offset = whole_number(text, "expert_layer_offset", otherwise=every - 1)
    listed = text.get("mlp_only_layers")
    dense = listed if isinstance(listed, list) else []
    return sum(layer >= start and layer % every == offset and layer not in dense for layer in range(layers))


def _window(text: Config) -> int:
    return whole_number(text, "sliding_window", "attention_chunk_size", "sliding_window_size", otherwise=0)


def _windowed(text: Config, layers: int) -> int:
    """Layers whose attention sees a window, of those that are not linear."""
    window, context = _window(text), whole_number(text, "max_position_embeddings", otherwise=0)
    if not window or text.get("use_sliding_window") is False or 0 < context <= window:
        return 0
    if isinstance(listed := text.get("layer_types"), list):
        return sum(kind in _WINDOWED for kind in listed)
    if isinstance(listed := text.get("no_rope_layers"), list) and listed:
        return sum(map(bool, listed))
    if text.get("use_sliding_window"):
        return max(layers - whole_number(text, "max_window_layers", otherwise=0), 0)
    pattern = text.get("sliding_window_pattern")
    if isinstance(pattern, str) and pattern:
        return sum(pattern[layer % len(pattern)] == "L" for layer in range(layers))
    usual = _usual_pattern(str(text.get("model_type", "")))
    every = whole_number(text, "sliding_window_pattern", "_sliding_window_pattern", otherwise=usual)
    return layers - layers // every if every else layers


def _usual_pattern(model_type: str) -> int:
    """Every how many layers one sees all, of types whose files do not say; 0 = none does."""
    known = {"gemma2": 2, "gemma3": 6, "cohere2": 4, "llama4": 4, "gpt_oss": 2}
    return next((every for begin, every in known.items() if model_type.startswith(begin)), 0)


def _linear(text: Config, layers: int) -> _Linear:
    """Layers of linear attention or state space.

    Raises:
        InputError: of a kind that is not read.
    """
    count = _linear_layers(text, layers)
    kinds = {"linear_num_value_heads": _delta_net, "mamba_n_heads": _mamba2, "mamba_d_state": _mamba}
    read = next((sizes for key, sizes in kinds.items() if key in text), None)
    unknown = _unknown_kinds(text)
    if count and read and not unknown:
        return _Linear(count, *read(text))
    unread = [*(name for name in _OTHERWISE if text.get(name) is not None), *unknown]
    if count or unread:
        raise InputError(
            f"has layers that are not read ({', '.join(unread) or 'linear attention of unknown sizes'}); write its row "
            "of models.csv by hand: linear_layers, linear_parameters and linear_state_bytes are of one such layer"
        )
    return _Linear()


def _unknown_kinds(text: Config) -> list[str]:
    """Names of lists of layers with kinds that are neither attention nor read as linear."""
    known = {*_FULL, *_WINDOWED, *_LINEAR}
    lists = {name: text.get(name) for name in ("layer_types", "layers_block_type")}
    unknown = [name for name, kinds in lists.items() if isinstance(kinds, list) and not set(map(str, kinds)) <= known]
    lightning = text.get("attn_type_list")
    return unknown + ["attn_type_list"] * (isinstance(lightning, list) and 0 in lightning)


def _linear_layers(text: Config, layers: int) -> int:
    if isinstance(listed := text.get("layer_types") or text.get("layers_block_type"), list):
        return sum(kind in _LINEAR for kind in listed)
    if interval := whole_number(text, "full_attention_interval", otherwise=0):
        return layers - layers // interval
    if isinstance(listed := text.get("attn_layer_indices"), list):
        return max(layers - len(listed), 0)
    if period := whole_number(text, "attn_layer_period", otherwise=0):
        offset = whole_number(text, "attn_layer_offset", otherwise=0)
        return layers - sum(layer % period == offset for layer in range(layers))
    return 0


def _number_bytes(text: Config) -> int:
    """Bytes of a number of a state."""
    return 4 if text.get("mamba_ssm_dtype") == "float32" else 2


def _delta_net(text: Config) -> tuple[int, int]:
    """Parameters and state of a gated delta net: queries, keys, values, gate, two scalars a head, output; the
    convolution remembers its last inputs.
    """
    hidden, heads = whole_number(text, "hidden_size"), whole_number(text, "linear_num_value_heads")
    value_dim, key_dim = whole_number(text, "linear_value_head_dim"), whole_number(text, "linear_key_head_dim")
    keys, values = whole_number(text, "linear_num_key_heads") * key_dim, heads * value_dim
    kernel = whole_number(text, "linear_conv_kernel_dim", otherwise=4)
    parameters = hidden * (2 * keys + 2 * values + 2 * heads) + values * hidden
    return parameters, values * key_dim * _number_bytes(text) + (2 * keys + values) * (kernel - 1) * 2


def _mamba2(text: Config) -> tuple[int, int]:
    """Parameters and state of a Mamba-2 layer."""
    hidden, heads = whole_number(text, "hidden_size"), whole_number(text, "mamba_n_heads")
    state, kernel = whole_number(text, "mamba_d_state"), whole_number(text, "mamba_d_conv", otherwise=4)
    inner = hidden * whole_number(text, "mamba_expand", otherwise=2)
    convolved = inner + 2 * whole_number(text, "mamba_n_groups", otherwise=1) * state
    parameters = hidden * (inner + convolved + heads) + inner * hidden
    return parameters, inner * state * _number_bytes(text) + convolved * (kernel - 1) * 2


def _mamba(text: Config) -> tuple[int, int]:
    """Parameters and state of a Mamba layer."""
    hidden, state = whole_number(text, "hidden_size"), whole_number(text, "mamba_d_state")
    inner = hidden * whole_number(text, "mamba_expand", otherwise=2)
    kernel = whole_number(text, "mamba_d_conv", otherwise=4)
    automatic = text.get("mamba_dt_rank") == "auto"
    rank = ceil(hidden / 16) if automatic else whole_number(text, "mamba_dt_rank", otherwise=ceil(hidden / 16))
    parameters = inner * (2 * hidden + 2 * rank + 3 * state + kernel + hidden)
    return parameters, inner * state * _number_bytes(text) + inner * (kernel - 1) * 2
