"""Unused capacity of reservations, at the price that its use would have."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np

from simcost.billing.commitment import CapacityReservation
from simcost.billing.commitment.bound import CommitmentRates, only_region
from simcost.billing.coverage import concurrent
from simcost.billing.metering import Ints, Line, Metered
from simcost.catalog.facts import Offer
from simcost.units import SECONDS_PER_HOUR


def with_unused(
    account: Metered,
    reservation: CapacityReservation,
    rates: CommitmentRates,
    own_usd: Callable[[str], float | None],
) -> Metered:
    """The account with lines for what nothing used of a capacity reservation: one, or one for each contract price.

    Args:
        account: what was metered.
        reservation: the capacity.
        rates: list prices and contracts.
        own_usd: the user's own price of an hour of an SKU, if any.

    Raises:
        InputError: usage in several regions, of which the reservation names none.
        CatalogError: the instance has no price.
    """
    region = reservation.region or only_region(account, "aws", reservation.sku, reservation.kind)
    same = [
        i
        for i, line in enumerate(account.lines)
        if (line.provider, line.sku, line.region) == ("aws", reservation.sku, region)
        and reservation.zone in ("", line.zone)
        and line.pricing == "standard"
    ]
    until = account.span_h if reservation.until is None else reservation.until / SECONDS_PER_HOUR
    _, idle = concurrent(account, same, float(reservation.count), reservation.since / SECONDS_PER_HOUR, until)
    given = [account.lines[i] for i in same if account.lines[i].quality == "given"]
    if given:
        lines, which = given[:1], np.zeros(len(idle), np.int64)
    else:
        offer = rates.offer(f"aws/{reservation.sku}", None if region == "any" else region)
        lines, which = _by_price(account, offer, rates, own_usd(offer.sku))
    unused = [replace(line, zone=reservation.zone, account=reservation.account, tags=()) for line in lines]
    hours = [np.where(which == i, idle, 0.0) for i in range(len(lines))]
    return replace(
        account,
        lines=(*account.lines, *(replace(line, reserved_idle=True) for line in unused)),
        hours=np.column_stack([account.hours, *hours]),
    )


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
        region=offer.region,
        accelerator=offer.accelerator,
        list_usd=known.list_usd_per_h,
        contracted_usd=known.contracted_usd_per_h if own_usd is None else own_usd,
        as_of=known.basis.as_of if own_usd is None else "",
        quality=known.basis.quality if own_usd is None else "given",
        source=known.basis.source if own_usd is None else "",
    )
