"""Dates of facts: which are too old to be compared with the newest."""

from datetime import UTC, date, datetime, timedelta
from re import fullmatch

UNKNOWN = "unknown"
STALE_YEARS = 1


def is_date(text: str) -> bool:
    """True of a day, a month or a year that there is.

    >>> [is_date(text) for text in ("2026-08-31", "2026-08", "2026", "2026-02-31", "2026-13", "1 May")]
    [True, True, True, False, False, False]
    """
    if not fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", text):
        return False
    try:
        first_day(text)
    except ValueError:
        return False
    return True


def first_day(text: str) -> date:
    """The day, or the first one of a month or a year.

    >>> first_day("2026-08").isoformat()
    '2026-08-01'
    """
    return date.fromisoformat(text + "-01-01"[len(text) - 4 :])


def is_later(day: str, other: str) -> bool:
    """True if a day is surely after another; of two dates the shorter one says how finely they are compared.

    >>> is_later("2026-11-20", "2026-07"), is_later("2026-07-20", "2026-07"), is_later("2026-11", UNKNOWN)
    (True, False, False)
    """
    digits = min(len(day), len(other))
    return UNKNOWN not in (day, other) and day[:digits] > other[:digits]


def today() -> str:
    """The day that it is now in the time zone that is ahead of all others."""
    return (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()


def is_stale(as_of: str, newest: str) -> bool:
    """True if a fact is more than a year older than the newest one; a year or month counts to its end.

    >>> [is_stale(day, "2026-11-20") for day in ("2024-12-23", "2025-11-19", "2025-11-20", "2025", "unknown", "")]
    [True, True, False, False, True, False]
    """
    if not as_of or newest in ("", UNKNOWN):
        return False
    if as_of == UNKNOWN:
        return True
    limit = f"{int(newest[:4]) - STALE_YEARS:04d}{newest[4:]}"
    return as_of + "-12-31"[len(as_of) - 4 :] < limit


def price_of_date(day: str, newest: str) -> str:
    """Date of a price, for sentences; an old one is called so.

    >>> price_of_date("2026-11-09", "2026-11-20"), price_of_date("2024-12-23", "2026-11-20")
    ('price of 2026-11-09', 'old price of 2024-12-23')
    """
    return f"{'old ' if is_stale(day, newest) else ''}price of {'unknown date' if day == UNKNOWN else day}"
