"""Dates of facts: which are too old to be compared with the newest."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from math import inf
from os import environ
from re import fullmatch
from typing import Any

UNKNOWN = "unknown"
STALE_YEARS = 1
OLD_DAYS = 90
"""Age from which a verdict about money names a price."""
_SMALL = ("storage", "egress", "inter-zone")
"""Prices that are named behind those of machines and models."""


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
    """The day that it is now in the time zone that is ahead of all others; that of SOURCE_DATE_EPOCH, where it is set,
    so that outputs can be reproduced.
    """
    if epoch := environ.get("SOURCE_DATE_EPOCH", "").strip():
        return datetime.fromtimestamp(int(epoch), UTC).date().isoformat()
    return (datetime.now(UTC) + timedelta(hours=14)).date().isoformat()


def age_days(as_of: str, day: str) -> int | None:
    """Days from a price to a day; a price of a month or a year counts from its end. None = its date is unknown.

    >>> age_days("2026-08-22", "2026-11-20"), age_days("2026", "2026-11-20"), age_days(UNKNOWN, "2026-11-20")
    (90, 0, None)
    """
    if as_of == UNKNOWN:
        return None
    year, month = int(as_of[:4]), int(as_of[5:7] or 12)
    end = first_day(as_of) if len(as_of) == len("2026-08-31") else date(year + month // 12, month % 12 + 1, 1)
    return max((date.fromisoformat(day) - end).days, 0)


def old_prices(prices: Iterable[Mapping[str, Any]], day: str | None = None) -> str:
    """A sentence on prices that are more than `OLD_DAYS` old, for the verdict that rests on them; empty without any.

    Args:
        prices: `provider` and `sku`, or `offer`, and `as_of` of each; one without a date is the user's own.
        day: None = today.

    >>> old_prices([{"provider": "aws", "sku": "p5.48xlarge", "as_of": "2026-07-20"}], "2026-12-07")
    'Old price: aws/p5.48xlarge of 2026-07-20 (140 days).'
    """
    day = day or today()
    dated = [(one.get("offer") or f"{one['provider']}/{one['sku']}", one["as_of"]) for one in prices if one["as_of"]]
    ages = {(name, as_of): age_days(as_of, day) for name, as_of in dated}
    old = [key for key, age in ages.items() if age is None or age > OLD_DAYS]
    if not old:
        return ""
    first = min(old, key=lambda key: (key[0].rpartition("/")[2] in _SMALL, -(ages[key] or inf)))
    name, age = f"{first[0]} of {first[1]}", ages[first]
    length = " date" if age is None else f" ({age} days)"
    more = f" and {len(old) - 1} more" if len(old) > 1 else ""
    return f"Old price{'s' if more else ''}: {name}{length}{more}."


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
