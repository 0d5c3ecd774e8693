"""One pass over the queue of the general engine, compiled: policies that stop running jobs."""

from simcost.sim.compiled import NIL, lean
from simcost.sim.jobs import nodes as at
from simcost.sim.jobs import state as of
from simcost.sim.jobs.nodes import Cluster, Shapes
from simcost.sim.jobs.place import move, place, release
from simcost.sim.jobs.state import Flow
from simcost.sim.jobs.stay import begin, leave, stop


@lean
def chosen(flow: Flow) -> tuple[int, int]:
    """Walk waiting and running jobs by (key, row), each taking its GPUs from the pool if they are left: how many
    running ones to stop (rows at the front of `scratch`) and waiting ones to start (at its back).
    """
    pool, scratch = flow.pool[0], flow.lists[of.SCRATCH]
    quota, i, k, stops, starts = pool.up, 0, 0, 0, 0
    since = 0 if pool.las else pool.now + pool.extra
    while i < pool.running or (k < pool.waiting and quota >= pool.least):
        row, waits = NIL, False
        if i < pool.running:
            row = flow.lists[of.HELD, i]
        if k < pool.waiting and quota >= pool.least:
            other = flow.lists[of.QUEUE, k]
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
def by_remaining(c: Cluster, shapes: Shapes, flow: Flow) -> None:
    """SRTF, or LAS: who comes first holds the GPUs. Who then finds no place on the nodes is passed over."""
    scratch = flow.lists[of.SCRATCH]
    stops, starts = chosen(flow)
    for i in range(stops):
        stop(c, shapes, flow, scratch[i], of.PREEMPTED)
    for i in range(starts):
        row = scratch[len(scratch) - 1 - i]
        if begin(c, shapes, flow, row):
            leave(flow, row)


@lean
def fits(c: Cluster, shapes: Shapes, flow: Flow, row: int) -> bool:
    """Whether a waiting job would find its GPUs now."""
    one = flow.jobs[row]
    if one.need > flow.pool[0].idle:
        return False
    found = place(c, shapes, flow, row, flow.pool[0].placement)[0]
    if found:
        release(c, shapes, flow, one.first, one.last)
    return found


@lean
def lend(c: Cluster, shapes: Shapes, flow: Flow, row: int) -> None:
    """Take away the GPUs of a running job on trial."""
    one = flow.jobs[row]
    release(c, shapes, flow, one.first, one.last)
    flow.pool[0].idle += one.need
    if len(flow.groups):
        flow.groups[one.group].used -= one.need


@lean
def restore(c: Cluster, shapes: Shapes, flow: Flow, row: int) -> None:
    """Give a running job its own GPUs again."""
    one = flow.jobs[row]
    for m in range(one.first, one.last):
        part = flow.members[m]
        move(c, shapes, part.shape, part.memory, part.node, part.gpus, at.TAKE)
    flow.pool[0].idle -= one.need
    if len(flow.groups):
        flow.groups[one.group].used += one.need


@lean
def less_urgent(flow: Flow, row: int, other: int) -> bool:
    """Which of two running jobs is stopped first: the less urgent, then the later started, then the later row."""
    one, two = flow.jobs[row], flow.jobs[other]
    if one.priority != two.priority:
        return bool(one.priority < two.priority)
    return bool(one.since > two.since or (one.since == two.since and row > other))


@lean
def next_victim(flow: Flow, head: int) -> int:
    """The first of the candidates not tried in this pass, or NIL."""
    pool, found = flow.pool[0], NIL
    for i in range(pool.running):
        row = flow.lists[of.HELD, i]
        one = flow.jobs[row]
        able = one.preemptible and one.priority < flow.jobs[head].priority and one.tried != pool.passes
        if able and (found == NIL or less_urgent(flow, row, found)):
            found = row
    return found


@lean
def could_have(flow: Flow, head: int) -> int:
    """GPU milli that are idle or held by candidates."""
    found = flow.pool[0].idle
    for i in range(flow.pool[0].running):
        one = flow.jobs[flow.lists[of.HELD, i]]
        if one.preemptible and one.priority < flow.jobs[head].priority:
            found += one.need
    return int(found)


@lean
def evict(c: Cluster, shapes: Shapes, flow: Flow, count: int) -> None:
    """Stop those of the first `count` rows of SCRATCH that are not NIL; their GPUs are away on trial."""
    for i in range(count):
        row = flow.lists[of.SCRATCH, i]
        if row != NIL:
            restore(c, shapes, flow, row)
            stop(c, shapes, flow, row, of.PREEMPTED)


@lean
def make_room(c: Cluster, shapes: Shapes, flow: Flow, head: int) -> bool:
    """Stop the shortest row of victims whose GPUs let the head start, less those that turn out unnecessary."""
    scratch, count, found = flow.lists[of.SCRATCH], 0, False
    flow.pool[0].passes += 1
    while not found:
        row = next_victim(flow, head)
        if row == NIL:
            break
        flow.jobs[row].tried = flow.pool[0].passes
        lend(c, shapes, flow, row)
        scratch[count] = row
        count += 1
        found = fits(c, shapes, flow, head)
    for i in range(count - 1, -1, -1):
        row = scratch[i]
        restore(c, shapes, flow, row)
        if found and not fits(c, shapes, flow, head):
            lend(c, shapes, flow, row)
        else:
            scratch[i] = NIL
    evict(c, shapes, flow, count)
    return found


@lean
def by_priority(c: Cluster, shapes: Shapes, flow: Flow) -> None:
    """The head of the queue starts, or stops less urgent jobs that stand in its way, or stops the line."""
    while flow.pool[0].waiting:
        head = flow.lists[of.QUEUE, 0]
        started = begin(c, shapes, flow, head)
        if not started and could_have(flow, head) >= flow.jobs[head].need:
            started = make_room(c, shapes, flow, head) and begin(c, shapes, flow, head)
        if not started:
            break
        leave(flow, head)
