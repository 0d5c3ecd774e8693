"""Hashes of rows, by which equal ones are counted in eight bytes for each."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
_FACTOR, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def mixed(total: Hashes, column: Hashes) -> Hashes:
    """The hashes of rows with those of one more column of theirs."""
    found: Hashes = (total ^ column) * _FACTOR
    return found ^ (found >> _SHIFT)


def hashes_of(words: Iterable[object]) -> Hashes:
    """The hash of each word, the same for equal ones within a process."""
    return np.array([hash(word) & 0xFFFFFFFFFFFFFFFF for word in words], np.uint64)


def repeated(parts: Sequence[Hashes]) -> int:
    """Rows that another row equals, but for the first of each.

    >>> repeated([hashes_of("abc"), hashes_of("cab"), hashes_of("a")])
    4
    """
    if not parts:
        return 0
    found = np.sort(np.concatenate(parts))
    return int((found[1:] == found[:-1]).sum())
