"""States by reference: compiled code reads and writes the arrays that Python has."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from simcost.sim.by_reference import Loop
from simcost.sim.compiled import lean_entry

pytestmark = pytest.mark.slow


class Inner(NamedTuple):
    table: npt.NDArray[np.int32]
    none: npt.NDArray[np.float64]


class Outer(NamedTuple):
    totals: npt.NDArray[np.int64]
    inner: Inner
    shares: npt.NDArray[np.float64]


@lean_entry
def summed(s: Outer, column: int, extra: npt.NDArray[np.int64]) -> tuple[int, float]:
    """Add a column of the table and the extra to the totals; the length of `none` and the sum of all shares."""
    total = 0.0
    for row in range(len(extra)):
        s.totals[row] += s.inner.table[row, column] + extra[row]
        total += s.shares[0, row] + s.shares[1, row]
    return len(s.inner.none), total


def state(rows: int) -> Outer:
    table = np.arange(3 * rows, dtype=np.int32).reshape(rows, 3)
    return Outer(np.zeros(rows, np.int64), Inner(table, np.zeros(rows + 1)), np.full((2, rows), 0.5))


def test_arrays_are_read_and_written_where_they_are() -> None:
    loop, s = Loop(summed), state(4)
    assert loop((s,), 1, np.full(4, 10)) == (5, 4.0)
    assert s.totals.tolist() == [11, 14, 17, 20]
    s.inner.table[:] = 0
    loop((s,), 0, np.ones(4, np.int64))
    assert s.totals.tolist() == [12, 15, 18, 21]


def test_other_arrays_are_seen_at_the_next_call() -> None:
    """A driver that enlarges an array makes a new tuple of it."""
    loop, s = Loop(summed), state(4)
    loop((s,), 2, np.zeros(4, np.int64))
    larger = state(6)
    assert loop((larger,), 2, np.zeros(6, np.int64)) == (7, 6.0)
    assert larger.totals.tolist() == larger.inner.table[:, 2].tolist()
    changed = larger._replace(inner=larger.inner._replace(table=np.ones((6, 3), np.int32)))
    loop((changed,), 2, np.zeros(6, np.int64))
    assert changed.totals is larger.totals
    assert changed.totals.tolist() == [3, 6, 9, 12, 15, 18]


def test_other_types_get_code_of_their_own() -> None:
    loop, s = Loop(summed), state(3)
    loop((s,), 0, np.zeros(3, np.int64))
    wide = s._replace(inner=s.inner._replace(table=np.full((3, 3), 1 << 40)))
    loop((wide,), 0, np.zeros(3, np.int64))
    assert wide.totals.tolist() == [(1 << 40) + k for k in (0, 3, 6)]
