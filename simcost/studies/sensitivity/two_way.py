"""Two-way grids: the best plan where two values vary at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from simcost.compare.two_way import Cell, answers_of_grid
from simcost.errors import InputError, did_you_mean
from simcost.studies.sensitivity.answers import PlanAnswers
from simcost.studies.sensitivity.simulated import ValueRuns
from simcost.studies.sensitivity.states import VariedRange

Document = dict[str, Any]
STEPS = 8
"""Parts of each range."""


def pairs(ranges: Sequence[VariedRange], paths: Sequence[tuple[str, str]]) -> list[tuple[VariedRange, VariedRange]]:
    """The ranges of pairs of paths. Raises InputError for a path that does not vary, or with itself."""
    known = {one.path: one for one in ranges}
    for one, other in paths:
        for path in (one, other):
            if path not in known:
                near = did_you_mean(path, list(known)) or f"; add --vary {path}=LO..HI"
                raise InputError(f"--grid {one},{other}: {path} does not vary{near}")
        if one == other:
            raise InputError(f"--grid {one},{other}: names one value twice; name two")
    return [(known[one], known[other]) for one, other in paths]


def two_way(
    x: VariedRange, y: VariedRange, answers: PlanAnswers, runs: ValueRuns, tell: Callable[[float], None]
) -> Document:
    """The best plan at all combinations of nine values of each range.

    Args:
        x: one range.
        y: the other.
        answers: the plans by value.
        runs: simulations.
        tell: called with the share that is done.
    """
    columns, lines = _values(answers, x), _values(answers, y)
    found: dict[Cell, str | None] = {}

    def look(cell: Cell) -> None:
        found[cell] = answers.joint({x.path: columns[cell[0]], y.path: lines[cell[1]]}).best
        tell(len(found) / (len(columns) * len(lines)))

    def ask(cells: Sequence[Cell]) -> Mapping[Cell, str | None]:
        runs.follow([partial(look, cell) for cell in cells])
        return {cell: found[cell] for cell in cells}

    grid = answers_of_grid(len(columns), len(lines), ask)
    cells = [
        {"x": columns[i], "y": lines[j], "verdict": one.answer or answers.none(answers.base), "looked_at": one.asked}
        for (i, j), one in grid.items()
    ]
    return {"x": x.path, "y": y.path, "cells": cells}


def _values(answers: PlanAnswers, varied: VariedRange) -> list[float]:
    """Values from the low to the high end, the base among them only by chance."""
    values = np.linspace(varied.lo, varied.hi, STEPS + 1).tolist()
    near = {answers.possible(varied.path, value, varied.lo, varied.hi) for value in values}
    return sorted(value for value in near if value is not None)
