"""Notation of time: steps such as `15min`, and zones such as `Europe/Berlin`.

Pure, so that scenarios are checked fast.
"""

import re
from calendar import monthrange
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from simcost.errors import InputError, did_you_mean

DAY_S = 86400
MONTH = 0
"""The `step_s` of calendar months."""
STEPS = "steps must divide a day (15min, 1h), be whole days or weeks (1d, 1w), or one month (1mo)"
"""Steps that `parse_freq` takes, for messages."""
UNITS_S = {"w": 604800, "d": DAY_S, "h": 3600, "min": 60, "s": 1}
"""Seconds by unit, the longest first."""
_FREQ = re.compile(r"(\d{0,8})(w|d|h|min|s|mo)")


def parse_freq(text: str) -> int:
    """The `step_s` of a frequency such as `1h`, `15min`, `1d`, `1w` or `1mo`; without a number it is 1.

    Raises:
        InputError: it is none, or its steps neither divide a day nor are whole days, weeks or one month.
    """
    match = _FREQ.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a frequency; write e.g. 15min, 1h, 1d, 1w or 1mo")
    number, unit = int(match[1] or 1), match[2]
    if unit == "mo" and number == 1:
        return MONTH
    step_s = number * UNITS_S.get(unit, 0)
    if not divides(step_s):
        raise InputError(f"{text!r}: {STEPS}")
    return step_s


def divides(step_s: int) -> bool:
    """True if steps of this length divide a day, or are whole days (up to a year)."""
    return 0 < step_s <= 366 * DAY_S and (DAY_S % step_s == 0 or step_s % DAY_S == 0)


def months_after(start: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the last day of a month that is shorter.

    >>> months_after(datetime(2027, 11, 30), 3).date().isoformat()
    '2028-02-29'
    """
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    day = min(start.day, monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day)


def find_zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises InputError for an unknown one, with the nearest names."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = {zone.casefold(): zone for zone in available_timezones()}
        near = known.get(name.casefold())
        hint = f"; did you mean {near!r}?" if near else did_you_mean(name, sorted(known.values()))
        raise InputError(f"unknown time zone {name!r}{hint or '; write e.g. Europe/Berlin'}") from error
