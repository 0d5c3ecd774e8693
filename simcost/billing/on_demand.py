"""Instances by the hour: on demand, with whatever was committed in advance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simcost.billing.charges import Bill, Place
from simcost.billing.commitment import Commitment
from simcost.units import UsdPerGb, UsdPerH

if TYPE_CHECKING:
    from simcost.billing.metered import Line
    from simcost.catalog import Catalog
    from simcost.ledger import Ledger, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """Instances by the hour; commitments cover what they can, the rest is on demand."""

    kind: Literal["on-demand"] = "on-demand"
    offer: str
    """`provider/sku` of the catalog."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Your own price per instance and hour; None = the catalog's."""
    commitments: tuple[Commitment, ...] = ()
    """What is bought in advance."""
    storage: UsdPerGb | None = None
    """Price of disk per GB-month; None = the catalog's tiers for the provider."""
    egress: UsdPerGb | None = None
    """Price of responses sent to the internet per GB; None = the catalog's tiers for the provider."""

    def line(self, catalog: "Catalog") -> "Line":
        """The instances with their price. Raises CatalogError."""
        from simcost.billing.metered import Line

        offer = catalog.offer(self.offer, self.region)
        known = catalog.contracted(offer)
        own = self.price is not None
        return Line(
            provider=offer.provider, sku=offer.sku, region=offer.region, accelerator=offer.accelerator or "",
            list_usd=known.list_usd_per_h,
            contracted_usd=known.contracted_usd_per_h if self.price is None else self.price,
            as_of="" if own else known.basis.as_of, quality="given" if own else known.basis.quality,
        )  # fmt: skip


def bill(ledger: "Ledger | Usage", purchase: OnDemand, catalog: "Catalog") -> Bill:
    """Charges of a run: for compute, and one each for disks and for responses where there were any.

    Nodes and their disks are billed from order to release; what still runs at the end of the run is cut there.
    Simulated time has no calendar: it begins with a clock-hour, and a month of 730 h is like the run.

    Raises:
        CatalogError: the catalog lacks the offer, its billing rule, or a price that is needed.
        InputError: a commitment that ends before the run, or fits nothing.
        RunError: the ledger contradicts itself.
    """
    from simcost.billing.books import compute_charges
    from simcost.billing.compute import by_state, nodes_account
    from simcost.billing.settle import settle
    from simcost.billing.usage import usage_of
    from simcost.billing.volume import gb_months, volume_charges
    from simcost.ledger import Ledger

    usage = usage_of(ledger) if isinstance(ledger, Ledger) else ledger
    line = purchase.line(catalog)
    nodes = nodes_account(usage, line, catalog.billing_rule(line.provider))
    settled = settle(nodes.account, purchase.commitments, catalog)
    place = Place(provider=line.provider, region=line.region, start_s=0.0, end_s=usage.horizon_s)
    stored = gb_months(usage.disk_gb_per_node * usage.node_hours())
    disks = volume_charges("storage", stored, place, purchase.storage, catalog)
    responses = volume_charges("egress", usage.gb_out, place, purchase.egress, catalog)
    return Bill(
        charges=(*compute_charges(settled), *disks, *responses),
        compute_by_state_usd=by_state(usage, nodes, settled),
        horizon_s=usage.horizon_s,
        settlement=settled,
    )
