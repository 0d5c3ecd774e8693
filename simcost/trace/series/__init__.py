"""Demand as a series: one value per step of a regular grid of time."""

import re
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError

Floats = npt.NDArray[np.float64]
Seconds64 = npt.NDArray[np.datetime64]

DAY_S = 86400
MONTH = 0
"""The `step_s` of calendar months."""
STEPS = "steps must divide a day (15min, 1h), be whole days or weeks (1d, 1w), or one month (1mo)"
"""What `parse_freq` takes, for messages."""
_UNITS = {"w": 604800, "d": DAY_S, "h": 3600, "min": 60, "s": 1}
_FREQ = re.compile(r"(\d{0,8})(w|d|h|min|s|mo)")


def parse_freq(text: str) -> int:
    """The `step_s` of a frequency such as `1h`, `15min`, `1d`, `1w` or `1mo`; without a number it is 1.

    Raises:
        InputError: it is none, or its steps neither divide a day nor are whole days, weeks or one month.
    """
    match = _FREQ.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is no frequency; write e.g. 15min, 1h, 1d, 1w or 1mo")
    number, unit = int(match[1] or 1), match[2]
    if unit == "mo" and number == 1:
        return MONTH
    step_s = number * _UNITS.get(unit, 0)
    if not divides(step_s):
        raise InputError(f"{text!r}: {STEPS}")
    return step_s


def divides(step_s: int) -> bool:
    """Whether steps of this length divide a day, or are whole days (up to a year)."""
    return 0 < step_s <= 366 * DAY_S and (DAY_S % step_s == 0 or step_s % DAY_S == 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Steps of equal length, or calendar months, from a start.

    Steps below a day are in UTC. Days, weeks and months are dates of the time zone that the series was read
    in (a day there may have 23 or 25 hours), written as 00:00 of the date.
    """

    start_s: int
    """Start of the first step, seconds since 1970-01-01 00:00."""
    step_s: int
    """Length of a step in seconds; 0 = calendar months."""

    @property
    def dates(self) -> bool:
        """Whether steps are whole days of a calendar, rather than spans of UTC."""
        return self.step_s == MONTH or self.step_s >= DAY_S

    @property
    def name(self) -> str:
        """The step as `--freq` takes it: `1h`, `15min`, `1d`, `1w`, `1mo`."""
        if self.step_s == MONTH:
            return "1mo"
        unit, length_s = next((u, s) for u, s in _UNITS.items() if self.step_s % s == 0)
        return f"{self.step_s // length_s}{unit}"

    def times(self, count: int, first: int = 0) -> Seconds64:
        """The starts of `count` steps from step number `first` on, as datetime64[s]."""
        steps = np.arange(first, first + count)
        if self.step_s:
            return (self.start_s + steps * self.step_s).astype("datetime64[s]")
        month = np.datetime64(self.start_s, "s").astype("datetime64[M]")
        found: Seconds64 = (month + steps).astype("datetime64[s]")
        return found

    def after(self, count: int) -> Self:
        """The grid that begins `count` steps later."""
        return replace(self, start_s=int(self.times(1, count)[0].astype(np.int64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What was asked for in each step: NaN where nothing was recorded, 0 where nothing was asked for."""

    name: str
    """Unique in its file; members of a hierarchy write their place in it, as `chat/llama-3.1-8b`."""
    quantity: str
    """What is counted: `requests`, `prompt_tokens`, `output_tokens`, `gpu_hours`, `jobs`, ...; `value` if
    the file does not say.
    """
    grid: Grid
    values: Floats
    regressors: Floats | None = None
    """One row per step of the history and then of the future, one column per known influence."""

    def __len__(self) -> int:
        return len(self.values)
