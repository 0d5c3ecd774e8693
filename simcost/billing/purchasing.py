"""Purchasing options of an account: commitments, own prices, and prices that are not on demand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simcost.billing.commitment import Commitment
from simcost.units import UsdPerGb, UsdPerH


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchasing:
    """A purchasing plan for metered usage."""

    purchasing: str = ""
    """Its name, as bills and charts show it."""
    commitments: tuple[Commitment, ...] = ()
    """Commitments, bought in advance."""
    prices: Mapping[str, UsdPerH] = field(default_factory=dict)
    """Your own on-demand price by SKU (`p5.48xlarge`, or `aws/p5.48xlarge`), an hour, or of whatever else its unit is;
    None = the catalog's."""
    spot: Mapping[str, UsdPerH] = field(default_factory=dict)
    """Spot price an hour by SKU, for spot rows that say no price themselves; else the catalog's observation."""
    provider: str = ""
    """Of usage that names none."""
    region: str = "any"
    """Of usage that names none."""
    sustained_use: bool = True
    """True if GCP's sustained-use discounts apply where they can."""
    batch: bool = False
    """True if tokens of models behind APIs pay the batch price."""
    storage: UsdPerGb | None = None
    """Price of storage per GB-month; None = the catalog's tiers."""
    egress: UsdPerGb | None = None
    """Price of data sent to the internet per GB; None = the catalog's tiers."""
    inter_zone: UsdPerGb | None = None
    """Price of data between zones per GB and direction; a GB that crosses is paid on both sides. None = the
    catalog's."""
    catalog: str | None = None
    """Folder with your own fact files, relative to this file."""
