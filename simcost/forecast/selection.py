"""Which model to forecast with: the combination, unless the history is short or clearly says otherwise."""

from dataclasses import dataclass

import numpy as np

from simcost.forecast.combination import LINEAR, LONG_DAYS, NAIVE, Combination
from simcost.forecast.history import History
from simcost.forecast.members import Autoregression, Flat, SeasonalNaive
from simcost.forecast.model import Model, Seen

RIVALS: tuple[Model, ...] = (
    *NAIVE,
    *(model for model in LINEAR if model != Autoregression(log=False)),
    Combination(of="linear"),
)
MARGIN = 0.9
"""A rival replaces the combination where its error is at most this share of the combination's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The outcome of a rolling selection."""

    model: Model
    errors: dict[str, float]
    """Mean absolute error one season ahead, averaged over the origins; empty where there was none."""
    origins: int


def default_model(seen: Seen) -> Model:
    """What suits the length of a history: the median below a season, its repetition below three, else all."""
    seasons = len(seen.values) / seen.season.short
    if seasons < 1:
        return Flat()
    return SeasonalNaive() if seasons < 3 else Combination()


def selection(history: History) -> Selection:
    """The combination or, on a short history, a rival that was clearly better on up to five past days.

    Origins a season apart, the latest one season before the end, each with at least 4 seasons and half of the
    history; cleaning and fits repeated at each; absolute errors of the next season.
    """
    day, steps = history.season.short, len(history)
    ends = [steps - day * back for back in range(1, 6)]
    ends = [end for end in ends if end >= max(4 * day, steps / 2)] if steps < LONG_DAYS * day else []
    found: dict[str, list[float]] = {}
    for end in ends:
        seen, _ = history.seen(end)
        actual = history.actual(end, end + day)
        known = np.isfinite(actual)
        if known.any():
            for name, point in Combination().fit(seen, day).candidates().items():
                found.setdefault(name, []).append(float(np.abs(actual - point)[known].mean()))
    errors = {name: float(np.mean(each)) for name, each in found.items()}
    own = Combination()
    rivals = [model for model in RIVALS if model.name in errors]
    best = min(rivals, key=lambda model: errors[model.name], default=own)
    better = best is not own and errors[best.name] <= MARGIN * errors[own.name]
    count = len(next(iter(found.values()), []))
    return Selection(model=best if better else own, errors=errors, origins=count)
