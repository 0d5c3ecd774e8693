"""Step time of any model on one accelerator: eight coefficients.

With T = P + B rows, tp devices, efficiencies e and the peaks of the fit:

    W    = (always + routed * (1 - (1 - k/X)^T)) * weight_bytes / tp + LM head * 2 / tp     bytes read
    F    = 2 * T * (always + routed * k/X) / tp                                             FLOPs
    core = ((F / (e_gemm * peak))^6 + (W / (e_weight * bandwidth))^6)^(1/6)                 smooth maximum
    attn = 4 * heads * head_dim * layers * Q / tp / (e_attention * peak_bf16)
    kv   = KV bytes per token and device * K / (e_kv * bandwidth)
    comm = 2 * layers * (allreduce_s + T * hidden * 4 * (tp - 1) / tp / (e_allreduce * link))   with tp > 1
    t    = core + attn + kv + comm + layers * layer_s + step_s

A dense model has no routed parameters. For X experts, k of them active, W assumes uniform routing. The form
was fitted to dense models only; for mixtures of experts and latent attention it is an extension without refit.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simcost.catalog.facts import HardwareFit, Model, Precision
from simcost.perf.memory import WEIGHT_BYTES, kv_bytes_per_token
from simcost.perf.replica import active_share, block_parameters, embedding_parameters, routed_parameters

Numbers: TypeAlias = NDArray[np.float64]


class StepLoad(NamedTuple):
    """Work of steps: P prefill tokens, B sequences, K their KV tokens, Q attention pairs, one entry a step."""

    prefill_tokens: Numbers
    sequences: Numbers
    kv_tokens: Numbers
    pairs: Numbers


def seconds(
    fit: HardwareFit, model: Model, tp: int, precision: Precision, kv_precision: Precision, load: StepLoad
) -> Numbers:
    """Times of the steps of a load."""
    rows = load.prefill_tokens + load.sequences
    memory = fit.memory_bytes_per_s
    compute_s = _flops(model, tp, rows) / (fit.gemm_efficiency * fit.peak_flops)
    read_s = _bytes_read(model, tp, precision, rows) / (fit.weight_efficiency * memory)
    core_s = (compute_s**6 + read_s**6) ** (1 / 6)
    attention_s = _attention_flops(model, load.pairs) / tp / (fit.attention_efficiency * fit.peak_bf16_flops)
    kv_s = kv_bytes_per_token(model, tp, kv_precision) * load.kv_tokens / (fit.kv_efficiency * memory)
    fixed_s = model.layers * fit.layer_s + fit.step_s
    result: Numbers = core_s + attention_s + kv_s + _allreduce_s(fit, model, tp, rows) + fixed_s
    return result


def _flops(model: Model, tp: int, rows: Numbers) -> Numbers:
    routed = routed_parameters(model)
    return 2.0 * rows * (block_parameters(model) - routed * (1.0 - active_share(model))) / tp


def _bytes_read(model: Model, tp: int, precision: Precision, rows: Numbers) -> Numbers:
    routed = routed_parameters(model)
    touched = routed * (1.0 - (1.0 - active_share(model)) ** rows)
    read = (block_parameters(model) - routed + touched) * WEIGHT_BYTES[precision]
    result: Numbers = (read + embedding_parameters(model) * 2.0) / tp
    return result


def _attention_flops(model: Model, pairs: Numbers) -> Numbers:
    key_and_value_dim = 2 * model.head_dim + model.rope_head_dim
    return 2.0 * model.heads * key_and_value_dim * model.layers * pairs


def _allreduce_s(fit: HardwareFit, model: Model, tp: int, rows: Numbers) -> Numbers | float:
    if tp == 1:
        return 0.0
    sent_bytes = rows * model.hidden * 4.0 * (tp - 1) / tp
    result: Numbers = (
        2.0 * model.layers * (fit.allreduce_s + sent_bytes / (fit.allreduce_efficiency * fit.link_bytes_per_s))
    )
    return result
