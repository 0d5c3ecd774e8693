"""The gateway where requests differ in priority: a queue for each, the highest first, first come, first served within.

What `run.vacate` returns to the gateway stands in its plain queue until it is taken into its band, by arrival.
"""

from typing import TYPE_CHECKING

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.routing import RAY

if TYPE_CHECKING:
    from simcost.sim.serving.engine.client_state import Clients

# Columns of a band. ARRIVED: requests; ENDED: what became of them, by status; GOOD: those within all limits;
# TAKEN_IN: the last that was taken in.
PRIORITY, HEAD, TAIL, ARRIVED, ENDED, GOOD, TAKEN_IN = 0, 1, 2, 3, 4, 8, 9
BAND = 10


@lean
def band_of(c: "Clients", priority: int) -> int:
    """The band of a priority; the driver makes them."""
    b = 0
    while c.bands[b, PRIORITY] != priority:
        b += 1
    return b


@lean
def _queue(s: State, c: "Clients", x: int) -> None:
    band = c.bands[band_of(c, s.nodes[x, col.PRIORITY])]
    s.nodes[x, col.NEXT] = NIL
    if band[TAIL] == NIL:
        band[HEAD] = x
    else:
        s.nodes[band[TAIL], col.NEXT] = x
    band[TAIL] = x
    s.totals[col.GATE_COUNT] += 1


@lean
def take_in_returned(s: State, c: "Clients") -> None:
    """Requests whose replica went join their bands, by arrival."""
    nodes, totals = s.nodes, s.totals
    c.bands[:, TAKEN_IN] = NIL
    x = totals[col.GATE_HEAD]
    while x != NIL:
        following = nodes[x, col.NEXT]
        band = c.bands[band_of(c, nodes[x, col.PRIORITY])]
        before = band[TAKEN_IN]  # it arrived before x: the plain queue is by arrival
        after = band[HEAD] if before == NIL else nodes[before, col.NEXT]
        while after != NIL and nodes[after, col.ARRIVAL] <= nodes[x, col.ARRIVAL]:
            before, after = after, nodes[after, col.NEXT]
        nodes[x, col.NEXT] = after
        if before == NIL:
            band[HEAD] = x
        else:
            nodes[before, col.NEXT] = x
        if after == NIL:
            band[TAIL] = x
        band[TAKEN_IN] = x
        x = following
    totals[col.GATE_HEAD] = totals[col.GATE_TAIL] = NIL


@lean
def first_waiting(c: "Clients") -> int:
    """The request that is tried next; NIL = none waits."""
    for b in range(len(c.bands)):
        if c.bands[b, HEAD] != NIL:
            return c.bands[b, HEAD]
    return NIL


@lean
def leave_band(s: State, c: "Clients", x: int) -> None:
    """Request x, the first of its band, leaves the gateway."""
    band = c.bands[band_of(c, s.nodes[x, col.PRIORITY])]
    band[HEAD] = s.nodes[x, col.NEXT]
    if band[HEAD] == NIL:
        band[TAIL] = NIL
    s.totals[col.GATE_COUNT] -= 1


@lean
def next_expiry(s: State, c: "Clients", most_wait: int) -> int:
    """Time at which a request has waited too long for the gateway, and is rejected."""
    earliest = NEVER
    if most_wait < s.parameters[col.TIMEOUT] and s.totals[col.GATE_COUNT] > 0:
        for b in range(len(c.bands)):
            if c.bands[b, HEAD] != NIL:
                earliest = min(earliest, s.nodes[c.bands[b, HEAD], col.ARRIVAL] + most_wait)
        earliest = max(earliest, s.totals[col.NOW])  # who came back may have waited longer before
    return earliest


@lean
def drop_waiting(s: State, c: "Clients", t: int, most_wait: int) -> None:
    """Requests leave that by t have waited too long for their clients, or for the gateway."""
    timeout = s.parameters[col.TIMEOUT]
    wait, status = timeout, col.IS_TIMED_OUT
    if most_wait < timeout:
        wait, status = most_wait, col.IS_REJECTED
    if s.totals[col.GATE_COUNT] == 0 or wait >= NEVER:
        return
    for b in range(len(c.bands)):
        x = c.bands[b, HEAD]
        while x != NIL and s.nodes[x, col.ARRIVAL] + wait <= t:
            leave_band(s, c, x)
            end = s.nodes[x, col.ARRIVAL] + wait
            turn_away(s, x, max(end, s.totals[col.NOW]) if status == col.IS_REJECTED else end, status)
            x = c.bands[b, HEAD]


@lean
def hold_in_band(s: State, c: "Clients", x: int, t: int) -> None:
    """Request x waits at the gateway, if there is room."""
    if s.totals[col.GATE_COUNT] >= s.parameters[col.MAX_QUEUED]:
        turn_away(s, x, t, col.IS_REJECTED)
    else:
        _queue(s, c, x)


@lean
def _is_before_all(s: State, c: "Clients", x: int) -> bool:
    """True if request x is not to be deferred, and all that waits is of lower priority."""
    priority = s.nodes[x, col.PRIORITY]
    return priority >= 0 and (first_waiting(c) == NIL or s.nodes[first_waiting(c), col.PRIORITY] < priority)


@lean
def must_wait(s: State, c: "Clients", x: int, t: int, most_wait: int, defers: int) -> bool:
    """True if request x, new at t, finds no replica or others before it; then it waits, or is turned away. What is
    deferred is not before others.
    """
    totals = s.totals
    drop_waiting(s, c, t, most_wait)
    if totals[col.ROUTABLE] > 0 and (totals[col.GATE_COUNT] == 0 or (defers == 1 and _is_before_all(s, c, x))):
        return False
    if s.parameters[col.ROUTER] == RAY and totals[col.ROUTABLE] > 0:
        totals[col.WAKE] = t  # its caller tries, for the one that waits longest
    hold_in_band(s, c, x, t)
    return True
