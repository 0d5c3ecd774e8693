"""Demand explained by the calendar and by what the user knows: ordinary least squares with autoregressive errors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.forecast.models import ridge
from simcost.forecast.models.base import CleanedHistory, Fitted, Fitting
from simcost.forecast.models.members import FittedAutoregression, profile
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

BOUNDARIES = 24
"""Hours at which a day may begin."""


@dataclass(frozen=True, slots=True)
class Regression(Fitting):
    """Phase of the short season, day of the week, and the series' regressors; a ridge autoregression of the rest.

    A history does not say at which step its days begin: the boundary that fits best is taken.
    Effects are on logarithms where the values allow it: they multiply.
    """

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return "regression"

    def fit(self, seen: CleanedHistory, horizon: int) -> Fitted:
        """Least squares over the history, and the recursion on its residuals.

        Raises:
            InputError: regressors that do not reach to the horizon, or are not finite.
        """
        past = len(seen.values)
        transformed = seen.on_scale(log=True)
        shape = _explained(transformed.z, _known(seen, horizon), seen.season)
        lags, penalty = ridge.lags_for(seen.season, past, remainder=True)
        errors = ridge.fit(transformed.z - shape[:past], lags, penalty)
        centre, response = errors.ahead(horizon)
        return FittedAutoregression(
            transformed=transformed,
            centre=centre + shape[past:],
            response=response,
            residuals=errors.residuals,
            block=seen.season.short,
        )


def _known(seen: CleanedHistory, horizon: int) -> Floats:
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


def _explained(z: Floats, known: Floats, season: Season) -> Floats:
    """Effect of calendar and regressors, over history and future.

    Columns: one per phase of the short season, one per day of the week but the first, the regressors. Seasons
    that the history does not hold twice are left out; the smallest coefficients where columns depend on each other.
    """
    steps = np.arange(len(known))
    period = season.short if len(z) >= 2 * season.short else 1
    columns = [_dummies(steps % period, period)]
    if season.long and len(z) >= 2 * season.long:
        days = season.long // season.short
        columns.append(_dummies((steps + _boundary(z, season.short, days)) // season.short % days, days)[:, 1:])
    design = np.hstack([*columns, known])
    coefficients, *_ = np.linalg.lstsq(design[: len(z)], z, rcond=None)
    found: Floats = design @ coefficients
    return found


def _boundary(z: Floats, short: int, days: int) -> int:
    """Steps from the beginning of a day to the beginning of the history, by which day means explain most."""
    steps = np.arange(len(z))
    rest = z - profile(z, short, shrunk=False)[steps % short]

    def explained(shift: int) -> float:
        day = (steps + shift) // short % days
        return float((np.bincount(day, rest) ** 2 / np.bincount(day)).sum())

    return max(range(0, short, max(1, short // BOUNDARIES)), key=explained)


def _dummies(phase: npt.NDArray[np.intp], count: int) -> Floats:
    return np.eye(count)[phase]
