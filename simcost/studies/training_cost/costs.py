"""Money of a run: compute on demand, on spot and on owned hardware; storage of checkpoints and data; egress."""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from simcost.billing.storage_transfer import Item, gb_months, month_usd, run_usd
from simcost.catalog import Catalog
from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.contracts import service_of
from simcost.catalog.dates import is_stale, price_of_date
from simcost.catalog.facts import Offer, Provenance
from simcost.errors import CatalogError, InputError, did_you_mean
from simcost.studies.training_cost.inputs import Prices, TrainingSetup, ValueRange
from simcost.studies.training_cost.result import PurchaseCost
from simcost.units import GB, SECONDS_PER_HOUR, format_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceleratorPrice:
    """Price of an accelerator-hour, and the number of accelerators that are paid for."""

    usd_per_gpu_h: float
    source: str
    gpus: int
    """Those of whole machines, where an offer says what a machine has."""
    spare_gpus: int
    """Those of nodes that stand by, paid beside them."""
    provider: str | None = None
    """Provider of storage and egress."""
    region: str = ANY_REGION
    offer: str | None = None
    basis: Provenance | None = None
    """Source of the catalog's price; None = it is the user's own."""
    storage_usd: float | None = None
    """Per GB-month, where the price of the hardware says it; None = the provider's."""
    egress_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """Quantities that one purchase option pays for."""

    time_s: ValueRange
    useful_s: ValueRange
    """The time without failures and checkpoints."""
    checkpoint_interval_s: float | None
    checkpoint_bytes: float
    result_bytes: float
    """The trained weights, as they leave."""


def chosen_offer(catalog: Catalog, run: TrainingSetup, way: str = "on_demand") -> Offer | None:
    """The offer named, else the cheapest of the accelerator by the price of that way; None if there is none.

    Offers of whole nodes come first where the run fills some: accelerators of several machines are not one node.

    Raises:
        CatalogError: no such offer or region, or it has another accelerator.
    """
    accelerator, prices = run.accelerator, run.prices
    _check_region(catalog, prices.region)
    if prices.offer is None:
        offers = [
            o
            for o in catalog.offers_for(accelerator.name)
            if _usd_per_h(catalog, o, way) is not None and (prices.region in (None, o.region) or o.region == "any")
        ]
        node = min(run.layout.gpus, run.failures.gpus_per_node)
        return min(
            offers,
            key=lambda o: (o.accelerators < node, _whole_usd_per_h(catalog, o, way, run.layout.gpus)),
            default=None,
        )
    offer = catalog.offer(prices.offer, prices.region)
    if offer.accelerator != accelerator.name:
        raise CatalogError(
            f"{offer.name} has {offer.accelerator}, the run is on {accelerator.name}; choose an offer of "
            f"`simcost catalog list offers` with {accelerator.name}"
        )
    return offer


class GridEmissions(NamedTuple):
    """Emissions of a kilowatt-hour, None where they are not known, and a sentence on them."""

    g_per_kwh: float | None
    said: str


def grid_of(catalog: Catalog, run: TrainingSetup) -> GridEmissions:
    """The grid that the run is on: as given, else where the offer stands that is taken on demand."""
    owned = run.prices.owned
    given = owned.g_per_kwh if run.energy.g_per_kwh is None and owned is not None else run.energy.g_per_kwh
    if given is not None:
        return GridEmissions(given, f"carbon: {given:g} g CO2e/kWh, given; of energy alone")
    if run.prices.on_demand_usd_per_gpu_h is not None and not (run.prices.offer or run.prices.region):
        return GridEmissions(
            None, "carbon: unknown, since your price says no place; give offer and region, or g_per_kwh"
        )
    try:
        offer = chosen_offer(catalog, run)
        if offer is None or offer.region == ANY_REGION:
            where = f"{offer.name}, which has one price everywhere," if offer else "the run"
            return GridEmissions(
                None, f"carbon: not known, since {where} may stand anywhere; give offer and region, or g_per_kwh"
            )
        row = catalog.grid(offer.provider, offer.region)
    except CatalogError as error:
        return GridEmissions(None, f"carbon: {error}; or give g_per_kwh")
    place = f"{offer.provider}/{offer.region}"
    return GridEmissions(
        row.g_per_kwh, f"carbon: {row.g_per_kwh:g} g CO2e/kWh in {place}, {row.source}; of energy alone"
    )


def _check_region(catalog: Catalog, region: str | None) -> None:
    """Raises CatalogError where no offer is in the region: that of another place would be taken."""
    known = sorted({offer.region for offer in catalog.facts.offers})
    if region is not None and region not in known:
        hint = did_you_mean(region, known) or ";"
        raise CatalogError(f"no offer of the catalog is in region {region!r}{hint} without it all count")


def _usd_per_h(catalog: Catalog, offer: Offer, way: str) -> float | None:
    """Price of a machine: on demand by contract where there is one, or on spot."""
    return offer.spot_usd_per_h if way == "spot" else catalog.contracted(offer).contracted_usd_per_h


def _whole_usd_per_h(catalog: Catalog, offer: Offer, way: str, gpus: int) -> float:
    """Of as many machines as hold the GPUs."""
    return (_usd_per_h(catalog, offer, way) or inf) * -(-gpus // offer.accelerators)


def price_of(catalog: Catalog, run: TrainingSetup, way: str) -> AcceleratorPrice:
    """Price of an accelerator-hour of `on_demand`, `spot` or `owned`.

    Raises:
        InputError: there is no price; the message says what to give.
        CatalogError: as `chosen_offer`.
    """
    prices, gpus, spare = run.prices, run.layout.gpus, run.losses.spares * run.failures.gpus_per_node
    if way == "owned":
        return _owned_price(prices, gpus, spare)
    offer = chosen_offer(catalog, run, way)
    given = prices.on_demand_usd_per_gpu_h if way == "on_demand" else prices.spot.usd_per_gpu_h
    if given is not None:
        named, region = (None, ANY_REGION) if offer is None else (offer.provider, offer.region)
        size = 1 if prices.offer is None or offer is None else offer.accelerators
        return AcceleratorPrice(
            usd_per_gpu_h=given,
            source=_given(prices, named),
            gpus=-(-gpus // size) * size,
            spare_gpus=-(-spare // size) * size,
            provider=named,
            region=region,
        )
    listed = None if offer is None else _usd_per_h(catalog, offer, way)
    if offer is None or listed is None:
        of = f" of {offer.name} ({offer.region})" if offer else f" of {run.accelerator.name}"
        raise InputError(f"the catalog has no {way.replace('_', '-')} price{of}; give yours per GPU-hour")
    size = offer.accelerators
    basis = offer.spot_basis if way == "spot" else catalog.contracted(offer).basis
    dated = f"{price_of_date(basis.as_of, catalog.as_of)}, quality {basis.quality}"
    return AcceleratorPrice(
        usd_per_gpu_h=listed / size,
        source=f"{offer.name} in {offer.region}, {basis.source}, {dated}",
        gpus=-(-gpus // size) * size,
        spare_gpus=-(-spare // size) * size,
        provider=offer.provider,
        region=offer.region,
        offer=offer.name,
        basis=basis,
    )


def _given(prices: Prices, provider: str | None) -> str:
    """Source of a price that was given, and the provider whose storage and egress it comes with."""
    taken = {
        "storage": (prices.kept_checkpoints or prices.data_bytes) and prices.storage_usd_per_gb_month is None,
        "egress": prices.egress_copies and prices.egress_usd_per_gb is None,
    }
    items = " and ".join(item for item, is_taken in taken.items() if is_taken)
    return f"given; {items} as of {provider}" if provider and items else "given"


def old_price(catalog: Catalog, price: AcceleratorPrice) -> str:
    """A sentence about a price that is more than a year older than the newest of the catalog; else empty."""
    if price.basis is None or not is_stale(price.basis.as_of, catalog.as_of):
        return ""
    return (
        f"the price of {price.offer} is of {price.basis.as_of}, more than a year older than the newest of the catalog "
        f"({catalog.as_of}): look it up, or give yours per GPU-hour"
    )


def _owned_price(prices: Prices, gpus: int, spare: int) -> AcceleratorPrice:
    """Of nodes of one's own, all of them while the run has them, and their idle time where there is some.

    Raises:
        InputError: no price and nothing that it follows from; more nodes than are owned; no power.
    """
    if prices.owned_usd_per_gpu_h is not None:
        return AcceleratorPrice(usd_per_gpu_h=prices.owned_usd_per_gpu_h, source="given", gpus=gpus, spare_gpus=spare)
    owned = prices.owned
    if owned is None:
        raise InputError(
            "owned hardware needs its price per GPU-hour, or the capex, life_years, power, pue and electricity "
            "of a node"
        )
    standing_by = -(-spare // owned.accelerators)
    nodes = -(-gpus // owned.accelerators) + standing_by
    cost, paid = owned.cost_of_run(nodes), owned.nodes_for(nodes) * owned.accelerators
    used = f"work {100 * prices.used_share:g} % of the time"
    source = f"{format_usd(cost.usd_per_year)} a year for {paid:,} GPUs that {used}"
    return AcceleratorPrice(
        usd_per_gpu_h=cost.usd_per_accelerator_h(paid, prices.used_share),
        source=source,
        gpus=paid - standing_by * owned.accelerators,
        spare_gpus=standing_by * owned.accelerators,
        storage_usd=owned.storage,
        egress_usd=owned.egress,
    )


def purchase_cost(catalog: Catalog, used: Quantities, price: AcceleratorPrice, prices: Prices) -> PurchaseCost:
    """The parts and the total of one way of buying, each low, mid and high; parts without a price are `None`."""
    paid_gpus = price.gpus + price.spare_gpus
    compute = used.time_s.times(paid_gpus * price.usd_per_gpu_h / SECONDS_PER_HOUR)
    useful = used.useful_s.times(price.gpus * price.usd_per_gpu_h / SECONDS_PER_HOUR)
    lost = ValueRange(compute.low - useful.low, compute.mid - useful.mid, compute.high - useful.high)
    kept_gb = (used.checkpoint_bytes * prices.kept_checkpoints + prices.data_bytes) / GB
    own_storage = _first(prices.storage_usd_per_gb_month, price.storage_usd)
    storage, no_storage = _volume(catalog, "storage", price, own_storage, used.time_s, kept_gb)
    sent_gb = used.result_bytes * prices.egress_copies / GB
    own_egress = _first(prices.egress_usd_per_gb, price.egress_usd)
    egress, no_egress = _volume(catalog, "egress", price, own_egress, used.time_s, sent_gb)
    if egress is not None:
        moved = prices.data_bytes / GB * prices.data_usd_per_gb
        egress = egress.plus(ValueRange(moved, moved, moved))
    total = useful.plus(lost)
    for part in (storage, egress):
        total = total if part is None else total.plus(part)
    return PurchaseCost(
        usd_per_gpu_h=price.usd_per_gpu_h,
        price_source=price.source,
        price_as_of=price.basis.as_of if price.basis else "",
        price_quality=price.basis.quality if price.basis else "given",
        offer=price.offer,
        paid_gpus=paid_gpus,
        time_s=used.time_s,
        checkpoint_interval_s=used.checkpoint_interval_s,
        gpu_hours=used.time_s.times(paid_gpus / SECONDS_PER_HOUR),
        useful_compute=useful,
        failures_and_checkpoints=lost,
        storage=storage,
        egress=egress,
        total=total,
        missing=tuple(reason for reason in (no_storage, no_egress) if reason),
    )


def _first(stated: float | None, otherwise: float | None) -> float | None:
    """Value that the user stated, else the other."""
    return otherwise if stated is None else stated


def _volume(
    catalog: Catalog, item: Item, price: AcceleratorPrice, own_usd: float | None, time_s: ValueRange, gb: float
) -> tuple[ValueRange | None, str]:
    """The price of GB kept over the run, or sent once, within a month, however long the run takes; None and the
    reason where the price is unknown.
    """
    if gb == 0:
        return ValueRange(0.0, 0.0, 0.0), ""

    def quantity(run_s: float) -> float:
        return gb_months(gb * run_s / SECONDS_PER_HOUR) if item == "storage" else gb

    if own_usd is not None:
        return time_s.map(lambda run_s: quantity(run_s) * own_usd), ""
    if price.provider is None:
        return None, f"{item}: no offer of the catalog to take a price from; give yours per GB"
    try:
        tiers = catalog.tier_prices(price.provider, item, price.region)
    except CatalogError:
        return None, f"{item}: the catalog has no price of {price.provider}; give yours per GB"
    left = 1 - catalog.discount(price.provider, item, price.region, service_of(item))
    if item == "egress":
        return time_s.map(lambda _: left * month_usd(gb, tiers)), ""
    priced = [left * run_usd(quantity(run_s), tiers, run_s) for run_s in (time_s.low, time_s.mid, time_s.high)]
    return ValueRange(min(priced), priced[1], max(priced)), ""
