"""Negotiated terms: prices and discounts over the list, and the rates of other currencies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Literal

from simcost.catalog.aliases import ANY_REGION, matches, narrowness
from simcost.catalog.cell_types import Date, Day, Matching, Positive, ProviderName
from simcost.catalog.dates import UNKNOWN, is_later
from simcost.catalog.facts import Offer, Provenance, Quality, TierPrice, TokenPrice
from simcost.errors import CatalogError, did_you_mean
from simcost.record import record

_SHOWN = 5
ContractService = Literal["compute", "storage", "transfer", "tokens", "commitments"]
"""Services of a provider that a contract line may be narrowed to; `commitments` = fees of savings plans and others."""
CurrencyCode = Annotated[str, Matching(r"[A-Z]{3}", "EUR")]


@record
class CurrencyRate(Provenance):
    """Value of a unit of a currency on the day `as_of`."""

    currency: CurrencyCode
    usd_per_unit: Positive
    quality: Quality = "A"

    def __post_init__(self) -> None:
        if self.as_of == "unknown":
            raise ValueError("a rate of a currency needs its day in as_of")


@record
class ContractPrice(Provenance):
    """A negotiated price or discount on what a provider sells; the list price is kept."""

    provider: ProviderName
    sku: str = "*"
    """An instance type, a model, `storage`, `egress` or `inter-zone`; `p5.*` for all that begin so, or `*` for all."""
    service: ContractService | None = None
    """Empty = all services of the provider; else compute, storage, transfer, tokens or commitments."""
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
    source: str = "contract"
    as_of: Date = UNKNOWN
    quality: Quality = "A"

    def __post_init__(self) -> None:
        if (self.price_per_h is None) == (self.discount is None):
            raise ValueError("give price_per_h or discount, one of the two")
        if self.discount is not None and self.discount >= 1:
            raise ValueError(f"discount ({self.discount:g}) is a share below 1; write 12 % as 0.12")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to ({self.valid_to}) lies before valid_from ({self.valid_from})")

        if self.price_per_h is not None and self.service not in (None, "compute"):
            raise ValueError(f"price_per_h is a price of instances; give a discount of {self.service}")

    @property
    def name(self) -> str:
        """Its key, as in the file: `aws,*`, `aws,p5.*,us-east-1`, `aws,*,storage`."""
        region = "" if self.region == ANY_REGION else self.region
        first = f"from {self.valid_from}" if self.valid_from else ""
        return ",".join(filter(None, (self.provider, self.sku, self.service or "", region, first)))

    @property
    def document(self) -> str:
        """The document that has it, with its date."""
        return self.source if self.as_of == UNKNOWN else f"{self.source} of {self.as_of}"

    def covers(self, provider: str, sku: str, region: str, service: ContractService, at: date | None) -> bool:
        """True if it is about something on a day; None = whatever the day."""
        here = self.provider == provider and self.region in (region, ANY_REGION)
        day = at.isoformat() if at else ""
        then = not day or (self.valid_from <= day and (not self.valid_to or day <= self.valid_to))
        sold = self.service in (None, service) and (self.price_per_h is None or service == "compute")
        return here and then and sold and matches(self.sku, sku)

    def holds(self, offer: Offer, at: date | None) -> bool:
        """True if it is a contract about this offer on a day; None = whatever the day."""
        return self.covers(offer.provider, offer.sku, offer.region, "compute", at)


@dataclass(frozen=True, slots=True)
class Contracted:
    """The list price of an offer, what is paid by contract, and where that comes from."""

    list_usd_per_h: float
    contracted_usd_per_h: float
    basis: Provenance
    """The contract, or the offer where no contract holds."""

    @property
    def contract(self) -> str:
        """Name of the contract; empty = none holds."""
        return self.basis.name if isinstance(self.basis, ContractPrice) else ""


def contract_of(offer: Offer, contracts: Sequence[ContractPrice], at: date | None) -> ContractPrice | None:
    """The contract that holds: the one for the fewest types and regions, of equal ones the latest; None = none does."""
    return narrowest([contract for contract in contracts if contract.holds(offer, at)])


def narrowest(contracts: Sequence[ContractPrice]) -> ContractPrice | None:
    """The contract for the fewest types, services and regions; of equal ones the latest, then the last."""
    best = max(
        enumerate(contracts),
        key=lambda one: (*narrowness(one[1].sku, one[1].region), bool(one[1].service), one[1].valid_from, one[0]),
        default=None,
    )
    return best[1] if best else None


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


def about_nothing(
    contracts: Sequence[ContractPrice],
    offers: Sequence[Offer],
    tiers: Sequence[TierPrice],
    tokens: Sequence[TokenPrice],
) -> list[tuple[ContractPrice, str]]:
    """Contracts about nothing that the catalog has a price of, each with a sentence: no price is paid by them."""
    sold: list[tuple[str, str, str, ContractService]] = [
        *((one.provider, one.sku, one.region, "compute") for one in offers),
        *((one.provider, one.item, one.region, service_of(one.item)) for one in tiers),
        *((one.provider, one.model, ANY_REGION, "tokens") for one in tokens),
    ]
    found = []
    for contract in contracts:
        commitments = contract.service == "commitments" and contract.sku == "*"
        if commitments or any(contract.covers(*one, None) for one in sold):
            continue
        mine = [one for one in sold if one[0] == contract.provider]
        hint = did_you_mean(contract.sku.rstrip("*"), sorted({sku for _, sku, _, _ in mine}))
        same = sorted({region for _, sku, region, _ in mine if matches(contract.sku, sku)})
        where = "" if contract.region == ANY_REGION else f" in {contract.region}"
        if not mine:
            hint = did_you_mean(contract.provider, sorted({provider for provider, *_ in sold}))
        elif same and contract.region not in (ANY_REGION, *same):
            more = f" and {len(same) - _SHOWN} more regions" if len(same) > _SHOWN else ""
            hint = f"; it is offered in {', '.join(same[:_SHOWN])}{more}{did_you_mean(contract.region, same)}"
        said = f"contract for {contract.provider}/{contract.sku}{where}: no price of the catalog is meant by it"
        found.append((contract, f"{said}, and nothing is paid by it{hint}"))
    return found


def service_of(item: str) -> Literal["storage", "transfer"]:
    """The service of `storage`, `egress` or `inter-zone`."""
    return "storage" if item == "storage" else "transfer"


def contracted(
    offer: Offer, contracts: Sequence[ContractPrice], rates: Sequence[CurrencyRate], at: date | None
) -> Contracted:
    """Price that is paid for an offer, by the contract that holds on a day.

    An agreement does not age while it holds: the date is that of the list price that a discount is taken off, or of the
    rate of a currency; a price in USD has none.

    Raises:
        CatalogError: its currency has no rate on or before that day.
    """
    contract = contract_of(offer, contracts, at)
    listed = offer.on_demand_usd_per_h
    if contract is None:
        return Contracted(listed, listed, offer)
    if contract.price_per_h is None:
        off_list = f"{offer.source}; {contract.document}"
        basis = replace(contract, source=off_list, as_of=offer.as_of, quality=offer.quality)
        return Contracted(listed, listed * (1.0 - (contract.discount or 0.0)), basis)
    if contract.currency == "USD":
        basis = replace(contract, source=contract.document, as_of="")
        return Contracted(listed, contract.price_per_h, basis)
    rate = currency_rate(rates, contract.currency, at.isoformat() if at else UNKNOWN)
    converted = f"{contract.document}; {rate.currency} at ${rate.usd_per_unit:g} of {rate.as_of}, {rate.source}"
    basis = replace(contract, source=converted, as_of=rate.as_of)
    return Contracted(listed, contract.price_per_h * rate.usd_per_unit, basis)


def currency_rate(rates: Sequence[CurrencyRate], currency: str, day: str) -> CurrencyRate:
    """The latest rate of a currency up to a day; `unknown` = the latest.

    Raises:
        CatalogError: there is none.
    """
    known = [rate for rate in rates if rate.currency == currency]
    fitting = [rate for rate in known if day == "unknown" or rate.as_of[: len(day)] <= day]
    if fitting:
        return max(fitting, key=lambda rate: rate.as_of)
    only = f" (only of {', '.join(sorted(rate.as_of for rate in known))})" if known else ""
    before = "" if day == "unknown" else f" on or before {day}"
    raise CatalogError(
        f"the catalog has no rate of {currency}{before}{only}; add `currency,usd_per_unit,source,as_of,quality` "
        "to currencies.csv in your catalog folder"
    )
