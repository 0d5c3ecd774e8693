"""A file of usage as an account: lines with prices, runs by the clock-hour."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.books import compute_charges
from simcost.billing.charges import Bill
from simcost.billing.counted import counted_charges
from simcost.billing.metered import Floats, Ints, Line, Metered, Runs, metered
from simcost.billing.purchasing import Purchasing
from simcost.billing.settle import settle
from simcost.billing.usage import billed_seconds
from simcost.billing.volumes import volume_charges_of
from simcost.errors import CatalogError
from simcost.trace.usage import HOURLY, KEY, Usage
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.catalog import Catalog

_JOIN_S = 1e-3
"""Runs of one machine this close are one run."""


def bill_usage(usage: Usage, purchase: Purchasing, catalog: "Catalog") -> Bill:
    """The bill of metered usage.

    Where the file names its machines, runs are metered by the provider's granularity and minimum, and what runs at
    the end of the file is cut there; else quantities are taken as metered already.

    Raises:
        CatalogError: prices that neither the plan nor the catalog has, all of them.
        InputError: a commitment that ends before the usage, or fits nothing.
    """
    account = usage_account(usage, purchase, catalog)
    settled = settle(account, purchase.commitments, catalog, sustained=purchase.sustained_use)
    others = (*volume_charges_of(usage, purchase, catalog), *counted_charges(usage, purchase, catalog))
    return Bill(
        charges=(*compute_charges(settled), *others),
        compute_by_state_usd={},
        horizon_s=settled.end_s - settled.start_s,
        notes=tuple(note for one in settled.bought for note in one.bound.notes),
        settlement=settled,
    )


def usage_account(usage: Usage, purchase: Purchasing, catalog: "Catalog") -> Metered:
    """What runs by the hour, with its prices. Raises CatalogError for all that is missing."""
    hourly = [i for i, key in enumerate(usage.keys) if key[KEY - 1] == HOURLY]
    lines = _priced(usage, hourly, purchase, catalog)
    place = np.full(len(usage.keys), -1, np.int64)
    place[hourly] = np.arange(len(hourly))
    rows = np.flatnonzero(place[usage.line] >= 0)
    start_s = _first_hour(usage) if usage.horizon_s is None else 0.0
    if usage.resource is not None:
        start, end, row = _joined(usage, rows)
        end = _rounded(usage, start, end, row, catalog)
    else:
        start, end, row = usage.start_s[rows], usage.end_s[rows], rows
    line = place[usage.line[row]]
    runs = Runs(
        start_s=start - start_s, end_s=end - start_s, line=line, units=usage.quantity[row],
        price_usd=_in_effect(usage, row, line, lines),
    )  # fmt: skip
    if usage.horizon_s is not None:
        return metered(lines, runs, horizon_s=usage.horizon_s, start_s=None)
    last = float(max(usage.end_s.max(), usage.start_s.max())) - start_s
    return metered(lines, runs, horizon_s=max(last, 1.0), start_s=start_s, cut=False)


def _first_hour(usage: Usage) -> float:
    return float(np.floor(usage.start_s.min() / SECONDS_PER_HOUR) * SECONDS_PER_HOUR)


def _priced(usage: Usage, hourly: Sequence[int], purchase: Purchasing, catalog: "Catalog") -> list[Line]:
    """The lines with their prices; what has none is named, all at once."""
    lines: list[Line] = []
    missing: dict[str, None] = {}
    for i in hourly:
        try:
            lines.append(_line(usage, i, purchase, catalog))
        except CatalogError as error:
            missing[str(error)] = None
    if missing:
        raise CatalogError("; ".join(missing))
    return lines


def _line(usage: Usage, i: int, purchase: Purchasing, catalog: "Catalog") -> Line:
    provider, sku, region, zone, account, pricing, _ = usage.keys[i][:KEY]
    name = f"{provider}/{sku}" if provider else sku
    tags = tuple((tag, word) for tag, word in zip(usage.tags, usage.keys[i][KEY:], strict=True) if word)
    own = purchase.prices.get(name, purchase.prices.get(sku))
    offer = None
    try:
        offer = catalog.offer(name, None if region == "any" else region)
    except CatalogError as error:
        if own is None and not (pricing == "spot" and not np.isnan(usage.price_usd[usage.line == i]).any()):
            raise CatalogError(
                f"{name} in region {region}: {error}; or give its price in `prices`"
            ) from error
    contract = catalog.contracted(offer, _day(usage, i)) if offer else None
    listed = contract.list_usd_per_h if contract else own
    paid = own if own is not None else contract.contracted_usd_per_h if contract else None
    basis = contract.basis if contract and own is None else None
    if pricing == "spot":
        observed = offer.spot_usd_per_h if offer else None
        paid = _spot_usd(usage, i, name, purchase, observed)
        named = name in purchase.spot or sku in purchase.spot
        given = named or not np.isnan(usage.price_usd[usage.line == i]).any()
        basis = None if offer is None or given else offer.spot_basis
    return Line(
        provider=provider, sku=sku, region=offer.region if offer and region == "any" else region, zone=zone,
        account=account, pricing="spot" if pricing == "spot" else "standard", tags=tags,
        accelerator=offer.accelerator if offer and offer.accelerator else "",
        list_usd=listed if listed is not None else float(paid or 0.0), contracted_usd=float(paid or 0.0),
        as_of=basis.as_of if basis else "", quality=basis.quality if basis else "given",
        source=basis.source if basis else "",
    )  # fmt: skip


def _day(usage: Usage, line: int) -> date | None:
    """The last day of a line's usage, whose contract holds; None of simulated time."""
    if usage.horizon_s is not None:
        return None
    return datetime.fromtimestamp(float(usage.end_s[usage.line == line].max()), UTC).date()


def _spot_usd(usage: Usage, i: int, name: str, purchase: Purchasing, observed: float | None) -> float:
    """Mean price in effect of the rows of a spot line."""
    rows = usage.line == i
    prices = usage.price_usd[rows] if rows.any() else np.full(1, np.nan)  # not used in this replication
    stated = purchase.spot.get(name, purchase.spot.get(usage.keys[i][1], observed))
    if np.isnan(prices).any() and stated is None:
        raise CatalogError(
            f"{name}: no spot price; give a `price` in its rows, or `spot: {{{name}: ...}}` in the plan"
        )
    filled = np.where(np.isnan(prices), stated if stated is not None else 0.0, prices)
    weight = usage.quantity[rows] * (usage.end_s[rows] - usage.start_s[rows])
    return float(np.average(filled, weights=weight)) if weight.sum() else float(filled.mean())


def _in_effect(usage: Usage, row: Ints, line: Ints, lines: Sequence[Line]) -> Floats | None:
    """Price of each run where it is not its line's: spot at the price in effect, and nothing for what AWS interrupts
    within its first hour.
    """
    spot = np.array([one.pricing == "spot" for one in lines], np.bool_)
    if not spot.any():
        return None
    own = np.array([one.contracted_usd for one in lines], np.float64)[line]
    price = np.where(np.isnan(usage.price_usd[row]), own, usage.price_usd[row])
    aws = np.array([one.provider == "aws" for one in lines], np.bool_)[line]
    short = usage.end_s[row] - usage.start_s[row] < SECONDS_PER_HOUR
    free = spot[line] & aws & usage.interrupted[row] & short
    return np.where(free, 0.0, price)


def _joined(usage: Usage, rows: Ints) -> tuple[Floats, Floats, Ints]:
    """Runs of each machine: rows of one line, price and quantity that follow each other are one."""
    resource = usage.resource[rows] if usage.resource is not None else rows
    order = rows[np.lexsort((usage.start_s[rows], usage.line[rows], resource))]
    start, end = usage.start_s[order], usage.end_s[order]
    code = np.zeros(len(usage), np.int64) if usage.resource is None else usage.resource
    price = np.nan_to_num(usage.price_usd[order], nan=-1.0)
    same = (
        (np.diff(code[order]) == 0) & (np.diff(usage.line[order]) == 0)
        & (np.diff(usage.quantity[order]) == 0) & (np.diff(price) == 0) & (start[1:] - end[:-1] <= _JOIN_S)
    )  # fmt: skip
    first = np.flatnonzero(np.append(True, ~same))
    last = np.append(first[1:], len(order)) - 1
    return start[first], end[last], order[first]


def _rounded(usage: Usage, start: Floats, end: Floats, row: Ints, catalog: "Catalog") -> Floats:
    """Ends as the providers meter them."""
    final = float(usage.end_s.max()) if usage.horizon_s is None else usage.horizon_s
    found = end.copy()
    providers = np.array([key[0] for key in usage.keys])[usage.line[row]]
    for provider in np.unique(providers):
        mine = providers == provider
        rule = catalog.billing_rule(str(provider))
        billed = billed_seconds(end[mine] - start[mine], end[mine] >= final - _JOIN_S, rule)
        found[mine] = start[mine] + billed
    return found
