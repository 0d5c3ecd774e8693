"""Combinations of codes: which rows of several columns are alike."""

from collections.abc import Sequence

import numpy as np

from simcost.tables.cells import Ints

_TABLE = 4
"""Possible combinations for each row up to which a table of all of them is faster than sorting."""
_MOST = 2**62


def combinations(codes: Sequence[Ints], sizes: Sequence[int]) -> tuple[Ints, Ints]:
    """The number of the combination of each row, and one row of each combination.

    Args:
        codes: columns of equal length, at least one, each from 0 to below its size.
        sizes: of the columns.
    """
    which, count = np.zeros(len(codes[0]), np.int64), 1
    for code, size in zip(codes, sizes, strict=True):
        if size > 1:
            if count * size > _MOST:
                which, count = _numbered(which, count)
            which, count = which * size + code, count * size
    which, count = _numbered(which, count)
    first = np.empty(count, np.int64)
    first[which[::-1]] = np.arange(len(which))[::-1]
    return which, first


def _numbered(which: Ints, count: int) -> tuple[Ints, int]:
    """Numbers below `count`, of which not all are there, as numbers without gaps in the same order; and how many."""
    if count > _TABLE * len(which):
        there, numbers = np.unique(which, return_inverse=True)
        return numbers, len(there)
    there = np.zeros(count, np.bool_)
    there[which] = True
    return (np.cumsum(there) - 1)[which], int(there.sum())
