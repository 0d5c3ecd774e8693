"""Times and quantities of user events: local time, recurring windows, medians with 80 % intervals."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import log
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from annotated_types import Gt, Le, MaxLen, MinLen

from simcost.units import parse_seconds

if TYPE_CHECKING:
    from simcost.trace.series.series import Floats


Every = Literal["week", "month", "year"]
Window = tuple[float, float]
"""First second and the second after the last, since 1970-01-01 UTC."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_LONGEST_S = 1e9


def written(text: str) -> datetime | float:
    """Time written in a text (without an offset: local), or seconds after the end of the history.

    Raises:
        ValueError: it is neither; the message has the remedy.

    >>> written("2026-04-01T08:00"), written("+10d")
    (datetime.datetime(2026, 4, 1, 8, 0), 864000.0)
    """
    if text.startswith("+"):
        after_s = parse_seconds(text[1:])
        if after_s > _LONGEST_S:
            raise ValueError(f"{text!r} is more than {_LONGEST_S:g} seconds after the end of the history")
        return after_s
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; write a date or a time, such as 2026-04-01 or 2026-04-01T08:00, "
            "or +10d for ten days after the end of the history"
        ) from None
    if not _FIRST_YEAR < time.year < _LAST_YEAR:
        raise ValueError(f"{text!r} is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return time


def check_window(start: str | None, end: str | None) -> None:
    """Raise ValueError where a text is not a time, or the window is empty and that shows without knowing more."""
    first, last = (None if text is None else written(text) for text in (start, end))
    if isinstance(first, float) and isinstance(last, float):
        empty = last <= first
    elif isinstance(first, datetime) and isinstance(last, datetime):
        empty = (first.tzinfo is None) == (last.tzinfo is None) and last <= first
    else:
        return
    if empty:
        raise ValueError(f"end {end} is not after start {start}; the end is the first instant that is not in it")


def seconds(text: str, now_s: float, zone: ZoneInfo) -> float:
    """Seconds since 1970-01-01 UTC of a written time.

    A local time that the clock shows twice is the first, one that it skips is an hour later.

    Args:
        text: as `written` takes it.
        now_s: the end of the history.
        zone: of times without an offset.
    """
    time = written(text)
    if isinstance(time, float):
        return now_s + time
    return _utc(time, zone) if time.tzinfo is None else time.timestamp()


def local_day(text: str, now_s: float, zone: ZoneInfo) -> Window:
    """The local day in which a written time lies: 23 to 25 hours."""
    time = datetime.fromtimestamp(seconds(text, now_s, zone), zone).replace(tzinfo=None)
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return _utc(midnight, zone), _utc(midnight + timedelta(days=1), zone)


def occurrences(first: Window, every: Every | None, zone: ZoneInfo, until_s: float) -> Iterator[Window]:
    """A window and its repetitions that begin before `until_s`, at the same local time by the clock.

    Monthly and yearly windows from a day that a month lacks begin on its last day.
    """
    start, end = (datetime.fromtimestamp(time_s, zone).replace(tzinfo=None) for time_s in first)
    window, count = first, 0
    while window[0] < until_s:
        yield window
        if every is None:
            return
        count += 1
        begin = _later(start, every, count)
        window = _utc(begin, zone), _utc(begin + (end - start), zone)


def _later(start: datetime, every: Every, count: int) -> datetime:
    if every == "week":
        return start + timedelta(weeks=count)
    years, month = divmod(start.month - 1 + count * (12 if every == "year" else 1), 12)
    year = start.year + years
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _utc(local: datetime, zone: ZoneInfo) -> float:
    return local.replace(tzinfo=zone).timestamp()


Name = Annotated[str, MinLen(1)]
Factor = Annotated[float, Gt(0), Le(1e6)]
Interval = Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(2), MaxLen(2)]
"""Ends of an 80 % interval: one chance in ten to lie below, one in ten above."""

_P90 = 1.2815515655446004  # quantile 0.9 of the standard normal


def check_interval(median: float, interval: tuple[float, ...] | None, field: str) -> None:
    """Raise ValueError where an interval does not hold its median."""
    if interval is not None and not interval[0] <= median <= interval[1]:
        raise ValueError(f"range {interval[0]:g} to {interval[1]:g} does not hold the {field} {median:g}")


def drawn(median: float, interval: tuple[float, ...] | None, luck: Floats) -> Floats:
    """A positive value a path: log-normal around its median, with the interval as P10 and P90.

    The sigma is log(median / lo) / 1.2816 below the median and log(hi / median) / 1.2816 above it; they are equal,
    and log(hi / lo) / 2.563, where the median is the geometric middle.

    Args:
        median: where the luck is 0.
        interval: None = the median always.
        luck: standard normal, shape (paths, 1).
    """
    import numpy as np

    if interval is None:
        return np.full_like(luck, median)
    below, above = log(median / interval[0]), log(interval[1] / median)
    drawn: Floats = median * np.exp(luck * np.where(luck < 0, below, above) / _P90)
    return drawn
