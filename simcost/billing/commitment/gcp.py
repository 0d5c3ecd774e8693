"""GCP: committed-use discounts on resources and on spend.

Source: Google Cloud documentation (committed use discounts; spend-based ones as they are since 2026-01-21).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from simcost.billing.commitment.base import HourlyPrice, SpendPlan
from simcost.catalog.facts import Instrument
from simcost.errors import InputError
from simcost.record import record

if TYPE_CHECKING:
    from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits, Spend
    from simcost.billing.metering import Line, Metered

_ACCELERATED = ("a2-", "a3-", "a4-", "a4x-", "g2-", "g4-", "ct", "tpu", "v4-", "v5", "v6e")
"""Prefixes of instance types of accelerator-optimised families and TPUs."""
_NOT_FLEXIBLE = "accelerator-optimised families, GPUs and TPUs are not eligible"


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
        from simcost.billing.commitment.bound import only_region, takes_of

        region = self.region or only_region(account, self.provider, self.sku, self.name)

        def units(line: "Line") -> float | None:
            return 1.0 if (line.provider, line.sku, line.region) == (self.provider, self.sku, region) else None

        return self.capacity(account, rates, region, units=float(self.count), takes=takes_of(account, units), order=20)


@record
class FlexibleCud(SpendPlan):
    """A commitment to spend so much an hour in any region, at a discount; not on accelerator-optimised families, GPUs
    or TPUs.

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

    def eligible(self, line: "Line", account: "Metered") -> bool:
        """Compute of GCP without accelerators."""
        return line.provider == "gcp" and not has_accelerators(line)

    def bind(self, account: "Metered", rates: "CommitmentRates") -> "Spend":
        """Rates by line.

        Raises:
            InputError: all usage of GCP is of families that it does not cover.
            CatalogError: eligible usage without a stated rate.
        """
        lines = [line for line in account.lines if line.provider == "gcp" and line.pricing == "standard"]
        beyond = sorted({line.name for line in lines if has_accelerators(line)})
        if beyond and len(beyond) == len({line.name for line in lines}):
            raise InputError(
                f"{self.name}: flexible committed-use discounts do not cover {', '.join(beyond)}: {_NOT_FLEXIBLE}; "
                "commit to them by `resource-cud`"
            )
        bound = SpendPlan.bind(self, account, rates)
        left_out = f"{self.name}: does not cover {', '.join(beyond)}: {_NOT_FLEXIBLE}"
        return replace(bound, notes=(*bound.notes, left_out)) if beyond else bound


def has_accelerators(line: "Line") -> bool:
    """True if a machine is of an accelerator-optimised family, or has GPUs or TPUs."""
    return bool(line.accelerator) or line.sku.startswith(_ACCELERATED)
