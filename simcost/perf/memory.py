"""Memory of a replica: weights by precision, overhead, and the KV cache in what is left.

Sources: the published model configurations; the overhead is calibrated on one real run and wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

from simcost.catalog.facts import Accelerator, Model, Precision
from simcost.errors import DoesNotFitError, InputError
from simcost.perf.images import MOST_UNITS
from simcost.perf.kv_cache import LONG_SEQUENCE, kv_bytes, kv_bytes_per_token, lengths_in_words
from simcost.perf.model_shape import (
    block_parameters,
    embedding_matrices,
    embedding_parameters,
    routed_parameters,
)
from simcost.perf.replica import ReplicaSpec
from simcost.units import GIB

if TYPE_CHECKING:
    from simcost.catalog import Catalog

WEIGHT_BYTES: dict[Precision, float] = {
    "bf16": 2.0,
    "fp8": 1.0,
    "int8": 1.0,
    "int4": 0.5 + 2 / 128,  # one 16-bit scale for 128 weights
    "fp4": 0.5 + 1 / 16,  # one 8-bit scale for 16 weights
}
"""Bytes per weight with its scales; embedding and LM head stay at 2 bytes."""

Rate = Literal["bf16", "fp8", "fp4"]
"""Rate of matrix products: 16-bit, 8-bit (fp8, or int8 where the device has that) and 4-bit arithmetic."""


def gemm_rate(accelerator: Accelerator, precision: Precision) -> Rate:
    """The rate at which matrices are multiplied: that of the activations.

    Weights in 8 or 4 bits run at that rate where the device multiplies them, else at the bf16 rate after conversion:
    fp8 on A100, MXFP4 on Hopper. int4 has 16-bit activations everywhere.

    >>> from simcost.catalog import load_catalog
    >>> a100, h100, b200 = (load_catalog().accelerator(name) for name in ("a100", "h100", "b200"))
    >>> gemm_rate(a100, "fp8"), gemm_rate(a100, "int8"), gemm_rate(h100, "fp4"), gemm_rate(b200, "fp4")
    ('bf16', 'fp8', 'bf16', 'fp4')
    """
    if precision == "fp4" and accelerator.fp4_flops is not None:
        return "fp4"
    eight_bits = {"fp8": accelerator.fp8_flops, "int8": accelerator.int8_flops}.get(precision)
    return "fp8" if eight_bits is not None and eight_bits > accelerator.bf16_flops else "bf16"


def weights_alone(accelerator: Accelerator, precision: Precision) -> bool:
    """True if a precision of fewer bits is that of the weights alone because the device does not multiply it faster;
    of int4 it always is.

    >>> from simcost.catalog import load_catalog
    >>> a100, h100 = (load_catalog().accelerator(name) for name in ("a100", "h100"))
    >>> weights_alone(a100, "fp8"), weights_alone(a100, "int8"), weights_alone(h100, "fp8"), weights_alone(h100, "fp4")
    (True, False, False, True)
    """
    return precision in ("fp8", "int8", "fp4") and gemm_rate(accelerator, precision) == "bf16"


def peak_flops(accelerator: Accelerator, rate: Rate, precision: Precision) -> float:
    """Dense peak of a rate for weights of a precision: int8 has a peak of its own on some devices.

    >>> from simcost.catalog import load_catalog
    >>> peak_flops(load_catalog().accelerator("rtx-4090"), "fp8", "int8") / 1e12
    660.6
    """
    eight_bits = accelerator.int8_flops if precision == "int8" else accelerator.fp8_flops
    peak = {"bf16": accelerator.bf16_flops, "fp8": eight_bits, "fp4": accelerator.fp4_flops}[rate]
    return peak or accelerator.bf16_flops


LIBRARIES_BYTES = 0.65 * GIB
"""Device libraries, workspaces, graphs and fragmentation; memory that the calibration run leaves unexplained."""
COLLECTIVES_BYTES = 0.38 * GIB
"""Buffers of the all-reduce, with tp > 1."""
SAMPLED_ROWS = 256
"""Sequences for which the engine reserves logits: vLLM's default max_num_seqs."""


def check_replica(model: Model, accelerator: Accelerator, spec: ReplicaSpec) -> None:
    """Raises InputError if the model cannot be split, pruned or adapted as the replica says, or cached so."""
    if spec.pruning is not None:
        spec.pruning.check(model, accelerator, spec.precision)
    if spec.lora is not None:
        spec.lora.check(model)
    check_parallelism(spec.shape(model), spec)
    kv_bytes(spec.kv_precision)
    if spec.slice is not None and spec.accelerators > 1:
        raise InputError(
            f"slice {spec.slice} is a part of one accelerator, and the replica spreads over {spec.accelerators}; take "
            "out slice, or tp, pp and dp"
        )
    if spec.kv_precision == "fp4" and accelerator.fp4_flops is None:
        raise InputError(f"{accelerator.name} has no fp4, and a KV cache in fp4 needs it; use kv_precision fp8")


def device_of(accelerator: Accelerator, spec: ReplicaSpec, catalog: Catalog | None) -> Accelerator:
    """The device that the replica has: the accelerator, the slice that it takes, or its part of the memory of its node.

    Raises:
        CatalogError: no such slice.
    """
    from simcost.catalog import load_catalog

    if spec.memory is not None:
        return replace(accelerator, memory_bytes=spec.memory)
    if spec.slice is None:
        return accelerator
    return (catalog or load_catalog()).slice_of(accelerator.name, spec.slice).of(accelerator)


def check_parallelism(model: Model, spec: ReplicaSpec) -> None:
    """Raises InputError if the model cannot be split as the replica says."""
    tp, ranks = spec.tp, spec.tp * spec.dp
    if tp not in possible_tp(model):
        possible = ", ".join(map(str, possible_tp(model)))
        raise InputError(
            f"tp {tp} does not split the {model.heads} heads and {model.kv_heads} KV heads of {model.name} "
            f"evenly; possible: {possible}"
        )
    if spec.pp > model.layers:
        raise InputError(f"pp {spec.pp} is more than the {model.layers} layers of {model.name}; choose fewer stages")
    if spec.ep > 1 and not model.experts:
        raise InputError(f"ep {spec.ep} splits experts, and {model.name} has none; leave ep out")
    if spec.ep > 1 and (ranks % spec.ep or model.experts % spec.ep):
        possible = ", ".join(str(n) for n in range(1, ranks + 1) if ranks % n == 0 and model.experts % n == 0)
        raise InputError(
            f"ep {spec.ep} does not divide both the {model.experts} experts of {model.name} and the {ranks} "
            f"accelerators of tp {tp} x dp {spec.dp}; possible: {possible}"
        )


def possible_tp(model: Model) -> list[int]:
    """Numbers of devices that get equal parts: they divide the heads, and the KV heads or a multiple of them."""
    divisors = [tp for tp in range(1, model.heads + 1) if model.heads % tp == 0]
    return [tp for tp in divisors if model.kv_heads % tp == 0 or tp % model.kv_heads == 0]


def bytes_per_weight(spec: ReplicaSpec) -> float:
    """Bytes of one weight of a block: by precision, and less with 2:4 sparsity."""
    dense = WEIGHT_BYTES[spec.precision]
    return dense if spec.pruning is None else spec.pruning.weight_bytes(dense)


def weights_bytes(model: Model, spec: ReplicaSpec) -> float:
    """Bytes of one copy of the weights; embedding and LM head stay at 16 bits."""
    embeddings = embedding_matrices(model) * embedding_parameters(model)
    return block_parameters(model) * bytes_per_weight(spec) + embeddings * 2.0


def weights_bytes_per_device(model: Model, spec: ReplicaSpec) -> float:
    """Bytes of weights on the fullest device, without adapters.

    Attention, dense layers and shared experts are split by tp and repeated on each dp rank; routed experts are split
    over all tp * dp devices; each of pp stages holds its layers, the last one the LM head.
    """
    routed = routed_parameters(model)
    blocks = (block_parameters(model) - routed) / spec.tp + routed / (spec.tp * spec.dp)
    stage = ceil(model.layers / spec.pp) / model.layers
    matrices = embedding_matrices(model) if spec.pp == 1 else 1
    embeddings = matrices * embedding_parameters(model) * 2.0 / spec.tp
    return blocks * stage * bytes_per_weight(spec) + embeddings


def held_sequences(fit: MemoryFit, model: Model, spec: ReplicaSpec, tokens: float) -> float:
    """Sequences of so many tokens that the KV cache of a replica holds, of a fit of no stated workload; a measured
    capacity is taken as it is.
    """
    held = fit.kv_capacity_tokens / tokens
    if spec.kv_tokens is not None:
        return held
    shape, length = spec.shape(model), max(1, round(tokens))
    long, own = (
        kv_bytes_per_token(shape, spec.tp, spec.kv_precision, spec.pp, sequence_tokens=sequence)
        for sequence in (LONG_SEQUENCE, length)
    )
    return held * fit.kv_bytes_per_token / (fit.kv_bytes_per_token + own - long)


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
DOUBT = "if these are blocks, give their tokens"
FEW_OF_ESTIMATE, ONE_RANK = 0.25, 1.3
"""Shares below which a stated KV capacity is doubted: of the estimate; of the part of one of several ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFit:
    """Memory of one replica; bytes are per device unless the name says otherwise."""

    weights_bytes: float
    """One copy of the model, and of its drafter."""
    weights_bytes_per_device: float
    adapters_bytes_per_device: float
    """Slots of LoRA adapters."""
    drafter_bytes_per_device: float
    """Weights of the drafter of speculative decoding."""
    overhead_bytes: float
    kv_bytes_per_token: float
    """Per device, that of the drafter included."""
    kv_capacity_tokens: int
    """Whole replica, in whole blocks of 16 tokens."""
    provenance: str


def fit_memory(
    model: Model,
    accelerator: Accelerator,
    spec: ReplicaSpec,
    max_num_batched_tokens: int,
    catalog: Catalog | None = None,
    held_tokens: int | None = None,
) -> MemoryFit:
    """Memory of a replica, and the capacity of its KV cache in tokens.

    tokens = dp * floor((memory * memory_utilisation - weights - adapters - drafter - overhead) / kv_bytes_per_token),
    in blocks; weights, adapters, drafter, overhead and KV cache of the fullest device. A drafter that is a model of its
    own is looked up in `catalog`; None = the built-in facts. Layers with a window hold that of each sequence, those of
    linear attention a state, so that a token takes more room in short sequences: `held_tokens` is the mean length of
    those in the cache; None = unknown, 8,192.

    Raises:
        InputError: tp does not split the heads; a precision that the accelerator or the model lacks.
        DoesNotFitError: less than one block of KV cache is left; the message says what would fit.
    """
    check_replica(model, accelerator, spec)
    accelerator = device_of(accelerator, spec, catalog)
    model = spec.shape(model)
    if spec.kv_tokens is not None and spec.kv_tokens < BLOCK_TOKENS:
        raise InputError(f"kv_tokens {spec.kv_tokens} is less than one block of {BLOCK_TOKENS} tokens")
    drafter = _drafter(model, spec, catalog, held_tokens)
    fit = _fit(model, accelerator, spec, max_num_batched_tokens, drafter, held_tokens)
    if fit.kv_capacity_tokens < BLOCK_TOKENS:
        raise DoesNotFitError(_what_is_missing(model, accelerator, spec, max_num_batched_tokens, fit, catalog))
    return fit


class _Drafter(NamedTuple):
    """Bytes of a drafter on a device."""

    weights: float = 0.0
    kv_per_token: float = 0.0


_NO_DRAFTER = _Drafter()


def _drafter(model: Model, spec: ReplicaSpec, catalog: Catalog | None, held_tokens: int | None) -> _Drafter:
    """MTP and its model share their LM head."""
    from simcost.catalog import load_catalog

    speculation = spec.speculation
    drafter = None if speculation is None else speculation.drafter_of(catalog or load_catalog(), model)
    if speculation is None or drafter is None:
        return _NO_DRAFTER
    own = spec.of_drafter(speculation)
    shared = embedding_parameters(drafter) * 2.0 / spec.tp if speculation.drafter == "mtp" else 0.0
    weights = weights_bytes_per_device(drafter, own) - shared
    length = held_tokens or LONG_SEQUENCE
    return _Drafter(weights, kv_bytes_per_token(drafter, spec.tp, spec.kv_precision, sequence_tokens=length))


def _fit(
    model: Model,
    accelerator: Accelerator,
    spec: ReplicaSpec,
    max_num_batched_tokens: int,
    drafter: _Drafter = _NO_DRAFTER,
    held_tokens: int | None = None,
) -> MemoryFit:
    """The budget, its capacity below one block where the model does not fit."""
    weights = weights_bytes_per_device(model, spec)
    overhead, source = spec.overhead, "overhead given"
    if overhead is None:
        overhead = overhead_bytes(model, spec.tp, max_num_batched_tokens)
        source = f"overhead estimated at {overhead / GIB:.2f} GiB per device (other estimates: up to 6 GiB)"
    length = held_tokens or LONG_SEQUENCE
    per_token = kv_bytes_per_token(model, spec.tp, spec.kv_precision, spec.pp, sequence_tokens=length)
    per_token += drafter.kv_per_token
    adapters = 0.0 if spec.lora is None else spec.lora.bytes_per_device(model, spec.tp, spec.pp)
    left = accelerator.memory_bytes * spec.memory_utilisation - weights - adapters - drafter.weights - overhead
    if not per_token and spec.kv_tokens is None and not spec.images:
        raise InputError(
            f"{model.name} caches nothing, since all of its layers have linear attention, whose states are not "
            "known; give linear_state_bytes in models.csv, or write `kv_tokens`: the tokens of as many sequences as fit"
        )
    tokens = int(left // per_token) // BLOCK_TOKENS * BLOCK_TOKENS * spec.dp if per_token else 0
    stated = MOST_UNITS if spec.images else spec.kv_tokens
    if stated is None:
        source += lengths_in_words(model, held_tokens)
    elif weights < accelerator.memory_bytes:
        source = "no KV cache" if spec.images else _given(stated, tokens, spec.dp)
        tokens = stated // BLOCK_TOKENS * BLOCK_TOKENS
    return MemoryFit(
        weights_bytes=weights_bytes(model, spec) + drafter.weights * spec.tp,
        weights_bytes_per_device=weights,
        adapters_bytes_per_device=adapters,
        drafter_bytes_per_device=drafter.weights,
        overhead_bytes=overhead,
        kv_bytes_per_token=per_token,
        kv_capacity_tokens=tokens,
        provenance=source,
    )


def _given(stated: int, estimate: int, ranks: int) -> str:
    """Provenance of a stated KV capacity, which may count blocks in place of tokens, or be that of one rank."""
    if stated >= max(FEW_OF_ESTIMATE, ONE_RANK / ranks * (ranks > 1)) * estimate:
        return "KV capacity given"
    share = f"{100 * stated / estimate:.2g} % of the {estimate:,} tokens that should fit"
    of_all = f" in {ranks} ranks together: if these are of one rank, give those of all; " if ranks > 1 else ": "
    return f"KV capacity given, {stated:,} tokens, {share}{of_all}{DOUBT}"


def _what_is_missing(
    model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int, fit: MemoryFit, catalog: Catalog | None
) -> str:
    usable = accelerator.memory_bytes * spec.memory_utilisation
    held = fit.weights_bytes_per_device + fit.adapters_bytes_per_device + fit.drafter_bytes_per_device
    if spec.on_cpu:
        return (
            f"{model.name} in {spec.precision} does not fit in {accelerator.memory_bytes / GIB:.4g} GiB of memory: its "
            f"weights are {held / GIB:.1f} GiB; write a larger `memory`, or a smaller precision"
        )
    needed = held + fit.overhead_bytes + BLOCK_TOKENS * fit.kv_bytes_per_token
    advice = list(_what_would_fit(model, accelerator, spec, tokens, fit, catalog))
    return (
        f"{model.name} in {spec.precision} does not fit on {spec.accelerators} x {accelerator.name}: per device "
        f"{held / GIB:.1f} GiB of weights and {fit.overhead_bytes / GIB:.1f} GiB of "
        f"overhead, {usable / GIB:.1f} GiB usable; {(needed - usable) / GIB:.1f} GiB are missing. "
        f"What would fit: {'; '.join(advice) or 'nothing in the catalog with this tp; combine the remedies'}"
    )


def _what_would_fit(
    model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int, fit: MemoryFit, catalog: Catalog | None
) -> Iterator[str]:
    """No drafter, more devices, smaller weights, a larger slice or another device, with the KV tokens it leaves."""
    from simcost.catalog import load_catalog

    if fit.drafter_bytes_per_device and (kv := _capacity(model, accelerator, spec, tokens)):
        yield f"no speculation ({kv:,} KV tokens)"
    for tp in possible_tp(model):
        if (
            spec.slice is None
            and spec.tp < tp <= 16
            and (kv := _capacity(model, accelerator, replace(spec, tp=tp), tokens))
        ):
            yield f"tp {tp} ({kv:,} KV tokens)"
            break
    for precision in ("fp8", "int4"):
        if WEIGHT_BYTES[precision] < WEIGHT_BYTES[spec.precision]:
            kv = _capacity(model, accelerator, replace(spec, precision=precision), tokens)
            if kv:
                yield f"precision {precision} ({kv:,} KV tokens)"
                break
    if spec.slice is not None:
        yield "a larger slice, or a whole accelerator"
        return
    others = [o for o in (catalog or load_catalog()).facts.accelerators if o.vendor == accelerator.vendor]
    others.sort(key=lambda other: other.memory_bytes)
    fitting = [f"{o.name} ({kv:,})" for o in others if (kv := _capacity(model, o, spec, tokens))]
    if fitting:
        yield f"another accelerator at tp {spec.tp}: {', '.join(fitting[:4])}"


def _capacity(model: Model, accelerator: Accelerator, spec: ReplicaSpec, tokens: int) -> int:
    """KV tokens of a configuration, 0 if it does not fit or cannot be."""
    try:
        check_parallelism(model, spec)
    except InputError:
        return 0
    return max(0, _fit(model, accelerator, spec, tokens).kv_capacity_tokens)
