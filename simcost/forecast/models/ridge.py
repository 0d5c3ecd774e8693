"""Ridge autoregression on seasonal lags: fit, recursion, and its answer to noise."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from simcost.forecast.models.base import DEVIATION
from simcost.forecast.season import Season
from simcost.trace.series.series import Floats

Lags = tuple[tuple[int, int, int], ...]
"""Groups of lags: so many days back, from so many steps before to so many after."""

NEAR: Lags = ((0, 1, 3), (1, -1, 1))
TWO_DAYS: Lags = (*NEAR, (2, 0, 0))
WEEK: Lags = (*TWO_DAYS, (7, -1, 1))
FULL: Lags = (
    *((0, 1, 5), (1, -2, 2), (2, -1, 1), (3, 0, 0), (4, 0, 0), (5, 0, 0)),
    *((6, -1, 1), (7, -1, 1), (8, 0, 0)),
)
HUGE = 1e9
"""In standard deviations: where a recursion that explodes is stopped; far beyond the clip of the output."""
FAR = 2.0
"""Robust standard deviations beyond which an error counts as if it were that far."""
LIMITED = 2
"""Times that errors are limited; chosen, as `FAR`, on windows inside the training data of M4."""
FORGOTTEN = 8
"""Times that a weight halves until its row is left out."""
RECENT = 2
"""Times that a weight halves within the rows whose errors tell how large the next errors are."""
FEW = 24
"""Steps up to which a recursion in plain numbers is faster than one in arrays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ridge:
    """A fitted autoregression of a series x."""

    mean: float
    sd: float
    lags: npt.NDArray[np.intp]
    coefficients: Floats
    """One per lag, then the constant, in standard units."""
    tail: Floats
    """The last max(lags) values, in standard units."""
    residuals: Floats
    """One-step errors of the last steps in units of x, centred, corrected for the degrees of freedom used."""

    def ahead(self, horizon: int) -> tuple[Floats, Floats]:
        """The forecast of x, and the response to a unit of noise 0, 1, 2, ... steps before; each (horizon,).

        The recursion is linear: what the known past and the constant bring to each step passes through the
        same response as noise does.
        """
        weights = np.zeros(int(self.lags[-1]) + 1)
        weights[self.lags] = self.coefficients[:-1]
        response = self._response(weights, horizon)
        known = np.full(horizon, self.coefficients[-1])
        past = np.convolve(weights, self.tail)[len(self.tail) :][:horizon]
        known[: len(past)] += past
        return self.mean + self.sd * np.convolve(known, response)[:horizon], response

    def _response(self, weights: Floats, horizon: int) -> Floats:
        """The first steps one by one in plain numbers, then twice as many at a time.

        What the known steps bring to the next ones passes through the same response.
        """
        found = self._first_response(min(horizon, FEW))
        while len(found) < horizon and np.abs(found).max() <= HUGE:
            known = len(found)
            brought = np.convolve(weights, found)[known : 2 * known]
            found = np.concatenate((found, np.convolve(brought, found)[:known]))
        far = np.flatnonzero(np.abs(found) > HUGE)
        if len(far):
            rest = np.full(horizon, math.copysign(HUGE, found[far[0]]))
            found = np.concatenate((found[: far[0]], rest))
        return found[:horizon]

    def _first_response(self, steps: int) -> Floats:
        """For some twenty lags a loop over them is faster than arrays; it ends where the recursion explodes."""
        terms = list(zip(self.lags.tolist(), self.coefficients.tolist(), strict=False))
        found = [1.0]
        while len(found) < steps and abs(found[-1]) <= HUGE:
            t = len(found)
            value = 0.0
            for lag, weight in terms:
                if lag > t:
                    break
                value += weight * found[t - lag]
            found.append(value)
        return np.array(found)


def fit(x: Floats, lags: npt.NDArray[np.intp], penalty: float, *, halved: int | None = None) -> Ridge:
    """Least squares of x on its lags with a ridge on all but the constant: (A'WA + penalty N I)^-1 A'Wu.

    Lags beyond half of the history are dropped, then the longest ones until 3 rows a lag and 10 more are left. With
    `halved` the weight W of a row halves in so many steps, and errors beyond `FAR` count as if they were that far: a
    few odd hours say little of the others; errors of the `RECENT` rows are kept. Without it all rows count alike.
    """
    x = x[-FORGOTTEN * halved :] if halved else x
    mean = float(x.mean())
    sd = float(x.std()) + 1e-9
    u = (x - mean) / sd
    lags = _affordable(lags, len(x))
    longest = int(lags[-1])
    rows, columns = len(x) - longest, len(lags) + 1
    design = np.ones((columns, rows))
    for row, lag in zip(design, lags, strict=False):
        row[:] = u[longest - lag : len(x) - lag]
    target = u[longest:]
    roots = _roots_of_weights(rows, halved) if halved else np.ones(rows)
    weighted = design * roots if halved else design
    normal = weighted @ weighted.T  # of itself: the same bytes with any number of threads
    normal[np.arange(columns - 1), np.arange(columns - 1)] += penalty * rows
    inverse = np.linalg.inv(normal)
    coefficients = inverse @ (weighted @ (roots * target))
    errors = target - coefficients @ design
    most = farthest(errors) if halved else 0.0
    for _ in range(LIMITED if halved else 0):
        coefficients = inverse @ (weighted @ (roots * (target - errors + limited(errors, most))))
        errors = target - coefficients @ design
    freedom = max(rows - columns, 0.3 * rows)
    recent = errors[-RECENT * halved :] if halved else errors
    return Ridge(
        mean=mean,
        sd=sd,
        lags=lags,
        coefficients=coefficients,
        tail=u[len(x) - longest :],
        residuals=sd * (recent - recent.mean()) * np.sqrt(rows / freedom),
    )


def farthest(errors: Floats) -> float:
    """Distance from 0 beyond which errors count as if they were that far: `FAR` robust deviations."""
    middle = len(errors) // 2
    return FAR * DEVIATION * float(np.partition(np.abs(errors), middle)[middle])


def limited(errors: Floats, most: float) -> Floats:
    """The errors, none farther from 0 than `most`."""
    found: Floats = np.minimum(np.maximum(errors, -most), most)
    return found


@lru_cache(maxsize=32)
def _roots_of_weights(rows: int, halved: int) -> Floats:
    """Square roots of weights that halve in so many steps back from the end, 1 on average."""
    weights = 0.5 ** (np.arange(rows - 1.0, -1.0, -1.0) / halved)
    found: Floats = np.sqrt(weights / weights.mean())
    return found


def lags_for(season: Season, steps: int, *, remainder: bool) -> tuple[npt.NDArray[np.intp], float]:
    """The lags and the penalty for a history of so many steps; `remainder`: a profile was taken off before.

    Lags of a week from 15 days on were chosen on windows inside the training data of M4 that end 48 to 168 hours
    before the test window begins.
    """
    days = steps / season.short
    penalty = 1e-4 if days >= 25 and season.long else 3e-3
    if season.long is None:
        groups = TWO_DAYS
    elif days < 15 or (remainder and days < 21):
        groups = NEAR
    elif remainder:
        groups = TWO_DAYS
    else:
        groups = FULL if days >= 25 else WEEK
    lags = {season.short * day + step for day, lo, hi in groups for step in range(lo, hi + 1)}
    return np.array(sorted(lag for lag in lags if lag >= 1)), penalty


def _affordable(lags: npt.NDArray[np.intp], steps: int) -> npt.NDArray[np.intp]:
    kept = [lag for lag in lags.tolist() if lag <= steps // 2]
    while kept and steps - kept[-1] < 3 * len(kept) + 10:
        kept.pop()
    return np.array(kept or [1])
