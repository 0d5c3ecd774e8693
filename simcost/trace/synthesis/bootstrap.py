"""Resampling of consecutive rows in blocks."""

from collections.abc import Callable

import numpy as np

from simcost.trace.requests.batch import Floats, Ints


def rows_in_blocks(known: int, block: int, count: int, rng: np.random.Generator) -> Ints:
    """Rows of a table in blocks of consecutive ones, at least `count` of them.

    A block starts at any row with equal chance and goes on at the first row after the last one (circular block
    bootstrap, Politis & Romano 1992), so that each row is as likely as any other.
    """
    block = min(block, known)
    starts = rng.integers(0, known, -(-count // block))
    rows: Ints = (starts[:, None] + np.arange(block)).ravel()
    rows[rows >= known] -= known
    return rows


def gaps_in_blocks(gap: Floats, until: Floats, block: int, rng: np.random.Generator) -> Callable[[int], "Gaps"]:
    """Sampler of gaps and their rows in blocks, from any instant of the process on.

    The first gap is what is left of one in which a uniform instant lies: one that is the likelier the longer it is, at
    any place of its block. Begun with a whole block, or within a run of so many, runs of short gaps would be met too
    often, and more would arrive than the rate says.

    Args:
        gap: of each row.
        until: their running sum.
        block: rows in a block.
        rng: random numbers.
    """
    begun = False

    def draw(count: int) -> "Gaps":
        nonlocal begun
        rows = rows_in_blocks(len(gap), block, count, rng)
        if begun:
            return gap[rows], rows
        begun = True
        first = min(int(np.searchsorted(until, rng.random() * until[-1], side="right")), len(gap) - 1)
        left = min(block, len(gap)) - int(rng.integers(min(block, len(gap))))
        rows = np.concatenate([(first + np.arange(left)) % len(gap), rows])
        found = gap[rows]
        found[0] *= rng.random()
        return found, rows

    return draw


Gaps = tuple[Floats, Ints]
"""Gaps, and the rows that they are of."""
