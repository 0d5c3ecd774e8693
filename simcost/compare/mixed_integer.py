"""Mixed-integer linear programs: rows that are added one family at a time, and HiGHS, kept from printing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NODES = 5_000
"""Nodes of the search tree at most: a limit of time would make answers depend on the machine."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """A solution, and how good it is known to be."""

    values: Floats
    """Integer columns are whole numbers."""
    objective: float
    bound: float
    """No solution has a smaller objective."""


class ProgramColumns:
    """Columns of a program, numbered as they are added."""

    def __init__(self) -> None:
        self._cost: list[Floats] = []
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self._whole: list[Floats] = []
        self.count = 0

    def add(
        self, shape: tuple[int, ...], *, cost: object = 0.0, lower: object = 0.0, upper: object = np.inf, whole: bool
    ) -> Ints:
        """Numbers of new columns, in an array of this shape; costs and limits are spread over it."""
        size = int(np.prod(shape))
        for kept, values in ((self._cost, cost), (self._lower, lower), (self._upper, upper), (self._whole, whole)):
            kept.append(np.broadcast_to(np.asarray(values, np.float64), shape).ravel())
        result = np.arange(self.count, self.count + size, dtype=np.int64).reshape(shape)
        self.count += size
        return result

    def joined(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Costs, lower limits, upper limits, and 1 where a column is whole."""
        cost, lower, upper, whole = (np.concatenate(one) for one in (self._cost, self._lower, self._upper, self._whole))
        return cost, lower, upper, whole


class ProgramRows:
    """Rows of a program: lower <= sum of coefficient x column <= upper."""

    def __init__(self) -> None:
        self._row: list[Ints] = []
        self._column: list[Ints] = []
        self._value: list[Floats] = []
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self.count = 0

    def add(self, *terms: tuple[Ints, object], lower: object = -np.inf, upper: object = np.inf) -> None:
        """A row for each index of the first axis of the columns; each term has columns and their coefficients."""
        size = len(terms[0][0])
        for columns, coefficients in terms:
            shape = columns.shape if columns.ndim > 1 else (len(columns), 1)
            flat = columns.reshape(shape)
            values = np.broadcast_to(np.asarray(coefficients, np.float64).reshape(_fitting(coefficients, shape)), shape)
            here = np.repeat(np.arange(size), int(np.prod(shape[1:])))
            kept = values.ravel() != 0
            self._row.append((here + self.count)[kept])
            self._column.append(flat.ravel()[kept])
            self._value.append(values.ravel()[kept])
        self._lower.append(np.broadcast_to(np.asarray(lower, np.float64), (size,)))
        self._upper.append(np.broadcast_to(np.asarray(upper, np.float64), (size,)))
        self.count += size

    def solve(self, columns: ProgramColumns, *, gap: float) -> Optimum | None:
        """The solution of least cost, within a relative gap; None = there is none."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array

        cost, lower, upper, whole = columns.joined()
        entries = tuple(map(np.concatenate, (self._row, self._column)))
        matrix = csr_array((np.concatenate(self._value), entries), shape=(self.count, columns.count))
        with quiet():
            found = milp(
                cost,
                constraints=LinearConstraint(matrix, np.concatenate(self._lower), np.concatenate(self._upper)),
                bounds=Bounds(lower, upper),
                integrality=whole,
                options={"mip_rel_gap": gap, "node_limit": NODES},
            )
        if found.x is None:
            return None
        values = np.where(whole > 0, np.rint(found.x), found.x) + 0.0
        bound = found.fun if found.mip_dual_bound is None else found.mip_dual_bound
        return Optimum(values=values, objective=float(found.fun), bound=float(bound))


def _fitting(values: object, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which coefficients spread over columns: one a row where there are as many, else as they are."""
    own = np.asarray(values).shape
    return (*own, *[1] * (len(shape) - 1)) if own == shape[:1] and len(shape) > 1 else own or (1,)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing that a library prints on its own reaches stdout: HiGHS 1.12 does, past `sys.stdout`."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(nowhere)
        os.close(kept)
