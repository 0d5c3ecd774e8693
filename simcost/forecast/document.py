"""Forecast as the JSON document of `simcost forecast --json` (six digits, never NaN), and the data of its charts.

A picture is JSON-able, so that a result folder can keep it and a report draw it later.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcost.forecast.backtest import Backtest
from simcost.forecast.cleaning import Edit
from simcost.forecast.events.apply import Stated
from simcost.forecast.forecast import Forecast
from simcost.forecast.level_error import Levels, levels_of
from simcost.forecast.outages import runs
from simcost.forecast.sample_paths import DIGITS, counted, local_days, local_months, rounded, spreads, sums, weight
from simcost.forecast.season import season_of
from simcost.tables.calendar import DAY_S, MONTH
from simcost.trace.series.local_time import offsets
from simcost.trace.series.resample import is_rate
from simcost.trace.series.series import Floats, Grid, Seconds64, Series


def forecast_document(
    forecasts: Sequence[tuple[Forecast, Stated | None]], *, file: str, seed: int, timezone: str = "UTC"
) -> dict[str, Any]:
    """The document of all series of a file, without provenance.

    Args:
        forecasts: at least one, each with user events applied, if anything.
        file: where the history was read.
        seed: of the sample paths.
        timezone: whose days are added up.

    Returns:
        The common facts, and under `series` one `series_document` per name. `freq` and `horizon_steps` are
        None where the series differ in them.
    """
    first = forecasts[0][0]
    steps = {(forecast.grid.name, len(forecast.mean)) for forecast, _ in forecasts}
    freq, horizon_steps = next(iter(steps)) if len(steps) == 1 else (None, None)
    return {
        "file": file,
        "seed": seed,
        "freq": freq,
        "timezone": timezone,
        "horizon_steps": horizon_steps,
        "levels": sorted(first.levels),
        "paths": len(first.paths),
        "series": {
            forecast.series.name: series_document(forecast, stated, timezone=timezone) for forecast, stated in forecasts
        },
    }


def series_document(forecast: Forecast, stated: Stated | None = None, *, timezone: str = "UTC") -> dict[str, Any]:
    """One series: its history, the forecast with levels, its accuracy, and the edits of cleaning.

    `mean` and `levels` are per step. `total` and `peak` are the sum and the largest step of the horizon,
    `days` and `months` the sums of those of `timezone`, all four over the sample paths. The sum of a rate per second,
    minute, hour or day is what it counts, named by `total.quantity`; of other rates it is the average, and
    `total.average` is true.
    """
    series, grid = forecast.series, forecast.grid
    mean, levels, paths = outcome(forecast, stated)
    times = grid.times(len(mean))
    return {
        "quantity": series.quantity,
        "rate": is_rate(series.quantity),
        "step": grid.name,
        "history": _history(series),
        "timestamps": iso(times),
        "mean": rounded(mean),
        "levels": {str(level): {"lo": rounded(lo), "hi": rounded(hi)} for level, (lo, hi) in levels.items()},
        "total": {
            **sums(series, mean, paths, np.array([0]))[0],
            "levels": _levels_of_total(series, paths, levels),
            "quantity": counted(series.quantity, grid) or series.quantity,
            "average": counted(series.quantity, grid) is None,
        },
        "peak": spreads(mean.max(keepdims=True), paths.max(axis=1, keepdims=True))[0],
        "days": local_days(series, mean, paths, times, timezone) if not grid.dates else [],
        "months": local_months(series, grid, mean, paths, timezone)
        if grid.step_s != MONTH and DAY_S % grid.step_s == 0
        else [],
        "model": forecast.model,
        "growth": _growth(forecast),
        "backtest": _backtest(forecast.backtest) if forecast.backtest else None,
        "stated": _stated(forecast, stated) if stated else [],
        "cleaning": [_edit(edit, series.grid) for edit in forecast.edits],
        "findings": [*forecast.findings, *(stated.findings if stated else ())],
    }


def _levels_of_total(series: Series, paths: Floats, levels: Levels) -> dict[str, dict[str, float]]:
    """Ends of each level of the total, over the sample paths; empty without paths."""
    if not len(paths):
        return {}
    totals = paths.sum(axis=1, keepdims=True) * weight(series.quantity, series.grid, paths.shape[1])
    ends = levels_of(totals, tuple(levels))
    return {str(level): {"lo": rounded(lo)[0], "hi": rounded(hi)[0]} for level, (lo, hi) in ends.items()}


def outcome(forecast: Forecast, stated: Stated | None) -> tuple[Floats, Levels, Floats]:
    """Mean, levels and sample paths, with the user's events applied, if any."""
    if stated is None:
        return forecast.mean, forecast.levels, forecast.paths
    return stated.mean, forecast.bands(stated.paths), stated.paths


def iso(times: Seconds64) -> list[str]:
    """ISO 8601 in UTC, to the second; dates of a grid of days, weeks or months as 00:00."""
    texts: list[str] = np.datetime_as_string(times, unit="s", timezone="UTC").tolist()
    return texts


def _history(series: Series) -> dict[str, Any]:
    """`start` is where the first step begins, `end` where the last one ends and the forecast begins."""
    first, end = iso(series.grid.times(len(series) + 1)[[0, -1]])
    return {
        "start": first,
        "end": end,
        "step": series.grid.name,
        "steps": len(series),
        "missing": int(np.isnan(series.values).sum()),
        "zeros": int((series.values == 0).sum()),
    }


def _edit(edit: Edit, grid: Grid) -> dict[str, Any]:
    """One change of the history; `to` is where its last step ends."""
    start, end = iso(grid.times(edit.last + 1)[[edit.first, edit.last]])
    return {"rule": edit.rule, "from": start, "to": end, "factor": edit.factor, "message": edit.message}


def _growth(forecast: Forecast) -> dict[str, Any] | None:
    """Growth measured a month, its 80 % interval, the share that goes on, and what that adds to the total."""
    growth = forecast.growth
    if growth is None:
        return None
    factor = weight(forecast.series.quantity, forecast.grid, len(forecast.mean))
    return {
        "per_month": _digits(growth.per_month),
        "lo": _digits(growth.lo),
        "hi": _digits(growth.hi),
        "kept": _digits(growth.kept),
        "total": _digits(factor * float(growth.adds.sum())),
    }


def _stated(forecast: Forecast, stated: Stated) -> list[dict[str, Any]]:
    """The forecast itself and each stated part: what it brings to the mean of each step and in total, and its
    share of the variance of the total. Nothing where nothing that was stated acts on the series.
    """
    if not stated.parts:
        return []
    factor = weight(forecast.series.quantity, forecast.grid, len(forecast.mean))
    parts = [("forecast", "base", forecast.mean, stated.base_variance_share)]
    parts += [(part.name, part.kind, part.effect, part.variance_share) for part in stated.parts]
    return [
        {
            "name": name,
            "kind": kind,
            "effect": rounded(effect),
            "total": total,
            "variance_share": None if share is None else round(share, 4),
        }
        for name, kind, effect, share in parts
        for [total] in [rounded(factor * effect.sum(keepdims=True))]
    ]


def _backtest(backtest: Backtest) -> dict[str, Any]:
    """Errors of the models, the chosen one and seasonal naive first, and the coverage of the chosen one."""
    return {
        "origins": len(backtest.origins),
        "horizon_steps": backtest.horizon,
        "shortened": backtest.shortened,
        "scores": [
            {
                "model": score.name,
                "mase": _digits(score.mase),
                "wape": _digits(score.wape),
                "bias": _digits(score.bias),
                "pinball": _digits(score.pinball),
            }
            for score in backtest.scores
        ],
        "relative_mase": _digits(backtest.relative_mase),
        "beats_seasonal_naive": backtest.beats_seasonal_naive,
        "best": backtest.best,
        "coverage": {
            str(kept.level): {what: _digits(getattr(kept, what)) for what in ("steps", "days", "totals", "peaks")}
            for kept in backtest.coverage
        },
        "level_error": _digits(backtest.level_error),
    }


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


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
    history, changed = _history_columns(forecast, shown, merged)
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


def _history_columns(forecast: Forecast, shown: int, merged: int) -> tuple[Columns, Columns]:
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
    chosen: Floats = paths[order[((np.arange(count) + 0.5) / count * len(paths)).astype(int)]]
    return chosen


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
    milliseconds: list[float] = (1000.0 * local).tolist()
    return milliseconds


def _merge(values: Floats, merged: int) -> Floats:
    """The mean of each `merged` values; of the rest at the end likewise."""
    starts = np.arange(0, len(values), merged)
    means: Floats = np.add.reduceat(values, starts) / np.diff(starts, append=len(values))
    return means


def _rows(times: list[float], columns: Columns) -> list[dict[str, Any]]:
    """One row per point in time; None where there is nothing."""
    lists = {
        name: [value if np.isfinite(raw) else None for value, raw in zip(rounded(values), values, strict=True)]
        for name, values in columns.items()
    }
    names = ("t", *lists)
    return [dict(zip(names, row, strict=True)) for row in zip(times, *lists.values(), strict=True)]
