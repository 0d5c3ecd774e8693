"""Bytes of weights, KV cache and overhead.

Sources: the published model configurations; the overhead is calibrated on one real run and wide.
"""

from math import ceil

from simcost.catalog.facts import Model, Precision
from simcost.errors import InputError
from simcost.perf.architecture import block_parameters, embedding_matrices, embedding_parameters
from simcost.perf.precision import WEIGHT_BYTES, kv_bytes
from simcost.units import GIB

LIBRARIES_BYTES = 0.65 * GIB
"""Device libraries, workspaces, graphs and fragmentation; what the calibration run leaves unexplained."""
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
    """What a device holds beside weights and KV cache: an estimate; give `overhead` or `kv_tokens` if measured.

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
