"""On-demand: pay for each node from order to release, at the provider's granularity and minimum."""

from dataclasses import dataclass
from typing import Literal

from simcost.billing.charges import Bill
from simcost.catalog import Catalog
from simcost.ledger import Ledger
from simcost.units import UsdPerGb, UsdPerH


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


def bill(ledger: Ledger, purchase: OnDemand, catalog: Catalog) -> Bill:
    """STUB: replaced by the billing helper."""
    raise NotImplementedError
