"""Payments of a commitment: once in advance, by the hour, or both; and the same spread over its term."""

from calendar import isleap
from datetime import UTC, datetime
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from simcost.catalog.facts import Upfront
from simcost.record import record
from simcost.units import SECONDS_PER_HOUR, SHARE

HOURS_PER_YEAR = 8760.0
UPFRONT_SHARE = {"none": 0.0, "partial": 0.5, "all": 1.0}
"""Of the value of the term, as AWS sells partial upfront."""
Years = Literal[1, 3]
Discount = Annotated[float, SHARE, Ge(0), Lt(1)]
"""Off the on-demand list price; 0 where capacity is reserved at that price."""


@record
class Terms:
    """The money of a commitment. effective = upfront / hours of the term + recurring; both ledgers reconcile over the
    term, not per month.

    >>> Terms(upfront_usd=60.0, recurring_usd_per_h=0.007, term_h=8760.0).value_usd
    121.32
    """

    upfront_usd: float
    recurring_usd_per_h: float
    term_h: float

    @classmethod
    def of(cls, effective_usd_per_h: float, term_h: float, upfront: Upfront) -> "Terms":
        """Terms of a commitment of so much an hour, a share of it paid in advance."""
        share = UPFRONT_SHARE[upfront]
        return cls(
            upfront_usd=effective_usd_per_h * term_h * share,
            recurring_usd_per_h=effective_usd_per_h * (1 - share),
            term_h=term_h,
        )

    def times(self, share: float) -> "Terms":
        """The same at a share of all payments."""
        return Terms(
            upfront_usd=share * self.upfront_usd,
            recurring_usd_per_h=share * self.recurring_usd_per_h,
            term_h=self.term_h,
        )

    @property
    def effective_usd_per_h(self) -> float:
        """Amortised cost of an hour."""
        return self.upfront_usd / self.term_h + self.recurring_usd_per_h

    @property
    def value_usd(self) -> float:
        """All payments of the term; for a Reserved Instance, its list value."""
        return self.upfront_usd + self.recurring_usd_per_h * self.term_h


def years_h(years: int, start_s: float | None = None) -> float:
    """Hours of a term: to the same day and hour so many years later, or 8,760 a year without a calendar.

    Special case: a term that begins on 29 February ends on a 28th where there is no 29th.

    Args:
        years: length of the term.
        start_s: its start, seconds since 1970; None = no calendar, or a provider whose year is 365 days.

    >>> years_h(3), years_h(3, start_s=1_704_067_200.0)  # from 2024-01-01
    (26280.0, 26304.0)
    """
    if start_s is None:
        return HOURS_PER_YEAR * years
    start = datetime.fromtimestamp(start_s, UTC)
    last_day = 28 if (start.month, start.day) == (2, 29) and not isleap(start.year + years) else start.day
    return (start.replace(year=start.year + years, day=last_day) - start).total_seconds() / SECONDS_PER_HOUR
