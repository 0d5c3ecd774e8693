"""One pass over the queue of the general engine, compiled: policies that stop running jobs."""

from simcost.sim.compiled import NIL, lean
from simcost.sim.jobs.cluster import Cluster, Shapes
from simcost.sim.jobs.engine import state as of
from simcost.sim.jobs.engine.job_lifecycle import begin, leave, stop
from simcost.sim.jobs.engine.preemption_victims import make_room
from simcost.sim.jobs.engine.state import Flow


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
def by_priority(c: Cluster, shapes: Shapes, flow: Flow) -> None:
    """The head of the queue starts, or stops less urgent jobs that stand in its way, or stops the line."""
    while flow.pool[0].waiting:
        head = flow.lists[of.QUEUE, 0]
        started = begin(c, shapes, flow, head)
        if not started and not (
            make_room(c, shapes, flow, head, of.BORROWING) and begin(c, shapes, flow, head)
        ):
            break
        leave(flow, head)
