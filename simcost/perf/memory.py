"""Memory of a replica: weights by precision, overhead, and the KV cache in what is left.

Sources: the published model configurations; the overhead is calibrated on one real run and wide.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from simcost.catalog.facts import Accelerator, Model, Precision
from simcost.errors import DoesNotFitError, InputError
from simcost.perf.replica import ReplicaSpec, block_parameters, embedding_matrices, embedding_parameters
from simcost.units import GIB

WEIGHT_BYTES: dict[Precision, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5 + 2 / 128,  # one 16-bit scale for 128 weights
    "fp4": 0.5 + 1 / 16,  # one 8-bit scale for 16 weights
}
"""Bytes per weight with its scales; embedding and LM head stay at 2 bytes."""

_KV_BYTES: dict[Precision, float] = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0}


def kv_bytes(precision: Precision) -> float:
    """Bytes per cached number. Raises InputError for formats no engine caches in."""
    if precision not in _KV_BYTES:
        raise InputError(f"kv_precision {precision!r} is not modelled; use one of {', '.join(_KV_BYTES)}")
    return _KV_BYTES[precision]


def gemm_precision(accelerator: Accelerator, precision: Precision) -> Literal["bf16", "fp8"]:
    """The row of coefficients at which matrices are multiplied.

    8-bit weights run at the 8-bit rate where the device multiplies fp8, else at the bf16 rate after
    conversion (as engines do on A100); int4 always runs at the bf16 rate; fp4 is counted at the fp8 rate,
    since no fp4 rate was fitted.

    Raises:
        InputError: fp4 on a device without it.
    """
    if precision == "fp4" and accelerator.fp4_flops is None:
        raise InputError(f"{accelerator.name} does not multiply fp4; use int4 (4-bit weights at the bf16 rate) or fp8")
    if precision == "fp4" or (precision in ("fp8", "int8") and accelerator.fp8_flops is not None):
        return "fp8"
    return "bf16"


LIBRARIES_BYTES = 0.65 * GIB
"""Device libraries, workspaces, graphs and fragmentation; memory that the calibration run leaves unexplained."""
COLLECTIVES_BYTES = 0.38 * GIB
"""Buffers of the all-reduce, with tp > 1."""
SAMPLED_ROWS = 256
"""Sequences for which the engine reserves logits: vLLM's default max_num_seqs."""


def check_parallelism(model: Model, tp: int) -> None:
    """Raises InputError if the heads of the model cannot be split over tp devices."""
    if tp not in possible_tp(model):
        possible = ", ".join(map(str, possible_tp(model)))
        raise InputError(
            f"tp {tp} does not split the {model.heads} heads and {model.kv_heads} KV heads of {model.name} "
            f"evenly; possible: {possible}"
        )


def possible_tp(model: Model) -> list[int]:
    """Numbers of devices that get equal parts: they divide the heads, and the KV heads or a multiple of them."""
    divisors = [tp for tp in range(1, model.heads + 1) if model.heads % tp == 0]
    return [tp for tp in divisors if model.kv_heads % tp == 0 or tp % model.kv_heads == 0]


def weights_bytes(model: Model, precision: Precision) -> float:
    """Bytes of one copy of the weights; embedding and LM head stay at 16 bits."""
    embeddings = embedding_matrices(model) * embedding_parameters(model)
    return block_parameters(model) * WEIGHT_BYTES[precision] + embeddings * 2.0


def kv_bytes_per_token(model: Model, tp: int, precision: Precision) -> float:
    """KV cache of one token on one device.

    2 * layers * ceil(kv_heads / tp) * head_dim * bytes: heads are replicated once tp exceeds them.
    Latent attention caches (kv_lora_rank + rope_head_dim) numbers per layer, on each device.
    """
    if model.kv_lora_rank:
        return model.layers * (model.kv_lora_rank + model.rope_head_dim) * kv_bytes(precision)
    return 2 * model.layers * ceil(model.kv_heads / tp) * model.head_dim * kv_bytes(precision)


def overhead_bytes(model: Model, tp: int, max_num_batched_tokens: int) -> float:
    """Memory of a device that is not weights or KV cache: an estimate; give `overhead` or `kv_tokens` if measured.

    activations   max_num_batched_tokens * 2 B * (2 hidden + 3 intermediate / tp)
    logits        256 sequences * vocabulary * 10 B (16-bit, 32-bit, and a 32-bit copy)
    libraries     0.65 GiB, and 0.38 GiB of collective buffers with tp > 1

    The constants give the 1.15 GiB of a real vLLM 0.19 run (RTX 4090, Llama-3.1-8B bf16, tp 1, 2,048 tokens).
    Other simulators put 4 to 6 GiB here; on an 80 GB device that moves the KV capacity of an 8B model by
    about 10 %, of a 70B model at tp 2 by about 50 %.
    """
    intermediate = max(model.ffn, (model.experts_per_token + model.shared_experts) * model.moe_ffn)
    activations = max_num_batched_tokens * 2.0 * (2 * model.hidden + 3 * intermediate / tp)
    logits = min(SAMPLED_ROWS, max_num_batched_tokens) * model.vocabulary * 10.0
    return activations + logits + LIBRARIES_BYTES + (COLLECTIVES_BYTES if tp > 1 else 0.0)


BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFit:
    """Memory of one replica; bytes are per device unless the name says otherwise."""

    weights_bytes: float
    """Whole replica."""
    weights_bytes_per_device: float
    overhead_bytes: float
    kv_bytes_per_token: float
    """Per device."""
    kv_capacity_tokens: int
    """Whole replica, in whole blocks of 16 tokens."""
    provenance: str


def fit_memory(model: Model, accelerator: Accelerator, spec: ReplicaSpec, max_num_batched_tokens: int) -> MemoryFit:
    """Memory of a replica, and the capacity of its KV cache in tokens.

    tokens = floor((memory * memory_utilisation - weights / tp - overhead) / kv_bytes_per_token), in blocks.

    Raises:
        InputError: tp does not split the heads; a precision that the accelerator or the model lacks.
        DoesNotFitError: less than one block of KV cache is left; the message says what would fit.
    """
    check_parallelism(model, spec.tp)
    gemm_precision(accelerator, spec.precision)
    if spec.kv_tokens is not None and spec.kv_tokens < BLOCK_TOKENS:
        raise InputError(f"kv_tokens {spec.kv_tokens} is less than one block of {BLOCK_TOKENS} tokens")
    fit = _fit(model, accelerator, spec, max_num_batched_tokens)
    if fit.kv_capacity_tokens < BLOCK_TOKENS:
        raise DoesNotFitError(_what_is_missing(model, accelerator, spec, max_num_batched_tokens, fit))
    return fit


def _fit(model: Model, accelerator: Accelerator, spec: ReplicaSpec, max_num_batched_tokens: int) -> MemoryFit:
    """The budget, its capacity below one block where the model does not fit."""
    weights = weights_bytes(model, spec.precision)
    overhead, source = spec.overhead, "overhead given"
    if overhead is None:
        overhead = overhead_bytes(model, spec.tp, max_num_batched_tokens)
        source = f"overhead estimated at {overhead / GIB:.2f} GiB per device (other estimates: up to 6 GiB)"
    per_token = kv_bytes_per_token(model, spec.tp, spec.kv_precision)
    left = accelerator.memory_bytes * spec.memory_utilisation - weights / spec.tp - overhead
    tokens = int(left // per_token) // BLOCK_TOKENS * BLOCK_TOKENS
    if spec.kv_tokens is not None and weights / spec.tp < accelerator.memory_bytes:
        tokens, source = spec.kv_tokens // BLOCK_TOKENS * BLOCK_TOKENS, "KV capacity given"
    return MemoryFit(
        weights_bytes=weights,
        weights_bytes_per_device=weights / spec.tp,
        overhead_bytes=overhead,
        kv_bytes_per_token=per_token,
        kv_capacity_tokens=tokens,
        provenance=source,
    )


def _what_is_missing(model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int, fit: MemoryFit) -> str:
    usable = accelerator.memory_bytes * spec.memory_utilisation
    needed = fit.weights_bytes_per_device + fit.overhead_bytes + BLOCK_TOKENS * fit.kv_bytes_per_token
    advice = list(_what_would_fit(model, accelerator, spec, tokens))
    return (
        f"{model.name} in {spec.precision} does not fit on {spec.tp} x {accelerator.name}: per device "
        f"{fit.weights_bytes_per_device / GIB:.1f} GiB of weights and {fit.overhead_bytes / GIB:.1f} GiB of "
        f"overhead, {usable / GIB:.1f} GiB usable; {(needed - usable) / GIB:.1f} GiB are missing. "
        f"What would fit: {'; '.join(advice) or 'nothing in the catalog with this tp; combine the remedies'}"
    )


def _what_would_fit(model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int) -> Iterator[str]:
    """More devices, smaller weights, or another device, with the KV tokens each would leave."""
    from simcost.catalog import load_catalog

    for tp in possible_tp(model):
        if spec.tp < tp <= 16 and (kv := _capacity(model, accelerator, replace(spec, tp=tp), tokens)):
            yield f"tp {tp} ({kv:,} KV tokens)"
            break
    for precision in ("fp8", "int4"):
        if WEIGHT_BYTES[precision] < WEIGHT_BYTES[spec.precision]:
            kv = _capacity(model, accelerator, replace(spec, precision=precision), tokens)
            if kv:
                yield f"precision {precision} ({kv:,} KV tokens)"
                break
    others = [o for o in load_catalog().facts.accelerators if o.vendor == accelerator.vendor]
    others.sort(key=lambda other: other.memory_bytes)
    fitting = [f"{o.name} ({kv:,})" for o in others if (kv := _capacity(model, o, spec, tokens))]
    if fitting:
        yield f"another accelerator at tp {spec.tp}: {', '.join(fitting[:4])}"


def _capacity(model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int) -> int:
    """KV tokens of a configuration, 0 if it does not fit or cannot be."""
    try:
        check_parallelism(model, spec.tp)
        gemm_precision(accelerator, spec.precision)
    except InputError:
        return 0
    return max(0, _fit(model, accelerator, spec, tokens).kv_capacity_tokens)
