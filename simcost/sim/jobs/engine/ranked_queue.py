"""Schedulers whose order never changes: strict, skipping, and EASY backfill, compiled.

Jobs wait at their rank, the place each would have if all were waiting. Over the ranks lies a tree of minima of
widths and limits: the next job that may start is found without looking at those that may not.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from simcost.sim.compiled import FAR, NIL, Floats, Ints, entry, helper
from simcost.sim.jobs.engine.least_tree import set_leaf

STRICT, SKIP, EASY = range(3)


class RankedQueue(NamedTuple):
    """The jobs of a pool and who of them waits."""

    gpus: Ints
    limit: Ints
    rank: Ints
    by_rank: Ints
    narrowest: Ints
    """Tree: least GPUs of the waiting jobs below a node; node 1 is the root, ranks are the leaves."""
    shortest: Ints
    """Tree: least limit."""
    waiting: Ints
    """Jobs, and their GPUs."""
    running: Ints
    """Rows in order of (limit end, row); kept for EASY only."""
    planned: Ints
    """Limit ends of running jobs."""


@helper
def _set(tree: Ints, rank: int, value: int) -> None:
    set_leaf(tree, rank + len(tree) // 2, value)


@helper
def _next(queue: RankedQueue, rank: int, narrow: int, free: int, slack: int) -> int:
    """First rank from `rank` on whose job has at most `narrow` GPUs, or at most `free` and a limit within `slack`."""
    leaves = len(queue.narrowest) // 2
    if rank >= leaves:
        return NIL
    i = rank + leaves
    while True:
        width = queue.narrowest[i]
        if width <= narrow or (width <= free and queue.shortest[i] <= slack):
            if i >= leaves:
                return i - leaves
            i *= 2
        else:
            while i & 1:
                i >>= 1
            if i == 0:
                return NIL
            i += 1


@helper
def _join(queue: RankedQueue, row: int) -> None:
    _set(queue.narrowest, queue.rank[row], queue.gpus[row])
    _set(queue.shortest, queue.rank[row], queue.limit[row])
    queue.waiting[0] += 1
    queue.waiting[1] += queue.gpus[row]


@helper
def _leave(queue: RankedQueue, row: int) -> None:
    _set(queue.narrowest, queue.rank[row], FAR)
    _set(queue.shortest, queue.rank[row], FAR)
    queue.waiting[0] -= 1
    queue.waiting[1] -= queue.gpus[row]


@helper
def _position(queue: RankedQueue, row: int, count: int) -> int:
    """Position of the row, present or future, among `count` running jobs."""
    low, high, end = 0, count, queue.planned[row]
    while low < high:
        middle = (low + high) >> 1
        other = queue.running[middle]
        if queue.planned[other] < end or (queue.planned[other] == end and other < row):
            low = middle + 1
        else:
            high = middle
    return low


@helper
def _reservation(queue: RankedQueue, need: int, free: int, count: int, all_ties: bool) -> tuple[int, int]:
    """(shadow time, extra): when the head can start by the limits, and the capacity left then."""
    i, shadow = 0, 0
    while free < need:
        row = queue.running[i]
        shadow = queue.planned[row]
        free += queue.gpus[row]
        i += 1
    while all_ties and i < count and queue.planned[queue.running[i]] == shadow:
        free += queue.gpus[queue.running[i]]
        i += 1
    return shadow, free - need


@helper
def _hold(queue: RankedQueue, row: int, end: int, held: int) -> None:
    """Enter a started job among the `held` running ones."""
    queue.planned[row] = end
    place = _position(queue, row, held)
    for i in range(held, place, -1):
        queue.running[i] = queue.running[i - 1]
    queue.running[place] = row


@helper
def _release(queue: RankedQueue, row: int, held: int) -> None:
    place = _position(queue, row, held)
    for i in range(place, held - 1):
        queue.running[i] = queue.running[i + 1]


@helper
def _candidate(queue: RankedQueue, discipline: int, at: int, free: int, extra: int, slack: int) -> int:
    """Rank of the next job to look at; `slack` is NIL as long as the head is not blocked."""
    if slack != NIL:
        return _next(queue, at, min(free, extra), free, slack)
    if discipline == SKIP:
        return _next(queue, at, free, free, 0)
    return _next(queue, at, FAR - 1, 0, 0)


@helper
def _pass(
    queue: RankedQueue, now: int, free: int, held: int, discipline: int, all_ties: bool, started: Ints
) -> tuple[int, int]:
    """One walk over the queue: GPUs then free, jobs started (their rows in `started`)."""
    at, extra, slack, count = 0, 0, NIL, 0
    while queue.narrowest[1] <= free:
        found = _candidate(queue, discipline, at, free, extra, slack)
        if found == NIL:
            break
        row, at = queue.by_rank[found], found + 1
        if queue.gpus[row] > free:  # the head is blocked
            if discipline == STRICT:
                break
            shadow, extra = _reservation(queue, queue.gpus[row], free, held, all_ties)
            slack = shadow - now
            continue
        if slack != NIL and queue.limit[row] > slack:
            extra -= queue.gpus[row]
        _leave(queue, row)
        free -= queue.gpus[row]
        started[count] = row
        count += 1
        if discipline == EASY:
            _hold(queue, row, now + queue.limit[row], held)
            held += 1
    return free, count


@helper
def _queue(gpus: Ints, limit: Ints, by_rank: Ints) -> RankedQueue:
    count, leaves = len(gpus), 1
    while leaves < count:
        leaves *= 2
    rank = np.empty(count, np.int64)
    rank[by_rank] = np.arange(count)
    return RankedQueue(
        gpus,
        limit,
        rank,
        by_rank,
        np.full(2 * leaves, FAR),
        np.full(2 * leaves, FAR),
        np.zeros(2, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )


@entry
def run(
    submit: Ints,
    duration: Ints,
    gpus: Ints,
    limit: Ints,
    by_rank: Ints,
    capacity: int,
    discipline: int,
    all_ties: bool,
    horizon: float,
) -> tuple[Ints, Floats]:
    """Start times (NIL = not by the horizon); after each event t, GPUs allocated, jobs waiting, their GPUs."""
    count, queue = len(submit), _queue(gpus, limit, by_rank)
    start, started = np.full(count, NIL), np.empty(count, np.int64)
    timeline = np.empty((2 * count, 4))
    ends = [(FAR, count)]
    free, arrived, rows, held = capacity, 0, 0, 0
    while arrived < count or len(ends) > 1:
        now = min(submit[arrived], ends[0][0]) if arrived < count else ends[0][0]
        if now > horizon:
            break
        while ends[0][0] == now:
            row = heappop(ends)[1]
            free += gpus[row]
            if discipline == EASY:
                _release(queue, row, held)
            held -= 1
        while arrived < count and submit[arrived] == now:
            _join(queue, arrived)
            arrived += 1
        free, news = _pass(queue, now, free, held, discipline, all_ties, started)
        held += news
        for row in started[:news]:
            start[row] = now
            heappush(ends, (now + duration[row], row))
        timeline[rows] = (now, capacity - free, queue.waiting[0], queue.waiting[1])
        rows += 1
    return start, timeline[:rows]
