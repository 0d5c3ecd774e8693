"""Quotas of queues that lend each other what they do not use, compiled: one pass, as Kueue's scheduler makes it.

Semantics of kueue.x-k8s.io: a queue may use its nominal quota, and borrow what others of the cohort lend and do not
use, up to its borrowing limit. A job no wider than its queue's quota may stop others, by classic preemption.
"""

from simcost.sim.compiled import NIL, lean
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.job_lifecycle import begin, comes_before, leave
from simcost.sim.jobs.engine.preemption_victims import NEVER, available, candidate, make_room, would_borrow
from simcost.sim.jobs.engine.state import Flow


@lean
def stopped_now(flow: Flow, row: int) -> bool:
    """True if a job was preempted at this instant."""
    return bool(flow.jobs[row].stops > 0 and flow.jobs[row].stopped == flow.pool[0].now)


@lean
def others_may_go(flow: Flow, head: int) -> bool:
    """True if jobs of other queues may be stopped for a job."""
    result = False
    flow.pool[0].passes += 1
    for i in range(flow.pool[0].running):
        row = flow.lists[state.HELD, i]
        foreign = flow.jobs[row].group != flow.jobs[head].group
        result = result or (foreign and candidate(flow, row, head, state.WITHIN))
    return result


@lean
def reclaim(c: FreeNodes, shapes: Shapes, flow: Flow, head: int) -> bool:
    """Stop jobs until the head may start. A queue that stops those of others stays within its own quota, unless the
    cohort lets it borrow in place of the less urgent; one that stops its own alone may borrow.
    """
    one, pool = flow.jobs[head], flow.pool[0]
    own, borrows = flow.groups[one.group], pool.threshold != state.NOBODY
    if one.need > own.nominal and not borrows:
        return False
    if not others_may_go(flow, head) or not (borrows or own.used < own.nominal):
        return make_room(c, shapes, flow, head, state.BORROWING)
    return make_room(c, shapes, flow, head, borrows) or make_room(c, shapes, flow, head, not borrows)


@lean
def admit(c: FreeNodes, shapes: Shapes, flow: Flow, head: int) -> bool:
    """Start a job, if need be in place of others.

    Two jobs could stop each other without end at one instant: one that was stopped now stops no other until the next
    event.
    """
    one = flow.jobs[head]
    if one.need <= available(flow, one.group) and begin(c, shapes, flow, head):
        return True
    return not stopped_now(flow, head) and reclaim(c, shapes, flow, head) and begin(c, shapes, flow, head)


@lean
def nominate(flow: Flow) -> bool:
    """Choose the head of each queue for a cycle: its first job that has not been refused since something changed; of
    a strict queue, its first job alone. Whether there is one.
    """
    pool, result = flow.pool[0], False
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        queue.head = NIL
        while queue.cursor < pool.waiting and queue.head == NIL:
            row = flow.lists[state.QUEUE, queue.cursor]
            one = flow.jobs[row]
            refused = one.refused == pool.released
            if one.group == q and not refused:
                queue.head, result = row, True
                queue.borrows = would_borrow(flow, row)
            elif one.group == q and pool.strict:
                queue.cursor = pool.waiting
            else:
                queue.cursor += 1
    return result


@lean
def next_head(flow: Flow) -> int:
    """Next queue in the cycle: one that does not borrow, then the more urgent, then the first submitted; or NIL."""
    best = NIL
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        if queue.head == NIL:
            continue
        if best == NIL:
            best = q
            continue
        other = flow.groups[best]
        earlier = comes_before(flow, queue.head, other.head, state.ALL)
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
def take_turn(c: FreeNodes, shapes: Shapes, flow: Flow, head: int) -> None:
    """Start the head of a queue, or refuse it; what was refused to its like is refused to it."""
    pool, one, blocked = flow.pool[0], flow.jobs[head], flow.lists[state.BLOCKED]
    if blocked[one.line] != pool.released and admit(c, shapes, flow, head):
        leave(flow, head)
        rewind(flow)
        return
    one.refused = pool.released
    if not stopped_now(flow, head):
        blocked[one.line] = pool.released


@lean
def by_quota(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
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
