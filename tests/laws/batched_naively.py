"""A dynamic batcher in plain Python: one engine, a queue, a window and a largest batch, as Triton has them."""

from collections.abc import Callable, Sequence
from math import inf


def batched(
    arrivals: Sequence[int], window: int, most: int, duration: Callable[[int], int]
) -> tuple[list[int], list[int]]:
    """Times at which requests end, and the sizes of the batches.

    An idle engine takes the first requests of the queue, at most `most`: once there are so many, or once the oldest
    has waited for the window. What arrives at the moment of a start is in the batch.
    """
    ends, sizes, free, first = list[int](), list[int](), 0, 0
    while first < len(arrivals):
        full = arrivals[first + most - 1] if first + most <= len(arrivals) else inf
        start = max(free, int(min(arrivals[first] + window, full)))
        size = sum(time <= start for time in arrivals[first : first + most])
        free = start + duration(size)
        ends += [free] * size
        sizes.append(size)
        first += size
    return ends, sizes
