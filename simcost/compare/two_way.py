"""Two-way grids: an answer at all combinations of two lists of values, asked for only where it may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

Cell = tuple[int, int]
"""Places in both lists."""


@dataclass(frozen=True, slots=True)
class GridAnswer:
    """The answer of a cell."""

    answer: str | None
    asked: bool
    """False where it is that of all four corners of a rectangle around it."""


@dataclass(frozen=True, slots=True)
class _Rectangle:
    left: int
    right: int
    low: int
    high: int

    def corners(self) -> list[Cell]:
        return list(product((self.left, self.right), (self.low, self.high)))

    def cells(self) -> list[Cell]:
        return list(product(range(self.left, self.right + 1), range(self.low, self.high + 1)))

    def parts(self) -> list[_Rectangle]:
        """Up to four parts; none of what has corners alone."""
        if self.right - self.left <= 1 and self.high - self.low <= 1:
            return []
        return [_Rectangle(*x, *y) for x, y in product(_halves(self.left, self.right), _halves(self.low, self.high))]


def answers_of_grid(
    width: int, height: int, ask: Callable[[Sequence[Cell]], Mapping[Cell, str | None]]
) -> dict[Cell, GridAnswer]:
    """Answers of all cells, asked for at the corners of rectangles, which are parted where these differ.

    It is exact where the cells of each answer are all that lie in a convex region, as those at which a plan is the
    cheapest of several whose costs are linear in both values. An answer that no corner has is not found.

    Args:
        width: number of values in the first list.
        height: number of values in the second one.
        ask: answers of cells, none of which it was asked for before.

    >>> found = answers_of_grid(9, 9, lambda cells: {(x, y): "a" if x < 4 else "b" for x, y in cells})
    >>> found[3, 7], sum(one.asked for one in found.values())
    (GridAnswer(answer='a', asked=True), 35)
    """
    known: dict[Cell, str | None] = {}
    between: dict[Cell, str | None] = {}
    rectangles = _Rectangle(0, width - 1, 0, height - 1).parts() or [_Rectangle(0, width - 1, 0, height - 1)]
    while rectangles:
        known |= ask(sorted({cell for one in rectangles for cell in one.corners()} - known.keys()))
        following = []
        for one in rectangles:
            answers = {known[cell] for cell in one.corners()}
            if len(answers) == 1:
                between |= dict.fromkeys(one.cells(), *answers)
            else:
                following += one.parts()
        rectangles = following
    cells = sorted(known.keys() | between.keys())
    return {cell: GridAnswer(known.get(cell, between.get(cell)), cell in known) for cell in cells}


def _halves(low: int, high: int) -> list[tuple[int, int]]:
    middle = (low + high) // 2
    return [(low, high)] if high - low <= 1 else [(low, middle), (middle, high)]
