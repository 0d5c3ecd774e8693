"""The kinds of facts; each class is one CSV file, its fields the columns, units in the names."""

from dataclasses import dataclass
from typing import Literal

Quality = Literal["A", "B", "C"]
"""A: first party. B: public third-party catalogue. C: secondary or unverified."""

Precision = Literal["bf16", "fp8", "int8", "int4", "fp4"]
"""How weights are stored and multiplied; fp16 is read as bf16 (same bytes, same peak)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a fact comes from."""

    source: str
    as_of: str
    quality: Quality
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator(Provenance):
    """One device. FLOPS are dense peaks; an empty precision is not supported by the device."""

    name: str
    memory_bytes: float
    """What the driver reports, not the nominal size."""
    memory_bytes_per_s: float
    bf16_flops: float
    fp8_flops: float | None = None
    int8_flops: float | None = None
    fp4_flops: float | None = None
    power_w: float | None = None
    link: str = ""
    link_bytes_per_s: float | None = None
    """Between devices of a node, one direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Provenance):
    """A decoder-only transformer, as far as time and memory depend on it."""

    name: str
    parameters: float
    """All parameters, embedding and LM head included."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    """Intermediate size of a dense layer."""
    vocabulary: int
    tied_embeddings: bool
    context_tokens: int
    experts: int = 0
    """Routed experts per MoE layer; 0 = dense."""
    experts_per_token: int = 0
    shared_experts: int = 0
    moe_ffn: int = 0
    dense_layers: int = 0
    """Leading dense layers of an MoE model."""
    kv_lora_rank: int = 0
    """Multi-head latent attention: cached latent per token and layer; 0 = ordinary KV heads."""
    rope_head_dim: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Provenance):
    """An instance type with its price in one region; `any` = one price everywhere."""

    provider: str
    sku: str
    region: str
    accelerator: str
    accelerators: int
    on_demand_usd_per_h: float
    """Per instance, not per accelerator."""
    spot_usd_per_h: float | None = None
    """One observation, not a mean."""
    vcpus: int | None = None
    memory_bytes: float | None = None

    @property
    def name(self) -> str:
        """`provider/sku`, as scenarios write it."""
        return f"{self.provider}/{self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingRule(Provenance):
    """How a provider meters on-demand instances: max(minimum, ceil(run / granularity) * granularity)."""

    provider: str
    granularity_s: float
    minimum_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPrice(Provenance):
    """One tier of a storage or transfer price; tiers are cumulative per calendar month."""

    provider: str
    item: Literal["storage", "egress", "inter-zone"]
    unit: Literal["GB-month", "GB"]
    from_gb: float
    to_gb: float | None
    """Empty = no end."""
    price_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFit(Provenance):
    """Step-time coefficients fitted for one (accelerator, model, tp, precision):
    t = a + b*P + c*B + d*K + q*Q, see `simcost.perf.step`.
    """

    accelerator: str
    model: str
    tp: int
    precision: Precision
    a_s: float
    b_s_per_token: float
    c_s_per_sequence: float
    d_s_per_token: float
    q_s_per_pair: float
    error: float
    """Mean absolute relative error of the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareFit(Provenance):
    """Eight coefficients for one (accelerator, precision), any dense model and tp; see `simcost.perf.roofline`.
    The efficiencies are valid only with the peaks given beside them.
    """

    accelerator: str
    precision: Precision
    peak_flops: float
    peak_bf16_flops: float
    memory_bytes_per_s: float
    link_bytes_per_s: float
    gemm_efficiency: float
    weight_efficiency: float
    attention_efficiency: float
    kv_efficiency: float
    layer_s: float
    allreduce_s: float
    allreduce_efficiency: float
    step_s: float
    error: float
