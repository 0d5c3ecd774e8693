"""The entry of the data plane where clients send requests again: as `run.advance`, with what they do in between.

At one instant what control set off comes first, then the impatient, then the gateway's queue, then requests, then those
sent again.
"""

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import lean, lean_entry
from simcost.sim.kernel import attempts
from simcost.sim.kernel import layout as at
from simcost.sim.kernel.attempts import Clients
from simcost.sim.kernel.gate import arrive, drop_at_gate, hold, leave_gate, memory_is_full, next_try
from simcost.sim.kernel.layout import NEVER, NIL, State
from simcost.sim.kernel.outcomes import turn_away
from simcost.sim.kernel.routing import route, route_informed, tell_router_on_time
from simcost.sim.kernel.steps import catch_up_all, enqueue


@lean_entry
def advance_clients(
    s: State,
    c: Clients,
    arrival_ns: at.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: at.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """As `run.advance`; CLIENTS_FULL too: enlarge what is full, collect the rows of the clients, call again."""
    totals = s.totals
    while True:
        if not attempts.has_room(s, c):
            return i, at.CLIENTS_FULL
        attempts.read_rows(s, c)
        if memory_is_full(s):
            return i, at.MEMORY_FULL
        if i == len(arrival_ns) and not final:
            return i, at.INPUT
        new = arrival_ns[i] * s.parameters[at.TICKS_PER_NS] if i < len(arrival_ns) else NEVER
        again = attempts.next_retry(c)
        t, trial, loss = min(new, again), next_try(s, until), attempts.next_to_give_up(s, c)
        held = trial <= t and trial < NEVER
        if loss < until and loss <= t and loss <= trial and not (held and totals[at.WAKE] == at.AT_ONCE):
            _give_up(s, c, loss)
            continue
        if held:
            t = trial
            if totals[at.WAKE] != at.AT_ONCE:
                drop_at_gate(s, t)
            x = totals[at.GATE_HEAD]
        else:
            if t >= until:
                break
            if totals[at.FREE] == NIL:
                return i, at.POOL_EMPTY
            if new <= again:
                talk = session[i] if len(session) > 0 else NIL
                attempts.ask(s, c, t, prompt[i], output[i], talk)
                x = arrive(s, t, prompt[i], output[i], talk)
                i += 1
            else:
                asked = c.heap[0]
                words, answer, talk = asked[attempts.PROMPT], asked[attempts.OUTPUT], asked[attempts.SESSION]
                attempts.ask_again(s, c)
                x = arrive(s, t, words, answer, talk)
        if x == NIL:
            continue
        r = _choose(s, x, t)
        if r >= 0:
            if held:
                leave_gate(s)
            enqueue(s, r, x, t)
        elif held:
            continue
        elif r == at.REFUSED:
            turn_away(s, x, t, at.IS_REJECTED)
        else:
            hold(s, x, t)
    _bring_up(s, until)
    totals[at.NOW] = until
    return i, at.UNTIL


@lean
def _choose(s: State, x: int, t: int) -> int:
    return route_informed(s, x, t) if s.parameters[at.INFORMED] else route(s, x, t)


@lean
def _bring_up(s: State, until: int) -> None:
    """Router, replicas and gateway as they are just before `until`."""
    tell_router_on_time(s, until - 1)
    catch_up_all(s, until)
    drop_at_gate(s, until)


@lean
def _give_up(s: State, c: Clients, t: int) -> None:
    """The client of the oldest open sending has waited long enough just before t; it may have its answer."""
    _bring_up(s, t)
    serial = c.totals[attempts.FIRST_SERIAL]
    attempts.read_rows(s, c)
    if c.totals[attempts.RING_COUNT] > 0 and c.totals[attempts.FIRST_SERIAL] == serial:
        attempts.lose_patience(s, c)
