"""Sensitivity of a decision: tornado, flip points, and the value of knowing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """Cost at both ends of the range of one parameter, all others at their base."""

    path: str
    lo_usd: float
    hi_usd: float

    @property
    def swing_usd(self) -> float:
        """Difference of the two, without its sign."""
        return abs(self.hi_usd - self.lo_usd)


def tornado(swings: Sequence[Swing]) -> list[Swing]:
    """The parameters, the largest swing first; equal ones in their order."""
    return sorted(swings, key=lambda swing: -swing.swing_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A value at which the answer changes."""

    value: float
    before: str | None
    """Answer just below."""
    after: str | None
    """Answer just above."""


def flips(values: Sequence[float], answer: Callable[[float], str | None], tolerance: float) -> list[Flip]:
    """Every change of the answer between neighbouring values, by bisection; two changes between two values cancel out.

    >>> [round(flip.value, 2) for flip in flips([0, 5, 10], lambda x: "a" if x < 3 else "b", 0.001)]
    [3.0]
    """
    result = []
    answers = [answer(value) for value in values]
    for i in range(len(values) - 1):
        if answers[i] != answers[i + 1]:
            result += _between(values[i], answers[i], values[i + 1], answers[i + 1], answer, tolerance)
    return result


def _between(
    lo: float, low: str | None, hi: float, high: str | None, answer: Callable[[float], str | None], tolerance: float
) -> list[Flip]:
    """Changes between two values with other answers; a third answer in the middle makes two of them."""
    if hi - lo <= tolerance:
        return [Flip(value=(lo + hi) / 2, before=low, after=high)]
    middle = (lo + hi) / 2
    there = answer(middle)
    left = [] if there == low else _between(lo, low, middle, there, answer, tolerance)
    right = [] if there == high else _between(middle, there, hi, high, answer, tolerance)
    return left + right


def perfect_information_usd(costs: Mapping[str, Sequence[float]], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true before one decides: min_a E[c_a] - E[min_a c_a]; None where no action is
    possible in all states (an impossible one costs infinitely much), so that deciding now has no price.

    >>> perfect_information_usd({"a": [1, 5], "b": [4, 4]}, [0.5, 0.5])
    0.5
    """
    now = min(fsum(w * c for w, c in zip(weights, row, strict=True)) for row in costs.values())
    informed = fsum(w * min(row[i] for row in costs.values()) for i, w in enumerate(weights))
    return now - informed if now < float("inf") else None
