"""Demand as a series: one value per step of a regular grid of time."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from simcost.tables.calendar import DAY_S, MONTH, UNITS_S

Floats = npt.NDArray[np.float64]
Seconds64 = npt.NDArray[np.datetime64]
LARGEST = 1e120
"""No demand of a forecast is larger: squares and sums of what is below stay finite."""


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
        """True if steps are whole days of a calendar, rather than spans of UTC."""
        return self.step_s == MONTH or self.step_s >= DAY_S

    @property
    def name(self) -> str:
        """The step as `--freq` takes it: `1h`, `15min`, `1d`, `1w`, `1mo`."""
        if self.step_s == MONTH:
            return "1mo"
        unit, length_s = next((u, s) for u, s in UNITS_S.items() if self.step_s % s == 0)
        return f"{self.step_s // length_s}{unit}"

    def times(self, count: int, first: int = 0) -> Seconds64:
        """The starts of `count` steps from step number `first` on, as datetime64[s]."""
        steps = np.arange(first, first + count)
        if self.step_s:
            return (self.start_s + steps * self.step_s).astype("datetime64[s]")
        month = np.datetime64(self.start_s, "s").astype("datetime64[M]")
        result: Seconds64 = (month + steps.astype("timedelta64[M]")).astype("datetime64[s]")
        return result

    def after(self, count: int) -> Self:
        """The grid that begins `count` steps later."""
        return replace(self, start_s=int(self.times(1, count)[0].astype(np.int64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Demand in each step: NaN where nothing was recorded, 0 where nothing was asked for."""

    name: str
    """Unique in its file; members of a hierarchy write their place in it, as `chat/llama-3.1-8b`."""
    quantity: str
    """Quantity that is counted: `requests`, `prompt_tokens`, `output_tokens`, `gpu_hours`, `jobs`, ...; `value` if the
    file does not say.
    """
    grid: Grid
    values: Floats
    regressors: Floats | None = None
    """One row per step of the history and then of the future, one column per known influence."""

    def __len__(self) -> int:
        return len(self.values)
