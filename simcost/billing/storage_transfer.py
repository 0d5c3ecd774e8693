"""Storage, transfer and other units of a file of usage, by calendar month, in tiers cumulative over a month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import fsum
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from simcost.billing.api.tokens import ITEM_OF, SERVICE_TIERS, SHORT_KEEP_S, token_price
from simcost.billing.bill import Charge, Place, Service, UnitPrice, volume_charge
from simcost.billing.missing import MissingPrices
from simcost.billing.purchasing import Purchasing
from simcost.catalog.aliases import ANY_REGION
from simcost.catalog.facts import TierPrice
from simcost.errors import CatalogError
from simcost.ledger.months import month_edges_h
from simcost.trace.usage.token_columns import LONG
from simcost.trace.usage.usage import KEY, LONG_WRITE, TOKENS, Ints, UsageRows, is_counted, months_of_starts
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.catalog import Catalog

Item = Literal["storage", "egress", "inter-zone"]
_PRICING = KEY - 3
"""Place of the pricing in a key."""
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
        list_usd=usd,
        paid_usd=usd,
        as_of=min(tier.as_of for tier in tiers),
        quality=max(tier.quality for tier in tiers),
        source="; ".join(dict.fromkeys(t.source for t in tiers)),
    )


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
    """Price of the quantity of a run, or of a part of one that stands for a month.

    Simulated time has no calendar: the quantity is scaled to a month of 730 h, as if all the month were like
    the run, priced by the tiers, and the price is scaled back.
    """
    scale = HOURS_PER_MONTH * SECONDS_PER_HOUR / horizon_s
    return month_usd(quantity_gb * scale, tiers) / scale


def gb_months(gb_hours: float, month_h: float = HOURS_PER_MONTH) -> float:
    """GB-months of stored GB-hours; a provider divides by the hours of its calendar month, we by 730."""
    return gb_hours / month_h


def simulated_months(horizon_s: float) -> list[tuple[float, float]]:
    """Start and end of each month of a run, in seconds."""
    edges = [*(month_edges_h(horizon_s / SECONDS_PER_HOUR)[:-1] * SECONDS_PER_HOUR).tolist(), horizon_s]
    return list(pairwise(edges))


Flags = npt.NDArray[np.bool_]
_ITEMS: tuple[Item, ...] = ("storage", "egress", "inter-zone")
_SIDES = {"storage": 1.0, "egress": 1.0, "inter-zone": 2.0}
"""A GB that crosses zones is paid on both sides."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, in seconds since 1970."""

    start_s: float
    end_s: float

    simulated: bool = False
    """Not of the calendar, but a part of a run, like which a month of 730 h is."""

    @property
    def hours(self) -> float:
        """Its length; that of the month that is like it, of simulated time."""
        return HOURS_PER_MONTH if self.simulated else (self.end_s - self.start_s) / SECONDS_PER_HOUR

    def usd(self, quantity: float, tiers: Sequence[TierPrice]) -> float:
        """Price of its quantity by the tiers of a month."""
        if self.simulated:
            return run_usd(quantity, tiers, self.end_s - self.start_s)
        return month_usd(quantity, tiers)


def volume_charges_of(
    usage: UsageRows, purchase: Purchasing, catalog: "Catalog", missing: MissingPrices
) -> Iterator[Charge]:
    """A charge for each provider, item, month, region, zone, account and set of tags. Tiers are filled by all accounts
    of a provider together, and by all its regions that have the same, and all pay their mean price. Items that neither
    the plan nor the catalog has a price of are kept in `missing`.
    """
    own = {"storage": purchase.storage, "egress": purchase.egress, "inter-zone": purchase.inter_zone}
    for item in _ITEMS:
        for provider in sorted({key[0] for key in usage.keys if key[1] == item}):
            lines = [i for i, key in enumerate(usage.keys) if key[:2] == (provider, item)]
            with missing.of(lines[0]):
                for tiers, alike in _by_tiers(usage, item, lines, own[item], catalog):
                    yield from _charges(usage, item, alike, own[item], tiers)


Tiers = tuple[TierPrice, ...]
Tags = tuple[tuple[str, str], ...]


def _by_tiers(
    usage: UsageRows, item: Item, lines: list[int], own_usd: float | None, catalog: "Catalog"
) -> Iterator[tuple[Tiers, list[int]]]:
    """Lines of a provider and item whose regions have the same tiers; of an own price all together, without any."""
    groups: dict[Tiers, list[int]] = {}
    for line in lines:
        provider, _, region = usage.keys[line][:3]
        tiers = () if own_usd is not None else _tiers(provider, item, region or ANY_REGION, catalog)
        groups.setdefault(tiers, []).append(line)
    yield from groups.items()


def _tiers(provider: str, item: Item, region: str, catalog: "Catalog") -> Tiers:
    """The tiers of the catalog. Raises CatalogError with the key of a purchasing plan that gives the price."""
    try:
        return tuple(catalog.tier_prices(provider, item, region))
    except CatalogError:
        key, usd = item.replace("-", "_"), "0.01" if item == "inter-zone" else "0.10"
        raise CatalogError(
            f"the catalog has no {item} price of {provider or 'a provider that is not named'}; give yours in the plan, "
            f"e.g. `{key}: ${usd}/GB`, or in tier_prices.csv of your catalog folder"
        ) from None


def _charges(usage: UsageRows, item: Item, lines: list[int], own_usd: float | None, tiers: Tiers) -> Iterator[Charge]:
    """The charges of lines that fill the same tiers."""
    provider = usage.keys[lines[0]][0]
    for month in _months(usage, np.isin(usage.line, lines)):
        quantities = _by_owner(usage, lines, month, stored=item == "storage")
        total = fsum(quantities.values())
        if total > 0:
            price = _price(item, total, own_usd, month, tiers)
            start_s, end_s = _used_within(usage, month)
            for (region, zone, account, service, tags), quantity in quantities.items():
                place = Place(provider=provider, region=region, start_s=start_s, end_s=end_s)
                charge = _charge(item, place, quantity, price)
                yield replace(charge, service_name=service, zone=zone, account=account, tags=tags)


def _used_within(usage: UsageRows, month: Month) -> tuple[float, float]:
    """The part of a month that the usage of all kinds lies in, in whole clock-hours; all of a simulated time."""
    if month.simulated:
        return month.start_s, month.end_s
    first, last = float(usage.start_s.min()), float(max(usage.end_s.max(), usage.start_s.max() + 1))
    start_s = max(month.start_s, first // SECONDS_PER_HOUR * SECONDS_PER_HOUR)
    return start_s, min(month.end_s, -(-last // SECONDS_PER_HOUR) * SECONDS_PER_HOUR)


def _charge(item: Item, place: Place, quantity: float, price: UnitPrice) -> Charge:
    stored = item == "storage"
    return volume_charge(
        place, "storage" if stored else "transfer", item, quantity, "GB-month" if stored else "GB", price
    )


def _price(item: Item, quantity: float, own_usd: float | None, month: Month, tiers: Tiers) -> UnitPrice:
    if own_usd is not None:
        return UnitPrice.own(own_usd * _SIDES[item], list_usd=own_usd * _SIDES[item])
    usd = _SIDES[item] * month.usd(quantity, tiers) / quantity
    return mean_price(usd, tiers)


def _by_owner(
    usage: UsageRows, lines: list[int], month: Month, *, stored: bool
) -> dict[tuple[str, str, str, str, Tags], float]:
    """Quantities of a month by region, zone, account, service and tags."""
    result: dict[tuple[str, str, str, str, Tags], float] = {}
    for line in lines:
        _, _, region, zone, account, _, service, _ = usage.keys[line][:KEY]
        words = zip(usage.tags, usage.keys[line][KEY:], strict=True)
        tags = tuple((name, word) for name, word in words if word)
        quantity = _in_month(usage, usage.line == line, month, stored=stored)
        if quantity > 0:
            owner = region or ANY_REGION, zone, account, service, tags
            result[owner] = result.get(owner, 0.0) + quantity
    return result


def _months(usage: UsageRows, rows: Flags) -> Iterator[Month]:
    if usage.horizon_s is not None:
        yield from (Month(*edges, simulated=True) for edges in simulated_months(usage.horizon_s))
        return
    first = np.datetime64(int(usage.start_s[rows].min()), "s").astype("datetime64[M]")
    last = np.datetime64(int(np.ceil(usage.end_s[rows].max())), "s").astype("datetime64[M]")
    one = np.timedelta64(1, "M")
    for month in np.arange(first, last + one):
        start, end = (m.astype("datetime64[s]").astype(np.int64) for m in (month, month + one))
        yield Month(float(start), float(end))


def _in_month(usage: UsageRows, rows: Flags, month: Month, *, stored: bool) -> float:
    """GB-months, or GB: what is sent over a row's time counts in the month by its share of that time."""
    start, end = usage.start_s[rows], usage.end_s[rows]
    within = np.clip(np.minimum(end, month.end_s) - np.maximum(start, month.start_s), 0.0, None)
    if stored:
        return float(usage.quantity[rows] @ within) / SECONDS_PER_HOUR / month.hours
    length = end - start
    instant = (length == 0) & (start >= month.start_s) & (start < month.end_s)
    return float(usage.quantity[rows] @ np.where(instant, 1.0, within / np.where(length > 0, length, 1.0)))


def counted_charges(
    usage: UsageRows, purchase: Purchasing, catalog: "Catalog", missing: MissingPrices
) -> Iterator[Charge]:
    """A charge for each line and calendar month in which its rows begin; units without a price are kept in `missing`.
    Of lines that count nothing there is none. Tokens are priced by the base tier where the file does not say how long
    their prompts were.
    """
    for i, key in enumerate(usage.keys):
        provider, sku, region, zone, account, pricing, service, unit = key[:KEY]
        if not is_counted(key) or not usage.quantity[usage.line == i].any():
            continue
        with missing.of(i):
            price = _unit_price(key, purchase, catalog)
            part: Service = "tokens" if unit in TOKENS else "compute"
            words = zip(usage.tags, key[KEY:], strict=True)
            tags = tuple((name, word) for name, word in words if word)
            tags += (("pricing", pricing),) if part == "tokens" and pricing != "standard" else ()
            for rows in _by_month(usage, i):
                start_s, end_s = float(usage.start_s[rows].min()), float(usage.end_s[rows].max())
                place = Place(provider=provider, region=region, start_s=start_s, end_s=end_s)
                charge = volume_charge(place, part, sku, float(np.sum(usage.quantity[rows])), unit, price)
                yield replace(charge, service_name=service, zone=zone, account=account, tags=tags)


def _by_month(usage: UsageRows, line: int) -> list[Ints]:
    """The rows of a line, month by month; all of them in simulated time, which has no calendar."""
    rows: Ints = np.flatnonzero(usage.line == line)
    if usage.horizon_s is not None:
        return [rows]
    month = months_of_starts(usage.start_s[rows])
    return [rows[month == one] for one in np.unique(month)]


def of_base_tier(usage: UsageRows, purchase: Purchasing, catalog: "Catalog") -> Iterator[str]:
    """Notes on models whose long prompts cost more, which totals of tokens do not show."""
    used = [key for i, key in enumerate(usage.keys) if key[0] and usage.quantity[usage.line == i].any()]
    named = {f"{key[0]}/{key[1]}" for key in used if key[_PRICING].endswith(LONG)}
    for name in dict.fromkeys(f"{key[0]}/{key[1]}" for key in used if key[KEY - 1] in TOKENS):
        if name in named:
            continue
        if purchase.own_price(*name.split("/", 1)) is not None:
            continue
        fact = catalog.token_price(name)
        if fact.tier_start_input_tokens is not None and fact.tier_input_usd_per_m is not None:
            times = fact.tier_input_usd_per_m / fact.input_usd_per_m
            yield (
                f"{name}: priced as if no prompt were longer than {fact.tier_start_input_tokens:,} tokens; input of "
                f"longer ones costs {times:.3g} times as much, and sums of tokens do not tell how long prompts were: "
                "the bill may be higher (`simcost api` prices each request of a trace)"
            )


def _no_provider(sku: str, catalog: "Catalog") -> CatalogError:
    """The error for a model that several may sell, and where to name the seller."""
    sold = (price.name.partition("/") for price in catalog.facts.token_prices)
    sellers = [provider for provider, _, model in sold if model.lower() == sku.lower()]
    return CatalogError(
        f"{sku}: its rows name no provider; write `provider: {next(iter(sellers), 'NAME')}` in the purchasing plan, "
        "or a column `provider`"
    )


def _unit_price(key: tuple[str, ...], purchase: Purchasing, catalog: "Catalog") -> UnitPrice:
    provider, sku, region, _, _, pricing, _, unit = key[:KEY]
    name = f"{provider}/{sku}" if provider else sku
    own = purchase.own_price(provider, sku)
    if own is not None:
        return UnitPrice.own(own, list_usd=own)
    if unit not in TOKENS:
        raise CatalogError(
            f"{name}: no price of a unit {unit!r}; give it in `prices`; or write `hours` if it counts machine hours in "
            "all, `h` if so many ran from start to end"
        )
    if not provider:
        raise _no_provider(sku, catalog)
    fact = catalog.token_price(name)
    word, long = pricing.removesuffix(LONG), pricing.endswith(LONG)
    service = next((tier for tier in SERVICE_TIERS if tier == word), None)
    if service is None:
        raise CatalogError(f"{name}: no price of the service {word!r}; known are {', '.join(SERVICE_TIERS)}")
    if service == "standard" and purchase.batch:
        service = "batch"
    listed_as = service if service == "priority" or "audio" in unit else "standard"
    keep_s = SECONDS_PER_HOUR if unit == LONG_WRITE else SHORT_KEEP_S
    paid, listed = (
        token_price(fact, ITEM_OF[unit], service=one, long=long, keep_s=keep_s, region=region) / 1e6
        for one in (service, listed_as)
    )
    return UnitPrice(
        list_usd=listed,
        paid_usd=paid,
        as_of=fact.as_of,
        quality=fact.quality,
        source=fact.source,
    )
