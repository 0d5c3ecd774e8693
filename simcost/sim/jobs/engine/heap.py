"""Binary heaps of integers in arrays, compiled: the least is on top."""

from simcost.sim.compiled import Ints, lean


@lean
def push(heap: Ints, size: int, value: int) -> None:
    """Into a heap of `size` values."""
    i = size
    while i and heap[(i - 1) >> 1] > value:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value


@lean
def pop(heap: Ints, size: int) -> int:
    """The least of a heap of `size` values; `size - 1` are left."""
    top, value, i = heap[0], heap[size - 1], 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value
    return int(top)
