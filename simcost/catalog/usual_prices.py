"""Prices that are far from those of the built-in catalog, mostly because they are in another unit."""

from __future__ import annotations

from functools import cache
from statistics import median

from simcost.catalog.facts import Offer, TokenPrice
from simcost.catalog.loading import load_catalog
from simcost.errors import CatalogError
from simcost.units import format_usd

_FAR = 10.0
"""Times the median of the catalog from which a price is told."""
_FAR_BELOW = 50.0
"""Part of the median below which one is: spot prices and leases may be a tenth."""
_TOKENS_BELOW = 100.0
"""The same of tokens: those of small models may cost a sixtieth."""


def unusual_machine_price(offer: Offer, usd_per_h: float) -> str:
    """A sentence if the price of a machine is, per accelerator-hour, far from the on-demand prices of the catalog; else
    empty, as where the catalog has none to compare with.
    """
    try:
        others = load_catalog().offers_for(offer.accelerator) if offer.accelerator else ()
    except CatalogError:  # an accelerator of the user's own
        return ""
    if not others or not offer.accelerators:
        return ""
    usual = median(one.on_demand_usd_per_h / one.accelerators for one in others)
    usd = usd_per_h / offer.accelerators
    if usual / _FAR_BELOW <= usd <= _FAR * usual:
        return ""
    return (
        f"{offer.name} at {format_usd(usd)} per accelerator-hour is {_times(usd, usual)} times the median of the "
        f"catalog for {offer.accelerator}, {format_usd(usual)}: a price is in USD for the whole machine and an hour."
    )


def unusual_token_price(price: TokenPrice) -> str:
    """A sentence if tokens cost far less than the median of the catalog, more than its highest price, or more from the
    cache than without it; else empty.
    """
    for what in ("input", "output"):
        if said := unusual_tokens(price.name, what, float(getattr(price, f"{what}_usd_per_m"))):
            return said
    read, fresh = price.cache_read_usd_per_m, price.input_usd_per_m
    if read is not None and read > fresh:
        return f"{price.name}: input read from the cache at ${read:.3g} costs more than other input, ${fresh:.3g}."
    return ""


def unusual_tokens(name: str, what: str, usd_per_m: float) -> str:
    """The same of the `input` or the `output` tokens of a model alone."""
    usual, most = _usual_tokens(what)
    if usual / _TOKENS_BELOW <= usd_per_m <= most:
        return ""
    return (
        f"{name}: {what} at ${usd_per_m:.3g} is {_times(usd_per_m, usual)} times the median of the catalog, "
        f"${usual:.3g}: a price is in USD for a million tokens."
    )


def unusual_volume_price(item: str, usd_per_gb: float) -> str:
    """A sentence if `storage` or `egress` costs far more than anywhere in the catalog; else empty."""
    most = max(tier.price_usd for tier in load_catalog().facts.tier_prices if tier.item == item)
    if usd_per_gb <= _FAR * most:
        return ""
    return (
        f"{item} at ${usd_per_gb:.3g} per GB is {_times(usd_per_gb, most)} times the highest price of the catalog, "
        f"${most:.3g}: a price is in USD for a GB, not a terabyte."
    )


@cache
def _usual_tokens(what: str) -> tuple[float, float]:
    """Median and highest price of the catalog for a million `input` or `output` tokens."""
    known = [float(getattr(one, f"{what}_usd_per_m")) for one in load_catalog().facts.token_prices]
    return median(known), max(known)


def _times(usd: float, usual: float) -> str:
    return f"{usd / usual:,.0f}" if usd > usual else f"{usd / usual:.2g}"
