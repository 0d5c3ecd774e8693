"""What a chart of a forecast shows: the last weeks, the future with its levels, and what the user stated.

A picture is JSON-able, so that a result folder can keep it and a report draw it later.
"""

from typing import Any

import numpy as np

from simcost.forecast.cleaning import runs
from simcost.forecast.document import outcome
from simcost.forecast.events.apply import Stated
from simcost.forecast.forecast import Forecast
from simcost.forecast.sample_paths import rounded, weight
from simcost.forecast.season import season_of
from simcost.trace.series.local_time import offsets
from simcost.trace.series.resample import is_rate
from simcost.trace.series.series import Floats, Grid, Series

Columns = dict[str, Floats]

POINTS = 1800
"""Points in time, at most; longer stretches are drawn as means of equal numbers of steps."""
PATHS = 3
"""Sample paths to draw; one where the horizon is long."""
_LONG = 250


def picture(forecast: Forecast, stated: Stated | None = None, *, timezone: str = "UTC") -> dict[str, Any]:
    """The rows of a chart.

    Times are milliseconds of the wall clock of `timezone`, counted as if it were UTC. `history` and `horizon`
    hold one row per point in time, the horizon one more at its end; `changed` the recorded values that
    cleaning replaced; `parts` what is stated and the spans of time in which it acts. `merged` is the number of
    steps whose mean a point is.
    """
    series, horizon = forecast.series, len(forecast.mean)
    shown = _shown(series, horizon)
    merged = -(-(shown + horizon) // POINTS)
    shown -= shown % merged
    times = _wall_clock(series.grid, len(series) - shown, shown + horizon + 1, timezone)
    _, levels, paths = outcome(forecast, stated)
    past, future = times[:shown:merged], [*times[shown:-1:merged], times[-1]]
    history, changed = _history(forecast, shown, merged)
    return {
        "name": series.name,
        "quantity": series.quantity,
        "rate": is_rate(series.quantity),
        "step": series.grid.name,
        "timezone": timezone,
        "merged": merged,
        "levels": sorted(levels),
        "paths": [f"path{i}" for i in range(len(_spread(paths)))],
        "from": times[0],
        "start": times[shown],
        "until": times[-1],
        "history": _rows(past, history),
        "changed": [row for row in _rows(past, changed) if row["recorded"] is not None],
        "horizon": _rows(future, _horizon(forecast, stated, merged)),
        "parts": _parts(stated, times[shown:], weight(series.quantity, series.grid, horizon)),
    }


def _shown(series: Series, horizon: int) -> int:
    """Steps of the history to draw: one and a half times the horizon, but no less than its longest season."""
    season = season_of(series.grid)
    return min(len(series), max(horizon * 3 // 2, season.long or 2 * season.short))


def _history(forecast: Forecast, shown: int, merged: int) -> tuple[Columns, Columns]:
    """Recorded values and what cleaning put in their place; and the recorded ones it took for wrong."""
    raw, cleaned = (_merge(values[-shown:], merged) for values in (forecast.series.values, forecast.cleaned))
    moved = ~(np.abs(raw - cleaned) <= 1e-9 * np.abs(cleaned))
    near = np.convolve(moved, (1, 1, 1), "same") > 0  # joins what was changed to what was not
    wrong = np.zeros(len(forecast.series), bool)
    for edit in forecast.edits:
        wrong[edit.first : edit.last] |= edit.rule != "level"
    wrong_points = _merge(wrong[-shown:].astype(float), merged) > 0
    return (
        {"recorded": raw, "cleaned": np.where(near, cleaned, np.nan)},
        {"recorded": np.where(wrong_points, raw, np.nan)},
    )


def _horizon(forecast: Forecast, stated: Stated | None, merged: int) -> Columns:
    """Mean, levels, sample paths and stated parts; the last value stands at both ends of its step."""
    mean, levels, paths = outcome(forecast, stated)
    columns = {
        "mean": mean,
        **({"base": forecast.mean} if stated and stated.parts else {}),
        **{f"lo{level}": lo for level, (lo, _) in levels.items()},
        **{f"hi{level}": hi for level, (_, hi) in levels.items()},
        **{f"path{i}": path for i, path in enumerate(_spread(paths))},
        **{f"part{i}": part.effect for i, part in enumerate(stated.parts if stated else ())},
    }
    points = {name: _merge(values, merged) for name, values in columns.items()}
    return {name: np.append(values, values[-1]) for name, values in points.items()}


def _spread(paths: Floats) -> Floats:
    """A path with a low, a middle and a high total; of a long horizon the middle one, as three would hide it."""
    order = np.argsort(paths.sum(axis=1), kind="stable")
    count = min(PATHS if paths.shape[1] <= _LONG else 1, len(paths))
    found: Floats = paths[order[((np.arange(count) + 0.5) / count * len(paths)).astype(int)]]
    return found


def _parts(stated: Stated | None, times: list[float], factor: float) -> list[dict[str, Any]]:
    return [
        {
            "name": part.name,
            "kind": part.kind,
            "total": factor * float(part.effect.sum()),
            "spans": [[times[first], times[last]] for first, last in runs(part.effect != 0)],
        }
        for part in (stated.parts if stated else ())
    ]


def _wall_clock(grid: Grid, first: int, count: int, timezone: str) -> list[float]:
    """Starts of steps; those of days, weeks and months are dates already."""
    times = grid.times(count, first).astype(np.int64)
    local = times if grid.dates else offsets(timezone, times).local(times)
    found: list[float] = (1000.0 * local).tolist()
    return found


def _merge(values: Floats, merged: int) -> Floats:
    """The mean of each `merged` values; of the rest at the end likewise."""
    starts = np.arange(0, len(values), merged)
    found: Floats = np.add.reduceat(values, starts) / np.diff(starts, append=len(values))
    return found


def _rows(times: list[float], columns: Columns) -> list[dict[str, Any]]:
    """One row per point in time; None where there is nothing."""
    lists = {
        name: [
            value if np.isfinite(raw) else None for value, raw in zip(rounded(values), values, strict=True)
        ]
        for name, values in columns.items()
    }
    names = ("t", *lists)
    return [dict(zip(names, row, strict=True)) for row in zip(times, *lists.values(), strict=True)]
