"""Spot instances: the price in effect, second by second."""

from typing import TYPE_CHECKING, Literal

from simcost.billing.bill import Bill
from simcost.errors import CatalogError
from simcost.record import record
from simcost.units import Seconds, UsdPerGb, UsdPerGbMonth, UsdPerH

if TYPE_CHECKING:
    from simcost.billing.instances import Instances
    from simcost.billing.metering import Line
    from simcost.catalog import Catalog
    from simcost.ledger.requests import LedgerUsage


@record
class SpotPrice:
    """A price from some time of the run on."""

    at: Seconds
    """Start; the first price holds before, too."""
    price: UsdPerH
    """Per instance and hour."""


@record
class Spot:
    """Instances that the provider may take back, at the price in effect; no commitment ever covers them."""

    kind: Literal["spot"] = "spot"
    offer: str
    """`provider/sku` of the catalog."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Per instance and hour; None = the catalog's, which is one observation."""
    prices: tuple[SpotPrice, ...] = ()
    """Prices that change over the run, in order of time, in place of `price`."""
    storage: UsdPerGbMonth | None = None
    """Price of disk per GB-month; None = the catalog's tiers for the provider."""
    egress: UsdPerGb | None = None
    """Price of responses sent to the internet per GB; None = the catalog's tiers for the provider."""

    def __post_init__(self) -> None:
        if self.price is not None and self.prices:
            raise ValueError("give `price` or `prices`, one of the two")
        times = [step.at for step in self.prices]
        if times != sorted(set(times)):
            raise ValueError("`prices` must be in order of time, each time once")

    @property
    def provider(self) -> str:
        """Cloud of the offer."""
        return self.offer.partition("/")[0].lower()

    @property
    def capacity_type(self) -> str:
        """Name that node provisioners use; commitments matter to the bill alone."""
        return "spot"

    def node_accelerators(self, catalog: "Catalog", _per_replica: int) -> int:
        """Of a node, or its vCPUs where it has none. Raises CatalogError."""
        from simcost.catalog import parts_of

        return parts_of(catalog.offer(self.offer, self.region))

    def stated_usd_per_h(self) -> float | None:
        """The user's own price, of several the first; None = the catalog's is taken."""
        return self.prices[0].price if self.prices else self.price

    def usd_per_h(self, catalog: "Catalog") -> float:
        """Price of an instance at the start of a run.

        Raises:
            CatalogError: no such offer, or no spot price of it.
        """
        offer, stated = catalog.offer(self.offer, self.region), self.stated_usd_per_h()
        usd = stated if stated is not None else offer.spot_usd_per_h
        if usd is None:
            raise CatalogError(
                f"the catalog has no spot price of {offer.name} in {offer.region}; give `price`, or `prices` over time"
            )
        return usd

    def line(self, catalog: "Catalog") -> "Line":
        """The instances with their price. Raises CatalogError."""
        from simcost.billing.metering import Line

        offer, usd = catalog.offer(self.offer, self.region), self.usd_per_h(catalog)
        own, basis = self.stated_usd_per_h() is not None, offer.spot_basis
        return Line(
            provider=offer.provider,
            sku=offer.sku,
            service=catalog.service_name(offer.provider, "", offer.sku),
            region=offer.region,
            pricing="spot",
            accelerator=offer.accelerator or "",
            list_usd=offer.on_demand_usd_per_h,
            contracted_usd=usd,
            as_of="" if own else basis.as_of,
            quality="given" if own else basis.quality,
            source="" if own else basis.source,
        )

    def instances(self, usage: "LedgerUsage", catalog: "Catalog") -> "Instances":
        """The nodes as they are metered. Raises CatalogError."""
        from simcost.billing.instances import Instances, PriceStep

        line = self.line(catalog)
        steps = [PriceStep(from_s=step.at, usd_per_h=step.price) for step in self.prices]
        return Instances(
            usage=usage,
            line=line,
            rule=catalog.billing_rule(line.provider),
            steps=steps,
            storage_usd=self.storage,
            egress_usd=self.egress,
        )

    def bill(self, usage: "LedgerUsage", catalog: "Catalog") -> Bill:
        """The charges of a run."""
        from simcost.billing.instances import instances_bill

        return instances_bill([self.instances(usage, catalog)], catalog)
