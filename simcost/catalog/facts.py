"""The kinds of facts; each class is one CSV file, its fields the columns, units in the names."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from simcost.catalog.cell_types import Amount, Date, Day, Positive, ProviderName
from simcost.catalog.device_units import check_units
from simcost.record import record
from simcost.units import Count, PositiveCount

Quality = Literal["A", "B", "C"]
"""A: first party. B: public third-party catalogue. C: secondary or unverified."""

Precision = Literal["bf16", "fp8", "int8", "int4", "fp4"]
"""Format in which weights are stored and multiplied; fp16 is read as bf16 (same bytes, same peak)."""

Engine = Literal["vllm", "sglang", "trtllm"]
"""Serving engines that were measured."""


@record
class Provenance:
    """Provenance of a fact: source, date, quality."""

    source: str
    as_of: Date
    """Date for which it holds: that of a price list; of a document without a date, when it was read."""
    quality: Quality
    notes: str = ""


@record
class Accelerator(Provenance):
    """One device. FLOPS are dense peaks; an empty precision is not supported by the device."""

    name: str
    vendor: str
    memory_bytes: Positive
    """Memory that the driver reports where known, else the nominal size (stated in the notes)."""
    memory_bytes_per_s: Positive
    bf16_flops: Positive
    fp8_flops: Positive | None = None
    int8_flops: Positive | None = None
    fp4_flops: Positive | None = None
    power_w: Positive | None = None
    link: str = ""
    link_bytes_per_s: Positive | None = None
    """Between devices of a node, one direction."""
    link_devices: PositiveCount = 8
    """Devices that the link joins; beyond them, data takes the network."""
    sparse_24: bool = False
    """Multiplies matrices of which two of four weights are zero."""

    def __post_init__(self) -> None:
        check_units(self)


@record
class Model(Provenance):
    """A decoder-only transformer, as far as time and memory depend on it."""

    name: str
    parameters: Positive
    """All parameters, embedding and LM head included."""
    layers: PositiveCount
    hidden: PositiveCount
    heads: PositiveCount
    kv_heads: PositiveCount
    head_dim: PositiveCount
    ffn: PositiveCount
    """Intermediate size of a dense layer."""
    vocabulary: PositiveCount
    tied_embeddings: bool
    """One matrix serves as embedding and LM head."""
    context_tokens: PositiveCount
    experts: Count = 0
    """Routed experts per MoE layer; 0 = dense."""
    experts_per_token: Count = 0
    shared_experts: Count = 0
    moe_ffn: Count = 0
    """Intermediate size of one expert."""
    dense_layers: Count = 0
    """Leading dense layers of an MoE model."""
    kv_lora_rank: Count = 0
    """Multi-head latent attention: cached latent per token and layer; 0 = ordinary KV heads."""
    q_lora_rank: Count = 0
    """Latent of the queries of multi-head latent attention; 0 = none."""
    rope_head_dim: Count = 0
    value_head_dim: Count = 0
    """Values of multi-head latent attention, where they differ from head_dim; 0 = the same."""
    window_layers: Count = 0
    """Layers whose attention sees the last window_tokens only."""
    window_tokens: Count = 0
    linear_layers: Count = 0
    """Layers of linear attention or state space: a state of constant size in place of a KV cache."""
    linear_parameters: Count = 0
    """Attention parameters of one such layer."""
    linear_state_bytes: Count = 0
    """State that one such layer keeps of a sequence, whatever its length; 0 = not known, and not counted."""
    gated_attention: bool = False
    """The output of attention has a gate: as many parameters again as the queries."""
    shape: str = ""
    """Model that was measured in place of this one, since it has the same shape; empty = itself."""

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.experts and not (self.moe_ffn and 0 < self.experts_per_token <= self.experts):
            raise ValueError("a model with experts needs moe_ffn and 1 <= experts_per_token <= experts")
        if self.dense_layers > self.layers:
            raise ValueError(f"dense_layers ({self.dense_layers}) exceed layers ({self.layers})")
        if self.window_layers + self.linear_layers > self.layers:
            raise ValueError(f"window_layers and linear_layers exceed layers ({self.layers})")
        if bool(self.window_layers) != bool(self.window_tokens):
            raise ValueError("give window_layers and window_tokens, or neither")
        embeddings = (1 if self.tied_embeddings else 2) * self.vocabulary * self.hidden
        experts = (self.layers - self.dense_layers) * self.experts * 3 * self.hidden * self.moe_ffn
        if self.parameters <= embeddings + experts:
            parts = "embedding, LM head and experts" if experts else "embedding and LM head"
            raise ValueError(
                f"parameters ({self.parameters:g}) are not more than those of {parts}, {embeddings + experts:.4g}; are "
                "they in billions? write them as 8e9"
            )


@record
class Machine(Provenance):
    """Parts of an instance type, where price lists do not state them."""

    provider: ProviderName
    sku: str
    accelerator: str
    accelerators: PositiveCount
    vcpus: PositiveCount
    memory_bytes: Positive


@record
class Offer(Provenance):
    """An instance type with its price in one region; `any` = one price everywhere."""

    provider: ProviderName
    sku: str
    region: str
    accelerator: str = ""
    """Empty: it has none."""
    accelerators: Count = 0
    on_demand_usd_per_h: Positive
    """Per instance, not per accelerator."""
    spot_usd_per_h: Positive | None = None
    """One observation, not a mean."""
    vcpus: PositiveCount | None = None
    memory_bytes: Positive | None = None
    spot_source: str = ""
    """Of the spot price, where it differs from `source`; with `spot_as_of`."""
    spot_as_of: Date = ""
    spot_quality: Quality | None = None

    def __post_init__(self) -> None:
        if bool(self.accelerator) != bool(self.accelerators):
            raise ValueError("give accelerator and accelerators (at least 1), or leave both empty for none")
        if bool(self.spot_source) != bool(self.spot_as_of):
            raise ValueError("give spot_source and spot_as_of, or leave both empty: as of the on-demand price")

    @property
    def name(self) -> str:
        """`provider/sku`, as scenarios write it."""
        return f"{self.provider}/{self.sku}"

    @property
    def spot_basis(self) -> Provenance:
        """Provenance of the spot price."""
        if not self.spot_as_of:
            return self
        return Provenance(source=self.spot_source, as_of=self.spot_as_of, quality=self.spot_quality or self.quality)


@record
class BillingRule(Provenance):
    """Metering of on-demand instances by a provider: max(minimum, ceil(run / granularity) * granularity)."""

    provider: ProviderName
    granularity_s: Positive
    minimum_s: Amount


Instrument = Literal[
    "reserved-instance",
    "compute-savings-plan",
    "instance-savings-plan",
    "sagemaker-savings-plan",
    "capacity-block",
    "azure-reservation",
    "azure-savings-plan",
    "resource-cud",
    "flexible-cud",
    "take-or-pay",
]
"""Ways to commit; `take-or-pay` is the reserved price of a provider that has only one kind."""

Upfront = Literal["none", "partial", "all"]


Eligible = Literal["yes", "no", "unknown"]
"""May a commitment cover an item? unknown = no source says."""


@record
class CloudService(Provenance):
    """A service of a provider, under the names that usage and bills have for it. The first row that fits counts."""

    provider: ProviderName
    service: str
    """As the provider's FOCUS exports write it."""
    names: str = ""
    """Its other names, divided by `|`."""
    skus: str = ""
    """SKUs that tell the service where usage does not name it: patterns with `*`, divided by `|`."""
    category: str
    """Its ServiceCategory in FOCUS."""
    subcategory: str
    """Its ServiceSubcategory in FOCUS."""

    def is_named(self, name: str) -> bool:
        """True if usage and bills call it so; case does not matter."""
        return name.strip().lower() in [one.strip().lower() for one in (self.service, *self.names.split("|"))]


@record
class CommitmentEligibility(Provenance):
    """Eligibility of items of a service for a kind of commitment. The last row that fits counts; where none
    does, it is unknown.
    """

    provider: ProviderName
    """`any` = the providers that have no row of the instrument."""
    instrument: Literal[Instrument, "capacity-reservation"]
    service: str
    """As in services.csv, or `*`."""
    sku: str = "*"
    """Its SKUs: patterns with `*`, divided by `|`; `accelerator:*` = whatever has an accelerator."""
    term_years: Positive | None = None
    """Term for which it holds; None = each."""
    eligible: Literal["yes", "no"]


@record
class CommitmentRate(Provenance):
    """Rate of an instance under a commitment: its price, or the discount on the on-demand price."""

    provider: ProviderName
    instrument: Instrument
    sku: str
    """An instance type, `p5.*` for all that begin so, or `*` for all."""
    region: str
    """`any` = everywhere."""
    term_years: Amount
    """0 = no fixed term (bought for days, or as you go)."""
    upfront: Upfront
    usd_per_h: Positive | None = None
    """Per instance and hour, what is paid upfront spread over the term."""
    discount: Positive | None = None
    """Share of the on-demand price that is saved."""

    def __post_init__(self) -> None:
        if (self.usd_per_h is None) == (self.discount is None):
            raise ValueError("give usd_per_h or discount, one of the two")
        if self.discount is not None and self.discount >= 1:
            raise ValueError(f"discount ({self.discount:g}) is a share below 1; write 37 % as 0.37")

    def paid_usd_per_h(self, on_demand_usd_per_h: float) -> float:
        """Price per hour where on-demand costs this."""
        if self.usd_per_h is not None:
            return self.usd_per_h
        return on_demand_usd_per_h * (1.0 - (self.discount or 0.0))


@record
class TierPrice(Provenance):
    """One tier of a storage or transfer price; tiers are cumulative per calendar month."""

    provider: ProviderName
    item: Literal["storage", "egress", "inter-zone"]
    region: str = "any"
    """`any` = wherever no row names the region."""
    unit: Literal["GB-month", "GB"]
    from_gb: Amount
    to_gb: Positive | None = None
    """None = no end."""
    price_usd: Amount

    def __post_init__(self) -> None:
        if self.unit != (unit := "GB-month" if self.item == "storage" else "GB"):
            raise ValueError(f"{self.item} is priced per {unit}, not per {self.unit}")
        if self.to_gb is not None and self.to_gb <= self.from_gb:
            raise ValueError(f"to_gb ({self.to_gb:g}) must exceed from_gb ({self.from_gb:g})")


@record
class TokenPrice(Provenance):
    """Price of a model behind an API per million tokens. Reasoning tokens are output tokens."""

    provider: ProviderName
    model: str
    """As the provider names it; no model of this catalog."""
    input_usd_per_m: Positive
    output_usd_per_m: Amount
    cache_read_usd_per_m: Amount | None = None
    """Of input tokens that the provider has kept; None = as input."""
    cache_write_usd_per_m: Amount | None = None
    """Of input tokens that the provider is told to keep, for some minutes; None = as input."""
    cache_write_1h_usd_per_m: Amount | None = None
    """The same for an hour; None = not sold."""
    tier_start_input_tokens: PositiveCount | None = None
    """A request with more input tokens than this, cached ones included, pays the tier prices for all its tokens;
    its cache prices grow as its input price does. None = no tier."""
    tier_input_usd_per_m: Positive | None = None
    tier_output_usd_per_m: Amount | None = None
    batch_multiplier: Positive | None = None
    """On all prices, for answers within a day; None = not known."""
    batch_input_usd_per_m: Positive | None = None
    """For answers within a day, where input and output have no factor in common; cache prices fall as input does."""
    batch_output_usd_per_m: Amount | None = None
    batch_caches: bool = True
    """Cached tokens keep their discount in a batch; else they pay as input there."""
    batch_cache_read_usd_per_m: Amount | None = None
    """Of cached tokens in a batch, where it is not their price times the factor of input."""
    flex_input_usd_per_m: Positive | None = None
    """For answers that may wait (service tier `flex`); None = not sold."""
    flex_output_usd_per_m: Amount | None = None
    flex_cache_read_usd_per_m: Amount | None = None
    """None = not known."""
    priority_input_usd_per_m: Positive | None = None
    """For answers that come first (service tier `priority`); None = not sold."""
    priority_output_usd_per_m: Amount | None = None
    priority_cache_read_usd_per_m: Amount | None = None
    short_only: str = ""
    """Of `batch`, `flex` and `priority` those without a price for prompts of the size tier."""
    audio_input_usd_per_m: Positive | None = None
    """Of input tokens of audio; None = not known."""
    audio_output_usd_per_m: Positive | None = None
    regions: str = ""
    """Regions in which all prices are higher, such as `us eu`."""
    region_multiplier: Positive | None = None
    """Factor on all prices in those regions."""
    context_tokens: PositiveCount | None = None
    """Input and output of a request, at most; None = not known."""
    deprecation_date: Day = ""
    """From which day the provider no longer offers the model; empty = none announced."""

    def __post_init__(self) -> None:
        batch = (self.batch_input_usd_per_m, self.batch_output_usd_per_m)
        if batch != (None, None) and (None in batch or self.batch_multiplier is not None):
            raise ValueError("give batch_multiplier, or batch_input_usd_per_m with batch_output_usd_per_m, not both")
        if self.batch_multiplier is not None and self.batch_multiplier > 1:
            raise ValueError(f"batch_multiplier ({self.batch_multiplier:g}) is above 1; write 0.5 for half the price")
        for service in ("flex", "priority"):
            parts = [getattr(self, f"{service}_{item}_usd_per_m") for item in ("input", "output", "cache_read")]
            if (parts[0] is None) != (parts[1] is None) or (parts[0] is None and parts[2] is not None):
                raise ValueError(f"give {service}_input_usd_per_m and {service}_output_usd_per_m, or neither")
        if bool(self.regions) != (self.region_multiplier is not None):
            raise ValueError("give regions and region_multiplier, or neither")
        tier = (self.tier_start_input_tokens, self.tier_input_usd_per_m, self.tier_output_usd_per_m)
        if any(part is None for part in tier) and tier != (None, None, None):
            raise ValueError(
                "a size tier needs tier_start_input_tokens, tier_input_usd_per_m and tier_output_usd_per_m"
            )

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


@record
class TokenRule(Provenance):
    """Prices that a provider states relative to input, for all its models: they hold where a model has none."""

    provider: ProviderName
    models: str
    """Names as a pattern, `*` = all."""
    cache_write: Positive | None = None
    """Price of tokens kept for minutes, times input."""
    cache_write_1h: Positive | None = None
    """Of tokens kept for an hour, times input."""
    batch: Positive | None = None
    """`batch_multiplier` of the models."""

    def completed(self, price: TokenPrice) -> TokenPrice:
        """The price with what the rule says in place of empty cells; as it is where the rule is not about it."""
        if price.provider != self.provider or not fnmatchcase(price.model.lower(), self.models.lower()):
            return price
        entry = price.input_usd_per_m
        found = {
            "cache_write_usd_per_m": self.cache_write and float(f"{self.cache_write * entry:.9g}"),
            "cache_write_1h_usd_per_m": self.cache_write_1h and float(f"{self.cache_write_1h * entry:.9g}"),
            "batch_multiplier": self.batch if price.batch_input_usd_per_m is None else None,
        }
        empty: dict[str, Any] = {
            name: usd for name, usd in found.items() if usd is not None and getattr(price, name) is None
        }
        return replace(price, **empty) if empty else price


@record
class StepFactor(Provenance):
    """A factor on the step times of one cell: of what its columns say, whatever the empty ones are.

    The factors of all cells that hold a configuration multiply; see `simcost.perf.factors`.
    """

    model_class: Literal["dense", "moe", "latent"]
    engine: Engine | None = None
    """Empty: an engine of its own."""
    accelerator: str = ""
    precision: Precision | None = None
    model: str = ""
    tp: Count = 0
    """0 = any parallelism."""
    pp: Count = 0
    dp: Count = 0
    factor: Positive
    """On the whole step."""
    fixed_factor: Positive
    """On launches and the host, on top."""
    rows: PositiveCount
    """Measurements in the cell."""
    sigma: Positive
    """Log-normal spread of measurements where nothing narrower than the cell is known."""
    left_out_error: Amount
    """Median error of the rows of the cell where their model on that accelerator was left out of the fit."""


@record
class HardwareFit(Provenance):
    """Efficiencies and fixed times of one accelerator at one rate of matrix products; see `simcost.perf.roofline`.
    Shares of the datasheet's peaks.
    """

    accelerator: str = ""
    """Empty: the mean of all, for an accelerator without measurements."""
    link: Literal["fabric", "PCIe"]
    """Kind of link between its devices."""
    precision: Literal["bf16", "fp8", "fp4"]
    """16, 8 or 4 bits in the products."""
    gemm_efficiency: Positive
    weight_efficiency: Positive
    expert_gemm_efficiency: Positive
    expert_weight_efficiency: Positive
    attention_efficiency: Positive
    kv_efficiency: Positive
    layer_s: Amount
    expert_layer_s: Amount
    """Of a layer with routed experts, on top."""
    step_s: Amount
    sequence_s: Amount
    allreduce_s: Amount
    allreduce_efficiency: Positive
    rows: Count
    """Measurements of this accelerator at this rate; 0 = none, all from the mean."""


@record
class TrainingMfu(Provenance):
    """Published model FLOPs utilisation (MFU) of training runs of one size class: quartiles over `rows` runs.

    MFU = 6 N + 12 L d s FLOPs a token x tokens/s / dense peak of the precision, nothing for recomputation.
    """

    accelerator: str
    precision: Precision
    parameters_from: Amount
    parameters_to: Positive | None = None
    """None = no end."""
    rows: PositiveCount
    sequence_tokens: PositiveCount | None = None
    """Median over the runs; None = not published."""
    gpus: PositiveCount | None = None
    """Median over the runs; None = not published."""
    mfu_p25: Positive
    mfu_median: Positive
    mfu_p75: Positive

    def __post_init__(self) -> None:
        if not self.mfu_p25 <= self.mfu_median <= self.mfu_p75 <= 1:
            raise ValueError("the MFU must be shares with mfu_p25 <= mfu_median <= mfu_p75 <= 1")


@record
class TrainingSequence(Provenance):
    """MFU at a sequence length relative to that at 2,048 tokens, the same models on 8 devices."""

    accelerator: str
    sequence_tokens: PositiveCount
    factor: Positive
    rows: PositiveCount
    """Models measured at this length and its neighbour."""
