"""What fits: weights, overhead, and the KV cache in what is left."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simcost.catalog.facts import Accelerator, Model
from simcost.errors import DoesNotFitError, InputError
from simcost.perf.precision import WEIGHT_BYTES, gemm_precision
from simcost.perf.replica import ReplicaSpec
from simcost.perf.sizes import (
    check_parallelism,
    kv_bytes_per_token,
    overhead_bytes,
    possible_tp,
    weights_bytes,
)
from simcost.units import GIB

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


def fit_memory(
    model: Model, accelerator: Accelerator, spec: ReplicaSpec, max_num_batched_tokens: int
) -> MemoryFit:
    """What a replica holds, and how many tokens its KV cache takes.

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


def _what_is_missing(
    model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int, fit: MemoryFit
) -> str:
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
