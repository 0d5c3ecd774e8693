"""State of the jobs of a pool in the general engine, as arrays that compiled code reads and writes.

Few arrays of records, since each array of an argument makes the engine slower to compile.
"""

from typing import Any, NamedTuple

import numpy as np

from simcost.sim.compiled import Floats, Ints

STRICT, SKIP, EASY, CONSERVATIVE, FAIR, SELECT, PRIORITY, COHORT = range(8)
COMING, WAITING, RUNNING, ENDED = range(4)
JOINS, HELD, EVENTS, SCRATCH, BLOCKED, SINCE, FREE, SPAN, CHANGES, CAPACITY = range(10)
BY_PLACE, FIRST, HEAD, SIZE, ACTIVE, AT, SPANS, COUNTS, HELD_COUNT, HELD_NEED, BY_RANK, FRESH = range(10, 22)
LISTS = 22
LOST, SAVED = False, True
PREEMPTED, FAILED = False, True
WITHIN, BORROWING = False, True
NOBODY = -(1 << 40)
"""Priority up to which no queue may stop jobs of others while it borrows."""


def record(**fields: type) -> np.dtype[np.void]:
    """A record type."""
    return np.dtype([(name, np.dtype(kind)) for name, kind in fields.items()])


TASK = record(
    submit=int,
    work=int,
    slack=int,
    need=int,
    size=int,
    priority=int,
    preemptible=int,
    group=int,
    line=int,
    subqueue=int,
    place=int,
    rank=int,
    first=int,
    last=int,
    after=int,
    after_end=int,
    interval=int,
    write=int,
    restart=int,
    hazard=float,
    key=float,
    unmet=int,
    state=int,
    left=int,
    owed=int,
    since=int,
    end=int,
    planned=int,
    fail=int,
    cross=int,
    due=int,
    sort=int,
    served=int,
    level=int,
    lives=int,
    start=int,
    stops=int,
    fails=int,
    lost=int,
    written=int,
    restarted=int,
    again=int,
    reserved=int,
    promised=int,
    tried=int,
    stopped=int,
    refused=int,
)
"""Given: submission and work, s; limit - work; GPU milli in all, and GPUs; priority, larger = more urgent; whether it
may be preempted; group: leaf of the tree of shares, or queue; line: jobs of one fit or do not fit alike; subqueue,
place in it, and rank in the queue of a cohort; first member and one past the last, likewise of the jobs that wait for
its end; work between checkpoints, time to write one, time to restart, s; failures per second; the least key is first in
the queue, then the first row.

Found: predecessors that have not ended; state; work left and restart owed at `since`, the last start or stop; end,
limit end and failure of this stay, and when LAS next demotes it; the first of these; what running jobs are kept in
order of; GPU-seconds served and level of LAS; stays so far; first start, or NIL; preemptions; failures; work lost,
checkpoints, restarts and waits after stops, s; reservation, and the first it had, or NIL; the pass that last tried it;
its last preemption; releases when a cohort last refused it.
"""

POOL = record(
    kind=int,
    all_ties=int,
    saves=int,
    overhead=int,
    extra=int,
    placement=int,
    repair=int,
    breaks=int,
    reclaim=int,
    within=int,
    threshold=int,
    strict=int,
    las=int,
    node_rate=float,
    age=float,
    fair=float,
    max_age=float,
    half_life=float,
    now=int,
    capacity=int,
    up=int,
    idle=int,
    fragmented=float,
    waiting_need=int,
    coming=int,
    waiting=int,
    leaves=int,
    active=int,
    changed=int,
    running=int,
    events=int,
    rows=int,
    released=int,
    passes=int,
    least=int,
    early=int,
    fresh=int,
    next_start=int,
    repairs=int,
    done=int,
    next_change=int,
    change=int,
    changes=int,
    lap=int,
    period=int,
    idle_s=float,
    blocked_s=float,
    fragmented_s=float,
    down_s=float,
)
"""The policy: its kind; whether EASY counts all releases of the shadow instant; whether preemption loses no work, and
costs Helios' overhead; seconds added to each stay; placement; time to repair a node, and whether nodes break; whose
jobs of other queues and of the own may be stopped, and up to which priority those of others while the own queue
borrows; whether a cohort is strict; whether SELECT is LAS; failures of a node per second; weights of fair share.

The pool: the time; GPU milli in all, up, and idle; F of its nodes; GPU milli that wait; lengths of the lists, leaves of
the trees and subqueues in which somebody waits; whether a job has started in this cycle of a cohort; rows of the time
line; releases and passes so far; the narrowest job; whether a job ended before its limit; jobs without a reservation,
and the first of the others'; repairs so far; whether it is over; when its capacity changes next, which change that is,
of how many, when this lap of them began, and how long one lasts; GPU-milli-seconds.
"""

GROUP = record(
    parent=int,
    fraction=float,
    share=float,
    usage=float,
    running=float,
    effective_usage=float,
    factor=float,
    nominal=int,
    kept=int,
    borrow=int,
    used=int,
    first=int,
    waiting=int,
    refused=int,
    head=int,
    borrows=int,
    threshold=int,
)
"""A node of the tree of shares, parents first: its share among its siblings and of the whole; decayed GPU-seconds; GPUs
held; effective usage; 2^(-U / S). Or a queue, GPU milli: quota; what others may not borrow of it; what it may borrow;
in use; its first rank, its jobs that wait, the one refused after the start of a cycle's last job, or NIL; the job whose
turn it is, and whether it would borrow. Or a level of LAS: GPU-seconds at which jobs leave it."""


class Flow(NamedTuple):
    """All of a pool but its nodes."""

    jobs: Any
    """TASK."""
    members: Any
    """MEMBER of `nodes`."""
    pool: Any
    """One POOL."""
    lists: Ints
    """JOINS: heap of jobs that will join the queue, time x jobs + row. HELD: running rows by (sort, row). EVENTS: heap
    of times at which something happens to a running job, stale ones among them, time x jobs + row. SCRATCH. BLOCKED: by
    line, releases when a job of it last found no place. SINCE, FREE, SPAN: profile of reservations. CHANGES, CAPACITY:
    times within a lap at which the capacity changes, and GPU milli from then on. BY_PLACE: row at each place of the
    queue. FIRST, HEAD, SIZE, AT: by subqueue, its first place, that of its first waiting job, jobs that wait, and its
    index in ACTIVE: subqueues in which somebody waits. SPANS: tree of least spans. COUNTS, HELD_COUNT, HELD_NEED:
    trees, by rank, of jobs that wait, of running jobs that may be preempted, and of their GPU milli; BY_RANK: row at
    each rank. FRESH: rows that have joined since the last pass of conservative backfill."""
    after: Ints
    """Rows that wait for the end of others."""
    groups: Any
    """GROUP."""
    timeline: Floats
    """After each event t, GPUs allocated, jobs waiting, their GPUs."""
    luck: Floats
    """Times to failure of mean 1, sampled beforehand."""
