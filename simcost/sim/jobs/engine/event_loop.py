"""The general engine, compiled: every policy on counts or nodes, with dependencies and failures, event by event.

At one instant all completions and failures release, then capacity changes, then all arrivals join, then one pass over
the queue is made.
"""

from simcost.sim.compiled import FAR, lean, lean_entry
from simcost.sim.jobs.cluster import MILLI, FreeNodes, Shapes
from simcost.sim.jobs.engine import cohort_quotas, queue_passes, state
from simcost.sim.jobs.engine.fair_share import decay
from simcost.sim.jobs.engine.job_lifecycle import (
    crossing,
    due,
    expect,
    finish,
    insert,
    join,
    luck,
    profile_of,
    remove,
    settle,
    stop,
)
from simcost.sim.jobs.engine.placement import touch
from simcost.sim.jobs.engine.reservations import add, advance, pop
from simcost.sim.jobs.engine.state import Flow

BROKEN = 1 << 58
"""CPU that a broken node lacks, so that nothing fits."""


@lean
def next_time(c: FreeNodes, flow: Flow) -> int:
    """Of the next event; FAR once all jobs have ended."""
    pool, n = flow.pool[0], len(flow.jobs)
    t = due(flow)
    if pool.coming:
        t = min(t, flow.lists[state.JOINS, 0] // n)
    if not pool.coming and not pool.running and not pool.waiting:
        return FAR
    t = min(t, pool.next_change)
    if pool.kind == state.CONSERVATIVE:
        t = min(t, pool.next_start)
    if pool.breaks:
        for node in range(len(c.nodes)):
            t = min(t, c.nodes[node].fails, c.nodes[node].back)
    return int(t)


@lean
def pass_time(flow: Flow, now: int) -> None:
    """Add the time since the last event to the sums."""
    pool = flow.pool[0]
    lasted = float(now - pool.now)
    pool.idle_s += pool.idle * lasted
    pool.fragmented_s += pool.fragmented * lasted
    pool.down_s += (pool.capacity - pool.up) * lasted
    if pool.waiting:
        pool.blocked_s += pool.idle * lasted
    if pool.kind == state.FAIR:
        decay(flow.groups, now - pool.now, pool.half_life)
    if pool.kind == state.CONSERVATIVE:
        advance(profile_of(flow), now)
    pool.now = now


@lean
def demote(flow: Flow, row: int) -> None:
    """LAS: a running job falls into the next queue."""
    pool, one, held = flow.pool[0], flow.jobs[row], flow.lists[state.HELD]
    one.level += 1
    one.key = one.level
    one.cross = crossing(flow, row)
    remove(flow, held, pool.running, row)
    one.sort = one.level
    insert(flow, held, pool.running - 1, row)
    expect(flow, row)


@lean
def complete(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """All that happens now to running jobs."""
    now = flow.pool[0].now
    while due(flow) == now:
        row = flow.lists[state.EVENTS, 0] % len(flow.jobs)
        one = flow.jobs[row]
        if one.end == now:
            finish(c, shapes, flow, row)
        elif one.fail == now:
            stop(c, shapes, flow, row, state.FAILED)
        else:
            demote(flow, row)


@lean
def lies_on(flow: Flow, row: int, node: int) -> bool:
    """True if a running job has a member on the node."""
    result = False
    for m in range(flow.jobs[row].first, flow.jobs[row].last):
        result = result or flow.members[m].node == node
    return result


@lean
def break_node(c: FreeNodes, shapes: Shapes, flow: Flow, node: int) -> None:
    """A node fails: all gangs that lie on it stop as a whole, and it is down until it is repaired."""
    pool, one = flow.pool[0], c.nodes[node]
    for i in range(pool.running - 1, -1, -1):
        row = flow.lists[state.HELD, i]
        if lies_on(flow, row, node):
            stop(c, shapes, flow, row, state.FAILED)
    one.fails, one.back = FAR, pool.now + pool.repair
    pool.fragmented -= one.fragmented
    c.left[node, :] = 0
    one.cpu -= BROKEN
    touch(c, shapes, node)
    pool.idle -= one.gpus * MILLI
    pool.up -= one.gpus * MILLI
    if pool.kind == state.CONSERVATIVE:
        add(profile_of(flow), pool.now, one.back, -one.gpus * MILLI)


@lean
def mend_node(c: FreeNodes, shapes: Shapes, flow: Flow, node: int) -> None:
    """A node is back, as good as new."""
    pool, one = flow.pool[0], c.nodes[node]
    pool.repairs += 1
    wait_s = luck(flow, node, pool.repairs) / pool.node_rate
    one.fails, one.back = pool.now + max(int(min(wait_s, 1e15)), 1), FAR
    c.left[node, : one.gpus] = MILLI
    one.cpu += BROKEN
    touch(c, shapes, node)
    pool.fragmented += one.fragmented
    pool.idle += one.gpus * MILLI
    pool.up += one.gpus * MILLI
    pool.released += 1
    pool.early = 1


@lean
def nodes_change(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """Nodes that are repaired now, then those that fail now."""
    now = flow.pool[0].now
    for node in range(len(c.nodes)):
        if c.nodes[node].back == now:
            mend_node(c, shapes, flow, node)
    for node in range(len(c.nodes)):
        if c.nodes[node].fails == now:
            break_node(c, shapes, flow, node)
            if flow.pool[0].repair == 0:
                mend_node(c, shapes, flow, node)


@lean
def next_capacity(flow: Flow) -> None:
    """Let the capacity change, and say when it does next."""
    pool = flow.pool[0]
    more = flow.lists[state.CAPACITY, pool.change] - pool.up
    pool.up += more
    pool.idle += more
    pool.released += 1
    pool.change += 1
    if pool.change == pool.changes and pool.period < FAR:
        pool.change = 0
        pool.lap += pool.period
    pool.next_change = FAR
    if pool.change < pool.changes:
        pool.next_change = pool.lap + flow.lists[state.CHANGES, pool.change]


@lean
def latest(flow: Flow) -> int:
    """The running job that started last, of those not tried in this pass; of several the last row."""
    found = flow.lists[state.HELD, 0]
    for i in range(flow.pool[0].running):
        row = flow.lists[state.HELD, i]
        one, two = flow.jobs[row], flow.jobs[found]
        tried = two.tried == flow.pool[0].passes
        later = one.since > two.since or (one.since == two.since and row > found)
        if one.tried != flow.pool[0].passes and (tried or later):
            found = row
    return int(found)


@lean
def change_capacity(c: FreeNodes, shapes: Shapes, flow: Flow) -> None:
    """Gain or lose GPUs. Where those that are left do not hold all that runs, the jobs that started last stop, but for
    those that fit after all.
    """
    pool, scratch, count = flow.pool[0], flow.lists[state.SCRATCH], 0
    while pool.next_change == pool.now:
        next_capacity(flow)
    left = pool.idle
    pool.passes += 1
    while left < 0:
        row = latest(flow)
        flow.jobs[row].tried = pool.passes
        scratch[count] = row
        count += 1
        left += flow.jobs[row].need
    for i in range(count - 1, -1, -1):
        if flow.jobs[scratch[i]].need <= left:
            left -= flow.jobs[scratch[i]].need
        else:
            stop(c, shapes, flow, scratch[i], state.PREEMPTED)


@lean
def goes_on(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> bool:
    """All of the next event but the pass over the queue. False: all jobs have ended, the horizon is past, or the time
    line is full.
    """
    pool, n, joins = flow.pool[0], len(flow.jobs), flow.lists[state.JOINS]
    now = next_time(c, flow)
    pool.done = now == FAR or now > horizon
    if pool.done or pool.rows == len(flow.timeline):
        return False
    pass_time(flow, now)
    complete(c, shapes, flow)
    if pool.next_change == now:
        change_capacity(c, shapes, flow)
    if pool.breaks:
        nodes_change(c, shapes, flow)
    while pool.coming and joins[0] // n == now:
        row = pop(joins, pool.coming) % n
        pool.coming -= 1
        join(flow, row)
    return True


@lean
def note(flow: Flow) -> None:
    """A row of the time line."""
    pool = flow.pool[0]
    flow.timeline[pool.rows, 0], flow.timeline[pool.rows, 1] = pool.now, pool.up - pool.idle
    flow.timeline[pool.rows, 2], flow.timeline[pool.rows, 3] = pool.waiting, pool.waiting_need
    pool.rows += 1


@lean_entry
def in_order(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run strict, skipping or EASY until `goes_on` is over; so do the others, each compiled for itself."""
    while goes_on(c, shapes, flow, horizon):
        queue_passes.in_order(c, shapes, flow)
        note(flow)


@lean_entry
def reserved(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run conservative backfill."""
    while goes_on(c, shapes, flow, horizon):
        queue_passes.reserved(c, shapes, flow)
        note(flow)


@lean_entry
def by_share(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run fair share."""
    while goes_on(c, shapes, flow, horizon):
        queue_passes.by_share(c, shapes, flow)
        note(flow)


@lean_entry
def by_remaining(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run SRTF or LAS."""
    while goes_on(c, shapes, flow, horizon):
        queue_passes.by_remaining(c, shapes, flow)
        note(flow)


@lean_entry
def by_priority(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run priorities."""
    while goes_on(c, shapes, flow, horizon):
        queue_passes.by_priority(c, shapes, flow)
        note(flow)


@lean_entry
def by_quota(c: FreeNodes, shapes: Shapes, flow: Flow, horizon: float) -> None:
    """Run cohorts."""
    while goes_on(c, shapes, flow, horizon):
        cohort_quotas.by_quota(c, shapes, flow)
        note(flow)


@lean_entry
def close(flow: Flow, horizon: int) -> None:
    """The accounts of jobs that run at the horizon, and of the capacity up to it."""
    while flow.pool[0].next_change < horizon:  # no job is left
        pass_time(flow, flow.pool[0].next_change)
        next_capacity(flow)
    pass_time(flow, horizon)
    for i in range(flow.pool[0].running):
        settle(flow, flow.lists[state.HELD, i], state.SAVED)
