"""The stay of a gang on its GPUs, compiled: restart, work and checkpoints in turn, until it ends or is stopped."""

from typing import Any

from simcost.sim.compiled import FAR, NIL, Ints, lean
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.placement import place, release
from simcost.sim.jobs.engine.reservations import AvailabilityProfile, add, pop, push
from simcost.sim.jobs.engine.state import Flow
from simcost.sim.jobs.engine.waiting_jobs import add_at, enter


@lean
def writes(one: Any) -> int:
    """Checkpoints to the end of its work; none at the end."""
    return int(max((one.left + one.interval - 1) // one.interval - 1, 0))


@lean
def span(flow: Flow, row: int) -> int:
    """Longest duration of a run, by the limit."""
    one = flow.jobs[row]
    return int(one.owed + one.left + writes(one) * one.write + flow.pool[0].extra + one.slack)


@lean
def profile_of(flow: Flow) -> AvailabilityProfile:
    """GPU milli that no job has reserved."""
    return AvailabilityProfile(flow.lists[state.SINCE], flow.lists[state.FREE], flow.lists[state.SPAN])


@lean
def position(flow: Flow, held: Ints, count: int, row: int) -> int:
    """Position of a row, present or future, among `count` running ones."""
    low, high, sort = 0, count, flow.jobs[row].sort
    while low < high:
        middle = (low + high) >> 1
        other = held[middle]
        if flow.jobs[other].sort < sort or (flow.jobs[other].sort == sort and other < row):
            low = middle + 1
        else:
            high = middle
    return low


@lean
def remove(flow: Flow, held: Ints, count: int, row: int) -> None:
    """Out of `count` running rows."""
    for i in range(position(flow, held, count, row), count - 1):
        held[i] = held[i + 1]


@lean
def insert(flow: Flow, held: Ints, count: int, row: int) -> None:
    """Into `count` running rows, at its place."""
    place = position(flow, held, count, row)
    for i in range(count, place, -1):
        held[i] = held[i - 1]
    held[place] = row


@lean
def join(flow: Flow, row: int) -> None:
    """Enter the queue."""
    pool, one = flow.pool[0], flow.jobs[row]
    enter(flow, row, span(flow, row))
    one.state, one.since = state.WAITING, pool.now
    pool.waiting_need += one.need
    if pool.kind == state.CONSERVATIVE:
        flow.lists[state.FRESH, pool.fresh] = row
        pool.fresh += 1


@lean
def expect(flow: Flow, row: int) -> None:
    """Note when something happens to a running job."""
    pool, one, n, events = flow.pool[0], flow.jobs[row], len(flow.jobs), flow.lists[state.EVENTS]
    one.due = min(one.end, one.fail, one.cross)
    if pool.events == len(events):  # full of stale ones: keep the others
        pool.events = 0
        for i in range(pool.running):
            other = flow.lists[state.HELD, i]
            if other != row:
                push(events, pool.events, flow.jobs[other].due * n + other)
                pool.events += 1
    push(events, pool.events, one.due * n + row)
    pool.events += 1


@lean
def luck(flow: Flow, row: int, stay: int) -> float:
    """Time to failure of mean 1, the same for a job and stay whatever the policy."""
    mixed = (row * 2654435761 + stay * 40503 + 12345) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 2246822519) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 3266489917) & 0xFFFFFFFF
    return float(flow.luck[(mixed ^ (mixed >> 16)) % len(flow.luck)])


@lean
def crossing(flow: Flow, row: int) -> int:
    """Time at which LAS demotes a job that has run since `since`."""
    one = flow.jobs[row]
    if not flow.pool[0].las or one.level >= len(flow.groups) or one.size == 0:
        return FAR
    missing = flow.groups[one.level].threshold - one.served
    return int(one.since + max((missing + one.size - 1) // one.size, 0))


@lean
def hold(flow: Flow, row: int) -> None:
    """A placed job starts: plan its stay."""
    pool, one = flow.pool[0], flow.jobs[row]
    if one.start == NIL:
        one.start = pool.now
    else:
        one.again += pool.now - one.since
    one.state, one.since = state.RUNNING, pool.now
    one.planned = pool.now + span(flow, row)
    one.end = one.planned - one.slack
    one.fail = FAR
    if one.hazard > 0:
        one.fail = pool.now + max(int(min(luck(flow, row, one.lives) / one.hazard, 1e15)), 1)
    one.lives += 1
    one.cross = crossing(flow, row)
    one.sort = one.level if pool.las else one.planned
    insert(flow, flow.lists[state.HELD], pool.running, row)
    pool.running += 1
    expect(flow, row)


@lean
def note_held(flow: Flow, row: int, need: int, more: int) -> None:
    """Add to the jobs that may be preempted, and to the GPU milli that they hold, where jobs stop others."""
    one, kind = flow.jobs[row], flow.pool[0].kind
    if one.preemptible and (kind == state.COHORT or kind == state.PRIORITY):
        add_at(flow, state.HELD_NEED, one.rank, need)
        add_at(flow, state.HELD_COUNT, one.rank, more)


@lean
def begin(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> bool:
    """Give a waiting job all its GPUs, or none. Who calls takes it out of the queue."""
    pool, one, blocked = flow.pool[0], flow.jobs[row], flow.lists[state.BLOCKED]
    if one.need > pool.idle or blocked[one.line] == pool.released:
        return False
    placed, grown = place(c, shapes, flow, row, pool.placement)
    if not placed:
        blocked[one.line] = pool.released
        return False
    pool.fragmented += grown
    pool.idle -= one.need
    pool.waiting_need -= one.need
    if not pool.las and len(flow.groups):
        flow.groups[one.group].running += one.size
        flow.groups[one.group].used += one.need
    note_held(flow, row, one.need, 1)
    hold(flow, row)
    return True


@lean
def settle(flow: Flow, row: int, saves: bool) -> None:
    """Account for the stay up to now; without `saves`, the work since the last checkpoint is lost."""
    pool, one = flow.pool[0], flow.jobs[row]
    ran = pool.now - one.since
    paid = min(ran, one.owed)
    ran -= paid
    written = writes(one)
    if pool.now == one.end:
        kept = one.left
        one.written += written * one.write
        one.restarted += ran - kept - written * one.write
    else:
        whole = min(ran // (one.interval + one.write), written)
        rest = ran - whole * (one.interval + one.write)
        worked = min(rest, one.interval)
        kept = whole * one.interval + (worked if saves else 0)
        one.lost += 0 if saves else worked
        one.written += whole * one.write + rest - worked
    one.restarted += paid
    one.owed -= paid
    one.left -= kept
    one.served += one.size * (pool.now - one.since)
    one.since = pool.now


@lean
def vacate(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> None:
    """Give the GPUs of a running job back."""
    pool, one = flow.pool[0], flow.jobs[row]
    pool.fragmented += release(c, shapes, flow, one.first, one.last)
    pool.idle += one.need
    pool.released += 1
    remove(flow, flow.lists[state.HELD], pool.running, row)
    pool.running -= 1
    if not pool.las and len(flow.groups):
        flow.groups[one.group].running -= one.size
        flow.groups[one.group].used -= one.need
    note_held(flow, row, -one.need, -1)
    if pool.kind == state.CONSERVATIVE and pool.now < one.planned:
        add(profile_of(flow), pool.now, one.planned, one.need)
        pool.early = 1


@lean
def finish(c: FreeNodes, shapes: Shapes, flow: Flow, row: int) -> None:
    """End a job; those that wait for it alone join at their submission, or now."""
    pool, one, n = flow.pool[0], flow.jobs[row], len(flow.jobs)
    settle(flow, row, state.SAVED)
    vacate(c, shapes, flow, row)
    one.state = state.ENDED
    for i in range(one.after, one.after_end):
        other = flow.after[i]
        flow.jobs[other].unmet -= 1
        if flow.jobs[other].unmet == 0:
            push(flow.lists[state.JOINS], pool.coming, max(flow.jobs[other].submit, pool.now) * n + other)
            pool.coming += 1


@lean
def stop(c: FreeNodes, shapes: Shapes, flow: Flow, row: int, failed: bool) -> None:
    """Preempt a job, or let it fail: it joins the queue again at its old place."""
    pool, one = flow.pool[0], flow.jobs[row]
    saves = pool.saves == 1 and not failed
    settle(flow, row, saves)
    vacate(c, shapes, flow, row)
    if failed:
        one.fails += 1
    else:
        one.stops += 1
        one.stopped = pool.now
    if not saves:
        one.owed = one.restart
    elif pool.overhead:
        one.owed += 7 if one.size == 1 else (30 if one.size <= 8 else 60)
    if pool.kind == state.SELECT:
        one.key = one.level if pool.las else one.left + one.owed
    one.reserved = NIL
    join(flow, row)


@lean
def due(flow: Flow) -> int:
    """Time of the next event of a running job; stale notes are dropped."""
    pool, n, events = flow.pool[0], len(flow.jobs), flow.lists[state.EVENTS]
    while pool.events:
        one = flow.jobs[events[0] % n]
        if one.state == state.RUNNING and one.due == events[0] // n:
            return int(one.due)
        pop(events, pool.events)
        pool.events -= 1
    return FAR
