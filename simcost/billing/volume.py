"""Storage and transfer: prices in tiers that are cumulative over a month."""

from collections.abc import Sequence
from typing import Literal, Protocol

from simcost.billing.bill import Charge, Place, UnitPrice, volume_charge
from simcost.catalog.facts import TierPrice
from simcost.errors import CatalogError
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

Item = Literal["storage", "egress", "inter-zone"]
_UNITS = {"storage": "GB-month", "egress": "GB", "inter-zone": "GB"}


class TierPrices(Protocol):
    """The part of a catalog that is asked here."""

    def tier_prices(self, provider: str, item: Item, region: str = ...) -> Sequence[TierPrice]:
        """The tiers of an item in a region, lowest first."""
        ...


def volume_charges(
    item: Item, quantity: float, place: Place, own_usd: float | None, prices: TierPrices
) -> tuple[Charge, ...]:
    """The charge for a run's GB-months or GB, its unit price the mean over the tiers; none for no quantity.

    Raises:
        CatalogError: there is no price, neither the catalog's nor `own_usd`.
    """
    if quantity <= 0:
        return ()
    if own_usd is None:
        price = _tiered(item, quantity, prices.tier_prices(place.provider, item, place.region), place)
    else:
        price = UnitPrice.own(own_usd, list_usd=own_usd)
    service: Literal["storage", "transfer"] = "storage" if item == "storage" else "transfer"
    return (volume_charge(place, service, item, quantity, _UNITS[item], price),)


def _tiered(item: Item, quantity: float, tiers: Sequence[TierPrice], place: Place) -> UnitPrice:
    if not tiers:
        raise CatalogError(
            f"the catalog has no {item} price for {place.provider}, and the run needs {quantity:.4g} "
            f"{_UNITS[item]}; set `buy.{item}` to the price (0 where the instance price contains it)"
        )
    usd = run_usd(quantity, tiers, place.end_s - place.start_s) / quantity
    return mean_price(usd, tiers)


def mean_price(usd: float, tiers: Sequence[TierPrice]) -> UnitPrice:
    """The mean price of a unit over tiers, as old and as good as the oldest and the weakest of them."""
    return UnitPrice(
        list_usd=usd, paid_usd=usd, as_of=min(tier.as_of for tier in tiers),
        quality=max(tier.quality for tier in tiers), source="; ".join(dict.fromkeys(t.source for t in tiers)),
    )  # fmt: skip


def month_usd(quantity_gb: float, tiers: Sequence[TierPrice]) -> float:
    """Price of one month's quantity: the sum of width x price over the tiers that it fills.

    >>> def tier(start, end, usd):
    ...     return TierPrice(provider="p", item="egress", unit="GB", from_gb=start, to_gb=end, price_usd=usd,
    ...                      source="", as_of="", quality="A")
    >>> month_usd(150.0, [tier(0, 100, 0.0), tier(100, None, 0.09)])
    4.5

    Raises:
        CatalogError: the tiers leave a part of the quantity without a price.
    """
    usd = priced_gb = 0.0
    for tier in tiers:
        end_gb = quantity_gb if tier.to_gb is None else min(quantity_gb, tier.to_gb)
        width_gb = max(0.0, end_gb - tier.from_gb)
        usd += width_gb * tier.price_usd
        priced_gb += width_gb
    if abs(priced_gb - quantity_gb) > 1e-9 * quantity_gb:
        of = f"{tiers[0].provider} {tiers[0].item}" if tiers else "an unknown item"
        raise CatalogError(
            f"the price tiers of {of} cover {priced_gb:g} of {quantity_gb:g} GB a month; "
            f"complete them in your catalog folder, or set your own price in `buy`"
        )
    return usd


def run_usd(quantity_gb: float, tiers: Sequence[TierPrice], horizon_s: float) -> float:
    """Price of the quantity of a run of any length.

    Simulated time has no calendar: the quantity is scaled to a month of 730 h, as if all the month were like
    the run, priced by the tiers, and the price is scaled back.
    """
    scale = HOURS_PER_MONTH * SECONDS_PER_HOUR / horizon_s
    return month_usd(quantity_gb * scale, tiers) / scale


def gb_months(gb_hours: float, month_h: float = HOURS_PER_MONTH) -> float:
    """GB-months of stored GB-hours; a provider divides by the hours of its calendar month, we by 730."""
    return gb_hours / month_h
