"""Days that come back every year: public holidays of a country, the end of the year, the ends of months."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from simcost.errors import InputError

YEAR_END, MONTH_END = "year-end", "month-end"
LAST_DAYS = 3
"""Of a month, that are its end."""
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Za-z0-9]{1,6})?")


def check_calendar(calendar: str) -> None:
    """Raise ValueError where a text names no calendar; whether a country is known shows when its days are asked for."""
    if calendar not in (YEAR_END, MONTH_END) and not _COUNTRY.fullmatch(calendar):
        raise ValueError(
            f"{calendar!r} is not a calendar; write {YEAR_END}, {MONTH_END}, a country, as DE, or a part, as DE-BY"
        )


def days_of(calendar: str, first: date, last: date) -> list[date]:
    """Days of a calendar from the first to the last.

    Raises:
        InputError: a country without known holidays, or their package is not installed.

    >>> [str(day) for day in days_of("month-end", date(2026, 2, 1), date(2026, 3, 1))]
    ['2026-02-26', '2026-02-27', '2026-02-28']
    >>> days_of("year-end", date(2026, 1, 1), date(2026, 12, 24)) == [date(2026, 1, 1), date(2026, 12, 24)]
    True
    """
    if calendar not in (YEAR_END, MONTH_END):
        return [day for day in public_holidays(calendar, first.year, last.year) if first <= day <= last]
    every = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in every if (_ends_year(day) if calendar == YEAR_END else _ends_month(day))]


def _ends_year(day: date) -> bool:
    """True from Christmas Eve to New Year's Day."""
    return (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)


def _ends_month(day: date) -> bool:
    return day.day > monthrange(day.year, day.month)[1] - LAST_DAYS


@lru_cache(maxsize=64)
def public_holidays(country: str, first_year: int, last_year: int) -> tuple[date, ...]:
    """Public holidays of a country or a part of it.

    Raises:
        InputError: they are not known, or the package that knows them is not installed.
    """
    try:
        import holidays
    except ImportError:
        raise InputError(
            f"the holidays of {country} need the package holidays: pip install 'simcost[holidays]'; or list the dates"
        ) from None
    code, _, part = country.partition("-")
    try:
        found = holidays.country_holidays(code, subdiv=part or None, years=range(first_year, last_year + 1))
    except NotImplementedError as error:
        raise InputError(f"{error}; codes are those of ISO 3166, as DE or DE-BY; or list the dates") from None
    return tuple(sorted(found))
