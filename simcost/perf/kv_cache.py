"""KV cache of a token: by layers, heads, number format, windows of attention and states of linear attention."""

from functools import partial
from math import ceil

from simcost.catalog.facts import Model, Precision
from simcost.errors import InputError
from simcost.units import format_bytes

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
    holds the window of each sequence. Linear attention caches no tokens, but a state of each sequence, split over tp.
    """
    full = model.layers - model.linear_layers - model.window_layers
    layers = full + model.window_layers * min(1.0, model.window_tokens / sequence_tokens)
    state_bytes = model.linear_layers * model.linear_state_bytes / tp / sequence_tokens
    bytes_of_all = kv_bytes_per_layer(model, tp, precision) * layers + state_bytes
    return bytes_of_all * ceil(model.layers / pp) / model.layers


def by_length(model: Model) -> bool:
    """True if the room of a token depends on the length of its sequence."""
    return bool(model.window_layers or model.linear_layers * model.linear_state_bytes)


def lengths_in_words(model: Model, held_tokens: int | None) -> str:
    """Length of the sequences for which the KV cache is counted, where the room of a token depends on it by more than
    little, and states that are not known.
    """
    return _counted_length(model, held_tokens) + _unknown_states(model)


def states_in_steps(model: Model) -> tuple[str, ...]:
    """A sentence on what steps do with states of linear attention, which no coefficient counts."""
    states = model.linear_layers * model.linear_state_bytes
    if not states:
        return ()
    said = (
        f"Each step reads and writes the states of linear attention, {format_bytes(states)} of each sequence: its time "
        f"counts that only as far as engines were measured with {model.name} or models like it."
    )
    return (said,)


def _unknown_states(model: Model) -> str:
    if not model.linear_layers or model.linear_state_bytes:
        return ""
    return (
        f"; the states of its {model.linear_layers} layers of linear attention are not known and take no room: give "
        "linear_state_bytes in models.csv"
    )


def _counted_length(model: Model, held_tokens: int | None) -> str:
    by_length_of = partial(kv_bytes_per_token, model, 1, "bf16")
    if not by_length(model) or (most := by_length_of(sequence_tokens=1) / by_length_of()) < SEVERAL_PER_CENT:
        return ""
    states = model.linear_layers * model.linear_state_bytes
    window = f"of which a window holds {model.window_tokens:,}" if model.window_layers else ""
    state = f"each with {format_bytes(states)} of states of linear attention" if states else ""
    kept = " and ".join(filter(None, (window, state)))
    if held_tokens is not None:
        return f"; KV cache as of sequences of {held_tokens:,} tokens, the mean of those held, {kept}"
    room = "more room" if states else f"up to {most:.2g} times as much room"
    return (
        f"; KV cache as of sequences of {LONG_SEQUENCE:,} tokens, {kept}: in shorter ones a token takes {room}, and "
        "fewer fit"
    )
