"""The gateway: arrivals, and the queue of those that no replica takes yet."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.routing import RAY


@lean
def drop_at_gate(s: State, t: int) -> None:
    """Requests at the gateway whose clients have given up by t."""
    totals, nodes = s.totals, s.nodes
    x = totals[at.GATE_HEAD]
    while x != NIL and nodes[x, at.ARRIVAL] + s.parameters[at.TIMEOUT] <= t:
        leave_gate(s)
        turn_away(s, x, nodes[x, at.ARRIVAL] + s.parameters[at.TIMEOUT], at.IS_TIMED_OUT)
        x = totals[at.GATE_HEAD]


@lean
def leave_gate(s: State) -> int:
    """The request at the head of the gateway's queue, taken out of it."""
    totals = s.totals
    x = totals[at.GATE_HEAD]
    totals[at.GATE_HEAD] = s.nodes[x, at.NEXT]
    if totals[at.GATE_HEAD] == NIL:
        totals[at.GATE_TAIL] = NIL
    totals[at.GATE_COUNT] -= 1
    return x


@lean
def _wait_at_gate(s: State, x: int) -> None:
    totals = s.totals
    if totals[at.GATE_TAIL] == NIL:
        totals[at.GATE_HEAD] = x
    else:
        s.nodes[totals[at.GATE_TAIL], at.NEXT] = x
    totals[at.GATE_TAIL] = x
    totals[at.GATE_COUNT] += 1


@lean
def hold(s: State, x: int, t: int) -> None:
    """Request x waits at the gateway, if there is room."""
    if s.totals[at.GATE_COUNT] >= s.parameters[at.MAX_QUEUED]:
        turn_away(s, x, t, at.IS_REJECTED)
    else:
        _wait_at_gate(s, x)


@inlined
def enter(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival, counted; the request, or NIL where it can never fit."""
    totals = s.totals
    x = totals[at.FREE]
    totals[at.FREE] = s.nodes[x, at.NEXT]
    node = s.nodes[x]
    node[at.NEXT] = NIL
    node[at.ARRIVAL] = t
    node[at.PROMPT] = prompt
    node[at.OUTPUT] = output
    node[at.DONE] = 0
    node[at.FIRST] = NIL
    node[at.REQUEST] = totals[at.ARRIVED]
    node[at.EVICTED] = 0
    node[at.RETRIES] = 0
    node[at.SESSION] = session
    totals[at.ARRIVED] += 1
    totals[at.IN_SYSTEM] += 1
    totals[at.SUM_ARRIVALS] += t
    s.windows[t // s.parameters[at.WINDOW], at.W_ARRIVED] += 1
    if prompt + output > s.parameters[at.CAPACITY]:
        totals[at.TURN] += totals[at.ROUTABLE] > 0
        turn_away(s, x, t, at.IS_REJECTED)
        return NIL
    return x


@inlined
def arrive(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival: the request to route, or NIL where it can never fit or waits at the gateway."""
    totals, x = s.totals, enter(s, t, prompt, output, session)
    if x == NIL:
        return NIL
    if totals[at.GATE_COUNT] > 0:
        drop_at_gate(s, t)
    if totals[at.ROUTABLE] == 0 or totals[at.GATE_COUNT] > 0:
        if s.parameters[at.ROUTER] == RAY and totals[at.ROUTABLE] > 0:
            totals[at.WAKE] = t  # its caller tries, for the one that waits longest
        hold(s, x, t)
        return NIL
    return x


@inlined
def memory_is_full(s: State) -> bool:
    """Whether the router cannot remember one more request that it sent."""
    return s.parameters[at.RATE_WINDOW] > 0 and s.totals[at.SENT_COUNT] == len(s.memory)


@inlined
def next_try(s: State, until: int) -> int:
    """When the request at the head of the gateway's queue is tried; NEVER if not before `until`."""
    totals = s.totals
    if totals[at.GATE_COUNT] == 0 or totals[at.ROUTABLE] == 0:
        return NEVER
    if totals[at.WAKE] == at.AT_ONCE:
        return totals[at.NOW]
    return totals[at.WAKE] if totals[at.WAKE] < until else NEVER


@lean
def return_to_gate(s: State, x: int, before: int) -> None:
    """Put request x into the gateway's queue by its arrival, not before node `before` (NIL = anywhere)."""
    totals, nodes = s.totals, s.nodes
    after = totals[at.GATE_HEAD] if before == NIL else nodes[before, at.NEXT]
    while after != NIL and nodes[after, at.ARRIVAL] <= nodes[x, at.ARRIVAL]:
        before, after = after, nodes[after, at.NEXT]
    nodes[x, at.NEXT] = after
    if before == NIL:
        totals[at.GATE_HEAD] = x
    else:
        nodes[before, at.NEXT] = x
    if after == NIL:
        totals[at.GATE_TAIL] = x
    totals[at.GATE_COUNT] += 1
