"""On-demand: pay for each node from order to release, at the provider's granularity and minimum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simcost.billing.charges import Bill
from simcost.units import UsdPerGb, UsdPerH

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.ledger import Ledger, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """Instances by the hour, no commitment."""

    kind: Literal["on-demand"] = "on-demand"
    offer: str
    """`provider/sku` of the catalog."""
    region: str | None = None
    """None = the only region the catalog has for the offer."""
    price: UsdPerH | None = None
    """Your own price per instance and hour; None = the catalog's."""
    storage: UsdPerGb | None = None
    """Price of disk per GB-month; None = the catalog's tiers for the provider."""
    egress: UsdPerGb | None = None
    """Price of responses sent to the internet per GB; None = the catalog's tiers for the provider."""


def bill(ledger: "Ledger | Usage", purchase: OnDemand, catalog: "Catalog") -> Bill:
    """Charges of a run: one for compute, one each for disks and for responses where there were any.

    Nodes and their disks are billed from order to release; what still runs at the end of the run is cut there.

    Raises:
        CatalogError: the catalog lacks the offer, its billing rule, or a price that is needed.
        RunError: the ledger contradicts itself.
    """
    from simcost.billing.compute import compute_charge
    from simcost.billing.usage import usage_of
    from simcost.billing.volume import gb_months, volume_charges
    from simcost.ledger import Ledger

    usage = usage_of(ledger) if isinstance(ledger, Ledger) else ledger
    offer = catalog.offer(purchase.offer, purchase.region)
    compute, by_state = compute_charge(usage, offer, catalog.billing_rule(offer.provider), purchase.price)
    stored = gb_months(usage.disk_gb_per_node * usage.node_hours())
    disks = volume_charges("storage", stored, offer, purchase.storage, catalog, usage.horizon_s)
    responses = volume_charges("egress", usage.gb_out, offer, purchase.egress, catalog, usage.horizon_s)
    charges = (compute, *disks, *responses)
    return Bill(charges=charges, compute_by_state_usd=by_state, horizon_s=usage.horizon_s)
