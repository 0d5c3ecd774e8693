"""Backtest of a model: rolling origins in the history, errors and levels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simcost.forecast import accuracy
from simcost.forecast.ceiling import below, ceiling_of
from simcost.forecast.level_error import excess, levels_of, spread_ratio, usual_spread_ratio, with_level
from simcost.forecast.models.base import Fitted, ForecastModel, fitted
from simcost.forecast.models.combination import Combination, Combined, Picked
from simcost.forecast.models.long_horizon import Planning
from simcost.forecast.models.members import SeasonalNaive
from simcost.forecast.quantiles import quantiles
from simcost.forecast.refits import Refits
from simcost.rng import stream
from simcost.trace.series.series import Floats
from simcost.units import plural

ORIGINS = 5
ENOUGH = 2
"""With fewer origins the horizon is shortened."""
PATHS = 120
"""Sample paths per origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One origin: its forecast, and the actual values."""

    end: int
    """Steps of history known then."""
    actual: Floats
    scale: float | None
    floor: bool
    ceiling: float
    """Of the history known then; infinite where it has none."""
    by_factors: bool
    """True if the paths of the chosen model vary by factors."""
    points: dict[str, Floats]
    """The forecast of each model, by name."""
    paths: Floats
    """Of the chosen model, without level error; shape (PATHS, horizon)."""
    naive_paths: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Errors of one model, averaged over the origins; None where they cannot be computed."""

    name: str
    mase: float | None
    wape: float | None
    bias: float | None
    pinball: float | None
    """Mean over the deciles of its paths, without level error; only for the chosen model and seasonal naive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Shares of the actual values inside each level of the chosen model."""

    level: int
    steps: float | None
    totals: float | None
    """Of the sum over the horizon."""
    days: float | None
    """Of the sums over whole days (weeks for daily steps); None where the horizon holds none."""
    peaks: float | None
    """Of the largest step of the horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """The chosen model and its rivals, on origins in the history."""

    origins: tuple[int, ...]
    """Steps of history known at each, latest first."""
    horizon: int
    shortened: str | None
    """Reason why the horizon is shorter than requested."""
    scores: tuple[Score, ...]
    """The chosen model, seasonal naive, then the others."""
    coverage: tuple[Coverage, ...]
    spread_ratio: float
    """Variance of the errors of day totals over their variance among the model's own paths; 1 = those are enough."""
    level_error: float
    """Standard deviation of the mean over the horizon that is added to the model's own paths."""
    relative_mase: float | None
    """MASE of the chosen model over that of seasonal naive; below 1 is better."""
    best: str | None
    """The name of the model with the least MASE."""

    @property
    def beats_seasonal_naive(self) -> bool | None:
        """True if the chosen model made smaller errors than repeating the last season."""
        return None if self.relative_mase is None else self.relative_mase < 1


def origins(steps: int, horizon: int, turn: int) -> list[int]:
    """Origins of the backtest: `horizon` before the end, then a turn earlier each, with enough left to fit."""
    ends = [steps - horizon - turn * back for back in range(ORIGINS)]
    return [end for end in ends if end >= _least(steps, turn)]


def horizon_of(steps: int, horizon: int, turn: int) -> int:
    """The horizon that a backtest can afford, at most the one asked for; 0 = none."""
    found = len(origins(steps, horizon, turn))
    if found >= ENOUGH or (found and horizon <= turn):
        return horizon
    spare = int((steps - _least(steps, turn)) // turn)
    return min(horizon, max(spare - ENOUGH + 1, 1) * turn) if spare >= 1 else 0


def _least(steps: int, turn: int) -> float:
    """The history that a fit in a backtest needs."""
    return max(4 * turn, steps / 2.5)


def backtest(
    refits: Refits, model: ForecastModel, horizon: int, levels: Sequence[int] = (80, 95), seed: int = 1
) -> Backtest | None:
    """Score a model on up to five origins; None where the history leaves none.

    How far levels are off is measured with the growth of the history, also where the model leaves it out: what grew
    would count as an error of the level, and growth that is stated in its place would come on top of it.
    """
    history = refits.history
    turn = history.season.turn
    span = horizon_of(len(history), horizon, turn)
    if span < 1:
        return None
    ends = origins(len(history), span, turn)
    looks = [look(refits, model, end, span, seed) for end in ends]
    grown = _with_growth(model)
    levels_seen = looks if grown == model else [look(refits, grown, end, span, seed) for end in ends]
    everywhere = [name for name in looks[0].points if all(name in one.points for one in looks)]
    names = dict.fromkeys([model.name, SeasonalNaive().name, *everywhere])
    scores = tuple(_score(looks, name, chosen=name == model.name) for name in names)
    day = history.season.short
    usual = usual_ratio(model, span / day)
    found = [excess(origin.actual, origin.paths, day, by_factors=origin.by_factors) for origin in levels_seen]
    ratio = spread_ratio(found, usual)
    variance = float(np.mean([origin.paths.mean(axis=1).var() for origin in looks]))
    return Backtest(
        origins=tuple(origin.end for origin in looks),
        horizon=span,
        shortened=_shortened(len(history), horizon, span),
        scores=scores,
        coverage=_coverage(looks, found, usual, tuple(levels), day, seed),
        spread_ratio=ratio,
        level_error=math.sqrt((ratio - 1) * variance),
        relative_mase=_relative(scores, model.name),
        best=_best(scores),
    )


def _with_growth(model: ForecastModel) -> ForecastModel:
    """The model with the growth of the history, where it leaves that out."""
    return replace(model, growth=True) if isinstance(model, Planning) else model


def usual_ratio(model: ForecastModel, days: float) -> float:
    """Usual ratio of the squared errors of day totals to their variance among the model's paths, so many days ahead."""
    holds_its_own = isinstance(model, Planning)  # what is not known of the level is in its paths
    return 1.0 if holds_its_own else usual_spread_ratio(days)


def varies_by_factors(model: ForecastModel, *, floor: bool) -> bool:
    """True if the paths of the model vary by factors, as those of a model of logarithms do."""
    return isinstance(model, Planning) and floor


def look(refits: Refits, model: ForecastModel, end: int, horizon: int, seed: int) -> Origin:
    """Fit at one origin, as if nothing later were known, and compare with the actual values."""
    history, seen, combined = refits.history, refits.seen(end), refits.combined(end, horizon)
    points = combined.candidates()
    chosen = _chosen(combined, model) or fitted(model, seen, horizon)
    if model.name not in points:
        points[model.name] = chosen.point
    naive = combined.members[SeasonalNaive().name]
    ceiling = ceiling_of(history.raw[:end], history.season)
    rng = stream(seed, "backtest", end)
    return Origin(
        end=end,
        actual=history.actual(end, end + horizon),
        scale=history.scale(end),
        floor=seen.floor,
        ceiling=ceiling,
        by_factors=varies_by_factors(model, floor=seen.floor),
        points={name: np.minimum(point, ceiling) for name, point in points.items()},
        paths=chosen.draw(PATHS, rng),
        naive_paths=naive.draw(PATHS, rng),
    )


def _chosen(combined: Combined, model: ForecastModel) -> Fitted | None:
    """The chosen model where the combination holds it, fitted."""
    if isinstance(model, Picked):
        return model.of(combined)
    return combined if model == Combination() else combined.members.get(model.name)


def _shortened(steps: int, asked: int, span: int) -> str | None:
    if span == asked:
        return None
    ahead = plural(asked, "step")
    return f"{steps:,} steps of history leave too few origins for {ahead} ahead: backtested {span} ahead"


def _score(looks: list[Origin], name: str, *, chosen: bool) -> Score:
    actual = np.concatenate([origin.actual for origin in looks])
    point = np.concatenate([origin.points[name] for origin in looks])
    paths = None
    if chosen:
        paths = [origin.paths for origin in looks]
    elif name == SeasonalNaive().name:
        paths = [origin.naive_paths for origin in looks]
    return Score(
        name=name,
        mase=_mean([accuracy.mase(origin.actual, origin.points[name], origin.scale) for origin in looks]),
        wape=accuracy.wape(actual, point),
        bias=accuracy.bias(actual, point),
        pinball=None if paths is None else _pinball(actual, paths),
    )


def _pinball(actual: Floats, paths: list[Floats]) -> float | None:
    deciles = np.arange(1, 10) / 10
    found = np.concatenate([quantiles(of_origin, deciles.tolist()) for of_origin in paths], axis=1)
    return accuracy.pinball(actual, found, deciles[:, None])


def _coverage(
    looks: list[Origin],
    found: list[float | None],
    usual: float,
    levels: tuple[int, ...],
    day: int,
    seed: int,
) -> tuple[Coverage, ...]:
    """Coverage with the level error that the other origins show, so that no origin judges itself."""
    inside: dict[tuple[int, str], list[float | None]] = {}
    for place, origin in enumerate(looks):
        ratio = spread_ratio(found[:place] + found[place + 1 :], usual)
        rng = stream(seed, "level")
        paths = with_level(origin.paths, ratio, day, rng, floor=origin.floor, by_factors=origin.by_factors)
        paths = below(paths, origin.ceiling, day)
        for what, (actual, futures) in _measured(origin.actual, paths, day).items():
            for level, (lo, hi) in levels_of(futures, levels).items():
                inside.setdefault((level, what), []).append(accuracy.coverage(actual, lo, hi))
    return tuple(
        Coverage(
            level=level,
            **{what: _mean(inside.get((level, what), [])) for what in ("steps", "totals", "days", "peaks")},
        )
        for level in levels
    )


def _measured(actual: Floats, paths: Floats, day: int) -> dict[str, tuple[Floats, Floats]]:
    """Steps, total, whole days and peak of the actual values, and of the paths in the same steps."""
    seen = np.isfinite(actual)
    if not seen.any():
        return {}
    futures = paths[:, seen]
    known = actual[seen]
    found = {
        "steps": (actual, paths),
        "totals": (known.sum(keepdims=True), futures.sum(axis=1, keepdims=True)),
        "peaks": (known.max(keepdims=True), futures.max(axis=1, keepdims=True)),
    }
    days = len(actual) // day
    if day > 1 and days:
        cut = slice(0, days * day)
        found["days"] = (
            actual[cut].reshape(days, day).sum(axis=1),
            paths[:, cut].reshape(len(paths), days, day).sum(axis=2),
        )
    return found


def _relative(scores: tuple[Score, ...], name: str) -> float | None:
    mase = {score.name: score.mase for score in scores}
    own, naive = mase[name], mase[SeasonalNaive().name]
    return own / naive if own is not None and naive else None


def _best(scores: tuple[Score, ...]) -> str | None:
    known = [(score.mase, score.name) for score in scores if score.mase is not None]
    return min(known)[1] if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
