"""KV cache of a token: by layers, heads, number format, and the windows of attention."""

from math import ceil

from simcost.catalog.facts import Model, Precision
from simcost.errors import InputError

_KV_BYTES: dict[Precision, float] = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5 + 1 / 16}
"""Bytes of a cached number with its scales."""


def kv_bytes(precision: Precision) -> float:
    """Bytes per cached number. Raises InputError for formats no engine caches in."""
    if precision not in _KV_BYTES:
        raise InputError(f"kv_precision {precision!r} is not modelled; use one of {', '.join(_KV_BYTES)}")
    return _KV_BYTES[precision]


LONG_SEQUENCE = 8192
"""Tokens of the sequences for which the KV cache of sliding windows is estimated."""
SEVERAL_PER_CENT = 1.05
"""Ratio of the room of a token in short and in such sequences from which on it is told."""


def kv_bytes_per_layer(model: Model, tp: int, precision: Precision) -> float:
    """KV cache of one token and layer on one device."""
    if model.kv_lora_rank:
        return (model.kv_lora_rank + model.rope_head_dim) * kv_bytes(precision)
    return 2 * ceil(model.kv_heads / tp) * model.head_dim * kv_bytes(precision)


def kv_bytes_per_token(
    model: Model, tp: int, precision: Precision, pp: int = 1, *, sequence_tokens: int = LONG_SEQUENCE
) -> float:
    """KV cache of one token on one device, that of its stage, in a sequence of so many tokens.

    2 * layers * ceil(kv_heads / tp) * head_dim * bytes: heads are replicated once tp exceeds them.
    Latent attention caches (kv_lora_rank + rope_head_dim) numbers per layer, on each device. A layer with a window
    holds the window of each sequence. Linear attention caches no tokens.
    """
    full = model.layers - model.linear_layers - model.window_layers
    layers = full + model.window_layers * min(1.0, model.window_tokens / sequence_tokens)
    return kv_bytes_per_layer(model, tp, precision) * layers * ceil(model.layers / pp) / model.layers


def windows_in_words(model: Model, held_tokens: int | None) -> str:
    """Length of the sequences for which the KV cache is counted where layers have a window; empty where it matters
    little.
    """
    most = kv_bytes_per_token(model, 1, "bf16", sequence_tokens=1) / kv_bytes_per_token(model, 1, "bf16")
    if not model.window_layers or most < SEVERAL_PER_CENT:
        return ""
    window = f"of which a window holds {model.window_tokens:,}"
    if held_tokens is not None:
        return f"; KV cache as of sequences of {held_tokens:,} tokens, the mean of those held, {window}"
    return (
        f"; KV cache as of sequences of {LONG_SEQUENCE:,} tokens, {window}: in "
        f"shorter ones a token takes up to {most:.2g} times as much room, and fewer fit"
    )
