"""Choice of running jobs to preempt, compiled: within one queue by priority, and in a cohort of queues with quotas.

Semantics of kueue.x-k8s.io, classic preemption: candidates are taken one after the other until the job would fit,
then those that turn out unnecessary are left alone. Priorities without quotas are a cohort of one queue.
"""

from simcost.sim.compiled import FAR, NIL, lean
from simcost.sim.jobs import cluster
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.job_lifecycle import stop
from simcost.sim.jobs.engine.placement import move, place, release
from simcost.sim.jobs.engine.state import Flow
from simcost.sim.jobs.engine.waiting_jobs import sum_before

NEVER, LOWER, ANY = range(3)
"""Jobs that may be stopped: none, the less urgent, all; of the own queue, those as urgent if they are newer."""


@lean
def available(flow: Flow, queue: int) -> int:
    """GPU milli that a queue may still take, its own and borrowed."""
    lendable = 0
    for i in range(len(flow.groups)):
        other = flow.groups[i]
        lendable += other.nominal - other.kept - max(other.used - other.kept, 0)
    own = flow.groups[queue]
    most = own.nominal - own.kept - max(own.used - own.kept, 0) + own.borrow
    return int(max(own.kept - own.used, 0) + max(min(lendable, most), 0))


@lean
def would_borrow(flow: Flow, row: int) -> bool:
    """True if a waiting job would exceed the quota of its queue."""
    one = flow.jobs[row]
    return bool(flow.groups[one.group].used + one.need > flow.groups[one.group].nominal)


@lean
def fits(c: FreeNodes, shapes: Shapes, flow: Flow, row: int, borrowing: bool) -> bool:
    """True if quota and cluster have room for a waiting job now."""
    one = flow.jobs[row]
    if one.need > flow.pool[0].idle or one.need > available(flow, one.group):
        return False
    if not borrowing and would_borrow(flow, row):
        return False
    result = place(c, shapes, flow, row, flow.pool[0].placement)[0]
    if result:
        release(c, shapes, flow, one.first, one.last)
    return result


@lean
def lend(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> None:
    """Take away the GPUs of a running job on trial."""
    one = flow.jobs[row]
    release(c, shapes, flow, one.first, one.last)
    flow.pool[0].idle += one.need
    flow.groups[one.group].used -= one.need


@lean
def restore(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> None:
    """Give a running job its own GPUs again."""
    one = flow.jobs[row]
    for m in range(one.first, one.last):
        part = flow.members[m]
        move(c, shapes, part.shape, part.memory, part.node, part.gpus, cluster.TAKE)
    flow.pool[0].idle -= one.need
    flow.groups[one.group].used += one.need


@lean
def candidate(flow: Flow, row: int, head: int, borrowing: bool) -> bool:
    """True if a running job may be stopped for another: one of its own queue, or one of a queue that borrows; with
    `borrowing`, of those only the ones that a queue may stop while it borrows itself.
    """
    one, two, pool = flow.jobs[row], flow.jobs[head], flow.pool[0]
    lower = one.priority < two.priority
    if not one.preemptible or one.tried == pool.passes:
        return False
    if one.group == two.group:
        newer = one.priority == two.priority and head < row
        return bool((pool.within != NEVER and lower) or (pool.within == ANY and newer))
    borrows = flow.groups[one.group].used > flow.groups[one.group].nominal
    allowed = pool.reclaim == ANY or (pool.reclaim == LOWER and lower)
    below = lower and one.priority <= pool.threshold
    return bool(borrows and allowed and (below or not borrowing))


@lean
def less_urgent(flow: Flow, row: int, other: int) -> bool:
    """True if the first of two running jobs is stopped first: the less urgent, then the later started, then the later
    row.
    """
    one, two = flow.jobs[row], flow.jobs[other]
    if one.priority != two.priority:
        return bool(one.priority < two.priority)
    return bool(one.since > two.since or (one.since == two.since and row > other))


@lean
def next_victim(flow: Flow, head: int, borrowing: bool) -> int:
    """Of the candidates: those of other queues first, then the less urgent, then the later started; or NIL."""
    result, found_own = NIL, True
    for i in range(flow.pool[0].running):
        row = flow.lists[state.HELD, i]
        own = flow.jobs[row].group == flow.jobs[head].group
        first = result == NIL or (found_own and not own)
        first = first or (own == found_own and less_urgent(flow, row, result))
        if first and candidate(flow, row, head, borrowing):
            result, found_own = row, own
    return result


@lean
def first_rank_up_to(flow: Flow, q: int, priority: int) -> int:
    """First rank of a queue whose job has at most that priority, or one past its last rank."""
    low, high = flow.groups[q].first, end_of(flow, q)
    while low < high:
        middle = (low + high) >> 1
        if flow.jobs[flow.lists[state.BY_RANK, middle]].priority > priority:
            low = middle + 1
        else:
            high = middle
    return int(low)


@lean
def end_of(flow: Flow, q: int) -> int:
    """One past the last rank of a queue."""
    return int(flow.groups[q + 1].first if q + 1 < len(flow.groups) else len(flow.jobs))


@lean
def candidates(flow: Flow, sums: int, head: int, q: int, borrowing: bool) -> int:
    """GPU milli that candidates of a queue hold, or their number, while none is tried: ranks go down with priority."""
    pool, two, queue = flow.pool[0], flow.jobs[head], flow.groups[q]
    most = two.priority - 1
    if q == two.group:
        if pool.within == NEVER:
            return 0
        first = two.rank + 1 if pool.within == ANY else first_rank_up_to(flow, q, most)
    else:
        if pool.reclaim == NEVER or queue.used <= queue.nominal:
            return 0
        most = min(most, pool.threshold) if borrowing else (most if pool.reclaim == LOWER else FAR)
        first = first_rank_up_to(flow, q, most)
    return sum_before(flow, sums, end_of(flow, q)) - sum_before(flow, sums, first)


@lean
def could_have(flow: Flow, head: int, borrowing: bool) -> int:
    """GPU milli that are idle or held by candidates."""
    found = flow.pool[0].idle
    for q in range(len(flow.groups)):
        found += candidates(flow, state.HELD_NEED, head, q, borrowing)
    return int(found)


@lean
def exceeds_quota(flow: Flow, head: int) -> bool:
    """True if a job would exceed the quota of its queue even if all candidates there were stopped."""
    one = flow.jobs[head]
    own = flow.groups[one.group]
    return bool(own.used + one.need - candidates(flow, state.HELD_NEED, head, one.group, state.WITHIN) > own.nominal)


@lean
def may_make_room(flow: Flow, head: int, borrowing: bool) -> bool:
    """False if a job could not start even if all candidates were stopped."""
    return could_have(flow, head, borrowing) >= flow.jobs[head].need and (borrowing or not exceeds_quota(flow, head))


@lean
def evict(c: FreeNodes, shapes: Shapes, flow: Flow, count: int) -> None:
    """Stop those of the first `count` rows of SCRATCH that are not NIL; their GPUs are away on trial."""
    for i in range(count):
        row = flow.lists[state.SCRATCH, i]
        if row != NIL:
            restore(c, shapes, flow, row)
            stop(c, shapes, flow, row, state.PREEMPTED)


@lean
def make_room(c: FreeNodes, shapes: Shapes, flow: Flow, head: int, borrowing: bool) -> bool:
    """Stop the shortest row of victims whose GPUs let the head start, less those that turn out unnecessary."""
    scratch, count, result = flow.lists[state.SCRATCH], 0, False
    flow.pool[0].passes += 1
    if not may_make_room(flow, head, borrowing):
        return False
    while not result:
        row = next_victim(flow, head, borrowing)
        if row == NIL:
            break
        flow.jobs[row].tried = flow.pool[0].passes
        lend(c, shapes, flow, row)
        scratch[count] = row
        count += 1
        result = fits(c, shapes, flow, head, borrowing)
    for i in range(count - 1, -1, -1):
        row = scratch[i]
        restore(c, shapes, flow, row)
        if result and not fits(c, shapes, flow, head, borrowing):
            lend(c, shapes, flow, row)
        else:
            scratch[i] = NIL
    evict(c, shapes, flow, count)
    return result
