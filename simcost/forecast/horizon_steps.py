"""Steps from the end of a history to the end of a horizon."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from zoneinfo import ZoneInfo

from simcost.errors import InputError
from simcost.tables.calendar import months_after
from simcost.trace.series.series import Series
from simcost.units import MEAN_MONTH_S, SECONDS_PER_DAY, format_seconds

MOST_STEPS = 100_000
"""Of a horizon."""
_MOST_MONTHS = 12_000
"""Of a horizon in calendar months."""


def steps_ahead(series: Series, horizon_s: float | None, zone: str = "UTC") -> int:
    """Steps that cover a horizon; None = a quarter of the history, but 1 to 28 days, and no less than 13 steps
    of a day or more. A whole number of mean months is one of calendar months by the clock of `zone`: three from
    1 January on are 90 or 91 days.

    Raises:
        InputError: a horizon of no whole step, or of more than anybody would look at.
    """
    step_s = series.grid.step_s or MEAN_MONTH_S
    if horizon_s is None:
        if step_s >= SECONDS_PER_DAY:
            return max(13, min(28, len(series) // 4))
        whole_days = len(series) * step_s / 4 // SECONDS_PER_DAY
        return max(1, int(min(max(whole_days, 1), 28) * SECONDS_PER_DAY / step_s))
    if horizon_s < step_s * (1 - 1e-9):
        raise InputError(
            f"series {series.name!r}: a horizon of {format_seconds(horizon_s)} is shorter than a step of "
            f"{series.grid.name}; give at least one step, with its unit, as in 28d"
        )
    months = horizon_s / MEAN_MONTH_S
    if series.grid.step_s and months.is_integer() and months <= _MOST_MONTHS:
        horizon_s = _calendar_s(series, int(months), zone)
    steps = ceil(horizon_s / step_s - 1e-9)
    if steps > MOST_STEPS:
        raise InputError(
            f"series {series.name!r}: a horizon of {format_seconds(horizon_s)} is {steps:,} steps of "
            f"{series.grid.name}; give at most {MOST_STEPS:,}, or another --freq"
        )
    return steps


def _calendar_s(series: Series, months: int, zone: str) -> float:
    """Seconds from the end of the history to the same day and time so many months later, or the last day of a month
    that is shorter.
    """
    end_s = series.grid.after(len(series)).start_s
    end = datetime.fromtimestamp(end_s, ZoneInfo("UTC" if series.grid.dates else zone))
    return months_after(end, months).timestamp() - end_s
