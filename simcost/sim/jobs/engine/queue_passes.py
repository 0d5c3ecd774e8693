"""Passes over the queue of the general engine, compiled: policies without and with preemption."""

from simcost.sim.compiled import FAR, NIL, lean
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.fair_share import weigh
from simcost.sim.jobs.engine.job_lifecycle import begin, leave, profile_of, span, stop
from simcost.sim.jobs.engine.preemption_victims import make_room
from simcost.sim.jobs.engine.reservations import AvailabilityProfile, add, earliest, step
from simcost.sim.jobs.engine.state import Flow


@lean
def reservation(flow: Flow, need: int) -> tuple[int, int]:
    """(shadow time, extra): when the blocked head can start by the limits, and the capacity left then."""
    pool, held = flow.pool[0], flow.lists[state.HELD]
    i, free, shadow = 0, pool.idle, pool.now
    while free < need and i < pool.running:
        one = flow.jobs[held[i]]
        shadow = one.planned
        free += one.need
        i += 1
    while pool.all_ties and i < pool.running and flow.jobs[held[i]].planned == shadow:
        free += flow.jobs[held[i]].need
        i += 1
    return (shadow, free - need) if free >= need else (FAR, pool.idle)


@lean
def in_order(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """Strict, skipping, or EASY backfill."""
    pool, queue = flow.pool[0], flow.lists[state.QUEUE]
    i, kept, blocked, shadow, extra = 0, 0, False, 0, 0
    while i < pool.waiting and pool.idle >= pool.least:
        row = queue[i]
        one = flow.jobs[row]
        long = blocked and pool.now + span(flow, row) > shadow
        if not (long and one.need > extra) and begin(c, shapes, flow, row):
            extra -= one.need if long else 0
            i += 1
            continue
        if not blocked and pool.kind == state.STRICT:
            break
        if not blocked and pool.kind == state.EASY:
            shadow, extra = reservation(flow, one.need)
            blocked = True
        queue[kept] = row
        kept += 1
        i += 1
    if kept < i:
        for k in range(i, pool.waiting):
            queue[kept + k - i] = queue[k]
        pool.waiting -= i - kept


@lean
def drop_started(flow: Flow) -> None:
    """Take those that run out of the queue."""
    kept, queue = 0, flow.lists[state.QUEUE]
    for i in range(flow.pool[0].waiting):
        if flow.jobs[queue[i]].state == state.WAITING:
            queue[kept] = queue[i]
            kept += 1
    flow.pool[0].waiting = kept


@lean
def most_urgent(flow: Flow) -> int:
    """By Slurm's multifactor priority, of those that may fit; or NIL."""
    pool, queue, best, most = flow.pool[0], flow.lists[state.QUEUE], NIL, 0.0
    for i in range(pool.waiting):
        row = queue[i]
        one = flow.jobs[row]
        blocked = flow.lists[state.BLOCKED, one.line] == pool.released
        if one.state == state.WAITING and one.need <= pool.idle and not blocked:
            worth = (
                pool.age * min((pool.now - one.submit) / pool.max_age, 1.0)
                + pool.fair * flow.groups[one.group].factor
                + one.key
            )
            if best == NIL or worth > most or (worth == most and row < best):
                best, most = row, worth
    return best


@lean
def by_share(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """The most urgent first; those that do not fit are passed over."""
    weigh(flow.groups)
    while flow.pool[0].idle >= flow.pool[0].least:
        row = most_urgent(flow)
        if row == NIL:
            break
        begin(c, shapes, flow, row)
    drop_started(flow)


@lean
def reserve(flow: Flow, profile: AvailabilityProfile, row: int, start: int) -> None:
    """Hold GPUs for a waiting job, in place of its reservation."""
    one = flow.jobs[row]
    if one.reserved != NIL:
        add(profile, one.reserved, one.reserved + span(flow, row), one.need)
    if one.promised == NIL:
        one.promised = start
    add(profile, start, start + span(flow, row), -one.need)
    one.reserved = start


@lean
def move_ahead(flow: Flow, profile: AvailabilityProfile) -> None:
    """In queue order, reserve for those without a reservation; and if a job has ended early, move the reservations
    of the others to the earliest place each finds.
    """
    pool, queue = flow.pool[0], flow.lists[state.QUEUE]
    first = 0
    if not pool.early:
        first = pool.waiting
        while pool.fresh:
            first -= 1
            pool.fresh -= flow.jobs[queue[first]].reserved == NIL
    for i in range(first, pool.waiting):
        one = flow.jobs[queue[i]]
        own = FAR if one.reserved == NIL else one.reserved
        if pool.early or own == FAR:
            found = earliest(profile, pool.now, one.need, span(flow, queue[i]), own)
            if found < own:
                reserve(flow, profile, queue[i], found)
                pool.next_start = min(pool.next_start, found)
    pool.fresh = pool.early = 0


@lean
def start_due(c: FreeNodes, shapes: Shapes, flow: Flow, profile: AvailabilityProfile) -> None:
    """Start who holds a reservation for now. One that finds no place on the nodes is moved to a later change of the
    profile.
    """
    pool, queue, kept = flow.pool[0], flow.lists[state.QUEUE], 0
    pool.next_start = FAR
    for i in range(pool.waiting):
        row = queue[i]
        one = flow.jobs[row]
        if one.reserved <= pool.now:
            if begin(c, shapes, flow, row):
                continue
            add(profile, one.reserved, one.reserved + span(flow, row), one.need)
            one.reserved = NIL
            after = step(profile, pool.now) + 1
            later = profile.since[after] if after < profile.span[1] else pool.now + 1
            reserve(flow, profile, row, earliest(profile, later, one.need, span(flow, row), FAR))
        pool.next_start = min(pool.next_start, one.reserved)
        queue[kept] = row
        kept += 1
    pool.waiting = kept


@lean
def reserved(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """Conservative backfill."""
    pool, profile = flow.pool[0], profile_of(flow)
    if pool.early or pool.fresh:
        move_ahead(flow, profile)
    if pool.next_start <= pool.now:
        start_due(c, shapes, flow, profile)


@lean
def chosen(flow: Flow) -> tuple[int, int]:
    """Walk waiting and running jobs by (key, row), each taking its GPUs from the pool if they are left: how many
    running ones to stop (rows at the front of `scratch`) and waiting ones to start (at its back).
    """
    pool, scratch = flow.pool[0], flow.lists[state.SCRATCH]
    quota, i, k, stops, starts = pool.up, 0, 0, 0, 0
    since = 0 if pool.las else pool.now + pool.extra
    while i < pool.running or (k < pool.waiting and quota >= pool.least):
        row, waits = NIL, False
        if i < pool.running:
            row = flow.lists[state.HELD, i]
        if k < pool.waiting and quota >= pool.least:
            other = flow.lists[state.QUEUE, k]
            key = flow.jobs[other].key
            waits = row == NIL or key < flow.jobs[row].sort - since
            waits = waits or (key == flow.jobs[row].sort - since and other < row)
            row = other if waits else row
        fits = flow.jobs[row].need <= quota
        if waits:
            k += 1
        else:
            i += 1
        if fits:
            quota -= flow.jobs[row].need
        if fits and waits:
            starts += 1
            scratch[len(scratch) - starts] = row
        elif not fits and not waits:
            scratch[stops] = row
            stops += 1
    return stops, starts


@lean
def by_remaining(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """SRTF, or LAS: who comes first holds the GPUs. Who then finds no place on the nodes is passed over."""
    scratch = flow.lists[state.SCRATCH]
    stops, starts = chosen(flow)
    for i in range(stops):
        stop(c, shapes, flow, scratch[i], state.PREEMPTED)
    for i in range(starts):
        row = scratch[len(scratch) - 1 - i]
        if begin(c, shapes, flow, row):
            leave(flow, row)


@lean
def by_priority(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """The head of the queue starts, or stops less urgent jobs that stand in its way, or stops the line."""
    while flow.pool[0].waiting:
        head = flow.lists[state.QUEUE, 0]
        started = begin(c, shapes, flow, head)
        if not started and not (make_room(c, shapes, flow, head, state.BORROWING) and begin(c, shapes, flow, head)):
            break
        leave(flow, head)
