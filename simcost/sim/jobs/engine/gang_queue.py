"""Gangs on nodes in an order that never changes, compiled: strict, or FIFO with skip.

Jobs that fit or do not fit alike stand in one line; a pass looks at the heads of the lines alone.
"""

from simcost.sim.compiled import lean, lean_entry
from simcost.sim.jobs import cluster
from simcost.sim.jobs.cluster import Floats, FreeNodes, Ints, JobArrays, QueueArrays, Shapes
from simcost.sim.jobs.engine.placement import place, release, renew
from simcost.sim.jobs.engine.reservations import pop, push


@lean
def settle(totals: Floats, idle: int, waiting: int, fragmented: float, since: int, now: int) -> None:
    """Add the time since the last event to the totals."""
    lasted = float(now - since)
    totals[cluster.IDLE] += idle * lasted
    totals[cluster.FRAGMENTED] += fragmented * lasted
    if waiting:
        totals[cluster.IDLE_BLOCKED] += idle * lasted


@lean
def next_in_line(work: JobArrays, waiting: Ints, size: Ints, blocked: Ints) -> int:
    """The line whose head comes first of those not known to be blocked; NOWHERE = none."""
    best, rank = cluster.NOWHERE, 0
    for line in range(len(size)):
        if size[line]:
            head = waiting[work.line_start[line]]
            if head != blocked[line] and (best == cluster.NOWHERE or head < rank):
                best, rank = line, head
    return best


@lean_entry
def replay(c: FreeNodes, shapes: Shapes, work: JobArrays, policy: int, queue: QueueArrays, timeline: Floats) -> int:
    """Run the jobs of a pool to their end; each of them must fit on the empty pool. After each event t, GPU milli
    allocated, jobs waiting and their GPU milli are noted: how many rows.

    At one instant all completions release, then all arrivals join, then one pass over the queue is made. A job
    that did not fit is not tried again before the next release.
    """
    n, waiting, size, blocked, ends = len(work.jobs), queue.waiting, queue.size, queue.blocked, queue.ends
    running, arrived, queued, queued_need, now, rows = 0, 0, 0, 0, 0, 0
    idle, fragmented = renew(c, shapes)
    capacity = idle
    while arrived < n or running:
        later = ends[0] // n if running else work.jobs[arrived].submit
        if arrived < n:
            later = min(later, work.jobs[arrived].submit)
        settle(work.totals, idle, queued, fragmented, now, later)
        now = later
        while running and ends[0] // n == now:
            job = pop(ends, running) % n
            running -= 1
            fragmented += release(c, shapes, work, work.jobs[job].first, work.jobs[job].last)
            idle += work.jobs[job].need
            blocked[:] = cluster.NOWHERE
        while arrived < n and work.jobs[arrived].submit == now:
            line = work.jobs[arrived].line
            push(waiting[work.line_start[line] :], size[line], work.jobs[arrived].rank)
            size[line] += 1
            queued_need += work.jobs[arrived].need
            arrived += 1
            queued += 1
        line = next_in_line(work, waiting, size, blocked)
        while line != cluster.NOWHERE:
            heap = waiting[work.line_start[line] :]
            job, placed, grown = work.by_rank[heap[0]], False, 0.0
            if work.jobs[job].need <= idle:
                placed, grown = place(c, shapes, work, job, policy)
            if placed:
                pop(heap, size[line])
                size[line] -= 1
                queued -= 1
                queued_need -= work.jobs[job].need
                work.jobs[job].start = now
                push(ends, running, (now + work.jobs[job].duration) * n + job)
                running += 1
                fragmented += grown
                idle -= work.jobs[job].need
            else:
                blocked[line] = heap[0]
            line = next_in_line(work, waiting, size, blocked)
        timeline[rows, 0], timeline[rows, 1] = now, capacity - idle
        timeline[rows, 2], timeline[rows, 3] = queued, queued_need
        rows += 1
    work.totals[cluster.LAST] = now
    return rows
