"""Purchasing options of an account: commitments, own prices, and prices that are not on demand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simcost.billing.commitment import Commitment
from simcost.billing.commitment.terms import Discount
from simcost.units import Currency, UsdPerGb, UsdPerGbMonth, UsdPerH


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchasing:
    """A purchasing plan for metered usage."""

    purchasing: str = ""
    """Its name, as bills and charts show it."""
    commitments: tuple[Commitment, ...] = ()
    """Commitments, bought in advance."""
    discount: Discount | None = None
    """Negotiated discount (EDP, private pricing) on all that the provider sells; by service, in `contracts.csv`."""
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
    storage: UsdPerGbMonth | None = None
    """Price of storage per GB-month; None = the catalog's tiers."""
    egress: UsdPerGb | None = None
    """Price of data sent to the internet per GB; None = the catalog's tiers."""
    inter_zone: UsdPerGb | None = None
    """Price of data between zones per GB and direction; a GB that crosses is paid on both sides. None = the
    catalog's."""
    currency: Currency = "USD"
    """Currency of all amounts: USD; prices in another one: `contracts.csv` with `currencies.csv`."""
    catalog: str | None = None
    """Folder with your own fact files, relative to this file."""

    def own_price(self, provider: str, sku: str) -> float | None:
        """The user's on-demand price of an SKU, whatever its upper and lower case; None = none is given."""
        return _named(self.prices, provider, sku)

    def own_spot(self, provider: str, sku: str) -> float | None:
        """The user's spot price of an SKU, likewise."""
        return _named(self.spot, provider, sku)

    def unused_prices(self, skus: Iterable[tuple[str, str]]) -> list[str]:
        """Names in `prices` and `spot` that are those of none of these (provider, SKU)."""
        known = {name.lower() for provider, sku in skus for name in (f"{provider}/{sku}", sku)}
        return [name for name in dict.fromkeys((*self.prices, *self.spot)) if name.lower() not in known]


def _named(prices: Mapping[str, float], provider: str, sku: str) -> float | None:
    """That of `provider/sku`, else that of `sku`."""
    by_name = {name.lower(): usd for name, usd in prices.items()}
    whole = f"{provider}/{sku}".lower() if provider else sku.lower()
    return by_name.get(whole, by_name.get(sku.lower()))
