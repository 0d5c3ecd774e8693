"""Choice of a forecasting model: the combination, unless the history is short or clearly favours another."""

from dataclasses import dataclass, replace

import numpy as np

from simcost.forecast.models.base import CleanedHistory, ForecastModel
from simcost.forecast.models.combination import LINEAR, NAIVE, Combination, Picked
from simcost.forecast.models.members import Autoregression, Flat, SeasonalNaive
from simcost.forecast.refits import Refits

RIVALS: dict[str, ForecastModel] = {
    model.name: model for model in (*NAIVE, *LINEAR, Combination(of="linear")) if model != Autoregression(log=False)
}
MARGIN = 0.9
"""A rival replaces the combination of a short history where its error is below this share of the combination's."""
LONG_MARGIN = 0.6
"""The same from two weeks on: there the combination is seldom wrong, but on demand that is a level rather than a rhythm
(GPUs in use) it may be by far. Chosen on windows inside the training data of M4 and on half a month of Helios.
"""
LONG_DAYS = 14
"""Two weeks: from there on members know the week, and five days are too few to choose between them."""


FEW_DAYS = 2
"""Days up to which the next day is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSelection:
    """The outcome of a rolling selection."""

    model: ForecastModel
    errors: dict[str, float]
    """Mean absolute error over the steps judged, averaged over the origins; empty where there was none."""
    origins: int


def default_model(seen: CleanedHistory) -> ForecastModel:
    """Model that suits the length of a history of demand by hours or days.

    The median below a season, the repetition of the last one below three, else the combination.
    """
    seasons = len(seen.values) / seen.season.short
    if seasons < 1:
        return Flat()
    return SeasonalNaive() if seasons < 3 else Combination()


def selection(refits: Refits, horizon: int) -> ModelSelection:
    """The combination, or whatever a look at past days says; on a long history only where the last day does too.

    For days and more ahead, past stretches of the horizon are judged, up to a week, where the history has them.
    """
    season = refits.history.season
    day = season.short
    if horizon > FEW_DAYS * day and season.long:
        found = best_of_last_days(refits, days=3, span=min(horizon, season.long))
        if found.origins:
            return found
    if len(refits.history) < LONG_DAYS * day:
        return best_of_last_days(refits)
    last = best_of_last_days(refits, days=1, margin=LONG_MARGIN)
    if last.model == Combination():
        return last
    found = best_of_last_days(refits, margin=LONG_MARGIN)
    return replace(found, model=RIVALS.get(found.model.name, found.model))  # with paths of its own


def best_of_last_days(
    refits: Refits, *, days: int = 5, span: int | None = None, margin: float = MARGIN
) -> ModelSelection:
    """The combination, or a rival that was clearly better on up to five past days (seasons).

    Origins a season apart, the latest `span` steps (a season) before the end, each with at least 4 seasons and half of
    the history; cleaning and fits repeated at each; absolute errors of the next `span` steps.
    """
    history = refits.history
    day, steps = history.season.short, len(history)
    ahead = span or day
    ends = [steps - ahead - day * back for back in range(days)]
    found: dict[str, list[float]] = {}
    for end in ends:
        actual = history.actual(end, end + ahead) if end >= max(4 * day, steps / 2) else np.empty(0)
        known = np.isfinite(actual)
        if known.any():
            for name, point in refits.points(end, ahead).items():
                found.setdefault(name, []).append(float(np.abs(actual - point)[known].mean()))
    own = Combination()
    count = len(found.get(own.name, []))
    errors = {name: float(np.mean(each)) for name, each in found.items() if len(each) == count}
    best = min((name for name in RIVALS if name in errors), key=errors.__getitem__, default=own.name)
    better = best != own.name and errors[best] < margin * errors[own.name]
    return ModelSelection(model=Picked(name=best) if better else own, errors=errors, origins=count)
