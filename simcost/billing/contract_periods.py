"""Usage cut where another negotiated price begins: each hour pays the contract of its own day, at its rate of the
currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import fsum
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.bill import Charge, Service
from simcost.billing.books import by_contract as parts_by_contract
from simcost.billing.commitment.bound import Agreed, Bound, paid_share
from simcost.catalog.contracts import not_over, service_of
from simcost.catalog.dates import first_day
from simcost.errors import CatalogError, Fault, FaultsError, did_you_mean
from simcost.trace.usage.usage import HOURLY, KEY, TOKENS, VOLUMES, Floats, Ints, UsageRows
from simcost.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from simcost.catalog import Catalog
    from simcost.catalog.contracts import ContractPrice
    from simcost.catalog.facts import Offer

_SHOWN = 6
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
        thing = (offer.provider, offer.sku, offer.region)
    except CatalogError:
        offer, thing = None, (provider, sku, region)  # its price is the plan's own, or missing
    first, last = _day(float(usage.start_s[of_line].min())), last_day(usage, line) or date.max
    held = [contract for contract in catalog.facts.contracts if contract.covers(*thing, "compute", None)]
    days = [first, *sorted(day for day in _first_days(held, catalog) if first < day <= last)]
    return [
        datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        for earlier, day in pairwise(days)
        if _terms(thing, offer, day, catalog) != _terms(thing, offer, earlier, catalog)
    ]


def _first_days(contracts: Sequence[ContractPrice], catalog: Catalog) -> set[date]:
    """Days from which on another contract, or another rate of the currency of one, may hold."""
    begun = {date.fromisoformat(contract.valid_from) for contract in contracts if contract.valid_from}
    over = {date.fromisoformat(contract.valid_to) + timedelta(days=1) for contract in contracts if contract.valid_to}
    currencies = {contract.currency for contract in contracts if contract.price_per_h is not None}
    return begun | over | {first_day(rate.as_of) for rate in catalog.facts.currencies if rate.currency in currencies}


def _terms(
    thing: tuple[str, str, str], offer: Offer | None, day: date, catalog: Catalog
) -> tuple[ContractPrice | None, float | None]:
    """The contract that holds on a day, and its price in USD; None = its currency has no rate then, or no offer."""
    contract = catalog.contract_for(*thing, "compute", day)
    try:
        return contract, catalog.contracted(offer, day).contracted_usd_per_h if offer else None
    except CatalogError:
        return contract, None


def negotiated(charges: Iterable[Charge], catalog: Catalog, *, dated: bool) -> Iterator[Charge]:
    """Charges for disks, transfer, tokens and other totals after the discounts of contracts, split by contract.

    A total is spread evenly over the days of its charge. A price of the plan's own is paid as it is, unless the catalog
    has none: then it is a list price.
    """
    for charge in charges:
        agreed = () if _is_own(charge, catalog) else _agreed(charge, catalog, dated=dated)
        if not agreed:
            yield charge
            continue
        gross = replace(
            charge,
            contracted_cost_usd=charge.contracted_cost_usd * (left := paid_share(agreed)),
            effective_cost_usd=charge.effective_cost_usd * left,
            billed_cost_usd=charge.billed_cost_usd * left,
        )
        yield from parts_by_contract(gross, agreed)


def sold_as(charge: Charge) -> str:
    """Name under which contracts cover a charge: of tokens the model."""
    return charge.sku.rpartition(" ")[0] or charge.sku if charge.service == "tokens" else charge.sku


def _is_own(charge: Charge, catalog: Catalog) -> bool:
    """True for a price of the plan's own in place of one of the catalog."""
    if charge.price_quality != "given":
        return False
    try:
        if charge.service == "tokens":
            catalog.token_price(f"{charge.provider}/{sold_as(charge)}")
        elif charge.service == "compute":
            catalog.offers_named(f"{charge.provider}/{charge.sku}")
        else:
            catalog.tier_prices(charge.provider, charge.sku, charge.region)
    except CatalogError:
        return False
    return True


def _agreed(charge: Charge, catalog: Catalog, *, dated: bool) -> tuple[Agreed, ...]:
    """Contracts over the time of a charge; none where no discount holds."""
    thing = (charge.provider, sold_as(charge), charge.region, charge.service)
    start, end = charge.charge_period_start_s, charge.charge_period_end_s
    found: dict[tuple[str, float], float] = {}
    for day, seconds in _days(start, end) if dated else [(None, 1.0)]:
        held = catalog.contract_for(*thing, day)
        key = (held.name, held.discount) if held is not None and held.discount else ("", 0.0)
        found[key] = found.get(key, 0.0) + seconds
    if set(found) == {("", 0.0)}:
        return ()
    total = fsum(found.values())
    return tuple(Agreed(name, seconds / total, discount) for (name, discount), seconds in found.items())


def _days(start_s: float, end_s: float) -> Iterator[tuple[date, float]]:
    """Days of a period, each with its seconds in it; an instant is a second."""
    end_s = max(end_s, start_s + 1.0)
    while start_s < end_s:
        until = min(end_s, (start_s // SECONDS_PER_DAY + 1) * SECONDS_PER_DAY)
        yield _day(start_s), until - start_s
        start_s = until


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


def covered(bill: Sequence[Charge], usage: UsageRows, catalog: Catalog, committed: Iterable[Bound]) -> Iterator[str]:
    """Notes on contracts that cover nothing of a bill although it has what they name.

    Raises:
        FaultsError: contracts in force that name nothing of the bill, each with the nearest names.
    """
    things = {(one.provider, sold_as(one), one.region, one.service) for one in bill if not one.commitment}
    things |= {(key[0], key[1], key[2], _service_of(key)) for key in usage.keys}
    bought = {(one.provider, one.region, one.agreed) for one in committed}
    used = {charge.contract for charge in bill}
    faults = []
    for contract in _in_force(usage, catalog):
        if contract.name in used:
            continue
        meant = [thing for thing in things if contract.covers(*thing, None)]
        if meant:
            yield (
                f"contract {contract.name}: nothing is paid by it: narrower contracts, spot prices or prices of the "
                f"plan's own hold for {', '.join(sorted(f'{provider}/{sku}' for provider, sku, *_ in meant))}"
            )
        elif not any(contract.covers(provider, "", region, "commitments", None) for provider, region, _ in bought):
            faults.append(Fault(file="contracts.csv", path=contract.name, message=_nothing(contract, things)))
    if faults:
        raise FaultsError(faults)


def _in_force(usage: UsageRows, catalog: Catalog) -> Sequence[ContractPrice]:
    """Contracts of which a day lies in the usage; of simulated time those that are not over."""
    if usage.horizon_s is not None:
        return not_over(catalog.facts.contracts, catalog.as_of)
    first = _day(float(usage.start_s.min())).isoformat()
    last = _day(float(max(usage.end_s.max() - _INSTANT_S, usage.start_s.max()))).isoformat()
    return [one for one in not_over(catalog.facts.contracts, first) if one.valid_from <= last]


def _service_of(key: Sequence[str]) -> Service:
    """Service of a line of usage."""
    if key[1] in VOLUMES:
        return service_of(key[1])
    return "tokens" if key[KEY - 1] in TOKENS else "compute"


def _nothing(contract: ContractPrice, things: Iterable[tuple[str, str, str, str]]) -> str:
    """The message for a contract that names nothing of a bill."""
    names = sorted({f"{provider}/{sku}" for provider, sku, *_ in things})
    providers = sorted({provider for provider, *_ in things})
    known = contract.provider in providers
    hint = "" if known else did_you_mean(contract.provider, providers)
    hint = hint or did_you_mean(f"{contract.provider}/{contract.sku.rstrip('*')}", names, 0.5)
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return (
        f"matches nothing in this bill{hint or ';'} the bill has {shown}; correct provider, sku, service or region, or "
        "end it by valid_to"
    )
