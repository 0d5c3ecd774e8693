"""Settlement of an account: commitments, on-demand and spot prices, and GCP's sustained-use discounts.

Commitments come first; the rest is paid at on-demand or spot prices, less sustained-use discounts where no other
discount applies. Source: Google Cloud documentation, sustained use discounts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import fsum
from typing import Any

import numpy as np

from simcost.billing.bill import Obligation
from simcost.billing.commitment import CapacityBlock, CapacityReservation, Commitment
from simcost.billing.commitment.bound import (
    Bound,
    CommitmentRates,
    CommitmentUse,
    CommittedUnits,
    Floats,
    left_out,
    left_out_notes,
)
from simcost.billing.commitment.names import distinct
from simcost.billing.coverage import cover
from simcost.billing.metering import Line, Metered
from simcost.billing.unused_capacity import with_unused
from simcost.ledger.months import month_edges_h
from simcost.units import HOURS_PER_MONTH, HOURS_PER_YEAR, SECONDS_PER_HOUR, format_usd, plural

QUARTERS = {30: (1.0, 0.8, 0.6, 0.4), 20: (1.0, 0.8678, 0.733, 0.6)}
"""Price of each quarter of a month's use, by the discount of a full month in per cent."""
_SUSTAINED_GPUS = frozenset({"t4", "v100", "p100", "v100-16gb", "v100-32gb"})


def sustained_percent(line: Line) -> int | None:
    """The sustained-use table of a line: 30 or 20 % off for a full month; None = none (H100, A100, L4, TPUs)."""
    if line.provider != "gcp" or line.pricing == "spot":
        return None
    if line.accelerator:
        return 30 if line.accelerator in _SUSTAINED_GPUS else None
    family = line.sku.partition("-")[0]
    return {"n1": 30, "m1": 30, "n2": 20, "n2d": 20, "c2": 20}.get(family)


def break_even_use(share: float, percent: int | None) -> float | None:
    """Share of a month from which on a machine on demand costs more than one that is committed at a share of the
    price; None = at none.

    >>> break_even_use(0.63, None), round(break_even_use(0.63, 30), 4), break_even_use(0.8, 30)
    (0.63, 0.825, None)
    """
    if percent is None:
        return share
    shares = np.linspace(0, 1, 5)
    paid = _paid(shares, percent)
    return float(np.interp(share, paid, shares)) if share <= paid[-1] else None


def sustained_use(
    hours: Floats, month: Floats, month_h: Floats, percent: int, length_h: Floats | None = None
) -> Floats:
    """[hour] What the hours that no commitment covers cost, as multiples of the on-demand price.

    Usage of a month is combined into as few machines as could have run it: the k-th hour of a machine in the month
    falls into the quarter k / hours of the month. With hours sorted from the fullest down, all machines pass
    through the ranks together.

    Args:
        hours: [hour] unit-hours without other discounts.
        month: [hour] number of the month.
        month_h: [hour] hours of that month.
        percent: 30 or 20.
        length_h: [hour] part of the hour that lies in the account; None = all of each.
    """
    length_h = np.ones_like(hours) if length_h is None else length_h
    factor = np.ones_like(hours)
    for one in np.unique(month):
        rows = np.flatnonzero((month == one) & (hours > 0))
        ranked = rows[np.argsort(-hours[rows] / length_h[rows], kind="stable")]
        length = float(month_h[rows[0]]) if len(rows) else HOURS_PER_MONTH
        edge = np.minimum(np.concatenate([[0.0], np.cumsum(length_h[ranked])]) / length, 1.0)
        factor[ranked] = np.diff(_paid(edge, percent)) * length / length_h[ranked]
    return hours * factor


def _paid(share: Floats, percent: int) -> Floats:
    """Integral of the quarter prices up to a share of the month."""
    knots = np.concatenate([[0.0], np.cumsum(QUARTERS[percent])]) / 4
    result: Floats = np.interp(share, np.linspace(0, 1, 5), knots)
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settlement:
    """The hourly books of an account; every charge is a sum over them."""

    account: Metered
    """With a line for what of each capacity reservation nothing used."""
    bought: tuple[CommitmentUse, ...]
    rest_h: Floats
    """[hour, line] Hours that no commitment covers."""
    rest_usd: Floats
    """[hour, line] What they cost."""
    reserved: tuple[Obligation, ...] = ()
    """Capacity reservations, used or not."""

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """Amounts to sign for; commitments that were bought before the account are signed already."""
        return (
            *(
                Obligation(
                    name=one.bound.name,
                    upfront_usd=one.bound.payments.terms.upfront_usd,
                    recurring_usd_per_h=one.bound.payments.terms.recurring_usd_per_h,
                    term_h=one.bound.payments.terms.term_h,
                )
                for one in self.bought
                if one.bound.payments.from_h >= 0
            ),
            *self.reserved,
        )

    @property
    def start_s(self) -> float:
        """Seconds since 1970; 0 of simulated time."""
        return self.account.start_s or 0.0

    @property
    def end_s(self) -> float:
        """End of the account."""
        return self.start_s + self.account.span_h * SECONDS_PER_HOUR

    @property
    def effective_usd(self) -> float:
        """Amortised commitments and everything else."""
        return float(self.rest_usd.sum()) + fsum(float(one.committed_usd.sum()) for one in self.bought)

    @property
    def billed_usd(self) -> float:
        """Amount invoiced within the account: advance payments when due, hourly ones, everything else."""
        paid = fsum(float(one.one_time_usd.sum() + one.recurring_usd.sum()) for one in self.bought)
        return float(self.rest_usd.sum()) + paid

    @property
    def list_usd(self) -> float:
        """All usage at on-demand list prices."""
        return float(self.account.hours.sum(axis=0) @ self._prices())

    @property
    def notes(self) -> tuple[str, ...]:
        """Basis of the price of each commitment, those that are over before the account or begin after it, what is paid
        years in advance, and what has sustained-use discounts.
        """
        of_commitments = (note for one in self.bought for note in one.bound.notes)
        return (
            *of_commitments,
            *left_out_notes({one.bound.name: self.left_out(one.bound) for one in self.bought}),
            *self._elsewhere(),
            *self._in_advance(),
            *self._sustained(),
        )

    def left_out(self, bound: Bound) -> list[dict[str, Any]]:
        """Items that a commitment may not cover, or not for sure, with their cost on demand; as `left_out`."""
        prices = np.array([line.contracted_usd for line in self.account.lines], np.float64)
        return left_out(bound, self.account.lines, self.account.hours.sum(axis=0) * prices)

    def _sustained(self) -> Iterator[str]:
        """A note on usage that costs less than its price, for all of the month that it lasts."""
        full, paid = self.rest_h.sum(axis=0), self.rest_usd.sum(axis=0)
        names = [
            line.name
            for line, hours, usd in zip(self.account.lines, full, paid, strict=True)
            if sustained_percent(line) is not None and usd < hours * line.contracted_usd * (1 - 1e-9)
        ]
        if names:
            which = ", ".join(dict.fromkeys(names))
            yield f"{which}: Google Cloud's sustained-use discounts are taken off, month by month"

    def _in_advance(self) -> Iterator[str]:
        """A note on each commitment that is paid a year in advance, or longer: interest is in none of its costs."""
        for one in self.bought:
            terms = one.bound.payments.terms
            if terms.upfront_usd > 0 and terms.term_h >= HOURS_PER_YEAR:
                years = plural(round(terms.term_h / HOURS_PER_YEAR), "year")
                yield (
                    f"{one.bound.name}: {format_usd(terms.upfront_usd)} is paid in advance for {years}, and spread "
                    "over them without the interest that this money costs"
                )

    def _elsewhere(self) -> Iterator[str]:
        """A note on each commitment whose time lies outside the account."""
        span_h = self.account.span_h
        for one in self.bought:
            times = one.bound.payments
            if times.from_h >= span_h:
                when = f"begins {_hours(times.from_h)} after the start of the usage, which ends after {_hours(span_h)}"
            elif times.to_h <= 0:
                when = f"ended {_hours(abs(times.to_h))} before the start of the usage"
            else:
                continue
            yield f"{one.bound.name}: {when}: it changes nothing here"

    def _prices(self) -> Floats:
        return np.array([line.list_usd for line in self.account.lines], np.float64)


def _hours(hours: float) -> str:
    return f"{hours:,.2f}".rstrip("0").rstrip(".") + " h"


def settle(
    account: Metered,
    commitments: Sequence[Commitment],
    rates: CommitmentRates,
    *,
    sustained: bool = True,
    own_usd: Callable[[str], float | None] = lambda _: None,
) -> Settlement:
    """Settle every clock-hour of an account.

    Args:
        account: what was metered.
        commitments: what was bought in advance.
        rates: for commitments that state no price.
        sustained: whether GCP's sustained-use discounts apply where they can.
        own_usd: the user's own price of an hour of an SKU of AWS, for reserved capacity that nothing used.

    Raises:
        InputError: a commitment that fits no region, or ends before the usage.
        CatalogError: a price that is not stated.
    """
    named = [_spelled(one, account) for one in _named(commitments)]
    if reserved := [one for one in named if isinstance(one, CapacityReservation)]:
        blocks = [one.bind(account, rates) for one in named if isinstance(one, CapacityBlock)]
        account = with_unused(account, reserved, rates, own_usd, blocks)
    bounds = [_told(one.bind(account, rates), account) for one in named if not isinstance(one, CapacityReservation)]
    left, bought = cover(account, bounds)
    rest_usd = _on_demand(account, left, sustained=sustained)
    bought = [replace(use, otherwise_usd=_otherwise(account, left, use, sustained=sustained)) for use in bought]
    if account.varying_usd is not None:
        spot = [i for i, line in enumerate(account.lines) if line.pricing == "spot"]
        rest_usd[:, spot] = account.varying_usd[:, spot]
    return Settlement(
        account=account,
        bought=tuple(bought),
        rest_h=left,
        rest_usd=rest_usd,
        reserved=tuple(_owed(one, account) for one in reserved),
    )


def _owed(one: CapacityReservation, account: Metered) -> Obligation:
    """A capacity reservation as an amount that is owed by the hour."""
    price = next(line.contracted_usd for line in account.lines if line.reserved_idle and line.sku == one.sku)
    return Obligation(
        name=f"capacity reservation, {one.count:,} x {one.sku}",
        upfront_usd=0.0,
        recurring_usd_per_h=one.count * price,
        term_h=None if one.until is None else (one.until - one.since) / SECONDS_PER_HOUR,
    )


def _told(bound: Bound, account: Metered) -> Bound:
    """A commitment with a note where it is for none of the usage."""
    draws = bound.takes if isinstance(bound, CommittedUnits) else bound.rates
    reached = [bound.shared or bound.account in ("", line.account) for line in account.lines]
    if draws[reached].any():
        return bound
    whose = f" by the account {bound.account}" if draws.any() else ""
    note = f"{bound.name}: covers nothing of what is used here{whose}; all of it is lost"
    return replace(bound, notes=(*bound.notes, note))


def _on_demand(account: Metered, hours: Floats, *, sustained: bool) -> Floats:
    """[hour, line] Cost of hours without commitments."""
    usd = hours * np.array([line.contracted_usd for line in account.lines], np.float64)
    return usd * sustained_multiples(account, hours) if sustained else usd


def _otherwise(account: Metered, left: Floats, use: CommitmentUse, *, sustained: bool) -> float:
    """Cost on demand of what a commitment covers, beside what none covers."""
    if not sustained or all(sustained_percent(account.lines[i]) is None for i in use.covered_h):
        return fsum(float(hours.sum()) * account.lines[i].contracted_usd for i, hours in use.covered_h.items())
    more = left.copy()
    for i, hours in use.covered_h.items():
        more[:, i] += hours
    usd = (_on_demand(account, hours, sustained=True) for hours in (more, left))
    with_it, without = (float(each.sum()) for each in usd)
    return with_it - without


def months(account: Metered) -> tuple[Floats, Floats]:
    """[hour] The calendar month of each hour, and its length in hours; without a calendar, the equal parts of the
    account that are about a month each, and stand for one.
    """
    count = len(account.length_h)
    if account.start_s is None:
        edges_h = month_edges_h(account.span_h)
        part = np.searchsorted(edges_h[1:-1], np.arange(count), side="right")
        return part.astype(np.float64), np.diff(edges_h)[part]
    first = np.datetime64(int(account.start_s), "s")
    hours = first + np.arange(count).astype("timedelta64[h]")
    month = hours.astype("datetime64[M]")
    length = ((month + np.timedelta64(1, "M")).astype("datetime64[h]") - month.astype("datetime64[h]")).astype(
        np.float64
    )
    return month.astype(np.int64).astype(np.float64), length


def _spelled(commitment: Commitment, account: Metered) -> Commitment:
    """The commitment with its SKUs in the upper and lower case of the usage, which has that of the catalog."""
    spelled = {line.sku.lower(): line.sku for line in account.lines}
    changes: dict[str, Any] = {}
    if sku := getattr(commitment, "sku", ""):
        changes["sku"] = spelled.get(sku.lower(), sku)
    if ratios := getattr(commitment, "ratios", None):
        changes["ratios"] = {spelled.get(name.lower(), name): ratio for name, ratio in ratios.items()}
    return replace(commitment, **changes)


def _named(commitments: Sequence[Commitment]) -> Iterator[Commitment]:
    """Each with a name of its own: the given one, or its kind, with a number where several are called alike."""
    names = iter(distinct([one.name or one.kind for one in commitments if not isinstance(one, CapacityReservation)]))
    for one in commitments:
        yield one if isinstance(one, CapacityReservation) else replace(one, name=next(names))


def sustained_multiples(account: Metered, left: Floats, *, by_rank: bool = False) -> Floats:
    """[hour, line] Price of hours that no commitment covers, as a multiple of that on demand. Use of an instance type
    in a region and account is one, whatever its zones and tags.

    Args:
        account: what was metered.
        left: [hour, line] hours that no commitment covers.
        by_rank: whether an hour has the price of its place in the month, from the fullest down, as a commitment to
            the base of the demand saves it; else all hours of a month have their mean.
    """
    month, length = months(account)
    groups: dict[tuple[int, str, str, str], list[int]] = {}
    for i, line in enumerate(account.lines):
        if (percent := sustained_percent(line)) is not None:
            groups.setdefault((percent, line.sku, line.region, line.account), []).append(i)
    multiples = np.ones_like(left)
    for (percent, *_), members in groups.items():
        used = left[:, members].sum(axis=1)
        paid = sustained_use(used, month, length, percent, account.length_h)
        alike = np.column_stack([month, np.round(used / account.length_h, 9) if by_rank else month])
        number = np.unique(alike, axis=0, return_inverse=True)[1].reshape(-1)
        hours, cost = (np.bincount(number, each)[number] for each in (used, paid))
        multiples[:, members] = np.divide(cost, hours, out=np.ones_like(cost), where=hours > 0)[:, None]
    return multiples
