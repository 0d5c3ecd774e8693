"""GCP: committed-use discounts on resources and on spend.

Source: Google Cloud documentation (committed use discounts; spend-based ones as they are since 2026-01-21).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from simcost.billing.commitment.base import HourlyPrice, SpendPlan
from simcost.catalog.facts import Instrument

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import Capacity, Rates
    from simcost.billing.metered import Line, Metered


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCud(HourlyPrice):
    """So many units of a resource (vCPUs, GB, GPUs or instances: what the SKU counts) in one region, for years."""

    kind: Literal["resource-cud"] = "resource-cud"
    instrument: ClassVar[Instrument] = "resource-cud"
    provider: str = "gcp"
    """Whose it is."""

    def bind(self, account: "Metered", rates: "Rates") -> "Capacity":
        """Units are those of the SKU."""
        from simcost.billing.commitment.bound import only_region, takes_of

        region = self.region or only_region(account, self.provider, self.sku, self.name)

        def units(line: "Line") -> float | None:
            return (
                1.0 if (line.provider, line.sku, line.region) == (self.provider, self.sku, region) else None
            )

        return self.capacity(
            account, rates, region, units=float(self.count), takes=takes_of(account, units), order=20
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexibleCud(SpendPlan):
    """A commitment to spend so much an hour in any region, at a discount.

    >>> FlexibleCud(commitment=100.0, commit_basis="on-demand", discount=0.46).hourly_usd
    54.0
    """

    kind: Literal["flexible-cud"] = "flexible-cud"
    provider: ClassVar[str] = "gcp"
    commit_basis: Literal["discounted", "on-demand"] = "discounted"
    """What `commitment` counts: discounted USD (since 2026-01-21), or their on-demand equivalent (before)."""

    def __post_init__(self) -> None:
        SpendPlan.__post_init__(self)
        if self.commit_basis == "on-demand" and self.discount is None:
            raise ValueError("a commitment that counts on-demand USD needs its `discount`")

    @property
    def listed_as(self) -> Instrument:
        """As the catalog lists its rates."""
        return "flexible-cud"

    @property
    def hourly_usd(self) -> float:
        """The fee of an hour."""
        share = 1 - (self.discount or 0.0) if self.commit_basis == "on-demand" else 1.0
        return round(self.commitment * share, 10)

    def eligible(self, line: "Line", account: "Metered") -> bool:
        """All compute of GCP."""
        return line.provider == "gcp"
