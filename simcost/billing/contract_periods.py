"""Usage cut where another negotiated price begins: each hour pays the contract of its own day, at its rate of the
currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from simcost.catalog.dates import first_day
from simcost.errors import CatalogError
from simcost.trace.usage.usage import HOURLY, KEY, Floats, Ints, UsageRows

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.catalog.contracts import ContractPrice
    from simcost.catalog.facts import Offer

_INSTANT_S = 1e-3
"""Usage that ends at midnight is of the day before."""


def by_contract(usage: UsageRows, catalog: Catalog) -> UsageRows:
    """The usage, in which all that a line of hours ran is on days of one contract price.

    A line whose contract changes while it runs becomes several lines with the same key, and a row that runs across a
    change becomes several rows. Days are those of UTC. Simulated time has no days and stays as it is.
    """
    if usage.horizon_s is not None or not catalog.facts.contracts:
        return usage
    changes = {i: found for i, key in enumerate(usage.keys) if (found := _changes(usage, i, catalog))}
    for line, starts in changes.items():
        usage = _cut(usage, line, np.array(starts))
    return usage


def last_day(usage: UsageRows, line: int) -> date | None:
    """The last day on which a line ran, in UTC; None in simulated time."""
    if usage.horizon_s is not None:
        return None
    of_line = usage.line == line
    return _day(max(float(usage.end_s[of_line].max()) - _INSTANT_S, float(usage.start_s[of_line].max())))


def _day(time_s: float) -> date:
    return datetime.fromtimestamp(time_s, UTC).date()


def _changes(usage: UsageRows, line: int, catalog: Catalog) -> list[float]:
    """Times within the usage of a line from which on another contract price holds, seconds since 1970."""
    key, of_line = usage.keys[line], usage.line == line
    provider, sku, region = key[:3]
    if key[KEY - 1] != HOURLY or not of_line.any():
        return []
    try:
        offer = catalog.offer(f"{provider}/{sku}", None if region == "any" else region)
    except CatalogError:
        return []  # its price is the plan's own, or missing
    first, last = _day(float(usage.start_s[of_line].min())), last_day(usage, line) or date.max
    held = [contract for contract in catalog.facts.contracts if contract.holds(offer, None)]
    days = [first, *sorted(day for day in _first_days(held, catalog) if first < day <= last)]
    return [
        datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        for earlier, day in pairwise(days)
        if _terms(offer, day, catalog) != _terms(offer, earlier, catalog)
    ]


def _first_days(contracts: Sequence[ContractPrice], catalog: Catalog) -> set[date]:
    """Days from which on another contract, or another rate of the currency of one, may hold."""
    begun = {date.fromisoformat(contract.valid_from) for contract in contracts if contract.valid_from}
    over = {date.fromisoformat(contract.valid_to) + timedelta(days=1) for contract in contracts if contract.valid_to}
    currencies = {contract.currency for contract in contracts if contract.price_per_h is not None}
    return begun | over | {first_day(rate.as_of) for rate in catalog.facts.currencies if rate.currency in currencies}


def _terms(offer: Offer, day: date, catalog: Catalog) -> tuple[ContractPrice | None, float | None]:
    """The contract that holds on a day, and its price in USD; None = its currency has no rate then."""
    try:
        return catalog.contract(offer, day), catalog.contracted(offer, day).contracted_usd_per_h
    except CatalogError:
        return catalog.contract(offer, day), None


def _cut(usage: UsageRows, line: int, starts_s: Floats) -> UsageRows:
    """The usage with a line cut at some times: what ran first stays in it, each later part that ran is a line more."""
    here = usage.line == line
    period = np.where(here, np.searchsorted(starts_s, usage.start_s, "right"), 0)
    final = np.where(here, np.maximum(np.searchsorted(starts_s, usage.end_s, "left"), period), period)
    parts = final - period + 1
    row: Ints = np.repeat(np.arange(len(usage)), parts)
    number = np.arange(len(row)) - np.repeat(np.cumsum(parts) - parts, parts) + period[row]
    edges = np.concatenate([[-np.inf], starts_s, [np.inf]])
    cut = here[row]
    used = np.unique(number[cut])
    later = np.searchsorted(used, number)
    place, added = usage.place, len(usage.keys) - 1
    return replace(
        usage,
        start_s=np.where(cut, np.maximum(usage.start_s[row], edges[number]), usage.start_s[row]),
        end_s=np.where(cut, np.minimum(usage.end_s[row], edges[np.where(cut, number + 1, 1)]), usage.end_s[row]),
        quantity=usage.quantity[row],
        price_usd=usage.price_usd[row],
        list_usd=usage.list_usd[row],
        contracted_usd=usage.contracted_usd[row],
        interrupted=usage.interrupted[row] & (number == final[row]),
        line=np.where(cut & (later > 0), added + later, usage.line[row]),
        keys=(*usage.keys, *[usage.keys[line]] * (len(used) - 1)),
        resource=None if usage.resource is None else usage.resource[row],
        place=None if place is None else lambda i: place(int(row[i])),
        file_rows=None if usage.file_rows is None else usage.file_rows[row],
    )
