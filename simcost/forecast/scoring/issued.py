"""A forecast as it was issued: what has to be kept to score it when the future has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from simcost.forecast import accuracy
from simcost.forecast.document import outcome
from simcost.forecast.events.apply import Stated
from simcost.forecast.events.horizon import ahead, middles
from simcost.forecast.forecast import Forecast
from simcost.forecast.level_error import Levels, levels_of
from simcost.forecast.quantiles import median
from simcost.forecast.season import season_of
from simcost.trace.series.series import Floats, Grid

MEASURES = ("total", "peak", "day_totals", "day_peaks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The forecast of one series."""

    name: str
    quantity: str
    model: str
    grid: Grid
    """Of the horizon."""
    mean: Floats
    """The point forecast with all that was stated, shape (steps,)."""
    base: Floats
    """Without it."""
    parts: Mapping[str, Floats]
    """By name of an event: what it changed. base + all parts = mean."""
    median: Floats
    """Of the paths at each step."""
    levels: Levels
    """Of each step."""
    measures: Mapping[str, Levels]
    """Of what steps do not add up to, from the paths; level 0 is the median twice. `total` and `peak` of the
    horizon, shape (1,); `day_totals` and `day_peaks`, shape (days,), empty for steps of a day or more."""
    expected: Mapping[str, float]
    """Means over the paths of `total` and `peak`: of demand in bursts more than the points add up to."""
    scale: float | None
    """Denominator of MASE; None where the history has none."""


def issued(forecast: Forecast, stated: Stated | None, zone: ZoneInfo) -> Issued:
    """Part of a forecast that is stored.

    Args:
        forecast: with sample paths.
        stated: what was laid over it.
        zone: whose days are added up.
    """
    series, (mean, levels, paths) = forecast.series, outcome(forecast, stated)
    asked = tuple(forecast.levels)
    firsts, _ = days(forecast.grid, len(forecast.mean), zone)
    sums = {
        "total": paths.sum(axis=1, keepdims=True),
        "peak": paths.max(axis=1, keepdims=True),
    }
    if not forecast.grid.dates:
        sums["day_totals"] = np.add.reduceat(paths, firsts, axis=1)
        sums["day_peaks"] = np.maximum.reduceat(paths, firsts, axis=1)
    return Issued(
        name=series.name,
        quantity=series.quantity,
        model=forecast.model,
        grid=forecast.grid,
        mean=mean,
        base=forecast.mean,
        parts={part.name: part.effect for part in stated.parts} if stated else {},
        median=median(paths),
        levels=levels,
        measures={what: {0: (median(values),) * 2, **levels_of(values, asked)} for what, values in sums.items()},
        expected={what: float(sums[what].mean()) for what in ("total", "peak")},
        scale=accuracy.scale(series.values, season_of(series.grid).short),
    )


def days(grid: Grid, steps: int, zone: ZoneInfo) -> tuple[list[int], list[str]]:
    """The local days of a horizon, the first and the last perhaps in part; steps of a day or more one by one.

    Returns:
        The first step of each, and its date.
    """
    if grid.dates:
        return list(range(steps)), [str(time)[:10] for time in grid.times(steps)]
    dates = [f"{time:%Y-%m-%d}" for time in middles(ahead(grid, steps, zone))]
    groups = [(date, len(list(group))) for date, group in groupby(dates)]
    firsts = np.cumsum([0, *(count for _, count in groups)])[:-1]
    return firsts.tolist(), [date for date, _ in groups]
