"""Capacity that a provider starts and stops: workers by the second, and endpoints by the instance-hour."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Le

from simcost.billing.commitment.terms import Discount
from simcost.record import record
from simcost.units import PREMIUM, SECONDS_PER_HOUR, Count, PositiveSeconds, UsdPerGb, UsdPerGbMonth, UsdPerH

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from simcost.billing.bill import Bill
    from simcost.catalog import Catalog
    from simcost.ledger.requests import LedgerUsage

    Seconds = Sequence[float] | npt.NDArray[np.float64]


@record
class Serverless:
    """Workers that exist only while they run, and some that are always on at a lower price."""

    kind: Literal["serverless"] = "serverless"
    price: UsdPerH
    """Of a worker and hour while it runs: cold start, work, and idle until it is stopped."""
    always_on_price: UsdPerH | None = None
    """Of a worker and hour that is always on; None = not sold."""
    always_on: Count = 0
    """Workers that are always on."""
    granularity: PositiveSeconds = 1.0
    """Each run is rounded up to it."""
    storage: UsdPerGbMonth = 0.0
    """Price of disk per GB-month; 0 = it is in the price."""
    egress: UsdPerGb = 0.0
    """Price of responses per GB; 0 = they are in the price."""

    def __post_init__(self) -> None:
        if self.always_on and self.always_on_price is None:
            raise ValueError("always_on workers need their price: give `always_on_price`, such as $3.35/h")

    def node_accelerators(self, _catalog: "Catalog", per_replica: int) -> int:
        """A worker is a replica."""
        return per_replica

    def bill(self, usage: "LedgerUsage", catalog: "Catalog") -> "Bill":
        """The charges of a run: a node of it is a worker."""
        from simcost.billing.commitment import TakeOrPay
        from simcost.billing.instances import Instances, instances_bill
        from simcost.billing.metering import Line
        from simcost.billing.owned import free_of_charge
        from simcost.catalog.facts import BillingRule

        line = Line(
            provider="serverless",
            sku="worker",
            region="any",
            list_usd=self.price,
            contracted_usd=self.price,
            as_of="",
            quality="given",
        )
        rule = BillingRule(
            provider="serverless",
            granularity_s=self.granularity,
            minimum_s=0.0,
            source="",
            as_of="unknown",
            quality="A",
        )
        held = (
            [
                TakeOrPay(
                    name="always on",
                    provider="serverless",
                    sku="worker",
                    region="any",
                    count=self.always_on,
                    price=self.always_on_price or 0.0,
                    length=usage.horizon_s,
                )
            ]
            if self.always_on
            else []
        )
        costs = instances_bill(
            [Instances(usage=usage, line=line, rule=rule, storage_usd=self.storage, egress_usd=self.egress)],
            catalog,
            commitments=held,
        )
        free = free_of_charge(self.storage, self.egress, disks=usage.disk_gb_per_node > 0, traffic=usage.gb_out > 0)
        told = (
            f"serverless workers: no price of {free} is given, or one of 0, so that their cost is taken to be in that "
            "of the workers"
        )
        owed = tuple(replace(one, term_h=None) for one in costs.obligations)
        return replace(costs, notes=(*costs.notes, told) if free else costs.notes, obligations=owed)

    def usd(self, runs_s: "Seconds", horizon_s: float) -> float:
        """Cost of workers, USD.

        Args:
            runs_s: length of each run of the workers that come and go, from start to stop, in seconds.
            horizon_s: length of the whole; the workers that are always on are paid throughout.
        """
        import numpy as np

        runs = np.ceil(np.asarray(runs_s, np.float64) / self.granularity - 1e-9) * self.granularity
        flexible_usd = float(runs.sum()) / SECONDS_PER_HOUR * self.price
        return flexible_usd + self.always_on * (self.always_on_price or 0.0) * horizon_s / SECONDS_PER_HOUR

    def break_even_duty(self) -> float:
        """Share of the time that a worker must run for being always on to cost less.

        >>> round(Serverless(price=4.176, always_on_price=3.348).break_even_duty(), 4)
        0.8017

        Raises:
            ValueError: no price of being always on.
        """
        if self.always_on_price is None or self.price == 0:
            raise ValueError("there is no break-even without `price` and `always_on_price`")
        return self.always_on_price / self.price

    def best_always_on(self, duty: "Seconds") -> int:
        """Number of workers that should be always on, given the share of the time that each one runs."""
        import numpy as np

        return int(np.count_nonzero(np.asarray(duty, np.float64) > self.break_even_duty()))


@record
class ManagedEndpoint:
    """Instances that a service runs for a premium, paid while the endpoint exists, idle or not (SageMaker, Vertex,
    Hugging Face).
    """

    kind: Literal["managed-endpoint"] = "managed-endpoint"
    offer: str
    """`provider/sku` of the catalog that an instance is."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Of an instance and hour, premium included; None = the on-demand price and the premium."""
    premium: Annotated[float, PREMIUM, Ge(0), Le(10)] | None = None
    """On the on-demand price of the same instance, 25% = 0.25 = a quarter more."""
    discount: Discount | None = None
    """Negotiated discount (EDP, private pricing) on all that the provider sells: instances, disks, transfer."""
    instances: Annotated[int, Gt(0)] = 1
    """Fewest that exist, where the endpoint does not scale to zero."""
    scale_to_zero: bool = False
    """Instances that are stopped cost nothing, even all of them."""
    storage: UsdPerGbMonth | None = None
    """Price of disk per GB-month; None = the catalog's tiers for the provider."""
    egress: UsdPerGb | None = None
    """Price of responses sent to the internet per GB; None = the catalog's tiers for the provider."""

    def __post_init__(self) -> None:
        if self.price is None and self.premium is None:
            raise ValueError("a managed endpoint needs `price`, or `premium` on the on-demand price")
        if self.price is not None and self.discount is not None:
            raise ValueError("`price` is what you pay: leave out `discount`, or `price`")

    def node_accelerators(self, catalog: "Catalog", _per_replica: int) -> int:
        """Of an instance. Raises CatalogError."""
        return catalog.offer(self.offer, self.region).accelerators

    def bill(self, usage: "LedgerUsage", catalog: "Catalog") -> "Bill":
        """The charges of a run: its nodes, and at least `instances` of them all the time unless it scales to zero."""
        from simcost.billing.commitment import TakeOrPay
        from simcost.billing.instances import Instances, instances_bill
        from simcost.billing.metering import Line

        offer = catalog.offer(self.offer, self.region)
        catalog = catalog.with_discount(offer.provider, self.discount)
        usd = self.price if self.price is not None else offer.on_demand_usd_per_h * (1 + (self.premium or 0.0))
        own = self.price is not None
        held = None if own else catalog.contract_for(offer.provider, "", offer.region, "compute")
        paid = usd * (1 - (held.discount or 0.0)) if held else usd  # a price of instances is none of endpoints
        line = Line(
            provider=offer.provider,
            sku=offer.sku,
            region=offer.region,
            accelerator=offer.accelerator or "",
            list_usd=usd,
            contracted_usd=paid,
            contract=held.name if held and held.discount else "",
            as_of="" if own else offer.as_of,
            quality="given" if own else offer.quality,
            source="" if own else offer.source,
        )
        always = TakeOrPay(
            name="endpoint",
            provider=offer.provider,
            sku=offer.sku,
            region=offer.region,
            count=self.instances,
            price=paid,
            length=usage.horizon_s,
        )
        endpoint = [] if self.scale_to_zero else [always]
        return instances_bill(
            [
                Instances(
                    usage=usage,
                    line=line,
                    rule=catalog.billing_rule(offer.provider),
                    storage_usd=self.storage,
                    egress_usd=self.egress,
                )
            ],
            catalog,
            commitments=endpoint,
        )

    def usd(self, runs_s: "Seconds", horizon_s: float, on_demand_usd_per_h: float | None = None) -> float:
        """Cost of instances, USD.

        Args:
            runs_s: how long each instance existed, in seconds.
            horizon_s: how long the endpoint existed.
            on_demand_usd_per_h: of such an instance, for the premium.

        Raises:
            ValueError: the premium of an unknown price.
        """
        price = self.price
        if price is None:
            if on_demand_usd_per_h is None or self.premium is None:
                raise ValueError("the on-demand price of the instance is not known; give `price`")
            price = on_demand_usd_per_h * (1 + self.premium)
        import numpy as np

        run_s = float(np.asarray(runs_s, np.float64).sum())
        paid_s = run_s if self.scale_to_zero else max(run_s, self.instances * horizon_s)
        return paid_s / SECONDS_PER_HOUR * price
