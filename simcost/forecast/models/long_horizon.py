"""Weekly and monthly demand, for plans over quarters and years."""

from dataclasses import dataclass

import numpy as np

from simcost.forecast.models import ridge
from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting, Transformed
from simcost.forecast.models.members import FittedAutoregression, Flat
from simcost.forecast.models.statsmodels_adapter import FEWEST_STEPS, Library
from simcost.forecast.season import Season

WEEKLY = Season(52)
MONTHLY = Season(12)
WEEKS_OF_RECURSION = 170
"""Weeks of history from which the autoregression beats Theta (M4 weekly)."""
LAGS = np.array([1, 2, 3, 4, 52, 53])
PENALTY = 1e-4
BLOCK = 4
"""Steps: residuals of about a month, or a third of a year, stay together."""


@dataclass(frozen=True, slots=True)
class Planning(Fitting):
    """By length of the history: flat, damped ETS, Theta, or for many weeks an autoregression of logs.

    On the weekly series of the M4 competition this autoregression (Theta for the short ones) reached OWA 0.76
    where damped ETS had 0.91 and Theta 0.97. Growth that the history does not show yet is the user's to state.
    """

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "planning"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """The model that the length of the history allows."""
        if _long(seen):
            return _recursion(seen, horizon)
        return _shorter(seen).fit(seen, horizon)

    def remarks(self, seen: CleanedHistory) -> list[str]:
        """Remarks on the model used, and on what the history is too short for."""
        steps = len(seen.values)
        if _long(seen):
            return [f"planning: autoregression of logs on lags {', '.join(map(str, LAGS))}"]
        used = _shorter(seen)
        if isinstance(used, Flat):
            short = f"planning: {steps} steps are too few for a trend or a season: the median is repeated"
            return [f"{short}, with bands that are stated (half to double at 80 %), not measured"]
        if used.name == "ets":
            short = f"planning: {steps} steps hold no two seasons of {seen.season.short}: no yearly season"
            return [f"{short}, and bands know only these steps", *used.remarks(seen)]
        return [f"planning: {remark}" for remark in used.remarks(seen)]


def _long(seen: CleanedHistory) -> bool:
    return seen.season == WEEKLY and len(seen.values) >= WEEKS_OF_RECURSION


def _shorter(seen: CleanedHistory) -> Flat | Library:
    if len(seen.values) < FEWEST_STEPS:
        return Flat()
    if len(seen.values) < 2 * seen.season.short:
        return Library("ets")
    return Library("theta", tested=seen.season == WEEKLY)


def _recursion(seen: CleanedHistory, horizon: int) -> FittedAutoregression:
    transformed = Transformed.of(seen.values, log=True, floor=seen.floor)
    fitted = ridge.fit(transformed.z, LAGS, PENALTY)
    centre, response = fitted.ahead(horizon)
    return FittedAutoregression(
        transformed=transformed, centre=centre, response=response, residuals=fitted.residuals, block=BLOCK
    )
