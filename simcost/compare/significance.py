"""Significance of several differences at once: Holm's correction, simultaneous intervals, practical equivalence.

Of k plans against one, some differ by chance: at 95 % one in twenty comparisons does. Holm's p-values bound the chance
that any of them is called different that is not; the interval of each is then taken at 1 - (1 - level) / k. What is
not significantly different is not the same: two plans are equivalent where the interval at 1 - 2 (1 - level) / k lies
within a margin that somebody states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Literal

from simcost.compare.confidence import ConfidenceInterval, interval

Relation = Literal[
    "equivalent",
    "materially cheaper",
    "materially more expensive",
    "cheaper",
    "more expensive",
    "not significantly different",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A difference as one of several."""

    p: float | None
    """Two-sided, of itself alone; None where a single replication tells nothing."""
    adjusted_p: float | None
    """By Holm."""
    interval: ConfidenceInterval
    """Simultaneous with those of the other comparisons (Bonferroni)."""
    comparisons: int
    significant: bool | None
    relation: Relation | None


def negligible_usd(usd: float) -> float:
    """Difference from a cost a month that counts as none: a cent, the smallest unit of a bill, or 0.01 %.

    >>> negligible_usd(10.0), negligible_usd(3000.0)
    (0.01, 0.3)
    """
    return max(0.01, 1e-4 * usd)


def p_value(values: Sequence[float], *, exact: bool = False) -> float | None:
    """Two-sided p of Student's t for a mean of 0; equal values are exact.

    >>> p_value([0.0, 0.0]), p_value([2.0, 2.0]), p_value([2.0])
    (1.0, 0.0, None)
    """
    n = len(values)
    if min(values) == max(values):
        return None if n == 1 and not exact else float(values[0] == 0)
    from scipy.special import stdtr

    mean = fsum(values) / n
    spread = sqrt(fsum((value - mean) ** 2 for value in values) / (n - 1))
    return float(2 * stdtr(n - 1, -abs(mean) * sqrt(n) / spread))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: the smallest times their number, the next times one less, and never falling.

    >>> holm([0.04, 0.01, 0.5])
    [0.08, 0.03, 0.5]
    """
    ranked = sorted(range(len(values)), key=lambda i: values[i])
    result, most = [0.0] * len(values), 0.0
    for i, place in enumerate(ranked):
        most = max(most, min((len(values) - i) * values[place], 1.0))
        result[place] = most
    return result


def judged(
    differences: Sequence[Sequence[float]], level: float, margins: Sequence[float | None], *, exact: bool = False
) -> list[Judgement]:
    """Each of several differences, replication by replication, as one of all of them.

    Args:
        differences: of each plan to the same other one.
        level: that none is called different that is not.
        margins: of each, what is as good as nothing; None = nothing is.
        exact: nothing is random.
    """
    count = len(differences)
    alone = [p_value(values, exact=exact) for values in differences]
    known = [p for p in alone if p is not None]
    adjusted = iter(holm(known))
    result = []
    for values, p, margin in zip(differences, alone, margins, strict=True):
        holm_p = None if p is None else next(adjusted)
        bounds = interval(values, 1 - (1 - level) / count, exact=exact)
        near = interval(values, max(1 - 2 * (1 - level) / count, 0.0), exact=exact)
        significant = None if holm_p is None else holm_p <= 1 - level
        result.append(
            Judgement(
                p=p,
                adjusted_p=holm_p,
                interval=bounds,
                comparisons=count,
                significant=significant,
                relation=None if significant is None else _relation(bounds, near, margin, significant=significant),
            )
        )
    return result


def _relation(
    bounds: ConfidenceInterval, near: ConfidenceInterval, margin: float | None, *, significant: bool
) -> Relation:
    lo, hi = (bounds.mean if bound is None else bound for bound in (bounds.lo, bounds.hi))
    if margin is not None:
        least, most = (near.mean if bound is None else bound for bound in (near.lo, near.hi))
        if -margin <= least and most <= margin:
            return "equivalent"
        if hi < -margin:
            return "materially cheaper"
        if lo > margin:
            return "materially more expensive"
    if not significant:
        return "not significantly different"
    return "cheaper" if bounds.mean < 0 else "more expensive"
