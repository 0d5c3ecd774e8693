"""Global sensitivity: shares of the variance of a result that its inputs cause, and the surface that stands for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement, product
from math import prod

import numpy as np
import numpy.typing as npt

from simcost.record import record

Floats = npt.NDArray[np.float64]
COUNT = 4096
"""Base samples of the indices; (inputs + 2) times as many results are read."""


@record
class VarianceShares:
    """Sobol indices of one input."""

    first: float
    """Share of the variance that the input causes alone."""
    total: float
    """Share that it causes alone and together with others."""


def variance_shares(
    result: Callable[[Floats], Floats], ranges: Sequence[tuple[float, float]], *, count: int = COUNT, seed: int = 1
) -> list[VarianceShares] | None:
    """First-order and total Sobol indices of inputs that are independent and uniform in their ranges.

    S_i = V(E[y | x_i]) / V(y) and T_i = E[V(y | all but x_i)] / V(y), estimated as Saltelli and others (2010) do.

    Args:
        result: results [n] of inputs [n, inputs].
        ranges: low and high end of each input.
        count: base samples, a power of two.
        seed: start of the random numbers.

    Returns: those of each input, of a single one 1 by definition; None where the result is the same everywhere.

    >>> shares = variance_shares(lambda x: 3 * x[:, 0] + x[:, 1], [(0, 1), (0, 1)])
    >>> [round(one.first, 2) for one in shares]
    [0.9, 0.1]
    """
    from scipy.stats import sobol_indices, uniform

    lo, hi = np.asarray(ranges, np.float64).T
    middles = result(lo + (hi - lo) * np.random.default_rng(seed).random((64, len(lo))))
    if np.ptp(middles) <= 1e-12 * np.abs(middles).max():
        return None
    if len(lo) == 1:
        return [VarianceShares(first=1.0, total=1.0)]
    found = sobol_indices(
        func=lambda inputs: result(np.asarray(inputs).T)[np.newaxis],
        n=count,
        dists=[uniform(start, end - start) for start, end in ranges],
        rng=np.random.default_rng(seed),
    )
    shares = zip(np.ravel(found.first_order), np.ravel(found.total_order), strict=True)
    return [VarianceShares(first=float(first), total=float(total)) for first, total in shares]


def standard_deviation(
    result: Callable[[Floats], Floats], ranges: Sequence[tuple[float, float]], *, count: int = COUNT, seed: int = 1
) -> float:
    """Standard deviation of a result whose inputs are independent and uniform in their ranges.

    >>> round(standard_deviation(lambda x: 12 * x[:, 0], [(0, 1)]), 2)  # 12 / sqrt(12)
    3.46
    """
    return float(np.std(result(design(ranges, count, seed=seed))))


def design(ranges: Sequence[tuple[float, float]], count: int, *, seed: int = 1) -> Floats:
    """Points [count, inputs] that fill the ranges evenly: the first ones of a scrambled Sobol sequence."""
    from scipy.stats import qmc

    if not ranges:
        return np.zeros((1, 0))
    points = qmc.Sobol(len(ranges), rng=np.random.default_rng(seed)).random_base2(int(np.ceil(np.log2(count))))[:count]
    lo, hi = np.asarray(ranges, np.float64).T
    return np.asarray(lo + (hi - lo) * points, np.float64)


def coefficients(inputs: int) -> int:
    """Number of terms of a quadratic of so many inputs."""
    return (inputs + 1) * (inputs + 2) // 2


class ResponseSurface:
    """A result as a function of curved inputs, in which it is a quadratic, and of linear ones.

    In the linear inputs it is exact where the result is linear in each of them, as a bill is in a price and in a
    discount: the results at all combinations of their ends are those of the points, and what lies between is
    interpolated. Each of the combinations has a quadratic of its own, fitted by least squares.

    Args:
        curved: ranges of the inputs in which it is curved.
        linear: ranges of the inputs in which it is linear.
        points: [points, curved inputs] at which results are known, at least as many as a quadratic has terms.
        results: [points, 2 ** linear inputs], for the ends of the linear inputs in the order of `corners`.
    """

    def __init__(
        self,
        curved: Sequence[tuple[float, float]],
        linear: Sequence[tuple[float, float]],
        points: Floats,
        results: Floats,
    ) -> None:
        self._curved, self._linear = curved, linear
        self._terms = np.linalg.lstsq(_quadratic(_unit(points, curved)), results, rcond=None)[0]

    def __call__(self, inputs: Floats) -> Floats:
        """Results [n] of inputs [n, curved and then linear ones]."""
        count = len(self._curved)
        corners = _quadratic(_unit(inputs[:, :count], self._curved)) @ self._terms
        shares = (1 + _unit(inputs[:, count:], self._linear)) / 2
        weights = [
            np.prod([share if end else 1 - share for end, share in zip(ends, shares.T, strict=True)], axis=0)
            for ends in product((False, True), repeat=len(self._linear))
        ]
        return np.asarray((corners * np.stack(weights, axis=1)).sum(axis=1)) if self._linear else corners[:, 0]


def corners(linear: Sequence[tuple[float, float]]) -> list[tuple[float, ...]]:
    """All combinations of the ends of ranges.

    >>> corners([(0, 1), (5, 6)])
    [(0, 5), (0, 6), (1, 5), (1, 6)]
    """
    return list(product(*linear))


def _unit(values: Floats, ranges: Sequence[tuple[float, float]]) -> Floats:
    """Values with their ranges from -1 to 1."""
    if not ranges:
        return values
    lo, hi = np.asarray(ranges, np.float64).T
    return np.asarray((2 * values - lo - hi) / (hi - lo))


def _quadratic(values: Floats) -> Floats:
    """Terms up to the second degree: [n, terms]."""
    ones, columns = np.ones(len(values)), list(values.T)
    return np.stack([prod(terms, start=ones) for terms in combinations_with_replacement([ones, *columns], 2)], axis=1)
