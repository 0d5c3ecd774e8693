"""Jobs that wait, compiled: in subqueues of jobs that are alike for the policy, each with its first job at hand.

A subqueue has as many places as it has jobs. Where the order of the queue never changes, each job has its own place,
and over the places lies a tree of the least spans of the jobs that wait: the next one that ends in time is found
without looking at the others. Where it changes (SRTF, LAS), the rows at the places are a heap.
"""

from simcost.sim.compiled import FAR, NIL, Ints, lean
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.least_tree import set_leaf
from simcost.sim.jobs.engine.state import Flow

ANY_SPAN = FAR - 1


@lean
def goes_before(flow: Flow, row: int, other: int) -> bool:
    """True if a waiting job stands before another in the queue."""
    one, two = flow.jobs[row], flow.jobs[other]
    return bool(one.key < two.key or (one.key == two.key and row < other))


@lean
def first_of(flow: Flow, subqueue: int) -> int:
    """Row of the first job that waits in a subqueue, where one does."""
    return int(flow.lists[state.BY_PLACE, flow.lists[state.HEAD, subqueue]])


@lean
def next_place(flow: Flow, place: int, subqueue: int, longest: int) -> int:
    """First place of a subqueue, from a place on, whose job waits and has at most that span; or NIL."""
    tree, leaves, end = flow.lists[state.SPANS], flow.pool[0].leaves, flow.lists[state.FIRST, subqueue + 1]
    if place >= end:
        return NIL
    i = place + leaves
    while tree[i] > longest:
        while i & 1:
            i >>= 1
        if i == 0:
            return NIL
        i += 1
        if tree[i] <= longest:
            while i < leaves:
                i *= 2
                i += tree[i] > longest
    return int(i - leaves) if i - leaves < end else NIL


@lean
def set_span(flow: Flow, place: int, span: int) -> None:
    """Let a job wait at its place, or FAR: none."""
    set_leaf(flow.lists[state.SPANS], place + flow.pool[0].leaves, span)


@lean
def rise(flow: Flow, heap: Ints, size: int, row: int) -> None:
    """Put a row into a heap of `size` rows."""
    i = size
    while i and goes_before(flow, row, heap[(i - 1) >> 1]):
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = row


@lean
def drop_top(flow: Flow, heap: Ints, size: int) -> None:
    """Take the first row out of a heap of `size` rows."""
    row, i = heap[size - 1], 0
    while 2 * i + 1 < size - 1:
        child = 2 * i + 1
        if child + 1 < size - 1 and goes_before(flow, heap[child + 1], heap[child]):
            child += 1
        if not goes_before(flow, heap[child], row):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = row


@lean
def add_at(flow: Flow, sums: int, rank: int, more: int) -> None:
    """Add to what is summed at a rank among the queues of a cohort."""
    i = rank + flow.pool[0].leaves
    while i:
        flow.lists[sums, i] += more
        i >>= 1


@lean
def sum_before(flow: Flow, sums: int, rank: int) -> int:
    """Sum of lower ranks."""
    result, i = 0, rank + flow.pool[0].leaves
    while i > 1:
        if i & 1:
            result += flow.lists[sums, i - 1]
        i >>= 1
    return int(result)


@lean
def at_count(flow: Flow, before: int) -> int:
    """Row of the job that waits with so many before it; as many must wait."""
    counts, leaves, i = flow.lists[state.COUNTS], flow.pool[0].leaves, 1
    while i < leaves:
        i *= 2
        if before >= counts[i]:
            before -= counts[i]
            i += 1
    return int(flow.lists[state.BY_RANK, i - leaves])


@lean
def enter(flow: Flow, row: int, span: int) -> None:
    """Put a job into its subqueue."""
    pool, one, q, active = flow.pool[0], flow.jobs[row], flow.jobs[row].subqueue, flow.lists[state.ACTIVE]
    heads, sizes, first = flow.lists[state.HEAD], flow.lists[state.SIZE], flow.lists[state.FIRST, q]
    if pool.kind == state.SELECT:
        rise(flow, flow.lists[state.BY_PLACE, first:], sizes[q], row)
        heads[q] = first
    else:
        set_span(flow, one.place, span)
        if sizes[q] == 0 or one.place < heads[q]:
            heads[q] = one.place
    if pool.kind == state.COHORT:
        add_at(flow, state.COUNTS, one.rank, 1)
        flow.groups[one.group].waiting += 1
    if sizes[q] == 0:
        active[pool.active] = q
        flow.lists[state.AT, q] = pool.active
        pool.active += 1
    sizes[q] += 1
    pool.waiting += 1


@lean
def leave(flow: Flow, row: int) -> None:
    """Take a job out of its subqueue; where the order changes, it is the first there."""
    pool, one, q, active = flow.pool[0], flow.jobs[row], flow.jobs[row].subqueue, flow.lists[state.ACTIVE]
    heads, sizes = flow.lists[state.HEAD], flow.lists[state.SIZE]
    if pool.kind == state.SELECT:
        drop_top(flow, flow.lists[state.BY_PLACE, heads[q] :], sizes[q])
    else:
        set_span(flow, one.place, FAR)
        if one.place == heads[q]:
            heads[q] = next_place(flow, one.place, q, ANY_SPAN)
    if pool.kind == state.COHORT:
        add_at(flow, state.COUNTS, one.rank, -1)
        flow.groups[one.group].waiting -= 1
    sizes[q] -= 1
    pool.waiting -= 1
    if sizes[q] == 0:
        pool.active -= 1
        last = active[pool.active]
        active[flow.lists[state.AT, q]] = last
        flow.lists[state.AT, last] = flow.lists[state.AT, q]


@lean
def first_of_all(flow: Flow) -> int:
    """Row of the first job that waits, or NIL."""
    best = NIL
    for i in range(flow.pool[0].active):
        row = first_of(flow, flow.lists[state.ACTIVE, i])
        if best == NIL or goes_before(flow, row, best):
            best = row
    return best


@lean
def first_up_to(flow: Flow, most: int) -> int:
    """Row of the first job that waits for no more than that, GPU milli; or NIL."""
    best = NIL
    for i in range(flow.pool[0].active):
        row = first_of(flow, flow.lists[state.ACTIVE, i])
        if flow.jobs[row].need <= most and (best == NIL or goes_before(flow, row, best)):
            best = row
    return best


@lean
def may_fit(flow: Flow, row: int) -> bool:
    """True if a waiting job is not too wide, and none like it has found no place since GPUs were last released."""
    one = flow.jobs[row]
    return bool(one.need <= flow.pool[0].idle and flow.lists[state.BLOCKED, one.line] != flow.pool[0].released)


@lean
def first_fitting(flow: Flow, longest: int, extra: int) -> int:
    """Row of the first job that waits and may fit, of at most that span or on the extra GPUs; or NIL."""
    best = NIL
    for i in range(flow.pool[0].active):
        q = flow.lists[state.ACTIVE, i]
        row = first_of(flow, q)
        if not may_fit(flow, row):
            continue
        if flow.jobs[row].need > extra:
            place = next_place(flow, flow.lists[state.HEAD, q], q, longest)
            if place == NIL:
                continue
            row = flow.lists[state.BY_PLACE, place]
        if best == NIL or goes_before(flow, row, best):
            best = row
    return best
