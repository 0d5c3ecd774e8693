"""Cron expressions of five fields: when one strikes next.

Semantics: robfig/cron v3 (the library of KEDA and Karpenter) - names of months and days, steps, lists, `?`, `@daily`
and the like; if both the day of the month and of the week are restricted, as by a step, either will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEARS = 5


@dataclass(frozen=True, slots=True)
class Cron:
    """The values of each field, and whether the days are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def matches_day(self, day: datetime) -> bool:
        """True if it strikes on this day at all."""
        in_month = day.day in self.days
        in_week = (day.weekday() + 1) % 7 in self.weekdays
        return in_month and in_week if self.any_day or self.any_weekday else in_month or in_week


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron:
    """The expression.

    Raises:
        ValueError: what is wrong with it, and what to write.
    """
    words = _NAMED.get(text, text).split()
    if len(words) != len(_FIELDS):
        raise ValueError(
            f"{text!r} has {len(words)} fields; write minute, hour, day, month, day of the week: 0 7 * * 1-5"
        )
    sets = [_values(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    stars = [not {"*", "?", "*/1", "?/1"}.isdisjoint(word.split(",")) for word in words]
    minutes, hours, days, months, weekdays = sets
    return Cron(minutes, hours, days, months, weekdays, any_day=stars[2], any_weekday=stars[4])


def _values(word: str, name: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            raise ValueError(f"{part!r} has no step for the {name}; write e.g. */15")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, name, low, high, names)
            last = _number(end, name, low, high, names) if dash else high if slash else first
        if first > last:
            raise ValueError(f"{part!r} runs backwards for the {name}; write two ranges")
        found.update(range(first, last + 1, int(step) if slash else 1))
    return frozenset(found)


def _number(word: str, name: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if word.lower() in names:
        return names.index(word.lower()) + low
    if not word.isdecimal() or not low <= int(word) <= high:
        raise ValueError(f"{word!r} is not a valid {name} from {low} to {high}")
    return int(word)


@lru_cache(maxsize=4096)
def next_after(text: str, zone: str, utc_s: int) -> float:
    """Seconds since 1970 at which the expression strikes next after an instant, by the clocks of a time zone.

    Infinite where it does not within five years. A time that the clocks skip in spring does not strike that day, one of
    the hour that they repeat in autumn strikes twice.
    """
    cron, place = parse_cron(text), ZoneInfo(zone)
    start = datetime.fromtimestamp(utc_s, place)
    day = start.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    for _ in range(366 * _YEARS):
        if day.month in cron.months and cron.matches_day(day):
            for local in _times(cron, day, start.replace(tzinfo=None)):
                at_s = local.replace(tzinfo=place).timestamp()
                exists = datetime.fromtimestamp(at_s, place).replace(tzinfo=None) == local
                if exists and at_s > utc_s:
                    return at_s
        day += timedelta(days=1)
    return float("inf")


def _times(cron: Cron, day: datetime, since: datetime) -> Iterator[datetime]:
    """Times of a day by its clocks; each hour a second time, for the day on which the clocks repeat it."""
    for hour in sorted(cron.hours):
        if day.date() > since.date() or hour >= since.hour:
            for fold in (0, 1):
                for minute in sorted(cron.minutes):
                    yield day.replace(hour=hour, minute=minute, fold=fold)
