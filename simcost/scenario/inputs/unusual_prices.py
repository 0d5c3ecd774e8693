"""Prices of plans that are far from those of the catalog, mostly in another unit, or of an API that its provider ends,
and commitments bought twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from simcost.billing import Buy, OnDemand, Spot
from simcost.catalog import Catalog, load_catalog
from simcost.catalog.facts import Offer, TokenPrice
from simcost.errors import InputError
from simcost.scenario.schema.scenario import Plan
from simcost.units import format_usd

FAR = 10.0
"""Times the median of the catalog from which a price is told."""
FAR_BELOW = 50.0
"""Part of the median below which one is: spot prices and leases may be a tenth."""


def unusual_prices(plan: Plan, catalog: Catalog) -> list[str]:
    """A sentence for each price per accelerator-hour of a plan that is far from the on-demand prices of the catalog,
    and for an API that its provider ends.
    """
    notes = [note for option in (plan.buy, *plan.or_buy) if option is not None for note in _unusual(option, catalog)]
    if plan.overflow is not None:
        notes += ending(plan.overflow.api, catalog.token_price(plan.overflow.api), catalog.as_of)
    return notes


def ending(name: str, price: TokenPrice, newest: str) -> list[str]:
    """A sentence on the day when the provider of an API ends its model, past or to come as of the newest fact."""
    if not price.deprecation_date:
        return []
    if price.deprecation_date > newest:
        return [f"{name}: the provider ends {price.model} on {price.deprecation_date}."]
    ended = f"{name}: the provider ended {price.model} on {price.deprecation_date}"
    return [f"{ended}; its price is of no use for a plan, choose another model."]


def repeated_commitments(plan: Plan) -> list[str]:
    """A sentence for each commitment that stands in more than one purchase of a plan, whose nodes are one account."""
    options = [option for option in (plan.buy, *plan.or_buy) if isinstance(option, OnDemand)]
    lists = [option.commitments for option in options]
    twice = [
        held
        for place, commitments in enumerate(lists)
        for held in commitments
        if any(held in earlier for earlier in lists[:place])
    ]
    return [
        f"{getattr(held, 'name', None) or held.kind} stands in `or_buy` as in another purchase of the plan, so that it "
        "is bought twice; what one commits to covers the nodes of the others too."
        for held in twice
    ]


def _usd_per_h(option: OnDemand | Spot, offer: Offer, catalog: Catalog) -> float:
    """Price of the machine; of spot without any price, which is a fault, the list price."""
    if isinstance(option, Spot):
        stated = option.prices[0].price if option.prices else option.price
        return next((usd for usd in (stated, offer.spot_usd_per_h) if usd is not None), offer.on_demand_usd_per_h)
    return catalog.contracted(offer).contracted_usd_per_h if option.price is None else option.price


def _unusual(option: Buy, catalog: Catalog) -> Iterator[str]:
    if not isinstance(option, OnDemand | Spot):
        return
    try:
        offer = catalog.offer(option.offer, option.region)
        others = load_catalog().offers_for(offer.accelerator) if offer.accelerator else ()
    except InputError:  # of what is not known, other checks speak
        return
    if not others or not offer.accelerators:
        return
    usual = median(one.on_demand_usd_per_h / one.accelerators for one in others)
    usd = _usd_per_h(option, offer, catalog) / offer.accelerators
    if usual / FAR_BELOW <= usd <= FAR * usual:
        return
    times = f"{usd / usual:,.0f}" if usd > usual else f"{usd / usual:.2g}"
    yield (
        f"{offer.name} at {format_usd(usd)} per accelerator-hour is {times} times the median of the catalog "
        f"for {offer.accelerator}, {format_usd(usual)}: a price is in USD for the whole machine and an hour."
    )
