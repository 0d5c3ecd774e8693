"""The entries of the data plane where requests follow the ends of others: as those of `entries`, for a closed loop.

At one instant what control set off comes first, then the gateway's queue, then the ends of steps and requests, then
what clients do, and then replicas begin their next steps: a request that follows another is there for that step.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import inlined, lean_entry, written_in
from simcost.sim.serving.engine import closed_loop
from simcost.sim.serving.engine import closed_state as own
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.boundaries import catch_up_all, enqueue, finish_all
from simcost.sim.serving.engine.closed_state import ClosedLoop
from simcost.sim.serving.engine.gateway import arrive, drop_at_gate, hold, leave_gate, memory_is_full, next_try
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.routing import route, route_informed, tell_router_on_time
from simcost.sim.serving.engine.step import note


@written_in
def _play(
    choose: Callable[[State, int, int], int],
    tell_router: Callable[[State, int], None],
    s: State,
    c: ClosedLoop,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    think_ns: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`advance_closed`, compiled for each of two kinds of routers."""
    totals, ticks_per_ns = s.totals, s.parameters[col.TICKS_PER_NS]
    while True:
        if len(s.rows) - totals[col.ROWS] < totals[col.IN_SYSTEM] + 1:
            return i, col.OUTPUT_FULL
        closed_loop.read_rows(s, c)
        if memory_is_full(s):
            return i, col.MEMORY_FULL
        if i == len(arrival_ns) and not final:
            return i, col.INPUT
        change = sending = NEVER
        if i < len(arrival_ns):
            change = closed_loop.next_change(c)
            sending = closed_loop.next_sending(c, arrival_ns[i] * ticks_per_ns)
        t, trial = min(change, sending), next_try(s, until)
        held = trial <= t and trial < NEVER
        boundary = closed_loop.next_boundary(s)
        if boundary < min(until, trial) and _ended(tell_router, s, c, boundary, t):
            continue
        if held:
            t = trial
            if totals[col.WAKE] != col.AT_ONCE:
                drop_at_gate(s, t)
            x = totals[col.GATE_HEAD]
        else:
            if t >= until:
                break
            if change <= sending:
                closed_loop.change(s, c)
                continue
            if totals[col.FREE] == NIL:
                return i, col.POOL_EMPTY
            client = closed_loop.sender(c)
            if client == NIL:
                continue
            closed_loop.begin_waiting(s, c, client, t, think_ns[i] * ticks_per_ns)
            x = arrive(s, t, prompt[i], output[i], client)
            i += 1
        if x == NIL:
            continue
        _place(choose, s, x, t, held)
    tell_router(s, until - 1)
    drop_at_gate(s, until)
    note(s, until)
    return i, col.UNTIL


@written_in
def _ended(tell_router: Callable[[State, int], None], s: State, c: ClosedLoop, boundary: int, t: int) -> bool:
    """Play the ends of steps at a boundary up to t, then the beginnings; False if there is nothing to play."""
    if c.totals[own.FINISHED] != boundary and boundary <= t:
        tell_router(s, boundary)
        finish_all(s, boundary)
        c.totals[own.FINISHED] = boundary
        return True
    if boundary < t:
        catch_up_all(s, boundary + 1)
        return True
    return False


@written_in
def _place(choose: Callable[[State, int, int], int], s: State, x: int, t: int, held: bool) -> None:
    """Request x, `held` at the gateway or new, goes to a replica, waits, or is refused."""
    r = choose(s, x, t)
    if r >= 0:
        if held:
            leave_gate(s)
        enqueue(s, r, x, t)
    elif r == col.REFUSED and not held:
        turn_away(s, x, t, col.IS_REJECTED)
    elif not held:
        hold(s, x, t)


@inlined
def _no_signals(_s: State, _t: int) -> None:
    """Routers without signals."""


@lean_entry
def advance_closed(
    s: State,
    c: ClosedLoop,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    think_ns: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """As `entries.advance`: requests i, i+1, ... are sent by clients, none before its `arrival_ns`."""
    return _play(route, _no_signals, s, c, arrival_ns, prompt, output, think_ns, i, final, until)


@lean_entry
def advance_closed_informed(
    s: State,
    c: ClosedLoop,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    think_ns: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`advance_closed` where the router has signals or a memory, or the gateway has limits."""
    return _play(
        route_informed,
        tell_router_on_time,
        s,
        c,
        arrival_ns,
        prompt,
        output,
        think_ns,
        i,
        final,
        until,
    )
