"""Parameters of a model by what they do, from its shape."""

from simcost.catalog.facts import Model


def embedding_parameters(model: Model) -> float:
    """One matrix of vocabulary x hidden: the embedding, or the LM head."""
    return float(model.vocabulary * model.hidden)


def embedding_matrices(model: Model) -> int:
    """2, or 1 where one matrix serves as both."""
    return 1 if model.tied_embeddings else 2


def block_parameters(model: Model) -> float:
    """All parameters but embedding and LM head: those that are quantised and multiplied."""
    return model.parameters - embedding_matrices(model) * embedding_parameters(model)


def routed_parameters(model: Model) -> float:
    """Parameters of all routed experts; a token multiplies experts_per_token / experts of them."""
    return float(moe_layers(model) * model.experts * _expert_parameters(model))


def active_share(model: Model) -> float:
    """Share of the routed experts that one token uses; 0 for a dense model."""
    return model.experts_per_token / model.experts if model.experts else 0.0


def counted_parameters(model: Model) -> float:
    """All parameters as the shape implies them, without norms and biases: the check of the stated number."""
    dense_layers = model.layers - moe_layers(model)
    dense = dense_layers * 3 * model.hidden * model.ffn
    shared = moe_layers(model) * model.shared_experts * _expert_parameters(model)
    router = moe_layers(model) * model.hidden * model.experts
    blocks = attention_parameters(model) + dense + shared + router + routed_parameters(model)
    return float(blocks + embedding_matrices(model) * embedding_parameters(model))


_DOUBTED = 1.2
"""Ratio of the stated parameters to those that the shape implies, or the reverse, from which on it is told."""


def doubted_parameters(model: Model) -> tuple[str, ...]:
    """A sentence where the stated parameters are not those of the shape."""
    stated, implied = model.parameters, counted_parameters(model)
    if max(stated / implied, implied / stated) < _DOUBTED:
        return ()
    said = (
        f"{model.name} has {stated:.3g} parameters in models.csv, and {implied:.3g} by its layers, heads and sizes: "
        "its weights and products are of the first number; correct one of them if both should be the same."
    )
    return (said,)


def moe_layers(model: Model) -> int:
    """Layers with routed experts."""
    return model.layers - model.dense_layers if model.experts else 0


def _expert_parameters(model: Model) -> int:
    return 3 * model.hidden * model.moe_ffn


def attention_parameters(model: Model) -> int:
    """Projections of all layers."""
    ordinary = model.layers - model.linear_layers
    return ordinary * _projections(model) + model.linear_layers * model.linear_parameters


def _projections(model: Model) -> int:
    """Projections of one layer: queries, keys and values, output, gate."""
    value_dim = model.value_head_dim or model.head_dim
    output = model.heads * value_dim * model.hidden
    if not model.kv_lora_rank:
        gate = output if model.gated_attention else 0
        return 2 * output + gate + 2 * model.kv_heads * model.head_dim * model.hidden
    key_dim = model.head_dim + model.rope_head_dim
    rank, queries = model.q_lora_rank, model.heads * key_dim
    to_queries = rank * (model.hidden + queries) if rank else model.hidden * queries
    to_latent = model.hidden * (model.kv_lora_rank + model.rope_head_dim)
    from_latent = model.kv_lora_rank * model.heads * (model.head_dim + value_dim)
    return to_queries + to_latent + from_latent + output
