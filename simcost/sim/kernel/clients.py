"""The entry of the data plane where clients send requests again, or requests differ in priority: as `run.advance`, with
what clients do in between.

At one instant what control set off comes first, then the impatient, then the gateway's queue, then requests, then those
sent again.
"""

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import lean, lean_entry
from simcost.sim.kernel import attempts, bands, prefixes
from simcost.sim.kernel import layout as at
from simcost.sim.kernel.attempts import Clients
from simcost.sim.kernel.gate import enter, memory_is_full, next_try
from simcost.sim.kernel.layout import NEVER, NIL, State
from simcost.sim.kernel.outcomes import turn_away
from simcost.sim.kernel.routing import (
    is_saturated,
    route,
    route_informed,
    tell_router_if_due,
    tell_router_on_time,
)
from simcost.sim.kernel.steps import catch_up_all, enqueue, note


@lean_entry
def advance_clients(
    s: State,
    c: Clients,
    arrival_ns: at.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: at.Ints,
    priority: npt.NDArray[np.int16],
    prefix: at.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """As `run.advance`; CLIENTS_FULL too: enlarge what is full, collect the rows of the clients, call again."""
    totals = s.totals
    bands.take_in_returned(s, c)
    while True:
        if not attempts.has_room(s, c):
            return i, at.CLIENTS_FULL
        attempts.read_rows(s, c)
        if memory_is_full(s):
            return i, at.MEMORY_FULL
        if i == len(arrival_ns) and not final:
            return i, at.INPUT
        new = arrival_ns[i] * s.parameters[at.TICKS_PER_NS] if i < len(arrival_ns) else NEVER
        again, trial = attempts.next_retry(c), next_try(s, until)
        t, loss = min(new, again), _next_loss(s, c)
        held = trial <= t and trial < NEVER
        if loss < until and loss <= t and loss <= trial and not (held and totals[at.WAKE] == at.AT_ONCE):
            _lose(s, c, loss)
            continue
        if held:
            if totals[at.WAKE] != at.AT_ONCE:
                bands.drop_waiting(s, c, trial, c.rules[attempts.MOST_WAIT])
            _try(s, c, bands.first_waiting(c), trial)
            continue
        if t >= until:
            break
        if totals[at.FREE] == NIL:
            return i, at.POOL_EMPTY
        if new <= again:
            talk = session[i] if len(session) > 0 else NIL
            rank = priority[i] if len(priority) > 0 else 0
            known = prefix[i] if len(prefix) > 0 else 0
            attempts.ask(s, c, t, prompt[i], output[i], talk, rank, known)
            _send(s, c, t, prompt[i], output[i], talk, rank, known)
            i += 1
        else:
            asked = c.heap[0]
            words, answer = asked[attempts.PROMPT], asked[attempts.OUTPUT]
            talk, rank, known = asked[attempts.SESSION], asked[attempts.PRIORITY], asked[attempts.PREFIX]
            attempts.ask_again(s, c)
            _send(s, c, t, words, answer, talk, rank, known)
    _bring_up(s, c, until)
    note(s, until)
    return i, at.UNTIL


@lean
def _choose(s: State, c: Clients, x: int, t: int) -> int:
    """As `route` and `route_informed`; the router looks prefixes up, and remembers them."""
    if not s.parameters[at.INFORMED]:
        return route(s, x, t)
    by_prefix = c.prefixes.rules[prefixes.MOST] > 0
    if by_prefix:
        prefixes.look_up(s, c.prefixes, x)
    r = route_informed(s, x, t)
    if by_prefix and r >= 0:
        prefixes.remember(s, c.prefixes, x, r)
    return r


@lean
def _send(
    s: State, c: Clients, t: int, prompt: int, output: int, session: int, priority: int, prefix: int
) -> None:
    """A request arrives, and is routed, held or turned away."""
    s.nodes[s.totals[at.FREE], at.PRIORITY] = priority
    s.nodes[s.totals[at.FREE], at.PREFIX] = prefix
    x = enter(s, t, prompt, output, session)
    if x == NIL or bands.must_wait(s, c, x, t, c.rules[attempts.MOST_WAIT]):
        return
    if priority < 0 and c.rules[attempts.SHEDS] == 1:
        tell_router_if_due(s, t)
        if is_saturated(s):
            turn_away(s, x, t, at.IS_REJECTED)
            return
    r = _choose(s, c, x, t)
    if r >= 0:
        enqueue(s, r, x, t)
    elif r == at.REFUSED:
        turn_away(s, x, t, at.IS_REJECTED)
    else:
        bands.hold_in_band(s, c, x, t)


@lean
def _try(s: State, c: Clients, x: int, t: int) -> None:
    """The first of those who wait is routed, if a replica takes it now."""
    if x == NIL:
        return
    r = _choose(s, c, x, t)
    if r >= 0:
        bands.leave_band(s, c, x)
        enqueue(s, r, x, t)


@lean
def _bring_up(s: State, c: Clients, until: int) -> None:
    """Router, replicas and gateway as they are just before `until`."""
    tell_router_on_time(s, until - 1)
    catch_up_all(s, until)
    bands.drop_waiting(s, c, until, c.rules[attempts.MOST_WAIT])


@lean
def _next_loss(s: State, c: Clients) -> int:
    """When a client next loses patience, or the gateway."""
    return min(attempts.next_to_give_up(s, c), bands.next_expiry(s, c, c.rules[attempts.MOST_WAIT]))


@lean
def _lose(s: State, c: Clients, t: int) -> None:
    """A request has waited too long at the gateway; or the client of the oldest open sending has waited long enough
    just before t, who may have the answer.
    """
    if attempts.next_to_give_up(s, c) > t:
        bands.drop_waiting(s, c, t, c.rules[attempts.MOST_WAIT])
        return
    _bring_up(s, c, t)
    serial = c.totals[attempts.FIRST_SERIAL]
    attempts.read_rows(s, c)
    if c.totals[attempts.RING_COUNT] > 0 and c.totals[attempts.FIRST_SERIAL] == serial:
        attempts.lose_patience(s, c)
