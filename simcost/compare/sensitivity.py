"""Sensitivity of a decision: tornado, flip points, and the value of knowing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, inf

from simcost.compare.confidence import interval


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


Answer = Callable[[float], str | None]
Guess = Callable[[float, float], float | None]
"""A value between two with other answers at which the change may be; None = not known."""
_CLOSE = 0.999
"""Of the tolerance: how far from an end of its bracket a guess is tried at least, so that the bracket may close."""


def flips(
    values: Sequence[float], answer: Answer, tolerance: float, guess: Guess = lambda _lo, _hi: None
) -> list[Flip]:
    """Every change of the answer between neighbouring values, each within a bracket no wider than the tolerance.

    Brackets are halved, or where there is a guess, cut there, which by the secant is the method of false position.
    Where a cut does not halve its bracket, the next one is twice as far from the nearer end, at most in the middle. Two
    changes between two values cancel out.

    >>> [round(flip.value, 2) for flip in flips([0, 5, 10], lambda x: "a" if x < 3 else "b", 0.001)]
    [3.0]
    """
    result = []
    answers = [answer(value) for value in values]
    search = _FlipSearch(answer, tolerance, guess)
    for i in range(len(values) - 1):
        if answers[i] != answers[i + 1]:
            result += search.between(values[i], answers[i], values[i + 1], answers[i + 1])
    return result


class _FlipSearch:
    """Search of the changes within brackets."""

    def __init__(self, answer: Answer, tolerance: float, guess: Guess) -> None:
        self._answer, self._tolerance, self._guess = answer, tolerance, guess

    def between(self, lo: float, low: str | None, hi: float, high: str | None, slow: int = 0) -> list[Flip]:
        """Changes between two values with other answers; a third answer in between makes two of them."""
        if hi - lo <= self._tolerance:
            return [Flip(value=(lo + hi) / 2, before=low, after=high)]
        point = self._point(lo, hi, slow)
        there = self._answer(point)
        found = []
        for left, before, right, after in ((lo, low, point, there), (point, there, hi, high)):
            if before != after:
                again = (before, after) == (low, high) and right - left > (hi - lo) / 2
                found += self.between(left, before, right, after, slow + 1 if again else 0)
        return found

    def _point(self, lo: float, hi: float, slow: int) -> float:
        """The next value to look at."""
        near = _CLOSE * self._tolerance
        middle, guess = (lo + hi) / 2, self._guess(lo, hi) if hi - lo > 2 * near else None
        if guess is None:
            return middle
        if guess <= middle:
            return min(lo + max(guess - lo, near) * (1 << slow), middle)
        return max(hi - max(hi - guess, near) * (1 << slow), middle)


def flip_interval(
    points: Sequence[tuple[float, Sequence[float]]], value: float, level: float
) -> tuple[float | None, float | None]:
    """Confidence interval of a flip: the values at which a mean difference is neither surely below zero nor above it.

    The bounds of the mean are interpolated between the points, and the interval ends where they leave zero (Fieller):
    it is as wide as the doubt in the mean over the slope.

    Args:
        points: by value the difference in each replication, whose mean is below zero below the flip and above it above.
        value: of the flip, between two of the points.
        level: of confidence.

    Returns: both ends; None where the points do not reach so far.

    >>> points = [(x, [x - 5.5, x - 5.0, x - 4.5]) for x in (0, 4, 6, 10)]
    >>> [round(end, 3) for end in flip_interval(points, 5, 0.95)]
    [3.758, 6.242]
    """
    below = sorted((one for one in points if one[0] <= value), reverse=True)
    above = sorted(one for one in points if one[0] > value)
    if not below or not above:
        return None, None
    return _end(below, -1, value, level), _end(above, 1, value, level)


def _end(points: Sequence[tuple[float, Sequence[float]]], side: int, value: float, level: float) -> float | None:
    """The first place, from the flip on, at which the mean of the differences surely has the sign of its side."""
    last, last_height = value, None
    for place, differences in points:
        mean = interval(differences, level)
        height = side * mean.mean - (mean.margin or 0.0)
        if last_height is None:
            last_height = -(mean.margin or 0.0)
        if height > 0:
            return place if height == inf else last + (place - last) * last_height / (last_height - height)
        last, last_height = place, height
    return None


def perfect_information_usd(costs: Mapping[str, Sequence[float]], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true before one decides: min_a E[c_a] - E[min_a c_a]; None where no action is
    possible in all states (an impossible one costs infinitely much), so that deciding now has no price.

    >>> perfect_information_usd({"a": [1, 5], "b": [4, 4]}, [0.5, 0.5])
    0.5
    """
    now = min(fsum(w * c for w, c in zip(weights, row, strict=True)) for row in costs.values())
    informed = fsum(w * min(row[i] for row in costs.values()) for i, w in enumerate(weights))
    return now - informed if now < float("inf") else None
