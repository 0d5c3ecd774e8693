"""Sample paths of demand, with sums and quantiles: the form in which futures travel to other rooms."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from simcost.forecast.quantiles import quantiles
from simcost.tables.calendar import DAY_S
from simcost.trace.series.local_time import offsets
from simcost.trace.series.resample import is_rate
from simcost.trace.series.series import Floats, Grid, Seconds64, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Joint futures of one series. Path i of all series of a forecast belongs to the same future."""

    series: str
    quantity: str
    """Quantity counted in each step, e.g. `requests`."""
    grid: Grid
    """Of the horizon, UTC."""
    values: Floats
    """Shape (paths, steps); at or above 0 where the history is."""


DIGITS = 6
_TINY = 1e-200
_RATE = re.compile(r"(.+)_per_(?:(s|second)|(min|minute)|(h|hour)|(d|day))", re.IGNORECASE)
_UNIT_S = (1, 60, 3600, DAY_S)


def rounded(values: Floats) -> list[float]:
    """Values with six significant digits; by powers of ten that are exact, so that they print as short."""
    size = np.abs(values)
    places = DIGITS - 1 - np.floor(np.log10(np.where(size > _TINY, size, 1.0)))
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    found: list[float] = (np.rint(values * up / down) * down / up + 0.0).tolist()
    return found


def spreads(mean: Floats, paths: Floats) -> list[dict[str, float | None]]:
    """Mean and quantiles of each column of `paths`, (count, columns); without paths `mean` alone, (columns,)."""
    if not len(paths):
        return [{"mean": value, "p10": None, "p50": None, "p90": None} for value in rounded(mean)]
    found = [rounded(row) for row in (paths.mean(axis=0), *quantiles(paths, (0.1, 0.5, 0.9)))]
    return [dict(zip(("mean", "p10", "p50", "p90"), column, strict=True)) for column in zip(*found, strict=True)]


def counted(quantity: str, grid: Grid) -> str | None:
    """Quantity of a sum over time; None where only an average makes sense."""
    if not is_rate(quantity):
        return quantity
    match = _RATE.fullmatch(quantity)
    return match[1] if match and grid.step_s else None


def rate_unit_s(quantity: str) -> int | None:
    """Seconds of the unit of a rate; None of counts, and of what is averaged and has none, such as `gpus_busy`.

    >>> rate_unit_s("requests_per_minute"), rate_unit_s("requests"), rate_unit_s("gpus_busy")
    (60, None, None)
    """
    match = _RATE.fullmatch(quantity)
    if match is None:
        return None
    return next(s for s, unit in zip(_UNIT_S, match.groups()[1:], strict=True) if unit)


def spelled(quantity: str) -> str:
    """Display name of the quantity: `gpu_hours` as `GPU-hours`; empty for a mere `value`."""
    return "" if quantity == "value" else quantity.replace("gpu_hours", "GPU-hours").replace("_", " ")


def weight(quantity: str, grid: Grid, steps: int) -> float:
    """Factor from a sum over steps to the quantity, or to the average of a rate that does not add up.

    >>> hours = Grid(start_s=0, step_s=3600)
    >>> weight("requests", hours, 24), weight("requests_per_s", hours, 24), weight("gpus_busy", hours, 4)
    (1.0, 3600.0, 0.25)
    """
    if counted(quantity, grid) is None:
        return 1 / steps
    unit_s = rate_unit_s(quantity)
    return grid.step_s / unit_s if unit_s else 1.0


def sums(series: Series, mean: Floats, paths: Floats, starts: npt.NDArray[np.intp]) -> list[dict[str, float | None]]:
    """The sum of the steps from each start to the next, or the average of a rate that does not add up."""
    steps = np.diff(starts, append=len(mean)).tolist()
    factor = np.array([weight(series.quantity, series.grid, count) for count in steps])
    return spreads(np.add.reduceat(mean, starts) * factor, np.add.reduceat(paths, starts, axis=1) * factor)


def local_days(series: Series, mean: Floats, paths: Floats, times: Seconds64, timezone: str) -> list[dict[str, Any]]:
    """The sum of each local day; `steps` tells a day that the horizon holds in part."""
    zone, seconds = ZoneInfo(timezone), times.astype(np.int64)
    first, last = (datetime.fromtimestamp(int(seconds[i]), zone).date() for i in (0, -1))
    dates = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in dates]
    starts = np.searchsorted(seconds, midnights)  # the first is 0
    lengths = np.diff(starts, append=len(times))
    kept = lengths > 0  # a zone may skip a day
    found = sums(series, mean, paths, starts[kept])
    days = [day.isoformat() for day, any_step in zip(dates, kept, strict=True) if any_step]
    return [
        {"date": day, "steps": steps, **spread}
        for day, steps, spread in zip(days, lengths[kept].tolist(), found, strict=True)
    ]


def month_starts(grid: Grid, steps: int, timezone: str) -> tuple[npt.NDArray[np.intp], list[str], list[bool]]:
    """The first step of each local month, the months, and which of them the horizon holds in part: none but the first
    and the last.
    """
    times = grid.times(steps + 1).astype(np.int64)
    local = (times if grid.dates else offsets(timezone, times).local(times)).astype("datetime64[s]")
    months = local.astype("datetime64[M]")
    starts = np.flatnonzero(np.diff(months[:-1].astype(np.int64), prepend=-1 - abs(int(months[0].astype(np.int64)))))
    cut = [False] * len(starts)
    cut[0] = bool(local[0] > months[0])
    cut[-1] |= bool(months[-1] == months[-2])
    return starts, [str(month) for month in months[starts]], cut


def local_months(series: Series, grid: Grid, mean: Floats, paths: Floats, timezone: str) -> list[dict[str, Any]]:
    """The sum of each local month; `partial` tells a month that the horizon holds in part."""
    starts, months, cut = month_starts(grid, len(mean), timezone)
    lengths = np.diff(starts, append=len(mean)).tolist()
    return [
        {"month": month, "steps": steps, "partial": partial, **spread}
        for month, steps, partial, spread in zip(months, lengths, cut, sums(series, mean, paths, starts), strict=True)
    ]
