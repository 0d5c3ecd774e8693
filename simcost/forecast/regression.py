"""Demand explained by the calendar and by what the user knows: ordinary least squares with autoregressive errors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.forecast import ridge
from simcost.forecast.members import Linear
from simcost.forecast.model import Fitted, Fitting, Seen
from simcost.forecast.season import Season
from simcost.forecast.transform import Transformed
from simcost.trace.series import Floats

BOUNDARIES = 24
"""Hours at which a day may begin."""


@dataclass(frozen=True, slots=True)
class Regression(Fitting):
    """Phase of the short season, day of the week, and the series' regressors; a ridge autoregression of the rest.

    A history does not say at which step its days begin: the boundary that fits best is taken.
    Effects add up, on the scale of the values.
    """

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "regression"

    def fit(self, seen: Seen, horizon: int) -> Fitted:
        """Least squares over the history, and the recursion on its residuals.

        Raises:
            InputError: regressors that do not reach to the horizon, or are not finite.
        """
        past = len(seen.values)
        known = _known(seen, horizon)
        shape = _fitted(seen.values, known, seen.season, past + horizon)
        rest = seen.values - shape[:past]
        lags, penalty = ridge.lags_for(seen.season, past, remainder=True)
        errors = ridge.fit(rest, lags, penalty)
        centre, response = errors.ahead(horizon)
        return Linear(
            transformed=Transformed.of(seen.values, log=False, floor=seen.floor),
            centre=centre + shape[past:],
            response=response,
            residuals=errors.residuals,
            block=seen.season.short,
        )


def _known(seen: Seen, horizon: int) -> Floats:
    """The regressors of history and future, shape (steps, columns); no column where none were given."""
    steps = len(seen.values) + horizon
    if seen.regressors is None:
        return np.empty((steps, 0))
    missing = steps - len(seen.regressors)
    if missing > 0:
        raise InputError(
            f"model regression: the regressors lack {missing} of the {horizon} steps of the horizon:"
            " give their future values in the file, or a shorter horizon"
        )
    known = seen.regressors[:steps]
    if not np.isfinite(known).all():
        row, column = np.argwhere(~np.isfinite(known))[0]
        raise InputError(
            f"model regression: regressor {column + 1} has no value at step {row + 1}: fill the gap in the file"
        )
    return known


def _fitted(values: Floats, known: Floats, season: Season, steps: int) -> Floats:
    """What calendar and regressors explain, over history and future, by the best boundary of days."""
    tries = [
        _least_squares(values, _design(known, season, shift, len(values)))
        for shift in _shifts(season, values)
    ]
    return min(tries, key=lambda fit: float(np.square(values - fit[: len(values)]).sum()))[:steps]


def _shifts(season: Season, values: Floats) -> range:
    weekly = season.long is not None and len(values) >= 2 * season.long
    return range(0, season.short, max(1, season.short // BOUNDARIES)) if weekly else range(1)


def _design(known: Floats, season: Season, shift: int, past: int) -> Floats:
    """Columns: one per phase of the short season, one per day of the week but the first, the regressors."""
    steps = np.arange(len(known))
    period = season.short if past >= 2 * season.short else 1
    columns = [_dummies(steps % period, period)]
    if season.long and past >= 2 * season.long:
        days = season.long // season.short
        columns.append(_dummies((steps + shift) // season.short % days, days)[:, 1:])
    return np.hstack([*columns, known])


def _dummies(phase: npt.NDArray[np.intp], count: int) -> Floats:
    return np.eye(count)[phase]


def _least_squares(values: Floats, design: Floats) -> Floats:
    """Fitted values over the whole design; the smallest coefficients where columns depend on each other."""
    coefficients, *_ = np.linalg.lstsq(design[: len(values)], values, rcond=None)
    found: Floats = design @ coefficients
    return found
