"""Step time of any model on any accelerator: physics with fitted efficiencies.

T = P + B rows in a step; pp micro-batches of T/pp rows are in flight, and the replica emits one token of each sequence
in the time that one micro-batch takes through all stages: that of the whole model at T/pp rows. With r = T/pp rows,
r/dp of them on each of dp ranks of tp devices, efficiencies e and the peaks of the datasheet:

    dense   smooth_max(2 * r/dp * always / tp / (e_gemm * peak), (always * bytes + LM head * 2) / tp / (e_weight * bw))
    experts smooth_max(2 * routed * (r * k/X + touched * half tile) / (tp*dp) / (e_expert_gemm * w/(w + w0) * peak),
                       routed * touched * bytes / (tp*dp) / (e_expert_weight * bw)),  touched = 1 - (1 - k/X)^r
    comm    a layer's two exchanges over tp and dp: latency and bytes / (e_allreduce * link), over PCIe or the network
            with their own law
    fixed   layers * layer_s + MoE layers * expert_layer_s + pp * step_s: launches, and the host
    c       per sequence: LM head, sampling, and the KV cache of sliding windows
    d       per KV token: bytes / (e_kv * bw), with latent attention the larger of that and its arithmetic
    q       per attention pair: 4 * heads * head_dim FLOPs a layer / (e_attention * peak_bf16)

A dense model has no routed parameters. For X experts, k of them active, uniform routing is assumed: `touched` is the
expected share of experts that r rows touch. w is the width of an expert on one device.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simcost.catalog.facts import Accelerator, HardwareFit, Model
from simcost.perf.kv_cache import kv_bytes_per_layer
from simcost.perf.memory import bytes_per_weight, peak_flops
from simcost.perf.model_shape import (
    active_share,
    block_parameters,
    embedding_parameters,
    moe_layers,
    routed_parameters,
)
from simcost.perf.replica import ReplicaSpec

Numbers: TypeAlias = NDArray[np.float64]

SHARPNESS = 4.0
"""Of the smooth maximum of computing and reading: (x^n + y^n)^(1/n)."""
HALF_TILE = 64.0
"""Rows that an expert's product is filled up with in the mean: half a tile."""
HALF_WIDTH = 512.0
"""Columns of an expert on one device at which its product reaches half of the efficiency of a wide one."""
SHORT_WINDOW = 2048
"""Windows up to this are full in most sequences; longer ones are counted as full attention."""
NETWORK_BYTES_PER_S = 50e9
"""Between nodes, one direction per accelerator: 400 Gbit/s."""
NETWORK_LATENCY_S = 15e-6


class StepLoad(NamedTuple):
    """Work of steps: P prefill tokens, B sequences, K their KV tokens, Q attention pairs, one entry a step."""

    prefill_tokens: Numbers
    sequences: Numbers
    kv_tokens: Numbers
    pairs: Numbers


class Slopes(NamedTuple):
    """Seconds by which a step grows beside its rows."""

    sequence_s: float
    kv_token_s: float
    pair_s: float
    prompt_token_s: float


def seconds(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec, load: StepLoad) -> Numbers:
    """Times of the steps of a load: `base_s` of their rows, and the slopes."""
    per = slopes(fit, accelerator, model, spec)
    result: Numbers = (
        base_s(fit, accelerator, model, spec, load.prefill_tokens + load.sequences)
        + per.prompt_token_s * load.prefill_tokens
        + per.sequence_s * load.sequences
        + per.kv_token_s * load.kv_tokens
        + per.pair_s * load.pairs
    )
    return result


def base_s(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec, rows: Numbers) -> Numbers:
    """Seconds that depend on the rows T = P + B alone: matrix products, weights, exchanges, launches."""
    micro = np.maximum(rows / spec.pp, np.minimum(rows, 1.0))
    result: Numbers = (
        _dense_s(fit, accelerator, model, spec, micro / spec.dp)
        + _experts_s(fit, accelerator, model, spec, micro)
        + _exchange_s(fit, accelerator, model, spec, micro)
        + model.layers * fit.layer_s
        + moe_layers(model) * fit.expert_layer_s
        + fit.step_s * spec.pp
    )
    return result


def slopes(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec) -> Slopes:
    """Seconds that grow linearly, shared over dp ranks and pp stages."""
    share = 1.0 / (spec.dp * spec.pp)
    full, windowed = _attention_layers(model)
    kv_token_s = _kv_token_s(fit, accelerator, model, spec)
    pair_s = _pair_flops(model) / spec.tp / (fit.attention_efficiency * accelerator.bf16_flops)
    head_s = head_row_s(fit, accelerator, model, spec)
    return Slopes(
        sequence_s=(head_s + kv_token_s * windowed * model.window_tokens) * share + fit.sequence_s / spec.dp,
        kv_token_s=kv_token_s * full * share,
        pair_s=pair_s * full * share,
        prompt_token_s=pair_s * windowed * model.window_tokens * share,
    )


def head_row_s(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec) -> float:
    """Arithmetic of the LM head for one row on its devices."""
    head_flops = 2.0 * embedding_parameters(model) / spec.tp
    return head_flops / (fit.gemm_efficiency * accelerator.bf16_flops)


def _attention_layers(model: Model) -> tuple[int, int]:
    """Layers that see the whole context, and layers with a short window."""
    windowed = model.window_layers if model.window_tokens <= SHORT_WINDOW else 0
    return model.layers - model.linear_layers - windowed, windowed


def _smooth_max(x: Numbers, y: Numbers) -> Numbers:
    result: Numbers = (x**SHARPNESS + y**SHARPNESS) ** (1 / SHARPNESS)
    return result


def _dense_s(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec, rows: Numbers) -> Numbers:
    always = block_parameters(model) - routed_parameters(model)
    peak = peak_flops(accelerator, fit.precision, spec.precision)
    compute_s = 2.0 * rows * always / spec.tp / (fit.gemm_efficiency * peak * spec.gemm_speedup)
    read_bytes = (always * bytes_per_weight(spec) + embedding_parameters(model) * 2.0) / spec.tp
    read_s = np.full_like(rows, read_bytes / (fit.weight_efficiency * accelerator.memory_bytes_per_s))
    return _smooth_max(compute_s, read_s)


def _experts_s(
    fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec, rows: Numbers
) -> Numbers | float:
    if not model.experts:
        return 0.0
    devices, share = spec.tp * spec.dp, active_share(model)
    routed = routed_parameters(model)
    touched = 1.0 - (1.0 - share) ** rows
    peak = peak_flops(accelerator, fit.precision, spec.precision)
    width = model.moe_ffn * max(spec.ep, 1) / devices
    efficiency = fit.expert_gemm_efficiency * width / (width + HALF_WIDTH)
    compute_s = 2.0 * (rows * share + touched * HALF_TILE) * routed / devices / (efficiency * peak)
    read_bytes = routed * touched * bytes_per_weight(spec) / devices
    return _smooth_max(compute_s, read_bytes / (fit.expert_weight_efficiency * accelerator.memory_bytes_per_s))


def _exchange_s(
    fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec, rows: Numbers
) -> Numbers | float:
    """Two exchanges a layer: all-reduces over tp; with experts and dp the second gathers and scatters the rows of all
    ranks, while ranks of a dense model exchange nothing with each other.

    A ring moves 2 * (n - 1)/n of the rows per device; pp stages hand their rows on once.
    """
    total: Numbers | float = 0.0
    row_bytes = model.hidden * 2.0
    if spec.tp > 1:
        exchanges = 1 if spec.dp > 1 and model.experts else 2
        total = total + exchanges * model.layers * _ring_s(fit, accelerator, spec.tp, rows / spec.dp * row_bytes)
    if spec.dp > 1 and model.experts:
        total = total + model.layers * _ring_s(fit, accelerator, spec.tp * spec.dp, rows * row_bytes)
    if spec.pp > 1:
        total = total + (spec.pp - 1) * _ring_s(fit, accelerator, 2, rows * row_bytes) / 2
    return total


def _ring_s(fit: HardwareFit, accelerator: Accelerator, devices: int, sent_bytes: Numbers) -> Numbers:
    """An all-reduce over devices; over more than the link joins, it is as slow as the network."""
    link, latency_s = fit.allreduce_efficiency * (accelerator.link_bytes_per_s or np.inf), fit.allreduce_s
    if devices > accelerator.link_devices:
        link, latency_s = min(link, NETWORK_BYTES_PER_S), latency_s + NETWORK_LATENCY_S
    result: Numbers = latency_s + 2.0 * (devices - 1) / devices * sent_bytes / link
    return result


def _kv_token_s(fit: HardwareFit, accelerator: Accelerator, model: Model, spec: ReplicaSpec) -> float:
    """Reading one cached token of one layer; latent attention also multiplies it for each head."""
    per_layer = kv_bytes_per_layer(model, spec.tp, spec.kv_precision)
    read_s = per_layer / (fit.kv_efficiency * accelerator.memory_bytes_per_s)
    if not model.kv_lora_rank:
        return read_s
    flops = 2.0 * model.heads / spec.tp * (2 * model.kv_lora_rank + model.rope_head_dim)
    return max(read_s, flops / (fit.attention_efficiency * accelerator.bf16_flops))


def _pair_flops(model: Model) -> float:
    """FLOPs of one attention pair in one layer."""
    value_dim = model.value_head_dim or model.head_dim
    return 2.0 * model.heads * (model.head_dim + model.rope_head_dim + value_dim)
