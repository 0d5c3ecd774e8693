"""Pareto front: options that no other beats in one respect without losing in another."""

from collections.abc import Mapping, Sequence


def front(options: Mapping[str, Sequence[float]]) -> list[str]:
    """Names of the options on the front, in their order; all numbers are better when lower, equal options both stay.

    >>> front({"a": (1, 5), "b": (2, 4), "c": (2, 5)})
    ['a', 'b']
    """
    return [
        name for name, values in options.items() if not any(_dominates(other, values) for other in options.values())
    ]


def _dominates(other: Sequence[float], values: Sequence[float]) -> bool:
    """True if it is nowhere worse and somewhere better."""
    return all(a <= b for a, b in zip(other, values, strict=True)) and tuple(other) != tuple(values)
