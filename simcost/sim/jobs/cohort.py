"""Quotas of queues that lend each other what they do not use, compiled: one pass, as Kueue's scheduler makes it.

Semantics of kueue.x-k8s.io: a queue may use its nominal quota, and borrow what others of the cohort lend and do not
use, up to its borrowing limit. A job that would fit into its queue's own quota may preempt jobs of queues that
borrow (classic preemption).
"""

from simcost.sim.compiled import NIL, lean
from simcost.sim.jobs import state as of
from simcost.sim.jobs.nodes import Cluster, Shapes
from simcost.sim.jobs.preempt import evict, fits, lend, less_urgent, restore
from simcost.sim.jobs.state import Flow
from simcost.sim.jobs.stay import begin, comes_before, leave

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
def nominate(flow: Flow) -> bool:
    """Choose the head of each queue for a cycle: its first job that has not been refused since something changed; of
    a strict queue, its first job alone. Whether there is one.
    """
    pool, found = flow.pool[0], False
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        queue.head = NIL
        while queue.cursor < pool.waiting and queue.head == NIL:
            row = flow.lists[of.QUEUE, queue.cursor]
            one = flow.jobs[row]
            refused = one.tried == -pool.released
            if one.group == q and not refused:
                queue.head, found = row, True
                queue.borrows = queue.used + one.need > queue.nominal
            elif one.group == q and pool.strict:
                queue.cursor = pool.waiting
            else:
                queue.cursor += 1
    return found


@lean
def next_head(flow: Flow) -> int:
    """Whose turn it is in the cycle: who does not borrow, then the more urgent, then the first submitted; or NIL."""
    best = NIL
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        if queue.head == NIL:
            continue
        if best == NIL:
            best = q
            continue
        other = flow.groups[best]
        earlier = comes_before(flow, queue.head, other.head, of.ALL)
        if queue.borrows < other.borrows or (queue.borrows == other.borrows and earlier):
            best = q
    if best == NIL:
        return NIL
    head = flow.groups[best].head
    flow.groups[best].head = NIL
    return int(head)


@lean
def rewind(flow: Flow) -> None:
    """Something has changed: who was refused may be tried again."""
    flow.pool[0].released += 1
    for q in range(len(flow.groups)):
        flow.groups[q].cursor = 0


@lean
def take_turn(c: Cluster, shapes: Shapes, flow: Flow, head: int) -> None:
    """Start the head of a queue, or refuse it; what was refused to its like is refused to it."""
    pool, one, blocked = flow.pool[0], flow.jobs[head], flow.lists[of.BLOCKED]
    if blocked[one.line] != pool.released and admit(c, shapes, flow, head):
        leave(flow, head)
        rewind(flow)
        return
    one.tried = -pool.released
    if not stopped_now(flow, head):
        blocked[one.line] = pool.released


@lean
def by_quota(c: Cluster, shapes: Shapes, flow: Flow) -> None:
    """Cycle after cycle the heads of all queues take their turns, until all that wait have been refused."""
    pool = flow.pool[0]
    rewind(flow)
    while pool.idle >= pool.least or pool.reclaim != NEVER or pool.within != NEVER:
        if not nominate(flow):
            break
        head = next_head(flow)
        while head != NIL:
            take_turn(c, shapes, flow, head)
            head = next_head(flow)
