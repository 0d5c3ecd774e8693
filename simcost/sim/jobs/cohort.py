"""Quotas of queues that lend each other what they do not use, compiled: one pass, as Kueue's scheduler makes it.

Semantics of kueue.x-k8s.io: a queue may use its nominal quota, and borrow what others of the cohort lend and do not
use, up to its borrowing limit. A job that would fit into its queue's own quota may preempt jobs of queues that
borrow (classic preemption).
"""

from simcost.sim.jobs import state as of
from simcost.sim.jobs.compiled import NIL, lean
from simcost.sim.jobs.nodes import Cluster, Shapes
from simcost.sim.jobs.preempt import evict, fits, lend, less_urgent, restore
from simcost.sim.jobs.state import Flow
from simcost.sim.jobs.stay import begin, leave

NEVER, LOWER, ANY = range(3)


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
def admissible(c: Cluster, shapes: Shapes, flow: Flow, row: int, borrowing: bool) -> bool:
    """Whether quota and cluster have room for a job."""
    one = flow.jobs[row]
    if not borrowing and flow.groups[one.group].used + one.need > flow.groups[one.group].nominal:
        return False
    return bool(one.need <= available(flow, one.group)) and fits(c, shapes, flow, row)


@lean
def candidate(flow: Flow, row: int, head: int, foreign: bool) -> bool:
    """Whether a running job may be stopped for another: one of its own queue, or one that borrows."""
    one, two, pool = flow.jobs[row], flow.jobs[head], flow.pool[0]
    lower = one.priority < two.priority
    if not one.preemptible or one.tried == pool.passes:
        return False
    if one.group == two.group:
        return bool(pool.within == LOWER and lower)
    borrows = flow.groups[one.group].used > flow.groups[one.group].nominal
    return bool(foreign and borrows and (pool.reclaim == ANY or (pool.reclaim == LOWER and lower)))


@lean
def next_victim(flow: Flow, head: int, foreign: bool) -> int:
    """Of the candidates: those of other queues first, then the less urgent, then the later started; or NIL."""
    found, found_own = NIL, True
    for i in range(flow.pool[0].running):
        row = flow.lists[of.HELD, i]
        own = flow.jobs[row].group == flow.jobs[head].group
        first = found == NIL or (found_own and not own)
        first = first or (own == found_own and less_urgent(flow, row, found))
        if candidate(flow, row, head, foreign) and first:
            found, found_own = row, own
    return found


@lean
def reclaim(c: Cluster, shapes: Shapes, flow: Flow, head: int, foreign: bool) -> bool:
    """Stop jobs until the head may start: with `foreign` those of others too, within its own quota."""
    flow.pool[0].passes += 1
    scratch, count, found = flow.lists[of.SCRATCH], 0, False
    while not found:
        row = next_victim(flow, head, foreign)
        if row == NIL:
            break
        flow.jobs[row].tried = flow.pool[0].passes
        lend(c, shapes, flow, row)
        scratch[count] = row
        count += 1
        found = admissible(c, shapes, flow, head, not foreign)
    for i in range(count - 1, -1, -1):
        row = scratch[i]
        restore(c, shapes, flow, row)
        if found and not admissible(c, shapes, flow, head, not foreign):
            lend(c, shapes, flow, row)
        else:
            scratch[i] = NIL
    evict(c, shapes, flow, count)
    return found


@lean
def stopped_now(flow: Flow, row: int) -> bool:
    """Whether a job was preempted at this instant."""
    return bool(flow.jobs[row].stops > 0 and flow.jobs[row].stopped == flow.pool[0].now)


@lean
def admit(c: Cluster, shapes: Shapes, flow: Flow, head: int) -> bool:
    """Start a job, if need be in place of others.

    Two jobs could stop each other without end at one instant: who was stopped now stops nobody until the next event.
    """
    one, pool = flow.jobs[head], flow.pool[0]
    if one.need <= available(flow, one.group) and begin(c, shapes, flow, head):
        return True
    if stopped_now(flow, head):
        return False
    own = flow.groups[one.group]
    room = pool.reclaim != NEVER and own.used < own.nominal and reclaim(c, shapes, flow, head, of.ALL)
    if not room and pool.within != NEVER:
        room = reclaim(c, shapes, flow, head, of.OWN)
    return room and begin(c, shapes, flow, head)


@lean
def before(flow: Flow, row: int, other: int) -> bool:
    """Whose turn comes first: who does not borrow, then the more urgent, then the first submitted."""
    one, two = flow.jobs[row], flow.jobs[other]
    borrows = flow.groups[one.group].used + one.need > flow.groups[one.group].nominal
    other_borrows = flow.groups[two.group].used + two.need > flow.groups[two.group].nominal
    if borrows != other_borrows:
        return bool(other_borrows)
    return bool(one.key < two.key or (one.key == two.key and row < other))


@lean
def next_head(flow: Flow) -> int:
    """Of the first jobs of the queues that may be tried, the one whose turn it is; or NIL."""
    pool, found = flow.pool[0], NIL
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        while queue.cursor < pool.waiting:
            row = flow.lists[of.QUEUE, queue.cursor]
            one = flow.jobs[row]
            mine = one.group == q
            refused = flow.lists[of.BLOCKED, one.line] == pool.released or one.tried == -pool.released
            if mine and not refused:
                if found == NIL or before(flow, row, found):
                    found = row
                break
            queue.cursor = pool.waiting if mine and flow.pool[0].strict else queue.cursor + 1
    return found


@lean
def rewind(flow: Flow) -> None:
    """Something has changed: who was refused may be tried again."""
    flow.pool[0].released += 1
    for q in range(len(flow.groups)):
        flow.groups[q].cursor = 0


@lean
def by_quota(c: Cluster, shapes: Shapes, flow: Flow) -> None:
    """The heads of the queues in turn; one that does not start lets the next of its queue try, unless strict."""
    pool = flow.pool[0]
    rewind(flow)
    while pool.idle >= pool.least or pool.reclaim != NEVER or pool.within != NEVER:
        head = next_head(flow)
        if head == NIL:
            break
        if admit(c, shapes, flow, head):
            leave(flow, head)
            rewind(flow)
        elif stopped_now(flow, head):
            flow.jobs[head].tried = -pool.released
        else:
            flow.lists[of.BLOCKED, flow.jobs[head].line] = pool.released
