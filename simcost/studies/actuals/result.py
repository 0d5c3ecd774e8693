"""Results of `simcost focus read` (sums of a cost file) and `simcost focus compare` (actual against simulated cost)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simcost.documents import FindingDocument, optional_key

Basis = Literal["effective", "billed", "list"]
Effect = Literal["quantity", "price", "only_actual", "only_simulated", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPeriod:
    """First and last day of the rows."""

    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCosts:
    """Costs of a service in a month; None where no row has one."""

    month: str
    provider: str
    service: str
    billed_usd: float
    effective_usd: float
    list_usd: float | None
    contracted_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuCosts:
    """Usage of a SKU in a month, bought in one way, and its unit prices; None where they are not known of every row."""

    month: str
    provider: str
    region: str
    sku: str
    unit: str
    pricing: str
    """Purchase option; `reserved_idle` = capacity that was reserved, and that nothing used."""
    quantity: float
    billed_usd: float
    effective_usd: float
    list_usd: float | None
    contracted_usd: float | None
    effective_usd_per_unit: float | None
    list_usd_per_unit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentCosts:
    """A commitment: used and unused parts, and its payments in these rows."""

    commitment: str
    provider: str
    used_usd: float
    unused_usd: float
    utilisation: float | None
    purchased_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCosts:
    """Effective cost of a day by category."""

    day: str
    effective_usd: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualCosts:
    """Sums of the lines of a cost file; `quality` says how many rows have no cost, and are in no sum of it."""

    verdict: str
    rows: int
    focus_versions: tuple[str, ...]
    granularity: str
    period: CostPeriod
    usd_per: Mapping[str, float]
    """Worth of other currencies."""
    billed_usd: float
    effective_usd: float
    list_usd: float | None
    """None where no row has one."""
    contracted_usd: float | None
    """None where no row has one."""
    below_list_share: float | None
    by_kind_usd: Mapping[str, float]
    """Effective cost: usage, unused, purchase, tax, credit, ..."""
    months: tuple[ServiceCosts, ...]
    """By month, provider and service."""
    skus: tuple[SkuCosts, ...]
    coverage: Mapping[str, float | None]
    """Committed / (committed + on-demand) at list prices, by provider and `all`."""
    commitments: tuple[CommitmentCosts, ...]
    unused_usd: float
    """Effective cost of what nothing used: unused commitments, and idle reserved capacity."""
    idle_reservation_usd: float
    """The part of it for idle reserved capacity."""
    days: tuple[DayCosts, ...]
    quality: Sequence[FindingDocument]
    files: tuple[str, ...] | None = optional_key()
    """Files written."""
    findings: Sequence[FindingDocument] | None = optional_key()
    provenance: Mapping[str, Any] | None = optional_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedAmount:
    """So much of a SKU, and its price."""

    quantity: float
    usd: float
    usd_per_unit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuDifference:
    """A SKU that both sides have."""

    month: str
    provider: str
    region: str
    sku: str
    unit: str
    actual: PricedAmount
    simulated: PricedAmount
    difference_usd: float
    quantity_effect_usd: float
    price_effect_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedSku:
    """A SKU that one side alone has."""

    month: str
    provider: str
    region: str
    sku: str
    unit: str
    quantity: float
    usd: float
    usd_per_unit: float
    like: str | None
    """A similar one of the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDifference:
    """Costs without a quantity."""

    month: str
    what: str
    actual_usd: float
    simulated_usd: float
    difference_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostComparison:
    """Actual against simulated cost; differences are actual less simulated."""

    verdict: str
    cost: Basis
    months: tuple[str, ...]
    left_out_months: tuple[str, ...]
    skus: tuple[SkuDifference, ...]
    """Of both, the largest difference first."""
    only_actual: tuple[UnmatchedSku, ...]
    only_simulated: tuple[UnmatchedSku, ...]
    others: tuple[OtherDifference, ...]
    actual_usd: float
    simulated_usd: float
    difference_usd: float
    effects_usd: Mapping[Effect, float]
    """They add up to the difference."""
    quality: Sequence[FindingDocument] | None = optional_key()
    findings: Sequence[FindingDocument] | None = optional_key()
    provenance: Mapping[str, Any] | None = optional_key()
