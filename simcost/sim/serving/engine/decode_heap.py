"""Decoding requests of a replica: a min-heap of int64 by the decoded tokens at which each is done; and a hash."""

import numpy as np

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.decode_run import decoded
from simcost.sim.serving.engine.layout import NIL, State

_BITS = col.NODE_BITS
_MASK = col.NODE_LIMIT - 1


@inlined
def _sift_up(heap: col.Ints, i: int) -> None:
    entry = heap[i]
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= entry:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = entry


@inlined
def _sift_down(heap: col.Ints, i: int, size: int) -> None:
    entry = heap[i]
    child = 2 * i + 1
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    heap[i] = entry


@inlined
def start_decoding(s: State, r: int, x: int) -> None:
    """Put request x into the batch of decoding sequences."""
    rep, node = s.replicas[r], s.nodes[x]
    node[col.MARK] = decoded(s, r, rep[col.DECODED_STEPS]) + node[col.OUTPUT] - node[col.DONE]
    rep[col.KV] += node[col.PROMPT] + node[col.DONE]
    size = rep[col.DECODING]
    s.heap[r, size] = (node[col.MARK] << _BITS) | x
    _sift_up(s.heap[r], size)
    rep[col.DECODING] = size + 1


@inlined
def stop_decoding(s: State, r: int, i: int) -> None:
    """Take heap entry i out of the batch, its tokens out of the KV cache; bring its DONE up to date.

    Its last step may have brought more tokens than it wanted: they were in the cache, but are not its output.
    """
    rep, heap = s.replicas[r], s.heap[r]
    node = s.nodes[heap[i] & _MASK]
    left = node[col.MARK] - decoded(s, r, rep[col.DECODED_STEPS])
    rep[col.KV] -= node[col.PROMPT] + node[col.OUTPUT] - left
    node[col.DONE] = node[col.OUTPUT] - max(left, 0)
    size = rep[col.DECODING] - 1
    rep[col.DECODING] = size
    if i < size:
        heap[i] = heap[size]
        _sift_down(heap, i, size)
        _sift_up(heap, i)


@lean
def stop_running(s: State, r: int, x: int) -> None:
    """Take the running request x out of prefill or decoding. At a boundary at most one is in prefill."""
    rep, node = s.replicas[r], s.nodes[x]
    if x == rep[col.PREFILLING]:
        rep[col.RESERVED] -= node[col.PROMPT] + node[col.DONE]
        rep[col.PREFILLING] = NIL
    else:
        entry = (node[col.MARK] << _BITS) | x
        i = 0
        while s.heap[r, i] != entry:
            i += 1
        stop_decoding(s, r, i)
    rep[col.RUNNING] -= 1


@inlined
def splitmix64(x: int | np.uint64) -> np.uint64:
    """A well-mixed 64-bit hash (Steele, Lea, Flood 2014)."""
    z = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
