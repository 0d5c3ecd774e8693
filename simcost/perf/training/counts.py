"""What a model's shape says to training: parameters that a token multiplies, adapters, attention."""

from collections.abc import Iterator

from simcost.catalog.facts import Model
from simcost.perf.architecture import active_share, routed_parameters


def active_parameters(model: Model) -> float:
    """Parameters that one token multiplies: all of a dense model, the chosen experts of a mixture."""
    return model.parameters - routed_parameters(model) * (1 - active_share(model))


def attention_flops(model: Model, sequence_tokens: int) -> float:
    """FLOPs of scores and weighted values per token, forward and backward: 12 L d s.

    d = heads x head_dim. No causal halving, as PaLM and llm-foundry count.
    """
    return 12.0 * model.layers * model.heads * model.head_dim * sequence_tokens


def adapter_parameters(model: Model, rank: int) -> float:
    """Parameters of LoRA adapters of a rank r: r (inputs + outputs) per adapted matrix (Hu et al. 2021).

    Adapted are all matrices of the blocks of a dense model; of a mixture, those of the attention.
    """
    return float(model.layers * rank * sum(map(sum, _adapted(model))))


def _adapted(model: Model) -> Iterator[tuple[int, int]]:
    """Inputs and outputs of the adapted matrices of one layer."""
    yield from _attention(model)
    if not model.experts:
        yield from 2 * [(model.hidden, model.ffn)]
        yield model.ffn, model.hidden


def _attention(model: Model) -> Iterator[tuple[int, int]]:
    keys = model.kv_heads * model.head_dim
    queries = model.heads * (model.head_dim + model.rope_head_dim)
    if model.q_lora_rank:
        yield model.hidden, model.q_lora_rank
        yield model.q_lora_rank, queries
    else:
        yield model.hidden, queries
    if model.kv_lora_rank:
        yield model.hidden, model.kv_lora_rank + model.rope_head_dim
        yield model.kv_lora_rank, 2 * model.heads * model.head_dim
    else:
        yield from 2 * [(model.hidden, keys)]
    yield model.heads * model.head_dim, model.hidden
