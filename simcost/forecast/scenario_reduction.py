"""A few futures that stand for all: which sample paths are simulated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcost.rng import stream
from simcost.trace.series.series import Floats

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
_TRIES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """The chosen paths, each of which stands for an equal part of all of them."""

    chosen: tuple[int, ...]
    """Numbers of the paths: the middle one, which stands for all where one replication is shown, then by rising total;
    in random order where they meet futures of other demands."""
    of: int
    """Paths there are."""
    total_error: float
    """Largest relative error of the chosen ones' P10, P25, P50, P75 and P90 of the total demand."""
    peak_error: float
    """The same of the demand of the busiest step."""


def screen(paths: Floats, count: int, seed: int) -> Screening:
    """Choose `count` of the paths, shape (number, steps).

    Stratified selection (Cochran 1977, ch. 5): the paths in the order of their totals are cut into `count`
    strata of equal size, and one is taken of each. Of 4,000 random selections the one is kept whose quantiles
    of total and of peak, the two things that set a bill and a fleet, are nearest to those of all paths.
    """
    total, peak = paths.sum(axis=1), paths.max(axis=1)
    order = np.argsort(total, kind="stable")
    if count >= len(paths):
        return Screening(chosen=_middle_first(order.tolist()), of=len(paths), total_error=0.0, peak_error=0.0)
    rng = stream(seed, "screening")
    strata = np.array_split(order, count)
    tries = np.stack([rng.choice(stratum, _TRIES) for stratum in strata], axis=1)
    total_error, peak_error = (_error(feature, tries) for feature in (total, peak))
    best = int(np.argmin(np.maximum(total_error, peak_error)))
    return Screening(
        chosen=_middle_first(tries[best].tolist()),
        of=len(paths),
        total_error=float(total_error[best]),
        peak_error=float(peak_error[best]),
    )


def _middle_first(chosen: list[int]) -> tuple[int, ...]:
    """The same paths, the middle one before the others; of an even number the upper of the two.

    >>> _middle_first([7, 3, 9, 4])
    (9, 7, 3, 4)
    """
    middle = len(chosen) // 2
    return (chosen[middle], *chosen[:middle], *chosen[middle + 1 :])


def _error(feature: Floats, tries: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
    """Largest relative error of the quantiles of a feature, for each selection."""
    wanted = _quantiles(feature[None, :], SHARES)
    found = _quantiles(feature[tries], SHARES)
    scale = np.where(wanted > 0, wanted, 1.0)
    error: Floats = np.abs((found - wanted) / scale).max(axis=1)
    return error


def _quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """Quantiles of each row, its values standing for equal parts (Hazen): shape (rows, shares)."""
    return np.quantile(values, shares, axis=1, method="hazen").T
