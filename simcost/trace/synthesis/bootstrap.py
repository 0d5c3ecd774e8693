"""Resampling of consecutive rows in blocks."""

import numpy as np

from simcost.trace.requests.batch import Ints


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
