"""Negotiated terms: prices and discounts over the list, and the rates of other currencies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from simcost.catalog.aliases import ANY_REGION, matches, narrowness
from simcost.catalog.cell_types import Day, Matching, Positive, ProviderName
from simcost.catalog.dates import UNKNOWN, is_later
from simcost.catalog.facts import Offer, Provenance
from simcost.errors import CatalogError, did_you_mean
from simcost.record import record

_SHOWN = 5
CurrencyCode = Annotated[str, Matching(r"[A-Z]{3}", "EUR")]


@record
class CurrencyRate(Provenance):
    """Value of a unit of a currency on the day `as_of`."""

    currency: CurrencyCode
    usd_per_unit: Positive

    def __post_init__(self) -> None:
        if self.as_of == "unknown":
            raise ValueError("a rate of a currency needs its day in as_of")


@record
class ContractPrice(Provenance):
    """A negotiated price or discount of instance types; the list price is kept."""

    provider: ProviderName
    sku: str
    """An instance type, `p5.*` for all that begin so, or `*` for all."""
    region: str = ANY_REGION
    """`any` = everywhere."""
    price_per_h: Positive | None = None
    """Per instance and hour, in `currency`."""
    currency: CurrencyCode = "USD"
    discount: Positive | None = None
    """Share of the list price that is saved."""
    valid_from: Day = ""
    """First day; empty = always was."""
    valid_to: Day = ""
    """Last day; empty = open."""

    def __post_init__(self) -> None:
        if (self.price_per_h is None) == (self.discount is None):
            raise ValueError("give price_per_h or discount, one of the two")
        if self.discount is not None and self.discount >= 1:
            raise ValueError(f"discount ({self.discount:g}) is a share below 1; write 12 % as 0.12")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to ({self.valid_to}) lies before valid_from ({self.valid_from})")

    def holds(self, offer: Offer, at: date | None) -> bool:
        """True if it is a contract about this offer on a day; None = whatever the day."""
        here = self.provider == offer.provider and self.region in (offer.region, ANY_REGION)
        day = at.isoformat() if at else ""
        then = not day or (self.valid_from <= day and (not self.valid_to or day <= self.valid_to))
        return here and then and matches(self.sku, offer.sku)


@dataclass(frozen=True, slots=True)
class Contracted:
    """The list price of an offer, what is paid by contract, and where that comes from."""

    list_usd_per_h: float
    contracted_usd_per_h: float
    basis: Provenance
    """The contract, or the offer where no contract holds."""


def contract_of(offer: Offer, contracts: Sequence[ContractPrice], at: date | None) -> ContractPrice | None:
    """The contract that holds: the one for the fewest types and regions, of equal ones the latest; None = none does."""
    holding = [contract for contract in contracts if contract.holds(offer, at)]
    return max(holding, key=lambda c: (narrowness(c.sku, c.region), c.valid_from), default=None)


def not_over(contracts: Sequence[ContractPrice], day: str) -> Sequence[ContractPrice]:
    """Those that are not over on a day."""
    return [contract for contract in contracts if not contract.valid_to or contract.valid_to >= day]


def beside_its_time(offer: Offer, contracts: Sequence[ContractPrice], newest: str) -> str:
    """A sentence if use without a calendar pays a contract for the offer that is still to begin, or ends within a year
    of the newest day of the catalog, or none because the last one is over on that day; else empty.
    """
    about = [contract for contract in contracts if contract.holds(offer, None)]
    paid = contract_of(offer, not_over(about, newest), None)
    if paid is not None and paid.valid_from > newest:
        return (
            f"{offer.name}: the contract ({paid.source}) begins on {paid.valid_from}, and is paid here already: a "
            f"scenario has no calendar."
        )
    if paid is not None and _ends_within_a_year(paid.valid_to, newest):
        return (
            f"{offer.name}: the contract ({paid.source}) ends on {paid.valid_to}: a scenario has no calendar, and pays "
            f"it to the end of the run."
        )
    if paid is None and about:
        last = max(about, key=lambda contract: contract.valid_to)
        return (
            f"{offer.name}: the contract ({last.source}) ended on {last.valid_to}: the list price is paid (newest "
            f"fact of the catalog: {newest})."
        )
    return ""


def _ends_within_a_year(valid_to: str, newest: str) -> bool:
    """True of a last day in the year after a date.

    >>> [_ends_within_a_year(day, "2026-11-20") for day in ("2027-11-20", "2027-11-21", "")]
    [True, False, False]
    """
    return valid_to != "" and newest != UNKNOWN and not is_later(valid_to, f"{int(newest[:4]) + 1}{newest[4:]}")


def without_offer(contracts: Sequence[ContractPrice], offers: Sequence[Offer]) -> list[str]:
    """A sentence for each contract that is about no offer of the catalog, so that no price is paid by it."""
    told = []
    for contract in contracts:
        if any(contract.holds(offer, None) for offer in offers):
            continue
        skus = {offer.sku for offer in offers if offer.provider == contract.provider}
        same = sorted(
            {one.region for one in offers if one.provider == contract.provider and matches(contract.sku, one.sku)}
        )
        hint = did_you_mean(contract.sku.rstrip("*"), sorted(skus))
        where = "" if contract.region == ANY_REGION else f" in {contract.region}"
        if same:
            more = f" and {len(same) - _SHOWN} more regions" if len(same) > _SHOWN else ""
            hint = f"; it is offered in {', '.join(same[:_SHOWN])}{more}{did_you_mean(contract.region, same)}"
        told.append(
            f"contract for {contract.provider}/{contract.sku}{where}: no offer of the catalog is meant by it, and "
            f"nothing is paid by it{hint}"
        )
    return told


def contracted(
    offer: Offer, contracts: Sequence[ContractPrice], rates: Sequence[CurrencyRate], at: date | None
) -> Contracted:
    """Price that is paid for an offer, by the contract that holds on a day.

    Raises:
        CatalogError: its currency has no rate on or before that day.
    """
    contract = contract_of(offer, contracts, at)
    listed = offer.on_demand_usd_per_h
    if contract is None:
        return Contracted(listed, listed, offer)
    if contract.price_per_h is None:
        return Contracted(listed, listed * (1.0 - (contract.discount or 0.0)), contract)
    day = at.isoformat() if at else "unknown"
    return Contracted(listed, contract.price_per_h * usd_per_unit(rates, contract.currency, day), contract)


def usd_per_unit(rates: Sequence[CurrencyRate], currency: str, day: str) -> float:
    """Value of a unit of a currency in USD: the latest rate up to a day; `unknown` = the latest.

    Raises:
        CatalogError: there is none.
    """
    if currency == "USD":
        return 1.0
    known = [rate for rate in rates if rate.currency == currency]
    fitting = [rate for rate in known if day == "unknown" or rate.as_of[: len(day)] <= day]
    if fitting:
        return max(fitting, key=lambda rate: rate.as_of).usd_per_unit
    only = f" (only of {', '.join(sorted(rate.as_of for rate in known))})" if known else ""
    before = "" if day == "unknown" else f" on or before {day}"
    raise CatalogError(
        f"the catalog has no rate of {currency}{before}{only}; add `currency,usd_per_unit,source,as_of,quality` "
        "to currencies.csv in your catalog folder"
    )
