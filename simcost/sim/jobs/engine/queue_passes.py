"""Passes over the queue of the general engine, compiled: policies without and with preemption."""

from simcost.sim.compiled import FAR, NIL, lean
from simcost.sim.jobs.cluster import FreeNodes, Shapes
from simcost.sim.jobs.engine import state
from simcost.sim.jobs.engine.fair_share import weigh
from simcost.sim.jobs.engine.job_lifecycle import begin, profile_of, span, stop
from simcost.sim.jobs.engine.preemption_victims import make_room
from simcost.sim.jobs.engine.reservations import AvailabilityProfile, add, earliest, step
from simcost.sim.jobs.engine.state import Flow
from simcost.sim.jobs.engine.waiting_jobs import (
    ANY_SPAN,
    enter,
    first_fitting,
    first_of,
    first_of_all,
    first_up_to,
    leave,
    may_fit,
    next_place,
)


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
    pool, blocked, longest, extra = flow.pool[0], flow.pool[0].kind == state.SKIP, ANY_SPAN, 0
    while pool.idle >= pool.least:
        row = first_fitting(flow, longest, extra) if blocked else first_of_all(flow)
        if row == NIL:
            break
        if begin(c, shapes, flow, row):
            leave(flow, row)
            extra -= flow.jobs[row].need if span(flow, row) > longest else 0
        elif pool.kind == state.STRICT:
            break
        elif not blocked:
            shadow, extra = reservation(flow, flow.jobs[row].need)
            blocked, longest = True, min(shadow - pool.now, ANY_SPAN)


@lean
def most_urgent(flow: Flow) -> int:
    """By Slurm's multifactor priority, of those that may fit; or NIL. In a subqueue that is who was submitted first."""
    pool, best, most = flow.pool[0], NIL, 0.0
    for i in range(pool.active):
        row = first_of(flow, flow.lists[state.ACTIVE, i])
        one = flow.jobs[row]
        if may_fit(flow, row):
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
        if begin(c, shapes, flow, row):
            leave(flow, row)


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
def reserve_earlier(flow: Flow, profile: AvailabilityProfile, row: int) -> None:
    """Reserve for a job where it has no reservation, or finds an earlier place than that."""
    pool, one = flow.pool[0], flow.jobs[row]
    own = FAR if one.reserved == NIL else one.reserved
    found = earliest(profile, pool.now, one.need, span(flow, row), own)
    if found < own:
        reserve(flow, profile, row, found)
        pool.next_start = min(pool.next_start, found)


@lean
def move_ahead(flow: Flow, profile: AvailabilityProfile) -> None:
    """In queue order, reserve for those without a reservation; and if a job has ended early, move the reservations
    of the others to the earliest place each finds.
    """
    pool = flow.pool[0]
    if pool.early:
        place = next_place(flow, 0, 0, ANY_SPAN)
        while place != NIL:
            reserve_earlier(flow, profile, flow.lists[state.BY_PLACE, place])
            place = next_place(flow, place + 1, 0, ANY_SPAN)
    else:
        for i in range(pool.fresh):
            reserve_earlier(flow, profile, flow.lists[state.FRESH, i])
    pool.fresh = pool.early = 0


@lean
def start_due(c: FreeNodes, shapes: Shapes, flow: Flow, profile: AvailabilityProfile) -> None:
    """Start who holds a reservation for now. One that finds no place on the nodes is moved to a later change of the
    profile.
    """
    pool = flow.pool[0]
    pool.next_start = FAR
    place = next_place(flow, 0, 0, ANY_SPAN)
    while place != NIL:
        row = flow.lists[state.BY_PLACE, place]
        place = next_place(flow, place + 1, 0, ANY_SPAN)
        one = flow.jobs[row]
        if one.reserved <= pool.now:
            if begin(c, shapes, flow, row):
                leave(flow, row)
                continue
            add(profile, one.reserved, one.reserved + span(flow, row), one.need)
            one.reserved = NIL
            after = step(profile, pool.now) + 1
            later = profile.since[after] if after < profile.span[1] else pool.now + 1
            reserve(flow, profile, row, earliest(profile, later, one.need, span(flow, row), FAR))
        pool.next_start = min(pool.next_start, one.reserved)


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
    running ones to stop (rows at the front of `scratch`) and waiting ones to start (at its back), which leave the
    queue.
    """
    pool, scratch = flow.pool[0], flow.lists[state.SCRATCH]
    quota, i, stops, starts = pool.up, 0, 0, 0
    since = 0 if pool.las else pool.now + pool.extra
    other = first_up_to(flow, quota)
    while i < pool.running or other != NIL:
        waits = other != NIL
        if i < pool.running and waits:
            row = flow.lists[state.HELD, i]
            key, left = flow.jobs[other].key, flow.jobs[row].sort - since
            waits = key < left or (key == left and other < row)
        if waits:
            leave(flow, other)
            quota -= flow.jobs[other].need
            starts += 1
            scratch[len(scratch) - starts] = other
        else:
            row = flow.lists[state.HELD, i]
            i += 1
            if flow.jobs[row].need <= quota:
                quota -= flow.jobs[row].need
            else:
                scratch[stops] = row
                stops += 1
        if waits or (other != NIL and flow.jobs[other].need > quota):
            other = first_up_to(flow, quota)
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
        if not begin(c, shapes, flow, row):
            enter(flow, row, span(flow, row))


@lean
def by_priority(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """The head of the queue starts, or stops less urgent jobs that stand in its way, or stops the line."""
    while flow.pool[0].waiting:
        row = first_of_all(flow)
        started = begin(c, shapes, flow, row)
        if not started and not (make_room(c, shapes, flow, row, state.BORROWING) and begin(c, shapes, flow, row)):
            break
        leave(flow, row)
