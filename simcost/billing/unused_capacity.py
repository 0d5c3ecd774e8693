"""Unused capacity of reservations, at the price that its use would have."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from simcost.billing.commitment import CapacityReservation
from simcost.billing.commitment.bound import CommitmentRates, CommittedUnits, eligible, only_region
from simcost.billing.coverage import held_at_once
from simcost.billing.instants import Holding, shared_out
from simcost.billing.metering import Ints, Line, Metered
from simcost.catalog.facts import Offer
from simcost.units import SECONDS_PER_HOUR


def with_unused(
    account: Metered,
    reservations: Sequence[CapacityReservation],
    rates: CommitmentRates,
    own_usd: Callable[[str], float | None],
    blocks: Sequence[CommittedUnits] = (),
) -> Metered:
    """The account with lines for what nothing used of capacity reservations: one for each, or for each contract price.

    What runs in one reservation is in no other, nor in a capacity block; those of a zone are used before those of any.

    Args:
        account: what was metered.
        reservations: the capacity.
        rates: list prices and contracts.
        own_usd: the user's own price of an hour of an SKU, if any.
        blocks: capacity blocks, which are used first.

    Raises:
        InputError: usage in several regions, of which a reservation names none.
        CatalogError: an instance has no price.
    """
    regions = [one.region or only_region(account, "aws", one.sku, one.kind) for one in reservations]
    same = [_same(account, one, region, rates) for one, region in zip(reservations, regions, strict=True)]
    zonal_first = sorted(range(len(reservations)), key=lambda k: not reservations[k].zone)
    held, turns = held_at_once(account, blocks)
    _, idle = shared_out(
        account,
        [*held, *(_holding(one, float(account.span_h)) for one in reservations)],
        [*turns, *((len(held) + k, i) for k in zonal_first for i in same[k])],
    )
    idle = idle[len(held) :]
    lines, hours = list(account.lines), [account.hours]
    for k, one in enumerate(reservations):
        prices, which = _prices(account, one, regions[k], same[k], rates, own_usd)
        lines += [replace(ln, zone=one.zone, account=one.account, tags=(), reserved_idle=True) for ln in prices]
        hours += [np.where(which == i, idle[k], 0.0)[:, None] for i in range(len(prices))]
    return replace(account, lines=tuple(lines), hours=np.hstack(hours))


def _same(account: Metered, one: CapacityReservation, region: str, rates: CommitmentRates) -> list[int]:
    """Lines of usage that run in a reservation."""
    return [
        i
        for i, line in enumerate(account.lines)
        if (line.provider, line.sku, line.region) == ("aws", one.sku, region)
        and one.zone in ("", line.zone)
        and line.pricing == "standard"
        and eligible(rates, "capacity-reservation", line) == "yes"
    ]


def _holding(one: CapacityReservation, span_h: float) -> Holding:
    until_h = span_h if one.until is None else one.until / SECONDS_PER_HOUR
    return Holding(units=float(one.count), from_h=one.since / SECONDS_PER_HOUR, to_h=until_h)


def _prices(
    account: Metered,
    one: CapacityReservation,
    region: str,
    same: Sequence[int],
    rates: CommitmentRates,
    own_usd: Callable[[str], float | None],
) -> tuple[list[Line], Ints]:
    """An instance of a reservation at each of its prices, and [hour] which of them is paid."""
    given = [account.lines[i] for i in same if account.lines[i].quality == "given"]
    if given:
        return given[:1], np.zeros(len(account.length_h), np.int64)
    offer = rates.offer(f"aws/{one.sku}", None if region == "any" else region)
    return _by_price(account, offer, rates, own_usd(offer.sku))


def _by_price(account: Metered, offer: Offer, rates: CommitmentRates, own_usd: float | None) -> tuple[list[Line], Ints]:
    """An instance at each price of the days of an account, and [hour] which of them is paid."""
    days = [_day(account, hour) for hour in range(len(account.length_h))]
    line_of = {day: _line(offer, day, rates, own_usd) for day in dict.fromkeys(days)}
    lines = list(dict.fromkeys(line_of.values()))
    return lines, np.array([lines.index(line_of[day]) for day in days], np.int64)


def _day(account: Metered, hour: int) -> date | None:
    """The day of an hour, in UTC; None in simulated time."""
    if account.start_s is None:
        return None
    return datetime.fromtimestamp(account.start_s + hour * SECONDS_PER_HOUR, UTC).date()


def _line(offer: Offer, day: date | None, rates: CommitmentRates, own_usd: float | None) -> Line:
    known = rates.contracted(offer, day)
    return Line(
        provider=offer.provider,
        sku=offer.sku,
        service=rates.service_name(offer.provider, "", offer.sku),
        region=offer.region,
        accelerator=offer.accelerator,
        list_usd=known.list_usd_per_h,
        contracted_usd=known.contracted_usd_per_h if own_usd is None else own_usd,
        contract=known.contract if own_usd is None else "",
        as_of=known.basis.as_of if own_usd is None else "",
        quality=known.basis.quality if own_usd is None else "given",
        source=known.basis.source if own_usd is None else "",
    )
