"""From the history of a series to its forecast: points, levels, and joint sample paths."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from simcost.errors import InputError
from simcost.forecast.backtest import Backtest, backtest, horizon_of, usual_ratio, varies_by_factors
from simcost.forecast.calibration import Factor, adapted, scaled_levels
from simcost.forecast.ceiling import below, ceiling_of, of_ceiling
from simcost.forecast.cleaning import RULES, Edit, Rule, history_of
from simcost.forecast.findings import (
    Finding,
    of_backtest,
    of_growth,
    of_history,
    of_last_week,
    of_levels,
    of_model,
    of_paths,
    of_selection,
    of_total,
    of_width,
)
from simcost.forecast.growth import MeasuredGrowth, measured
from simcost.forecast.level_error import Levels, levels_of, widened, with_level
from simcost.forecast.models.base import CleanedHistory, Fitted, ForecastModel, fitted
from simcost.forecast.models.combination import Combination
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.models.members import Scaled
from simcost.forecast.models.registry import default_model
from simcost.forecast.models.selection import ModelSelection, selection
from simcost.forecast.names import GrowthMode
from simcost.forecast.outages import Bools
from simcost.forecast.quantiles import median
from simcost.forecast.refits import Refits
from simcost.forecast.sample_paths import weight
from simcost.record import record
from simcost.rng import stream
from simcost.trace.series.series import LARGEST, Floats, Grid, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Forecast of a series over a horizon."""

    series: Series
    grid: Grid
    """Of the horizon."""
    mean: Floats
    """The point forecast, shape (horizon,): what the model expects at each step. Of the combination it is a
    median of its members, near the median of the paths; means of totals and peaks are to be taken over paths."""
    paths: Floats
    """Joint futures, shape (count, horizon), level error and width included; empty where none were asked for.
    Series forecast with the same seed share the times of their blocks and their level draws, path by path."""
    levels: Levels
    """Quantiles of the paths at each step that leave equal tails; scaled where they were adapted."""
    model: str
    backtest: Backtest | None
    """None where no paths were asked for, or where the history leaves no origin."""
    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    cleaned: Floats
    """The history as the model took it."""
    growth: MeasuredGrowth | None = None
    """Growth that the history shows; None where the model does not tell it apart."""
    factors: tuple[Factor, ...] = ()
    """By which the levels were adapted; none where they were not."""

    def bands(self, paths: Floats) -> Levels:
        """The levels of other paths of this series, such as with user events, adapted as its own."""
        floor = not bool(np.any(self.series.values < 0))
        return _levels(paths, tuple(self.levels), self.factors, floor=floor) if len(paths) else self.levels


@np.errstate(over="ignore", invalid="ignore")  # what overflows is not finite, and is refused at the end
def forecast(
    series: Series,
    horizon: int,
    *,
    model: ForecastModel | Literal["auto"] = "auto",
    levels: tuple[int, ...] = (80, 95),
    paths: int = 400,
    seed: int = 1,
    rules: tuple[Rule, ...] = RULES,
    masked: Bools | None = None,
    width: float = 1.0,
    adapt_days: int = 0,
    growth: GrowthMode = "measured",
) -> Forecast:
    """Forecast a series.

    Args:
        series: its history, and the regressors of a model that takes them.
        horizon: steps ahead.
        model: one model, or `auto`: what suits the length and kind of the history; on short ones the combination
            or, where it was clearly better on the last days, a rival.
        levels: in percent.
        paths: how many futures to draw; 0 = the point forecast only, without levels and backtest.
        seed: equal seeds give equal bytes.
        rules: of cleaning.
        masked: steps of past events, left out of the fit.
        width: the distance of every path from the median path is multiplied by it.
        adapt_days: over how many past days (seasons) the width of the levels is learnt; 0 = not.
        growth: `measured` goes on with the growth of the history, damped, from weeks on; `none` and `stated` leave it
            out, the latter for events that state it.

    Raises:
        InputError: nothing was recorded, or a horizon, level, count or width that makes no sense.
    """
    _check(series, horizon, levels, paths, width, adapt_days)
    history = history_of(series, rules, masked)
    refits = Refits(history, horizon_of(len(history), horizon, history.season.turn) if paths else 0)
    seen, edits = refits.cleaned(len(history))
    chosen = _selected(model, refits, seen, horizon, growth=growth == "measured")
    ahead = fitted(chosen.model, seen, horizon)
    grown = measured(ahead, history.season)
    notes = [*of_history(history, seen, horizon, series.grid, chosen.model), *of_selection(chosen)]
    notes += [*of_model(chosen.model, seen), *of_growth(grown, growth, chosen.model, history.season)]
    ceiling = ceiling_of(history.raw, history.season)
    notes += of_ceiling(history.raw, ceiling)
    asked = _Asked(
        levels=levels, paths=paths, seed=seed, width=width, adapt_days=adapt_days, growth=growth, ceiling=ceiling
    )
    futures = _futures(series, refits, chosen.model, ahead, asked) if paths else _Futures(paths=np.empty((0, horizon)))
    notes += futures.findings
    return Forecast(
        series=series,
        grid=series.grid.after(len(series)),
        mean=_finite(np.minimum(ahead.point, ceiling), series, chosen.model),
        paths=_finite(futures.paths, series, chosen.model),
        levels=futures.levels,
        model=chosen.model.name,
        backtest=futures.backtest,
        edits=tuple(replace(edit, first=edit.first + history.idle, last=edit.last + history.idle) for edit in edits),
        findings=tuple(notes),
        cleaned=np.concatenate([np.zeros(history.idle), seen.values]),
        growth=grown,
        factors=futures.factors,
    )


@record
class _Asked:
    """Sample paths as they are asked for."""

    levels: tuple[int, ...]
    paths: int
    seed: int
    width: float
    adapt_days: int
    growth: GrowthMode
    ceiling: float
    """Of the history, infinite where it has none; no path goes beyond it."""


@record
class _Futures:
    """Sample paths and their levels, with the backtest that their width comes from."""

    paths: Floats
    levels: Levels = field(default_factory=Levels)
    backtest: Backtest | None = None
    factors: tuple[Factor, ...] = ()
    findings: tuple[Finding, ...] = ()


def _futures(series: Series, refits: Refits, model: ForecastModel, ahead: Fitted, asked: _Asked) -> _Futures:
    """Backtest the model, and draw paths as wide as its errors were."""
    history = refits.history
    seen = refits.seen(len(history))
    tested = backtest(refits, model, len(ahead.point), asked.levels, asked.seed)
    stated = isinstance(ahead, Scaled)  # its factor holds the error of the level
    ratio = 1.0 if stated else tested.spread_ratio if tested else usual_ratio(model, 0)
    samples = _sampled(ahead, seen, ratio, asked, by_factors=varies_by_factors(model, floor=seen.floor))
    factors, learnt = adapted(history, model, asked.levels, asked.adapt_days, asked.seed)
    bands = {
        level: (np.minimum(lo, asked.ceiling), np.minimum(hi, asked.ceiling))
        for level, (lo, hi) in _levels(samples, asked.levels, factors, floor=seen.floor).items()
    }
    notes = [
        *of_backtest(history, tested, model, asked.growth, stated=stated),
        *of_levels(factors, asked.width, asked.adapt_days, learnt),
        *of_paths(asked.paths, asked.levels),
        *of_last_week(history, samples, model),
    ]
    if asked.paths > 1:
        notes += of_width(bands, seen, model, asked.ceiling)
    factor = weight(series.quantity, series.grid, len(ahead.point))
    notes += of_total(np.minimum(ahead.point, asked.ceiling), samples, factor)
    return _Futures(
        paths=samples,
        levels=bands,
        backtest=tested,
        factors=factors,
        findings=tuple(notes),
    )


def _sampled(ahead: Fitted, seen: CleanedHistory, ratio: float, asked: _Asked, *, by_factors: bool) -> Floats:
    """Sample paths of the model, with the error of their level, at the width asked for."""
    samples = ahead.draw(asked.paths, stream(asked.seed, "forecast", "paths"))
    rng = stream(asked.seed, "level")
    samples = with_level(samples, ratio, seen.season.short, rng, floor=seen.floor, by_factors=by_factors)
    samples = widened(samples, asked.width, floor=seen.floor) if asked.width != 1 else samples
    return below(samples, asked.ceiling, seen.season.short)


def _check(series: Series, horizon: int, levels: tuple[int, ...], paths: int, width: float, adapt_days: int) -> None:
    rules = {
        f"horizon of {horizon} steps: must be at least 1": horizon >= 1,
        f"levels {levels}: must lie between 1 and 99, in percent": all(1 <= level <= 99 for level in levels),
        f"{paths} paths: must be 0 or more": paths >= 0,
        f"width {width:g}: must be above 0": 0 < width < np.inf,
        f"{adapt_days} days to adapt over: must be 0 or more": adapt_days >= 0,
    }
    wrong = [message for message, right in rules.items() if not right]
    if wrong:
        raise InputError(f"series {series.name!r}: " + "; ".join(wrong))


def _selected(
    model: ForecastModel | Literal["auto"], refits: Refits, seen: CleanedHistory, horizon: int, *, growth: bool
) -> ModelSelection:
    """The model asked for, or what suits the history; where that is the combination, after a comparison with rivals."""
    if model != "auto":
        own = Planning(growth=growth) if isinstance(model, Planning) else model
        return ModelSelection(model=own, errors={}, origins=0)
    suited = default_model(seen, horizon, growth=growth)
    if isinstance(suited, Combination):
        return selection(refits, horizon)
    return ModelSelection(model=suited, errors={}, origins=0)


def _levels(samples: Floats, levels: tuple[int, ...], factors: tuple[Factor, ...], *, floor: bool) -> Levels:
    bands = levels_of(samples, levels)
    return scaled_levels(bands, median(samples), factors, floor=floor) if factors else bands


def _finite(values: Floats, series: Series, model: ForecastModel) -> Floats:
    """The values, if all are numbers that a forecast may have.

    Raises:
        InputError: some are not.
    """
    if not (np.abs(values) <= LARGEST).all():
        raise InputError(f"series {series.name!r}: model {model.name!r} gives no finite forecast; choose another model")
    return values
