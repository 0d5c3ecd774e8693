"""Instances by the hour: on demand, with whatever was committed in advance."""

from typing import TYPE_CHECKING, Literal

from simcost.billing.bill import Bill
from simcost.billing.commitment import Commitment
from simcost.billing.commitment.terms import Discount
from simcost.record import record
from simcost.units import UsdPerGb, UsdPerGbMonth, UsdPerH

if TYPE_CHECKING:
    from simcost.billing.instances import Instances
    from simcost.billing.metering import Line
    from simcost.catalog import Catalog
    from simcost.ledger.requests import LedgerUsage


@record
class OnDemand:
    """Instances by the hour; commitments cover what they can, the rest is on demand."""

    kind: Literal["on-demand"] = "on-demand"
    offer: str
    """`provider/sku` of the catalog."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Your own price per instance and hour; None = the catalog's."""
    discount: Discount | None = None
    """Negotiated discount (EDP, private pricing) on all that the provider sells: nodes, disks, transfer, and on AWS the
    fees of commitments. By service or instance type: `contracts.csv` of your catalog folder."""
    commitments: tuple[Commitment, ...] = ()
    """Commitments, bought in advance."""
    storage: UsdPerGbMonth | None = None
    """Price of disk per GB-month; None = the catalog's tiers for the provider."""
    egress: UsdPerGb | None = None
    """Price of responses sent to the internet per GB; None = the catalog's tiers for the provider."""

    @property
    def provider(self) -> str:
        """Cloud of the offer."""
        return self.offer.partition("/")[0].lower()

    def __post_init__(self) -> None:
        if self.price is not None and self.discount is not None:
            raise ValueError("`price` is what you pay: leave out `discount`, or `price`")

    def prices(self, catalog: "Catalog") -> "Catalog":
        """The catalog after the discount."""
        return catalog.with_discount(self.provider, self.discount)

    @property
    def capacity_type(self) -> str:
        """Name that node provisioners use; commitments matter to the bill alone."""
        return "on-demand"

    def node_accelerators(self, catalog: "Catalog", _per_replica: int) -> int:
        """Of a node, or its vCPUs where it has none. Raises CatalogError."""
        from simcost.catalog import parts_of

        return parts_of(catalog.offer(self.offer, self.region))

    def line(self, catalog: "Catalog") -> "Line":
        """The instances with their price. Raises CatalogError."""
        from simcost.billing.metering import Line

        offer = catalog.offer(self.offer, self.region)
        known = self.prices(catalog).contracted(offer)
        own = self.price is not None
        return Line(
            provider=offer.provider,
            sku=offer.sku,
            service=catalog.service_name(offer.provider, "", offer.sku),
            region=offer.region,
            accelerator=offer.accelerator or "",
            list_usd=known.list_usd_per_h,
            contracted_usd=known.contracted_usd_per_h if self.price is None else self.price,
            contract="" if own else known.contract,
            as_of="" if own else known.basis.as_of,
            quality="given" if own else known.basis.quality,
            source="" if own else known.basis.source,
        )

    def instances(self, usage: "LedgerUsage", catalog: "Catalog") -> "Instances":
        """The nodes as they are metered. Raises CatalogError."""
        from simcost.billing.instances import Instances

        line = self.line(catalog)
        return Instances(
            usage=usage,
            line=line,
            rule=catalog.billing_rule(line.provider),
            storage_usd=self.storage,
            egress_usd=self.egress,
        )

    def bill(self, usage: "LedgerUsage", catalog: "Catalog") -> Bill:
        """The charges of a run."""
        from simcost.billing.instances import instances_bill

        return instances_bill([self.instances(usage, catalog)], self.prices(catalog), commitments=self.commitments)
