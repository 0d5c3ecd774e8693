"""Whole numbers that callers pass."""

from __future__ import annotations

from numbers import Integral

from simcost.errors import InputError

_FROM_0 = ("seed", "front")


def check_counts(**counts: object) -> None:
    """Raise InputError for what is not a whole number, or below the least that it can be; None is not said.

    >>> check_counts(seeds=3, seed=0, limit=None)
    >>> check_counts(seeds=0)
    Traceback (most recent call last):
    ...
    simcost.errors.InputError: seeds: 0 is not a whole number from 1 up
    """
    for name, count in counts.items():
        least = 0 if name in _FROM_0 else 1
        if count is None or (not isinstance(count, bool) and isinstance(count, Integral) and int(count) >= least):
            continue
        raise InputError(f"{name}: {count!r} is not a whole number from {least} up")
