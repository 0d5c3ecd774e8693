"""Amounts of several commitments that cost least together, in whole steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Amounts = tuple[int, ...]


def least_cost(most: Sequence[int], cost: Callable[[Amounts], float]) -> Amounts:
    """Steps of each commitment that cost least, from none of it to the most.

    Steepest descent by one more, one less, or one exchanged for one of another, in strides that are halved down to 1.
    Where commitments cover the same usage and are paid whether used or not, the cost is M-natural convex: no better
    neighbour then means no better amounts (Murota, Discrete Convex Analysis, theorem 6.26).

    >>> least_cost([4, 4], lambda n: 3 * n[0] + 2 * n[1] + 5 * max(5 - sum(n), 0))
    (1, 4)
    """
    known: dict[Amounts, float] = {}

    def of(amounts: Amounts) -> float:
        if amounts not in known:
            known[amounts] = cost(amounts)
        return known[amounts]

    best: Amounts = (0,) * len(most)
    stride = 1 << max(max(most, default=0).bit_length() - 1, 0)
    while stride:
        found = min(
            _neighbours(best, most, stride), key=lambda neighbour: (of(neighbour), sum(neighbour)), default=best
        )
        if of(found) < of(best):
            best = found
        else:
            stride //= 2
    return best


def _neighbours(amounts: Amounts, most: Sequence[int], stride: int) -> Iterator[Amounts]:
    """Amounts that differ by a stride of one commitment, or of two in opposite directions."""
    changes = [(i, sign * stride) for i in range(len(amounts)) for sign in (1, -1)]
    for i, by in changes:
        for also in [None, *((j, -by) for j in range(len(amounts)) if j != i)]:
            moved = list(amounts)
            moved[i] += by
            if also is not None:
                moved[also[0]] += also[1]
            if all(0 <= one <= limit for one, limit in zip(moved, most, strict=True)):
                yield tuple(moved)
