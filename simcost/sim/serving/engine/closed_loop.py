"""A closed loop of clients: each sends a request, waits for its end, thinks, and sends the next.

To the engine a client is a session, so that the rows of requests name it. What comes stands in a heap: other numbers of
clients, clients who have thought, and those who lose patience, each at most once. At one instant these come in this
order, and then requests, in the order in which their clients became free.
"""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import closed_state as own
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.closed_state import ClosedLoop
from simcost.sim.serving.engine.layout import NEVER, NIL, State


@inlined
def _is_earlier(one: col.Ints, other: col.Ints) -> bool:
    if one[own.TIME] != other[own.TIME]:
        return one[own.TIME] < other[own.TIME]
    if one[own.KIND] != other[own.KIND]:
        return one[own.KIND] < other[own.KIND]
    return one[own.WHO] < other[own.WHO]


@inlined
def _swap(heap: col.Ints, i: int, j: int) -> None:
    for k in range(3):
        heap[i, k], heap[j, k] = heap[j, k], heap[i, k]


@lean
def _push(c: ClosedLoop, time: int, kind: int, who: int) -> None:
    heap, i = c.heap, c.totals[own.COUNT]
    heap[i, own.TIME] = time
    heap[i, own.KIND] = kind
    heap[i, own.WHO] = who
    c.totals[own.COUNT] += 1
    while i > 0 and _is_earlier(heap[i], heap[(i - 1) >> 1]):
        _swap(heap, i, (i - 1) >> 1)
        i = (i - 1) >> 1


@lean
def _pop(c: ClosedLoop) -> None:
    """Take the first out of the heap."""
    heap, i = c.heap, 0
    c.totals[own.COUNT] -= 1
    size = c.totals[own.COUNT]
    _swap(heap, 0, size)
    while True:
        least = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < size and _is_earlier(heap[child], heap[least]):
                least = child
        if least == i:
            return
        _swap(heap, i, least)
        i = least


@inlined
def next_change(c: ClosedLoop) -> int:
    """Time of the first entry of the heap."""
    return c.heap[0, own.TIME] if c.totals[own.COUNT] > 0 else NEVER


@inlined
def next_sending(c: ClosedLoop, earliest: int) -> int:
    """Time of the next request, which must not be sent before `earliest`; NEVER while no client is free."""
    return max(c.free[c.totals[own.HEAD], 1], earliest) if c.totals[own.FREE] > 0 else NEVER


@inlined
def next_boundary(s: State) -> int:
    """No later than the earliest boundary of the replicas."""
    earliest = NEVER
    for block in range(len(s.block_event)):
        earliest = min(earliest, s.block_event[block])
    return earliest


@inlined
def sender(c: ClosedLoop) -> int:
    """The client who sends, taken out of the queue; NIL if the first of it is one too many, who leaves."""
    mine = c.totals
    client = c.free[mine[own.HEAD], 0]
    mine[own.HEAD] = (mine[own.HEAD] + 1) % len(c.free)
    mine[own.FREE] -= 1
    if client < mine[own.ALLOWED]:
        return client
    c.clients[client, own.PARKED] = 1
    return NIL


@lean
def begin_waiting(s: State, c: ClosedLoop, client: int, t: int, think: int) -> None:
    """The client sends the next request of the engine at t."""
    one = c.clients[client]
    one[own.OPEN] = s.totals[col.ARRIVED]
    one[own.SENT] = t
    one[own.THINK] = think
    if s.parameters[col.TIMEOUT] < NEVER and one[own.WATCHED] == 0:
        one[own.WATCHED] = 1
        _push(c, _loses_patience(s, one), own.PATIENCE, client)


@inlined
def _loses_patience(s: State, one: col.Ints) -> int:
    """Just after the longest wait: an answer at that instant is in time."""
    return one[own.SENT] + s.parameters[col.TIMEOUT] + 1


@lean
def change(s: State, c: ClosedLoop) -> None:
    """Apply the first entry of the heap."""
    t, kind, who = c.heap[0, own.TIME], c.heap[0, own.KIND], c.heap[0, own.WHO]
    _pop(c)
    if kind == own.STAGE:
        c.totals[own.ALLOWED] = c.stages[who, 1]
        for client in range(c.totals[own.ALLOWED]):
            if c.clients[client, own.PARKED] == 1:
                c.clients[client, own.PARKED] = 0
                _push(c, t, own.FREED, client)
    elif kind == own.FREED:
        place = (c.totals[own.HEAD] + c.totals[own.FREE]) % len(c.free)
        c.free[place, 0] = who
        c.free[place, 1] = t
        c.totals[own.FREE] += 1
    else:
        one = c.clients[who]
        one[own.WATCHED] = 0
        if one[own.OPEN] == NIL:
            return
        if _loses_patience(s, one) <= t:
            one[own.OPEN] = NIL
            _push(c, t - 1 + max(one[own.THINK], 1), own.FREED, who)
        else:
            one[own.WATCHED] = 1
            _push(c, _loses_patience(s, one), own.PATIENCE, who)


@lean
def read_rows(s: State, c: ClosedLoop) -> None:
    """Read the ends of requests that are new. Of patience clients know by themselves."""
    for i in range(c.totals[own.READ], s.totals[col.ROWS]):
        row = s.rows[i]
        one, status = c.clients[row[col.R_SESSION]], row[col.R_STATUS]
        if one[own.OPEN] == row[col.R_REQUEST] and status != col.IS_TIMED_OUT:
            one[own.OPEN] = NIL
            wait = max(one[own.THINK], c.backoff[0]) if status == col.IS_REJECTED else one[own.THINK]
            _push(c, row[col.R_END] + wait, own.FREED, row[col.R_SESSION])
    c.totals[own.READ] = s.totals[col.ROWS]
