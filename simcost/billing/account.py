"""A file of usage as an account: lines with prices, runs by the clock-hour."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from math import fsum
from typing import TYPE_CHECKING

import numpy as np

from simcost.billing.api.prompts import uncached
from simcost.billing.bill import Bill, Charge
from simcost.billing.books import compute_charges
from simcost.billing.commitment import CapacityReservation
from simcost.billing.contract_periods import by_contract, covered, last_day, negotiated
from simcost.billing.machine_runs import JOIN_S, MachineRuns, check_interruptions, machine_runs
from simcost.billing.metering import Floats, Ints, Line, Metered, UsageIntervals, billed_seconds, metered
from simcost.billing.missing import MissingPrices
from simcost.billing.purchasing import Purchasing
from simcost.billing.settlement import settle
from simcost.billing.storage_transfer import counted_charges, of_base_tier, volume_charges_of
from simcost.catalog.dates import is_stale
from simcost.errors import CatalogError, InputError
from simcost.trace.usage.usage import HOURLY, KEY, RESERVED_IDLE, UsageRows
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.catalog import Catalog

_SEEN = 1e-3
"""Share of the hours of a file above which rounding is told."""


def bill_usage(usage: UsageRows, purchase: Purchasing, catalog: "Catalog") -> Bill:
    """The bill of metered usage.

    Where the file names its machines, runs are metered by the provider's granularity and minimum, and what runs at
    the end of the file is cut there, unless it is interrupted; else quantities are taken as metered already.

    Raises:
        FaultsError: prices that neither the plan nor the catalog has, all of them, each with its place.
        InputError: a commitment that ends before the usage, or fits nothing.
    """
    usage, prompts = uncached(usage)
    catalog = discounted(catalog, purchase, usage)
    usage = by_contract(usage, catalog)
    missing = MissingPrices(usage)
    others = (
        *volume_charges_of(usage, purchase, catalog, missing),
        *counted_charges(usage, purchase, catalog, missing),
    )
    others = tuple(negotiated(others, catalog, dated=usage.horizon_s is None))
    account = usage_account(usage, purchase, catalog, missing)
    settled = settle(
        account,
        purchase.commitments,
        catalog,
        sustained=purchase.sustained_use,
        own_usd=lambda sku: purchase.own_price("aws", sku),
    )
    charges = (*compute_charges(settled), *others)
    contracts = covered(charges, usage, catalog, [one.bound for one in settled.bought])
    return Bill(
        charges=charges,
        compute_by_state_usd={},
        horizon_s=settled.end_s - settled.start_s,
        notes=(
            *prompts,
            *of_base_tier(usage, purchase, catalog),
            *account.notes,
            *settled.notes,
            *contracts,
            *_unused_prices(usage, purchase),
            *_later_prices(charges, usage),
        ),
        settlement=settled,
    )


def discounted(catalog: "Catalog", purchase: Purchasing, usage: UsageRows) -> "Catalog":
    """The catalog with the negotiated discount of a plan, as a contract on all that its provider sells.

    Raises:
        InputError: the usage is of several providers and the plan names none.
    """
    if purchase.discount is None:
        return catalog
    providers = sorted({key[0] for key in usage.keys} - {""})
    if not purchase.provider and len(providers) != 1:
        found = f"of {' and '.join(providers)}" if providers else "of no provider that it names"
        raise InputError(
            f"`discount` is of one provider and the usage is {found}: add `provider: NAME`, or write a line for each "
            "provider in contracts.csv (columns: provider, sku, service, discount) of the folder that `catalog` names"
        )
    return catalog.with_discount(purchase.provider or providers[0], purchase.discount)


def _unused_prices(usage: UsageRows, purchase: Purchasing) -> Iterator[str]:
    """A note on prices of the plan that are of nothing here: of another file, or misspelled."""
    reserved = [("aws", one.sku) for one in purchase.commitments if isinstance(one, CapacityReservation)]
    if names := purchase.unused_prices([*((key[0], key[1]) for key in usage.keys), *reserved]):
        yield f"the plan has prices of what this usage has nothing of: {', '.join(names)}"


def _later_prices(charges: Sequence[Charge], usage: UsageRows) -> Iterator[str]:
    """A note on usage that ended more than a year before the day of its prices, since when they may have changed."""
    if usage.horizon_s is not None:
        return
    day = datetime.fromtimestamp(float(max(usage.end_s.max(), usage.start_s.max())), UTC).date().isoformat()
    later = {f"{one.provider}/{one.sku}": one.price_as_of for one in charges if is_stale(day, one.price_as_of)}
    if later:
        names = ", ".join(f"{name} of {as_of}" for name, as_of in later.items())
        yield (
            f"the usage ends on {day}, more than a year before the prices that it is billed at ({names}), and the "
            "catalog has no earlier ones; give `prices` if others held then"
        )


def usage_account(
    usage: UsageRows, purchase: Purchasing, catalog: "Catalog", missing: MissingPrices | None = None
) -> Metered:
    """Hourly usage, with its prices.

    Raises:
        FaultsError: prices that are missing, these and those already in `missing`, each with its place.
    """
    hourly = [i for i, key in enumerate(usage.keys) if key[KEY - 1] == HOURLY]
    lines = _priced(usage, hourly, purchase, catalog, missing or MissingPrices(usage))
    place = np.full(len(usage.keys), -1, np.int64)
    place[hourly] = np.arange(len(hourly))
    rows = np.flatnonzero(place[usage.line] >= 0)
    start_s = _first_hour(usage) if usage.horizon_s is None else 0.0
    of_machines = machine_runs(usage, rows)
    check_interruptions(usage, rows, of_machines)
    end, beyond_h = _metered_ends(usage, rows, of_machines, catalog)
    line = place[usage.line[rows]]
    stated = [_stated_spot(usage, i, purchase, catalog) for i in hourly]
    runs = UsageIntervals(
        start_s=usage.start_s[rows] - start_s,
        end_s=end - start_s,
        line=line,
        units=usage.quantity[rows],
        price_usd=_in_effect(usage, rows, line, lines, of_machines, stated),
    )
    if usage.horizon_s is not None:
        return metered(lines, runs, horizon_s=usage.horizon_s, start_s=None)
    last = float(max(usage.end_s.max(), usage.start_s.max())) - start_s
    account = metered(lines, runs, horizon_s=max(last, 1.0), start_s=start_s, cut=False)
    return replace(account, notes=tuple(_cut_at_end(beyond_h, float(account.hours.sum()))))


def _cut_at_end(beyond_h: float, all_h: float) -> Iterator[str]:
    """A note on runs that are taken to go on after the usage, where their rounding would be seen in the bill."""
    if beyond_h > _SEEN * all_h:
        yield (
            f"machines that run up to the end of the usage are taken to run on, and billed without {beyond_h:.3g} h "
            "that granularity and minimum of their provider add to runs that end; if theirs ended there, add a row "
            "with a later `end` and a `quantity` of 0"
        )


def _first_hour(usage: UsageRows) -> float:
    return float(np.floor(usage.start_s.min() / SECONDS_PER_HOUR) * SECONDS_PER_HOUR)


def _priced(
    usage: UsageRows, hourly: Sequence[int], purchase: Purchasing, catalog: "Catalog", missing: MissingPrices
) -> list[Line]:
    """The lines with their prices; lines without a price are named, all at once."""
    lines: list[Line] = []
    for i in hourly:
        with missing.of(i):
            lines.append(_line(usage, i, purchase, catalog))
    missing.check()
    return lines


def _unpriced(sku: str, provider: str, error: CatalogError, catalog: "Catalog") -> str:
    """The reason why usage has no price, and the remedy."""
    providers = dict.fromkeys(offer.provider for offer in catalog.facts.offers if offer.sku.lower() == sku.lower())
    if provider or not providers:
        return f"{error}; or give its price in `prices`"
    named = " or ".join(f"`provider: {one}`" for one in providers)
    return f"its provider is not known; write {named} in the purchasing plan, or a column `provider` in the usage"


def _line(usage: UsageRows, i: int, purchase: Purchasing, catalog: "Catalog") -> Line:
    provider, sku, region, zone, account, pricing, service, _ = usage.keys[i][:KEY]
    name = f"{provider}/{sku}" if provider else sku
    tags = tuple((tag, word) for tag, word in zip(usage.tags, usage.keys[i][KEY:], strict=True) if word)
    own = purchase.own_price(provider, sku)
    offer, stated = None, _stated_usd(usage, i)
    try:
        offer = catalog.offer(name, None if region == "any" else region)
    except CatalogError as error:
        if (
            own is None
            and stated is None
            and not (pricing == "spot" and not np.isnan(usage.price_usd[usage.line == i]).any())
        ):
            why = _unpriced(sku, provider, error, catalog)
            raise CatalogError(f"{name} in region {region}: {why}") from error
    contract = catalog.contracted(offer, last_day(usage, i)) if offer else None
    listed = contract.list_usd_per_h if contract else own
    paid = own if own is not None else contract.contracted_usd_per_h if contract else None
    basis = contract.basis if contract and own is None else None
    agreed = contract.contract if contract and own is None else ""
    if own is not None and offer is None:  # the catalog does not list it: the price of the plan is its list price
        held = catalog.contract_for(provider, sku, region, "compute", last_day(usage, i))
        if held is not None and held.discount:
            paid, agreed = own * (1 - held.discount), held.name
    if stated is not None:
        listed, of_bill = stated
        held = catalog.contract_for(provider, sku, region, "compute", last_day(usage, i))
        if own is None and held is None:
            paid, basis = of_bill, None
        elif own is None and held is not None and held.discount is not None:
            paid, agreed = listed * (1 - held.discount), held.name
    if pricing == "spot":
        agreed = ""
        paid = _spot_usd(usage, i, name, _stated_spot(usage, i, purchase, catalog))
        given = purchase.own_spot(provider, sku) is not None or not np.isnan(usage.price_usd[usage.line == i]).any()
        basis = None if offer is None or given else offer.spot_basis
    return Line(
        provider=provider,
        sku=offer.sku if offer else sku,
        region=offer.region if offer and region == "any" else region,
        service=catalog.service_name(provider, service, sku),
        zone=zone,
        account=account,
        pricing="spot" if pricing == "spot" else "standard",
        reserved_idle=pricing == RESERVED_IDLE,
        tags=tags,
        accelerator=offer.accelerator if offer and offer.accelerator else "",
        list_usd=listed if listed is not None else float(paid or 0.0),
        contracted_usd=float(paid or 0.0),
        contract=agreed,
        as_of=basis.as_of if basis else "",
        quality=basis.quality if basis else "given",
        source=basis.source if basis else "",
    )


def _stated_usd(usage: UsageRows, i: int) -> tuple[float, float] | None:
    """List and contracted price of an hour of a line, as its file states them: the means of its rows, so that the costs
    are those of the file. None = it states no list price of each row.
    """
    rows = np.flatnonzero(usage.line == i)
    weight = usage.quantity[rows] * (usage.end_s[rows] - usage.start_s[rows])
    listed, paid = usage.list_usd[rows], usage.contracted_usd[rows]
    if not weight.sum() > 0 or not (listed > 0).all():
        return None
    paid = np.where(paid > 0, paid, listed)
    return float(np.average(listed, weights=weight)), float(np.average(paid, weights=weight))


def _stated_spot(usage: UsageRows, i: int, purchase: Purchasing, catalog: "Catalog") -> float | None:
    """The spot price of the plan, else of the catalog, which rows of a line without one pay; None = not known."""
    provider, sku, region, _, _, pricing = usage.keys[i][:6]
    if pricing != "spot":
        return None
    if (own := purchase.own_spot(provider, sku)) is not None:
        return own
    try:
        return catalog.offer(f"{provider}/{sku}", None if region == "any" else region).spot_usd_per_h
    except CatalogError:
        return None


def _spot_usd(usage: UsageRows, i: int, name: str, stated: float | None) -> float:
    """Mean price in effect of the rows of a spot line; the stated one of those that say none."""
    rows = usage.line == i
    prices = usage.price_usd[rows] if rows.any() else np.full(1, np.nan)  # not used in this replication
    if np.isnan(prices).any() and stated is None:
        raise CatalogError(f"{name}: no spot price; give a `price` in its rows, or `spot: {{{name}: ...}}` in the plan")
    filled = np.where(np.isnan(prices), stated if stated is not None else 0.0, prices)
    weight = usage.quantity[rows] * (usage.end_s[rows] - usage.start_s[rows])
    return float(np.average(filled, weights=weight)) if weight.sum() else float(filled.mean())


def _in_effect(
    usage: UsageRows, rows: Ints, line: Ints, lines: Sequence[Line], runs: MachineRuns, stated: Sequence[float | None]
) -> Floats | None:
    """Price of each row where it is not its line's: spot at the price in effect, rows that say none at the one that is
    stated, and nothing for a run that AWS interrupts within its first hour.
    """
    spot = np.array([one.pricing == "spot" for one in lines], np.bool_)
    if not spot.any():
        return None
    usual = [one.contracted_usd if usd is None else usd for one, usd in zip(lines, stated, strict=True)]
    own = np.array(usual, np.float64)[line]
    price = np.where(np.isnan(usage.price_usd[rows]), own, usage.price_usd[rows])
    aws = np.array([one.provider == "aws" for one in lines], np.bool_)[line]
    free = spot[line] & aws & runs.interrupted & runs.within_first_hour
    return np.where(free, 0.0, price)


def _metered_ends(usage: UsageRows, rows: Ints, runs: MachineRuns, catalog: "Catalog") -> tuple[Floats, float]:
    """Ends of rows as the providers meter runs of machines: what granularity and minimum add lies behind the last
    row. And the hours that they would add to the runs that are cut at the end of the file.
    """
    final = float(usage.end_s.max()) if usage.horizon_s is None else usage.horizon_s
    result = usage.end_s[rows].copy()
    if usage.resource is None:
        return result, 0.0
    named = usage.resource[rows] >= 0
    providers = np.array([key[0] for key in usage.keys])[usage.line[rows]]
    beyond_h = []
    for provider in np.unique(providers):
        rule = catalog.billing_rule(str(provider))
        ends = (providers == provider) & runs.last & named
        start, end = runs.start_s[ends], runs.end_s[ends]
        goes_on = (end >= final - JOIN_S) & ~runs.interrupted[ends]
        result[ends] = start + billed_seconds(end - start, goes_on, rule)
        added = billed_seconds(end - start, np.zeros_like(goes_on), rule) - (end - start)
        beyond_h.append(fsum((usage.quantity[rows][ends] * added)[goes_on].tolist()) / SECONDS_PER_HOUR)
    return result, fsum(beyond_h)
