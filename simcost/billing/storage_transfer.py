"""Storage and transfer of a file of usage, by calendar month."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.billing.bill import Charge, Place, UnitPrice, volume_charge
from simcost.billing.missing import MissingPrices
from simcost.billing.purchasing import Purchasing
from simcost.billing.volume import Item, mean_price, month_usd, run_usd
from simcost.catalog.facts import TierPrice
from simcost.trace.usage.usage import KEY, Usage
from simcost.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.catalog import Catalog

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
    """No calendar month, but a time of any length, like which a month of 730 h is."""

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
    usage: Usage, purchase: Purchasing, catalog: "Catalog", missing: MissingPrices
) -> Iterator[Charge]:
    """A charge for each provider, item, month and set of tags. Tiers are filled by all accounts and regions of a
    provider together, and all pay their mean price. Items that neither the plan nor the catalog has a price of are
    kept in `missing`.
    """
    own = {"storage": purchase.storage, "egress": purchase.egress, "inter-zone": purchase.inter_zone}
    for item in _ITEMS:
        for provider in sorted({key[0] for key in usage.keys if key[1] == item}):
            lines = [i for i, key in enumerate(usage.keys) if key[:2] == (provider, item)]
            for month in _months(usage, np.isin(usage.line, lines)):
                by_tags = _by_tags(usage, lines, month, stored=item == "storage")
                total = sum(by_tags.values())
                if total > 0:
                    with missing.of(lines[0]):
                        price = _price(item, provider, total, own[item], month, catalog)
                        for tags, quantity in by_tags.items():
                            yield _charge(item, provider, quantity, month, price, tags)


def _charge(
    item: Item,
    provider: str,
    quantity: float,
    month: Month,
    price: UnitPrice,
    tags: tuple[tuple[str, str], ...],
) -> Charge:
    place = Place(provider=provider, region="any", start_s=month.start_s, end_s=month.end_s)
    stored = item == "storage"
    charge = volume_charge(
        place, "storage" if stored else "transfer", item, quantity, "GB-month" if stored else "GB", price
    )
    return replace(charge, tags=tags)


def _price(
    item: Item, provider: str, quantity: float, own_usd: float | None, month: Month, catalog: "Catalog"
) -> UnitPrice:
    if own_usd is not None:
        return UnitPrice.own(own_usd * _SIDES[item], list_usd=own_usd * _SIDES[item])
    tiers = catalog.tier_prices(provider, item)
    usd = _SIDES[item] * month.usd(quantity, tiers) / quantity
    return mean_price(usd, tiers)


def _by_tags(
    usage: Usage, lines: list[int], month: Month, *, stored: bool
) -> dict[tuple[tuple[str, str], ...], float]:
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for line in lines:
        words = zip(usage.tags, usage.keys[line][KEY:], strict=True)
        tags = tuple((name, word) for name, word in words if word)
        quantity = _in_month(usage, usage.line == line, month, stored=stored)
        if quantity > 0:
            found[tags] = found.get(tags, 0.0) + quantity
    return found


def _months(usage: Usage, rows: Flags) -> Iterator[Month]:
    if usage.horizon_s is not None:
        yield Month(0.0, usage.horizon_s, simulated=True)
        return
    first = np.datetime64(int(usage.start_s[rows].min()), "s").astype("datetime64[M]")
    last = np.datetime64(int(np.ceil(usage.end_s[rows].max())), "s").astype("datetime64[M]")
    one = np.timedelta64(1, "M")
    for month in np.arange(first, last + one):
        start, end = (m.astype("datetime64[s]").astype(np.int64) for m in (month, month + one))
        yield Month(float(start), float(end))


def _in_month(usage: Usage, rows: Flags, month: Month, *, stored: bool) -> float:
    """GB-months, or GB: what is sent over a row's time counts in the month by its share of that time."""
    start, end = usage.start_s[rows], usage.end_s[rows]
    within = np.clip(np.minimum(end, month.end_s) - np.maximum(start, month.start_s), 0.0, None)
    if stored:
        return float(usage.quantity[rows] @ within) / SECONDS_PER_HOUR / month.hours
    length = end - start
    instant = (length == 0) & (start >= month.start_s) & (start < month.end_s)
    return float(usage.quantity[rows] @ np.where(instant, 1.0, within / np.where(length > 0, length, 1.0)))
