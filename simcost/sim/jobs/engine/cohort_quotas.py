"""Quotas of queues that lend each other what they do not use, compiled: one pass, as Kueue's scheduler makes it.

Semantics of kueue.x-k8s.io: a queue may use its nominal quota, and borrow what others of the cohort lend and do not
use, up to its borrowing limit. A job no wider than its queue's quota may stop others, by classic preemption.
"""

from simcost.sim.compiled import FAR, NIL, lean
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.job_lifecycle import begin
from simcost.sim.jobs.engine.preemption_victims import (
    NEVER,
    available,
    candidates,
    make_room,
    may_make_room,
    would_borrow,
)
from simcost.sim.jobs.engine.state import Flow
from simcost.sim.jobs.engine.waiting_jobs import (
    ANY_SPAN,
    at_count,
    first_of,
    goes_before,
    leave,
    next_place,
    sum_before,
)


@lean
def stopped_now(flow: Flow, row: int) -> bool:
    """True if a job was preempted at this instant."""
    return bool(flow.jobs[row].stops > 0 and flow.jobs[row].stopped == flow.pool[0].now)


@lean
def others_may_go(flow: Flow, head: int) -> bool:
    """True if jobs of other queues may be stopped for a job."""
    result = False
    for q in range(len(flow.groups)):
        if q != flow.jobs[head].group:
            result = result or candidates(flow, state.HELD_COUNT, head, q, state.WITHIN) > 0
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
def may_start(flow: Flow, row: int) -> bool:
    """False if a job would be refused for its number of GPUs, whomever it stopped."""
    need = flow.jobs[row].need
    if need <= flow.pool[0].idle and need <= available(flow, flow.jobs[row].group):
        return True
    return may_make_room(flow, row, state.WITHIN) or may_make_room(flow, row, state.BORROWING)


@lean
def nominate_untried(flow: Flow) -> None:
    """Choose of each queue the first job that has not been refused since something changed and may start."""
    pool, blocked = flow.pool[0], flow.lists[state.BLOCKED]
    for q in range(len(flow.groups)):
        flow.groups[q].head = NIL
    for i in range(pool.active):
        subqueue = flow.lists[state.ACTIVE, i]
        row = first_of(flow, subqueue)
        line = flow.jobs[row].line
        if blocked[line] == pool.released:
            continue
        if not may_start(flow, row):
            blocked[line] = pool.released
            continue
        while row != NIL and flow.jobs[row].refused == pool.released:
            place = next_place(flow, flow.jobs[row].place + 1, subqueue, ANY_SPAN)
            row = NIL if place == NIL else flow.lists[state.BY_PLACE, place]
        if row != NIL:
            queue = flow.groups[flow.jobs[row].group]
            if queue.head == NIL or goes_before(flow, row, queue.head):
                queue.head = row


@lean
def cycle_of(flow: Flow, row: int) -> int:
    """Cycles before the one in which a job takes its turn, since something changed: each queue takes a turn in each."""
    one = flow.jobs[row]
    queue = flow.groups[one.group]
    passed = queue.refused != NIL and flow.jobs[queue.refused].rank < one.rank
    return int(sum_before(flow, state.COUNTS, one.rank) - sum_before(flow, state.COUNTS, queue.first) - passed)


@lean
def of_cycle(flow: Flow, q: int, cycle: int) -> int:
    """Job of a queue that takes its turn after so many cycles, or NIL."""
    queue = flow.groups[q]
    if cycle >= queue.waiting - (queue.refused != NIL):
        return NIL
    before = sum_before(flow, state.COUNTS, queue.first) + cycle
    row = at_count(flow, before)
    if queue.refused != NIL and flow.jobs[queue.refused].rank <= flow.jobs[row].rank:
        row = at_count(flow, before + 1)
    return row


@lean
def first_in_strict(flow: Flow, q: int) -> int:
    """First job of a strict queue, or NIL if it has been refused since something changed."""
    queue = flow.groups[q]
    if queue.waiting == 0:
        return NIL
    row = at_count(flow, sum_before(flow, state.COUNTS, queue.first))
    return NIL if flow.jobs[row].refused == flow.pool[0].released else row


@lean
def nominate(flow: Flow) -> bool:
    """Choose the head of each queue for a cycle: its first job that has not been refused since something changed; of
    a strict queue, its first job alone. Cycles in which all heads would be refused with their like are left out.
    Whether there is one.
    """
    pool, cycle = flow.pool[0], FAR
    if not pool.strict:
        nominate_untried(flow)
        for q in range(len(flow.groups)):
            if flow.groups[q].head != NIL:
                cycle = min(cycle, cycle_of(flow, flow.groups[q].head))
        if cycle == FAR:
            return False
    result = False
    for q in range(len(flow.groups)):
        queue = flow.groups[q]
        queue.head = first_in_strict(flow, q) if pool.strict else of_cycle(flow, q, cycle)
        if queue.head != NIL:
            queue.borrows, result = would_borrow(flow, queue.head), True
    pool.changed = 0
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
        earlier = goes_before(flow, queue.head, other.head)
        if queue.borrows < other.borrows or (queue.borrows == other.borrows and earlier):
            best = q
    if best == NIL:
        return NIL
    row = flow.groups[best].head
    flow.groups[best].head = NIL
    return int(row)


@lean
def rewind(flow: Flow) -> None:
    """Something has changed: who was refused may be tried again."""
    flow.pool[0].released += 1
    flow.pool[0].changed = 1
    for q in range(len(flow.groups)):
        flow.groups[q].refused = NIL


@lean
def take_turn(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> None:
    """Start the head of a queue, or refuse it; what was refused to its like is refused to it."""
    pool, one, blocked = flow.pool[0], flow.jobs[row], flow.lists[state.BLOCKED]
    if blocked[one.line] != pool.released and admit(c, shapes, flow, row):
        leave(flow, row)
        rewind(flow)
        return
    one.refused = pool.released
    if pool.changed:
        flow.groups[one.group].refused = row
    if not stopped_now(flow, row):
        blocked[one.line] = pool.released


@lean
def by_quota(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """Cycle after cycle the heads of all queues take their turns, until all that wait have been refused."""
    pool = flow.pool[0]
    rewind(flow)
    while pool.idle >= pool.least or pool.reclaim != NEVER or pool.within != NEVER:
        if not nominate(flow):
            break
        row = next_head(flow)
        while row != NIL:
            take_turn(c, shapes, flow, row)
            row = next_head(flow)
