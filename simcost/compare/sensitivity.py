"""Sensitivity of a decision: tornado, flip points, and the value of knowing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import fsum, inf, sqrt
from typing import TypeVar

from simcost.compare.confidence import interval, student_t


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
    """A change of the answer between two values that are close together."""

    lo: float
    """Value at which the answer is still the one before."""
    hi: float
    """Value at which it is the one after."""
    before: str | None
    after: str | None

    @property
    def value(self) -> float:
        """The middle of the two values."""
        return (self.lo + self.hi) / 2


Ends = tuple[float | None, float | None]
"""Of an interval; None = open."""
T = TypeVar("T")
Answer = Callable[[float], str | None]
Guess = Callable[[float, float, float], float | None]
"""A value between two with other answers at which the change may be; None = not known. The third argument is a factor
on the weight of the first: above 1 where the second has stood for more than one cut."""
Middle = Callable[[float, float], float | None]
_CLOSE = 0.999
"""Of the tolerance: how far from an end of its bracket a guess is tried at least, so that the bracket may close."""
_SHORT = 0.1
"""Of the tolerance: how far before a guess is looked, since a guess may be right, and the answer there a matter of
rounding."""


def flips(
    values: Sequence[float],
    answer: Answer,
    tolerance: float,
    guess: Guess = lambda _lo, _hi, _tilt: None,
    confirm: Answer | None = None,
    middle: Middle = lambda lo, hi: (lo + hi) / 2,
) -> list[Flip]:
    """Every change of the answer between neighbouring values, each within a bracket no wider than the tolerance.

    Brackets are halved, or where there is a guess, cut just before it; guesses by the secant make that the method of
    false position, in which an end that stands has its weight halved (Illinois). Where three cuts do not halve a
    bracket, the next one is twice as far from the nearer end, at most in the middle. Both ends of each bracket are
    confirmed; where that gives another answer, the search goes on with it. Changes between values with the same answer
    are not seen.

    All brackets are cut at a time.

    Args:
        values: looked at first.
        answer: at a value, perhaps taken from its neighbours. It, and `confirm`, may raise NotKnownYetError.
        tolerance: widest bracket.
        guess: a value between two with other answers.
        confirm: the answer at a value, nothing taken from its neighbours; None = all answers are such.
        middle: the value to look at that halves a bracket; None = no value lies between its ends.

    >>> def even(lo, hi):
    ...     return 2 * ((lo + hi) // 4) if hi - lo > 2 else None
    >>> [(flip.lo, flip.hi) for flip in flips([2, 20], lambda x: "a" if x < 13 else "b", 0, middle=even)]
    [(12, 14)]
    >>> [round(flip.value, 2) for flip in flips([0, 5, 10], lambda x: "a" if x < 3 else "b", 0.001)]
    [3.0]
    """
    first = at_once(partial(answer, value) for value in values)
    search = _FlipSearch(dict(zip(values, first, strict=True)), tolerance, middle)
    confirmed: set[float] = set()
    while True:
        found = search.changes()
        wide = [flip for flip in found if search.is_wide(flip)]
        if wide:
            at_once(partial(search.cut, flip, answer, guess) for flip in wide)
            continue
        ends = {value for flip in found for value in (flip.lo, flip.hi)} - confirmed
        if confirm is None or not ends:
            return found
        confirmed |= ends
        search.answers |= zip(sorted(ends), at_once(partial(confirm, value) for value in sorted(ends)), strict=True)


class NotKnownYetError(Exception):
    """An answer depends on something that is not there yet."""


def at_once(questions: Iterable[Callable[[], T]]) -> list[T]:
    """The answers to questions, in their order.

    Raises:
        ExceptionGroup: of the NotKnownYetError of all those whose answers are not known yet.
    """
    answers, missing = list[T](), list[NotKnownYetError]()
    for question in questions:
        try:
            answers.append(question())
        except NotKnownYetError as error:
            missing.append(error)
    if missing:
        raise ExceptionGroup("answers are not known yet", missing)
    return answers


class _FlipSearch:
    """Answers at the values of a search, and its brackets."""

    def __init__(self, answers: dict[float, str | None], tolerance: float, middle: Middle) -> None:
        self.answers, self._tolerance, self._middle = answers, tolerance, middle
        self._stood: dict[tuple[float, float], int] = {}
        """Cuts in a row after which the high end of a bracket stood, and more than half of it was left; of the low end
        they are negative."""

    def changes(self) -> list[Flip]:
        """Neighbouring values with other answers."""
        return [
            Flip(lo=lo, hi=hi, before=self.answers[lo], after=self.answers[hi])
            for lo, hi in pairwise(sorted(self.answers))
            if self.answers[lo] != self.answers[hi]
        ]

    def is_wide(self, flip: Flip) -> bool:
        """True if a value between the ends is to be looked at."""
        return flip.hi - flip.lo > self._tolerance and self._middle(flip.lo, flip.hi) is not None

    def cut(self, flip: Flip, answer: Answer, guess: Guess) -> None:
        """Look at a value between two with other answers."""
        lo, hi, stood = flip.lo, flip.hi, self._stood.get((flip.lo, flip.hi), 0)
        near = _CLOSE * self._tolerance
        point = self._point(lo, hi, abs(stood), guess(lo, hi, 2.0**stood) if hi - lo > 2 * near else None)
        there = self.answers[point] = answer(point)
        if there == flip.before and hi - point > (hi - lo) / 2:
            self._stood[point, hi] = max(stood, 0) + 1
        if there == flip.after and point - lo > (hi - lo) / 2:
            self._stood[lo, point] = min(stood, 0) - 1

    def _point(self, lo: float, hi: float, stood: int, guess: float | None) -> float:
        """The next value to look at."""
        middle = self._middle(lo, hi)
        if middle is None:
            raise ValueError(f"no value lies between {lo} and {hi}")
        if guess is None:
            return middle
        near = _CLOSE * self._tolerance
        step = max(min(guess - lo, hi - guess) - _SHORT * near, near) * (1 << max(stood - 2, 0))
        return min(lo + step, middle) if guess <= middle else max(hi - step, middle)


def flip_interval(points: Sequence[tuple[float, Sequence[float]]], value: float, level: float) -> Ends:
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
    means = [(place, interval(differences, level)) for place, differences in points]
    return doubtful([(place, mean.mean, mean.margin or 0.0) for place, mean in means], value)


def doubtful(points: Sequence[tuple[float, float, float]], value: float) -> Ends:
    """Values around a flip at which a quantity is not farther from zero than its margin.

    Args:
        points: a value, the quantity, which is below zero below the flip and above it above, and its margin.
        value: of the flip, between two of the points.

    Returns: both ends, interpolated between the points; None where these do not reach so far.
    """
    below = sorted((point for point in points if point[0] <= value), reverse=True)
    above = sorted(point for point in points if point[0] > value)
    if not below or not above:
        return None, None
    margin = max(below[0][2], above[0][2])
    return _end(below, -1, value, margin), _end(above, 1, value, margin)


def _end(points: Sequence[tuple[float, float, float]], side: int, value: float, margin_there: float) -> float | None:
    """The first place, from the flip on, at which the quantity surely has the sign of its side."""
    last, last_height = value, -margin_there
    for place, quantity, margin in points:
        height = side * quantity - margin
        if height > 0:
            return place if height == inf else last + (place - last) * last_height / (last_height - height)
        last, last_height = place, height
    return None


Replications = Mapping[int, float]
"""A quantity by the number of the replication."""


def redrawn(points: Sequence[tuple[float, Replications]], level: float) -> float | None:
    """Margin of a quantity of one replication by what is drawn again at each value.

    Between its neighbours a replication is taken to be straight; how far it is from that line is noise. What is common
    to a replication at all values, such as a slow engine, cancels out.

    Args:
        points: neighbouring values, with the quantity of each replication there.
        level: of confidence.

    Returns: None where no replication is known at three values.

    >>> lines = [(x, {0: x, 1: 5 + 2 * x}) for x in (0.0, 1.0, 4.0)]
    >>> redrawn(lines, 0.95), redrawn(lines[:2], 0.95)
    (0.0, None)
    """
    squares = []
    for (lo, low), (middle, mid), (hi, high) in zip(points, points[1:], points[2:], strict=False):
        share = (middle - lo) / (hi - lo)
        spread = 1 + share**2 + (1 - share) ** 2
        both = low.keys() & mid.keys() & high.keys()
        squares += [(mid[r] - (1 - share) * low[r] - share * high[r]) ** 2 / spread for r in sorted(both)]
    if not squares:
        return None
    return student_t(len(squares), level) * sqrt(fsum(squares) / len(squares))


def within(ends: Ends, walls: Ends) -> Ends:
    """An interval of a flip, cut at the neighbouring ones: where it would pass a wall, or has no end, the wall ends it.

    >>> within((0.2, None), (0.5, 1.0)), within((None, 0.9), (None, 1.0))
    ((0.5, 1.0), (None, 0.9))
    """
    (lo, hi), (least, most) = ends, walls
    return (
        lo if least is None else least if lo is None else max(lo, least),
        hi if most is None else most if hi is None else min(hi, most),
    )


def perfect_information_usd(costs: Mapping[str, Sequence[float]], weights: Sequence[float]) -> float | None:
    """Value of knowing which state is true before one decides: min_a E[c_a] - E[min_a c_a]; None where no action is
    possible in all states (an impossible one costs infinitely much), so that deciding now has no price.

    >>> perfect_information_usd({"a": [1, 5], "b": [4, 4]}, [0.5, 0.5])
    0.5
    """
    now = min(fsum(w * c for w, c in zip(weights, row, strict=True)) for row in costs.values())
    informed = fsum(w * min(row[i] for row in costs.values()) for i, w in enumerate(weights))
    return now - informed if now < float("inf") else None
