"""Commitments against the lines of one account: units that each line takes of them, and their cost.

All commitments come in two forms. **Capacity** is so many units an hour (instances, normalized sizes, vCPUs); a line
takes units for each hour it runs. **Spend** is so much money an hour at discounted rates; a line takes its rate for
each hour. Units not taken in their clock-hour are lost.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, repeat
from math import fsum
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from simcost.billing.commitment.terms import Terms
from simcost.billing.metering import Line, Metered
from simcost.catalog.contracts import Contracted, ContractPrice, ContractService
from simcost.catalog.facts import CommitmentRate, Eligible, Instrument, Offer, Upfront
from simcost.errors import InputError
from simcost.units import format_usd, plural

Floats = npt.NDArray[np.float64]


class CommitmentRates(Protocol):
    """The part of a catalog that commitments ask."""

    def offer(self, name: str, region: str | None = None) -> Offer:
        """The offer `provider/sku`."""
        ...

    def contracted(self, offer: Offer, at: date | None = None) -> Contracted:
        """The list price of an offer, and what is paid for it on a day."""
        ...

    def contract_for(
        self, provider: str, sku: str, region: str, service: ContractService, at: date | None = None
    ) -> ContractPrice | None:
        """The contract that holds for anything that a provider sells, on a day."""
        ...

    def commitment_rate(
        self,
        provider: str,
        instrument: Instrument,
        sku: str,
        region: str,
        term_years: float,
        upfront: Upfront,
    ) -> CommitmentRate:
        """Rate of committing to a SKU."""
        ...

    def service_name(self, provider: str, name: str, sku: str) -> str:
        """The name of the service of an item of usage."""
        ...

    def eligibility(
        self,
        provider: str,
        instrument: Instrument | Literal["capacity-reservation"],
        service: str,
        sku: str,
        *,
        accelerator: str = "",
        term_years: float | None = None,
    ) -> Eligible:
        """Eligibility of an item for a kind of commitment."""
        ...


@dataclass(frozen=True, slots=True)
class Agreed:
    """A negotiated discount on a part of something."""

    contract: str
    """Name of the contract; empty = none holds."""
    part: float
    """Share of the time for which it holds."""
    discount: float


def paid_share(agreed: Sequence[Agreed]) -> float:
    """Share of the price that is left by negotiated discounts; 1 without any."""
    return fsum(one.part * (1 - one.discount) for one in agreed) if agreed else 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Payments:
    """Payments of a commitment, and the cost of an hour of it."""

    each: tuple[Terms, ...]
    """Its terms one after the other, of which only those of a calendar differ in length; the last goes on to `to_h`."""
    from_h: float
    """Its first hour, from the start of the account; below 0 = bought before."""
    to_h: float
    """Its end; beyond a term, it is bought again."""

    @property
    def terms(self) -> Terms:
        """Of its first term."""
        return self.each[0]

    def begun(self, account: Metered) -> Iterator[tuple[float, Terms]]:
        """Its terms that begin before the account ends, with their starts."""
        at = self.from_h
        for terms in chain(self.each, repeat(self.each[-1])):
            if at >= min(self.to_h, account.span_h):
                return
            yield at, terms
            at += terms.term_h

    def active(self, account: Metered) -> Floats:
        """[hour] How much of each clock-hour of the account it is there."""
        return _within(account, self.from_h, self.to_h)

    def committed(self, account: Metered) -> Floats:
        """[hour] Amortised cost: each hour of a term has the same share of what is paid in advance for that term."""
        return self._by_hour(account, lambda terms: terms.effective_usd_per_h)

    def one_time(self, account: Metered) -> Floats:
        """[hour] Payments in advance: at its first hour, and at each renewal, within the account."""
        paid = np.zeros(len(account.length_h))
        for at, terms in self.begun(account):
            if at >= 0:
                paid[int(at)] += terms.upfront_usd
        return paid

    def recurring(self, account: Metered) -> Floats:
        """[hour] Payments by the hour."""
        return self._by_hour(account, lambda terms: terms.recurring_usd_per_h)

    def _by_hour(self, account: Metered, usd_per_h: Callable[[Terms], float]) -> Floats:
        """[hour] A price an hour of each term, over its hours."""
        if len(prices := {usd_per_h(terms) for terms in self.each}) == 1:
            return self.active(account) * prices.pop()
        total = np.zeros(len(account.length_h))
        for at, terms in self.begun(account):
            total += _within(account, at, min(at + terms.term_h, self.to_h)) * usd_per_h(terms)
        return total


def _within(account: Metered, from_h: float, to_h: float) -> Floats:
    """[hour] How much of each clock-hour of the account lies between two times."""
    start = np.arange(len(account.length_h), dtype=np.float64)
    end = start + account.length_h
    result: Floats = np.clip(np.minimum(end, to_h) - np.maximum(start, from_h), 0.0, None)
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommittedUnits:
    """Units an hour, used or not."""

    name: str
    kind: str
    focus_type: str
    """Its CommitmentDiscountType."""
    order: int
    account: str
    shared: bool
    payments: Payments
    units: float
    takes: Floats
    """[line] Units that an hour of each line takes; 0 = not covered."""
    unit: str = "h"
    by_second: bool = False
    """True if it holds so many at each instant; else partial hours of several are added up, as reservations do."""
    usable_h: float | None = None
    """Until when it can be used, where that is before its end."""
    provider: str = ""
    region: str = ""
    sku: str = ""
    notes: tuple[str, ...] = ()
    """Basis of its price."""
    left_out: Mapping[int, Eligible] = field(default_factory=dict)
    """Lines that it would cover, if its provider let it, or if that were known."""
    agreed: tuple[Agreed, ...] = ()
    """Negotiated discounts, which its payments are after."""

    @property
    def usd_per_unit_h(self) -> float:
        """Amortised, of its first term."""
        return self.payments.terms.effective_usd_per_h / self.units


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spend:
    """Money an hour at discounted rates, used or not."""

    name: str
    kind: str
    focus_type: str
    """Its CommitmentDiscountType."""
    order: int
    account: str
    shared: bool
    payments: Payments
    usd_per_h: float
    rates: Floats
    """[line] USD that an hour of each line draws; 0 = not covered."""
    provider: str = ""
    region: str = ""
    notes: tuple[str, ...] = ()
    """Basis of its rates."""
    left_out: Mapping[int, Eligible] = field(default_factory=dict)
    """Lines that it would cover, if its provider let it, or if that were known."""
    agreed: tuple[Agreed, ...] = ()
    """Negotiated discounts, which its payments and its rates are after."""


Bound = CommittedUnits | Spend


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommitmentUse:
    """Payments for a commitment over the account, and its use."""

    bound: Bound
    one_time_usd: Floats
    """[hour]"""
    recurring_usd: Floats
    """[hour]"""
    committed_usd: Floats
    """[hour] Amortised cost."""
    unused_usd: Floats
    """[hour] The part of it that nothing took."""
    covered_h: dict[int, Floats] = field(default_factory=dict)
    """[hour] Hours of each line that it covered."""
    covered_usd: dict[int, Floats] = field(default_factory=dict)
    """[hour] Amortised cost of them."""
    otherwise_usd: float = 0.0
    """Cost of them without it, on demand."""

    def usd_per_unit_h(self, available: Floats) -> Floats | float:
        """[hour] Amortised cost of a unit; a number where all terms cost the same.

        Args:
            available: [hour] unit-hours of the commitment.
        """
        if len({terms.effective_usd_per_h for terms in self.bound.payments.each}) == 1:
            return self.bound.usd_per_unit_h if isinstance(self.bound, CommittedUnits) else 1.0
        usd: Floats = np.divide(self.committed_usd, available, out=np.zeros_like(available), where=available > 0)
        return usd

    @property
    def utilisation(self) -> float | None:
        """Share of the amortised cost that usage took; None where nothing was committed."""
        total = float(self.committed_usd.sum())
        return 1 - float(self.unused_usd.sum()) / total if total else None


def eligible(
    rates: CommitmentRates,
    instrument: Instrument | Literal["capacity-reservation"],
    line: Line,
    term_years: float | None = None,
) -> Eligible:
    """Eligibility of a line: may a commitment of this kind cover it?"""
    return rates.eligibility(
        line.provider,
        instrument,
        line.service,
        line.sku,
        accelerator=line.accelerator,
        term_years=term_years,
    )


def takes_of(
    account: Metered, rates: CommitmentRates, instrument: Instrument, units: Callable[[Line], float | None]
) -> tuple[Floats, dict[int, Eligible]]:
    """[line] Units by line, and the lines with units that a kind of commitment may not cover, or not for sure.

    Spot and what has no standard price is never covered.
    """
    takes = np.array([(units(ln) or 0.0) if ln.pricing == "standard" else 0.0 for ln in account.lines], np.float64)
    answers = {int(i): eligible(rates, instrument, account.lines[i]) for i in np.flatnonzero(takes)}
    beyond: dict[int, Eligible] = {i: answer for i, answer in answers.items() if answer != "yes"}
    takes[list(beyond)] = 0.0
    return takes, beyond


def left_out(bound: Bound, lines: Sequence[Line], usd: Floats) -> list[dict[str, Any]]:
    """Items that a commitment does not cover because its provider does not let it, or because no source says.

    Args:
        bound: the commitment.
        lines: of the account.
        usd: [line] their cost on demand.

    Returns:
        `provider`, `service`, `sku`, `region`, `eligible` and `usd` of each item that costs something, the dearest
        first.
    """
    sums: dict[tuple[str, ...], float] = {}
    for i, answer in bound.left_out.items():
        item = (lines[i].provider, lines[i].service, lines[i].sku, lines[i].region, answer)
        sums[item] = sums.get(item, 0.0) + float(usd[i])
    columns = ("provider", "service", "sku", "region", "eligible", "usd")
    dearest = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    return [dict(zip(columns, (*item, cost), strict=True)) for item, cost in dearest if cost > 0]


_NAMED = 5
"""Items that a note names."""


def left_out_notes(items: Mapping[str, Sequence[Mapping[str, Any]]], each: str = "") -> Iterator[str]:
    """Sentences on what commitments do not cover, with its dollars; one for commitments that leave out the same.

    Args:
        items: of `left_out`, by the name of the commitment.
        each: time of the dollars, such as ` a month`.
    """
    said: dict[str, list[str]] = {}
    for name, rows in items.items():
        for answer, why in (
            ("no", "its provider does not let it"),
            ("unknown", "no source of the catalog says whether it may; a row in commitment_eligibility.csv would"),
        ):
            mine = [row for row in rows if row["eligible"] == answer]
            if mine:
                shown = [f"{_item(row)} {format_usd(row['usd'])}" for row in mine[:_NAMED]]
                more = [f"{plural(len(mine) - _NAMED, 'item')} more"] if len(mine) > _NAMED else []
                total = format_usd(fsum(row["usd"] for row in mine))
                text = f"does not cover {total}{each} of usage ({', '.join(shown + more)}): {why}"
                said.setdefault(text, []).append(name)
    for text, names in said.items():
        yield f"{', '.join(names)}: {text}"


def _item(row: Mapping[str, Any]) -> str:
    of = f" of {row['service']}" if row["service"] else ""
    return f"{row['provider']}/{row['sku']}{of}"


def only_region(account: Metered, provider: str, sku: str | None, name: str) -> str:
    """The one region in which the usage of a provider (and SKU) lies; raises InputError if there are several."""
    found = sorted({ln.region for ln in account.lines if ln.provider == provider and sku in (None, ln.sku)})
    if len(found) > 1:
        raise InputError(f"{name}: usage lies in the regions {', '.join(found)}; set `region`")
    return found[0] if found else "any"
