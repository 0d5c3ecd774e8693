"""A forecast as a JSON-able document: what `simcost forecast --json` prints, six digits, never NaN."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from simcost.forecast.backtest import Backtest
from simcost.forecast.clean import Edit
from simcost.forecast.forecast import Forecast
from simcost.forecast.level import Levels, levels_of
from simcost.forecast.quantile import quantiles
from simcost.forecast.stated import Stated
from simcost.trace.series import DAY_S, Floats, Grid, Seconds64, Series
from simcost.trace.series_step import is_rate

DIGITS = 6
_RATE = re.compile(r"(.+)_per_(?:(s|second)|(min|minute)|(h|hour)|(d|day))")
_UNIT_S = (1, 60, 3600, DAY_S)
_TINY = 1e-200


def forecast_document(
    forecasts: Sequence[tuple[Forecast, Stated | None]], *, file: str, seed: int, timezone: str = "UTC"
) -> dict[str, Any]:
    """The document of all series of a file, without provenance.

    Args:
        forecasts: at least one, each with what the user stated laid over it, if anything.
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
            forecast.series.name: series_document(forecast, stated, timezone=timezone)
            for forecast, stated in forecasts
        },
    }


def series_document(
    forecast: Forecast, stated: Stated | None = None, *, timezone: str = "UTC"
) -> dict[str, Any]:
    """One series: its history, the forecast with levels, how far to trust it, and what was changed.

    `mean` and `levels` are per step. `total` and `peak` are the sum and the largest step of the horizon,
    `days` the sums of the days of `timezone`, all three over the sample paths. The sum of a rate per second,
    minute, hour or day is what it counts, named by `total.quantity`; of other rates it is the average, and
    `total.average` is true.
    """
    series, grid = forecast.series, forecast.grid
    mean, levels, paths = outcome(forecast, stated)
    times = grid.times(len(mean))
    return {
        "quantity": series.quantity,
        "rate": is_rate(series.quantity),
        "history": _history(series),
        "timestamps": iso(times),
        "mean": rounded(mean),
        "levels": {str(level): {"lo": rounded(lo), "hi": rounded(hi)} for level, (lo, hi) in levels.items()},
        "total": {
            **_sums(series, mean, paths, np.array([0]))[0],
            "quantity": _counted(series) or series.quantity,
            "average": _counted(series) is None,
        },
        "peak": _spreads(mean.max(keepdims=True), paths.max(axis=1, keepdims=True))[0],
        "days": _days(series, mean, paths, times, timezone) if not grid.dates else [],
        "model": forecast.model,
        "backtest": _backtest(forecast.backtest) if forecast.backtest else None,
        "stated": _stated(forecast, stated) if stated else [],
        "cleaning": [_edit(edit, series.grid) for edit in forecast.edits],
        "findings": [*forecast.findings, *(stated.findings if stated else ())],
    }


def outcome(forecast: Forecast, stated: Stated | None) -> tuple[Floats, Levels, Floats]:
    """Mean, levels and sample paths, with what the user stated laid over them, if anything."""
    if stated is None:
        return forecast.mean, forecast.levels, forecast.paths
    levels = levels_of(stated.paths, tuple(forecast.levels)) if len(stated.paths) else forecast.levels
    return stated.mean, levels, stated.paths


def iso(times: Seconds64) -> list[str]:
    """ISO 8601 in UTC, to the second; dates of a grid of days, weeks or months as 00:00."""
    found: list[str] = np.datetime_as_string(times, unit="s", timezone="UTC").tolist()
    return found


def rounded(values: Floats) -> list[float]:
    """Values with six significant digits; by powers of ten that are exact, so that they print as short."""
    size = np.abs(values)
    places = DIGITS - 1 - np.floor(np.log10(np.where(size > _TINY, size, 1.0)))
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    found: list[float] = (np.rint(values * up / down) * down / up + 0.0).tolist()
    return found


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


def _spreads(mean: Floats, paths: Floats) -> list[dict[str, float | None]]:
    """Mean and quantiles of each column of `paths`, (count, columns); without paths `mean` alone, (columns,)."""
    if not len(paths):
        return [{"mean": value, "p10": None, "p50": None, "p90": None} for value in rounded(mean)]
    found = [rounded(row) for row in (paths.mean(axis=0), *quantiles(paths, (0.1, 0.5, 0.9)))]
    return [
        dict(zip(("mean", "p10", "p50", "p90"), column, strict=True)) for column in zip(*found, strict=True)
    ]


def _counted(series: Series) -> str | None:
    """What a sum over time counts; None where only an average makes sense."""
    if not is_rate(series.quantity):
        return series.quantity
    match = _RATE.fullmatch(series.quantity)
    return match[1] if match and series.grid.step_s else None


def _sums(
    series: Series, mean: Floats, paths: Floats, starts: npt.NDArray[np.intp]
) -> list[dict[str, float | None]]:
    """The sum of the steps from each start to the next, or the average of a rate that does not add up."""
    factor = np.ones(len(starts))
    if _counted(series) is None:
        factor = 1 / np.diff(starts, append=len(mean))
    elif match := _RATE.fullmatch(series.quantity):
        factor *= series.grid.step_s / next(
            s for s, unit in zip(_UNIT_S, match.groups()[1:], strict=True) if unit
        )
    return _spreads(np.add.reduceat(mean, starts) * factor, np.add.reduceat(paths, starts, axis=1) * factor)


def _days(
    series: Series, mean: Floats, paths: Floats, times: Seconds64, timezone: str
) -> list[dict[str, Any]]:
    """The sum of each local day; `steps` tells a day that the horizon holds in part."""
    zone, seconds = ZoneInfo(timezone), times.astype(np.int64)
    first, last = (datetime.fromtimestamp(int(seconds[i]), zone).date() for i in (0, -1))
    dates = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in dates]
    starts = np.searchsorted(seconds, midnights)  # the first is 0
    lengths = np.diff(starts, append=len(times)).tolist()
    found = _sums(series, mean, paths, starts)
    return [
        {"date": day.isoformat(), "steps": steps, **spread}
        for day, steps, spread in zip(dates, lengths, found, strict=True)
    ]


def _edit(edit: Edit, grid: Grid) -> dict[str, Any]:
    """One change of the history; `to` is where its last step ends."""
    start, end = iso(grid.times(edit.last + 1)[[edit.first, edit.last]])
    return {"rule": edit.rule, "from": start, "to": end, "factor": edit.factor, "message": edit.message}


def _stated(forecast: Forecast, stated: Stated) -> list[dict[str, Any]]:
    """The forecast itself and each stated part: what it brings to the mean of each step and in total, and its
    share of the variance of the total. Nothing where nothing that was stated acts on the series.
    """
    if not stated.parts:
        return []
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
        for [total] in [rounded(effect.sum(keepdims=True))]
    ]


def _backtest(found: Backtest) -> dict[str, Any]:
    """Errors of the models, the chosen one and seasonal naive first, and the coverage of the chosen one."""
    return {
        "origins": len(found.origins),
        "horizon_steps": found.horizon,
        "shortened": found.shortened,
        "scores": [
            {
                "model": score.name,
                "mase": _digits(score.mase),
                "wape": _digits(score.wape),
                "bias": _digits(score.bias),
                "pinball": _digits(score.pinball),
            }
            for score in found.scores
        ],
        "relative_mase": _digits(found.relative_mase),
        "beats_seasonal_naive": found.beats_seasonal_naive,
        "best": found.best,
        "coverage": {
            str(kept.level): {
                what: _digits(getattr(kept, what)) for what in ("steps", "days", "totals", "peaks")
            }
            for kept in found.coverage
        },
        "level_error": _digits(found.level_error),
    }


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
