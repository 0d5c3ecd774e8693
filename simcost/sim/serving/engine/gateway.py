"""The gateway: arrivals, and the queue of those that no replica takes yet."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import never_fits, turn_away
from simcost.sim.serving.engine.routing import RAY


@lean
def drop_at_gate(s: State, t: int) -> None:
    """Requests at the gateway whose clients have given up by t."""
    totals, nodes = s.totals, s.nodes
    x = totals[col.GATE_HEAD]
    while x != NIL and nodes[x, col.ARRIVAL] + s.parameters[col.TIMEOUT] <= t:
        leave_gate(s)
        turn_away(s, x, nodes[x, col.ARRIVAL] + s.parameters[col.TIMEOUT], col.IS_TIMED_OUT)
        x = totals[col.GATE_HEAD]


@lean
def leave_gate(s: State) -> int:
    """The request at the head of the gateway's queue, taken out of it."""
    totals = s.totals
    x = totals[col.GATE_HEAD]
    totals[col.GATE_HEAD] = s.nodes[x, col.NEXT]
    if totals[col.GATE_HEAD] == NIL:
        totals[col.GATE_TAIL] = NIL
    totals[col.GATE_COUNT] -= 1
    return x


@lean
def _wait_at_gate(s: State, x: int) -> None:
    totals = s.totals
    if totals[col.GATE_TAIL] == NIL:
        totals[col.GATE_HEAD] = x
    else:
        s.nodes[totals[col.GATE_TAIL], col.NEXT] = x
    totals[col.GATE_TAIL] = x
    totals[col.GATE_COUNT] += 1


@lean
def hold(s: State, x: int, t: int) -> None:
    """Request x waits at the gateway, if there is room."""
    if s.totals[col.GATE_COUNT] >= s.parameters[col.MAX_QUEUED]:
        turn_away(s, x, t, col.IS_REJECTED)
    else:
        _wait_at_gate(s, x)


@inlined
def take_in(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival, counted."""
    totals = s.totals
    x = totals[col.FREE]
    totals[col.FREE] = s.nodes[x, col.NEXT]
    node = s.nodes[x]
    node[col.NEXT] = NIL
    node[col.ARRIVAL] = t
    node[col.PROMPT] = prompt
    node[col.OUTPUT] = output
    node[col.DONE] = 0
    node[col.FIRST] = NIL
    node[col.REQUEST] = totals[col.ARRIVED]
    node[col.EVICTED] = 0
    node[col.RETRIES] = node[col.OVERTAKEN] = 0
    node[col.SESSION] = session
    totals[col.ARRIVED] += 1
    totals[col.IN_SYSTEM] += 1
    totals[col.SUM_ARRIVALS] += t
    s.windows[t // s.parameters[col.WINDOW], col.W_ARRIVED] += 1
    return x


@inlined
def enter(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival, counted; the request, or NIL where it can never fit."""
    x = take_in(s, t, prompt, output, session)
    if never_fits(s, prompt, output):
        s.totals[col.TURN] += s.totals[col.ROUTABLE] > 0
        s.windows[t // s.parameters[col.WINDOW], col.W_TOO_LONG] += 1
        turn_away(s, x, t, col.IS_REJECTED)
        return NIL
    return x


@inlined
def arrive(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival: the request to route, or NIL where it can never fit or waits at the gateway."""
    totals, x = s.totals, enter(s, t, prompt, output, session)
    if x == NIL:
        return NIL
    if totals[col.GATE_COUNT] > 0:
        drop_at_gate(s, t)
    if totals[col.ROUTABLE] == 0 or totals[col.GATE_COUNT] > 0:
        if s.parameters[col.ROUTER] == RAY and totals[col.ROUTABLE] > 0:
            totals[col.WAKE] = t  # its caller tries, for the one that waits longest
        hold(s, x, t)
        return NIL
    return x


@inlined
def memory_is_full(s: State) -> bool:
    """True if the router cannot remember one more request that it sent."""
    return s.parameters[col.RATE_WINDOW] > 0 and s.totals[col.SENT_COUNT] == len(s.memory)


@inlined
def next_try(s: State, until: int) -> int:
    """Time at which the request at the head of the gateway's queue is tried; NEVER if not before `until`."""
    totals = s.totals
    if totals[col.GATE_COUNT] == 0 or totals[col.ROUTABLE] == 0:
        return NEVER
    if totals[col.WAKE] == col.AT_ONCE:
        return totals[col.NOW]
    return totals[col.WAKE] if totals[col.WAKE] < until else NEVER


@lean
def return_to_gate(s: State, x: int, before: int) -> None:
    """Put request x into the gateway's queue by its arrival, not before node `before` (NIL = anywhere)."""
    totals, nodes = s.totals, s.nodes
    after = totals[col.GATE_HEAD] if before == NIL else nodes[before, col.NEXT]
    while after != NIL and nodes[after, col.ARRIVAL] <= nodes[x, col.ARRIVAL]:
        before, after = after, nodes[after, col.NEXT]
    nodes[x, col.NEXT] = after
    if before == NIL:
        totals[col.GATE_HEAD] = x
    else:
        nodes[before, col.NEXT] = x
    if after == NIL:
        totals[col.GATE_TAIL] = x
    totals[col.GATE_COUNT] += 1
