"""Hardware and model shape of a replica, as a scenario writes it."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le

from simcost.catalog.facts import Engine, Model, Precision
from simcost.units import Bytes, Count, PositiveCount, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Knot:
    """A point of the part of the step time that depends on the tokens of the step alone."""

    tokens: Count
    """Prefill tokens and decoding sequences of the step together."""
    seconds: Seconds
    """Beside `a` and the other coefficients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenStep:
    """Step time measured by the user: t = factor * (a + base(P + B) + b*P + c*B + d*K + q*Q), see `StepTime`."""

    a: Seconds
    """Of each step."""
    b: Seconds
    """Per prefill token of the step."""
    c: Seconds
    """Per decoding sequence."""
    d: Seconds
    """Per token in the KV cache of the decoding sequences."""
    q: Seconds = 0.0
    """Per causal attention pair of the prefill: n * (p + n / 2) for n new tokens after p cached ones."""
    base: tuple[Knot, ...] = ()
    """By tokens of the step, upwards: linear in between, constant before the first knot, after the last one as steep
    as before it, or constant where it fell. For what a, b and c cannot say, such as the experts a batch touches."""
    factor: Annotated[float, Gt(0), Le(1000)] = 1.0
    """On the whole step: measured over predicted."""
    sigma: Annotated[float, Ge(0), Le(2)] | None = None
    """Log-normal spread of the real step time that is left after the measurement; None = 0.08."""
    source: str = ""
    """Origin of the numbers: engine and version, requests, date."""

    def __post_init__(self) -> None:
        tokens = [knot.tokens for knot in self.base]
        if tokens != sorted(set(tokens)):
            raise ValueError(f"the knots of base must be in order, each number of tokens once, not {tokens}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSpec:
    """One served copy of the model: its devices, its precision, its share of memory."""

    accelerator: str
    """Name of an accelerator in the catalog."""
    tp: PositiveCount = 1
    """Tensor parallelism: accelerators that share each layer."""
    pp: PositiveCount = 1
    """Pipeline parallelism: stages that share the layers; as many micro-batches are in flight."""
    dp: PositiveCount = 1
    """Data parallelism of the attention: ranks with a KV cache each, which step together."""
    ep: PositiveCount = 1
    """Expert parallelism: groups of accelerators that hold whole experts; it takes no accelerators of its own."""
    precision: Precision = "bf16"
    """Precision of the weights; embedding and LM head stay at 16 bits."""
    kv_precision: Precision = "bf16"
    """Precision of the KV cache: `bf16`, `fp8` or `int8`."""
    memory_utilisation: Annotated[float, Gt(0), Le(1)] = 0.92
    """Share of device memory the engine may use (vLLM: `gpu_memory_utilization`)."""
    overhead: Bytes | None = None
    """Activations, graphs and libraries per device; None = the documented estimate."""
    kv_tokens: Annotated[int, Ge(1)] | None = None
    """Measured KV capacity in tokens (vLLM: num_gpu_blocks * block_size); None = computed."""
    engine: Engine | None = None
    """Engine whose measurements correct the step time; None = the mean of the engines that were measured."""
    step: GivenStep | None = None
    """Measured step time; None = from the catalog."""
    first_token_overhead: Seconds = 0.0
    """Time of each request outside of the engine (HTTP, tokenizer, queues of the frontend), added to TTFT and E2E."""

    @property
    def accelerators(self) -> int:
        """Accelerators of one replica: what is billed."""
        return self.tp * self.pp * self.dp


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
