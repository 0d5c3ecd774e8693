"""Money of a run: compute on demand, on spot and on owned hardware; storage of checkpoints; egress."""

from dataclasses import dataclass
from typing import Any

from simcost.billing.volume import Item, gb_months, run_usd
from simcost.catalog import Catalog
from simcost.catalog.facts import Accelerator, Offer
from simcost.compare.training.interval import Interval
from simcost.compare.training.terms import Energy, Prices, owned_usd_per_gpu_h
from simcost.errors import CatalogError, InputError
from simcost.units import GB, SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """What one way of buying pays for."""

    gpus: int
    time_s: Interval
    useful_s: Interval
    """The time without failures and checkpoints."""
    checkpoint_bytes: float
    result_bytes: float
    """The trained weights, as they leave."""


def chosen_offer(catalog: Catalog, accelerator: Accelerator, prices: Prices) -> Offer | None:
    """The offer named, else the cheapest of the accelerator; None if there is none.

    Raises:
        CatalogError: no such offer, or it has another accelerator.
    """
    if prices.offer is None:
        offers = catalog.offers_for(accelerator.name)
        regional = [o for o in offers if prices.region in (None, o.region) or o.region == "any"]
        return regional[0] if regional else None
    offer = catalog.offer(prices.offer, prices.region)
    if offer.accelerator != accelerator.name:
        raise CatalogError(
            f"{offer.name} has {offer.accelerator}, the run is on {accelerator.name}; choose an offer of "
            f"`simcost catalog list offers` with {accelerator.name}"
        )
    return offer


def price_per_gpu_h(
    way: str, accelerator: Accelerator, offer: Offer | None, prices: Prices, energy: Energy
) -> tuple[float, str]:
    """USD per accelerator-hour of `on_demand`, `spot` or `owned`, and where it comes from.

    Raises:
        InputError: there is no price; the message says what to give.
    """
    if way == "owned":
        return owned_usd_per_gpu_h(prices.owned, energy, accelerator), "given"
    given = prices.on_demand_usd_per_gpu_h if way == "on_demand" else prices.spot.usd_per_gpu_h
    if given is not None:
        return given, "given"
    listed = None
    if offer is not None:
        listed = offer.on_demand_usd_per_h if way == "on_demand" else offer.spot_usd_per_h
    if offer is None or listed is None:
        of = f" of {offer.name} ({offer.region})" if offer else f" of {accelerator.name}"
        raise InputError(f"the catalog has no {way.replace('_', '-')} price{of}; give yours per GPU-hour")
    source = f"{offer.name} in {offer.region}, {offer.source}, {offer.as_of}"
    return listed / offer.accelerators, source


def cost_document(
    catalog: Catalog, used: Quantities, price: tuple[float, str], offer: Offer | None, prices: Prices
) -> dict[str, Any]:
    """The parts and the total of one way of buying, each low, mid and high; parts without a price are `None`."""
    usd_per_gpu_h, source = price
    compute = used.time_s.times(used.gpus * usd_per_gpu_h / SECONDS_PER_HOUR)
    useful = used.useful_s.times(used.gpus * usd_per_gpu_h / SECONDS_PER_HOUR)
    lost = Interval(compute.low - useful.low, compute.mid - useful.mid, compute.high - useful.high)
    provider = None if offer is None else offer.provider
    kept_gb = used.checkpoint_bytes * prices.kept_checkpoints / GB
    storage, no_storage = _volume(
        catalog, "storage", provider, prices.storage_usd_per_gb_month, used.time_s, kept_gb
    )
    sent_gb = used.result_bytes * prices.egress_copies / GB
    egress, no_egress = _volume(catalog, "egress", provider, prices.egress_usd_per_gb, used.time_s, sent_gb)
    total = useful.plus(lost)
    for part in (storage, egress):
        total = total if part is None else total.plus(part)
    return {
        "usd_per_gpu_h": usd_per_gpu_h,
        "price_source": source,
        "time_s": used.time_s.document(),
        "gpu_hours": used.time_s.times(used.gpus / SECONDS_PER_HOUR).document(),
        "useful_compute": useful.document(),
        "failures_and_checkpoints": lost.document(),
        "storage": None if storage is None else storage.document(),
        "egress": None if egress is None else egress.document(),
        "total": total.document(),
        "missing": [reason for reason in (no_storage, no_egress) if reason],
    }


def _volume(
    catalog: Catalog, item: Item, provider: str | None, own_usd: float | None, time_s: Interval, gb: float
) -> tuple[Interval | None, str]:
    """The price of GB kept over the run, or sent once; None and the reason where nobody knows the price."""
    if gb == 0:
        return Interval(0.0, 0.0, 0.0), ""

    def quantity(run_s: float) -> float:
        return gb_months(gb * run_s / SECONDS_PER_HOUR) if item == "storage" else gb

    if own_usd is not None:
        return time_s.map(lambda run_s: quantity(run_s) * own_usd), ""
    if provider is None:
        return None, f"{item}: no offer of the catalog to take a price from; give yours per GB"
    try:
        tiers = catalog.tier_prices(provider, item)
    except CatalogError:
        return None, f"{item}: the catalog has no price of {provider}; give yours per GB"
    priced = [run_usd(quantity(run_s), tiers, run_s) for run_s in (time_s.low, time_s.mid, time_s.high)]
    return Interval(min(priced), priced[1], max(priced)), ""


def not_priced(way: str, error: InputError) -> dict[str, str]:
    """Why a way of buying has no cost."""
    return {"way": way, "reason": str(error)}
