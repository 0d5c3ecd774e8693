"""GCP: committed-use discounts on resources and on spend.

Source: Google Cloud documentation (committed use discounts; spend-based ones as they are since 2026-01-21).
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from simcost.billing.commitment.base import HourlyPrice, SpendPlan
from simcost.catalog.facts import Instrument
from simcost.errors import InputError
from simcost.record import record

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits, Spend
    from simcost.billing.metering import Line, Metered


@record
class ResourceCud(HourlyPrice):
    """So many units of a resource (vCPUs, GB, GPUs or instances: what the SKU counts) in one region, for years."""

    kind: Literal["resource-cud"] = "resource-cud"
    focus_type: ClassVar[str] = "Committed Use Discount"
    instrument: ClassVar[Instrument] = "resource-cud"
    provider: str = "gcp"
    """Provider of the commitment."""

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "CommittedUnits":
        """Units are those of the SKU."""
        from simcost.billing.commitment.bound import only_region

        region = self.region or only_region(account, self.provider, self.sku, self.name)

        def units_of(line: "Line") -> float | None:
            return 1.0 if (line.provider, line.sku, line.region) == (self.provider, self.sku, region) else None

        return self.capacity(account, rates, region, units=float(self.count), each=units_of, order=20)


@record
class FlexibleCud(SpendPlan):
    """A commitment to spend so much an hour in any region, at a discount, on the families that the catalog lists; none
    of them has GPUs or TPUs.

    >>> FlexibleCud(commitment=100.0, commit_basis="on-demand", discount=0.46).hourly_usd
    54.0
    """

    kind: Literal["flexible-cud"] = "flexible-cud"
    focus_type: ClassVar[str] = "Flexible Committed Use Discount"
    provider: ClassVar[str] = "gcp"
    commit_basis: Literal["discounted", "on-demand"] = "discounted"
    """Unit of `commitment`: discounted USD (since 2026-01-21), or their on-demand equivalent (before)."""

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

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "Spend":
        """Rates by line.

        Raises:
            InputError: all usage of GCP is of families that it does not cover.
            CatalogError: eligible usage without a stated rate.
        """
        bound = SpendPlan.bind(self, account, rates)
        mine = [i for i, line in enumerate(account.lines) if self.reaches(line, account) and line.pricing == "standard"]
        if mine and all(bound.left_out.get(i) == "no" for i in mine):
            names = ", ".join(sorted({account.lines[i].name for i in mine}))
            raise InputError(
                f"{self.name}: flexible committed-use discounts do not cover {names} (`simcost catalog list "
                "commitment-eligibility --where instrument=flexible-cud` has what they cover); commit to machines by "
                "`resource-cud`"
            )
        return bound
