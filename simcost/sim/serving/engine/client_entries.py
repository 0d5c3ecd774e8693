"""The entries of the data plane where clients send requests again, requests differ in priority, or the router looks at
prefixes: as those of `entries`, with what clients do in between.

At one instant what control set off comes first, then the impatient, then the gateway's queue, then requests, then those
sent again.
"""

from collections.abc import Callable

from simcost.sim.compiled import inlined, lean_entry, written_in
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import prefix_index, priority_queues, rate_limits, retries
from simcost.sim.serving.engine.boundaries import catch_up_all, enqueue, look_up, set_adapter, set_tenant
from simcost.sim.serving.engine.client_state import Clients, Requests
from simcost.sim.serving.engine.gateway import enter, memory_is_full, next_try, take_in
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import refuse, turn_away
from simcost.sim.serving.engine.routing import (
    is_saturated,
    next_signals,
    route,
    route_informed,
    tell_router_if_due,
    tell_router_on_time,
)
from simcost.sim.serving.engine.step import note

Choose = Callable[[State, Clients, int, int, bool], int]
"""A router: the replica of a request at a time, held at the gateway or not."""
Tell = Callable[[State, int], None]
"""Updates of the signals of a router, at a time."""


@written_in
def _play(
    choose: Choose, tell_router: Tell, s: State, c: Clients, sent: Requests, i: int, final: bool, until: int
) -> tuple[int, int]:
    """`advance_clients`, compiled for each of two kinds of routers."""
    totals, most_wait, impatient = s.totals, c.rules[retries.MOST_WAIT], NIL
    priority_queues.take_in_returned(s, c)
    while True:
        if not retries.has_room(s, c):
            return i, col.CLIENTS_FULL
        retries.read_rows(s, c)
        if impatient != NIL:
            retries.lose_patience(s, c, impatient)
            impatient = NIL
            continue
        if memory_is_full(s):
            return i, col.MEMORY_FULL
        if i == len(sent.arrival_ns) and not final:
            return i, col.INPUT
        new = sent.arrival_ns[i] * s.parameters[col.TICKS_PER_NS] if i < len(sent.arrival_ns) else NEVER
        again, trial, gone = retries.next_retry(c), next_try(s, until), retries.next_to_give_up(s, c)
        t = min(new, again)
        held = trial <= t and trial < NEVER
        loss = min(gone, priority_queues.next_expiry(s, c, most_wait))
        lost = loss < until and loss <= t and loss <= trial and not (held and totals[col.WAKE] == col.AT_ONCE)
        if lost and gone > loss:
            priority_queues.drop_waiting(s, c, loss, most_wait)
            continue
        if lost or (t >= until and not held):
            goal = loss if lost else until
            tell_router(s, goal - 1)
            catch_up_all(s, goal)
            priority_queues.drop_waiting(s, c, goal, most_wait)
            if not lost:
                note(s, until)
                return i, col.UNTIL
            impatient = c.totals[retries.FIRST_SERIAL]
            continue
        if held:
            t = trial
            if totals[col.WAKE] != col.AT_ONCE:
                priority_queues.drop_waiting(s, c, t, most_wait)
            x = priority_queues.first_waiting(c)
        else:
            if totals[col.FREE] == NIL:
                return i, col.POOL_EMPTY
            if rate_limits.is_behind(c.limits, t):
                tell_router(s, t - 1)
                catch_up_all(s, t)
                c.limits.rules[rate_limits.KNOWN_UNTIL] = t
                continue
            if new <= again:
                _ask(s, c, sent, i, t)
                i += 1
            else:
                retries.ask_again(s, c)
            x = _arrived(s, c, t)
        if x == NIL:
            continue
        _place(choose, s, c, x, t, held)


@written_in
def _place(choose: Choose, s: State, c: Clients, x: int, t: int, held: bool) -> None:
    """Request x, `held` at the gateway or new, goes to a replica, waits, or is refused."""
    r = choose(s, c, x, t, held)
    if r >= 0:
        if held:
            priority_queues.leave_band(s, c, x)
        enqueue(s, r, x, t)
    elif r == col.REFUSED and not held:
        turn_away(s, x, t, col.IS_REJECTED)
    elif not held:
        priority_queues.hold_in_band(s, c, x, t)


@inlined
def _ask(s: State, c: Clients, sent: Requests, i: int, t: int) -> None:
    """Request i is sent for the first time."""
    session = sent.session[i] if len(sent.session) > 0 else NIL
    priority = sent.priority[i] if len(sent.priority) > 0 else 0
    prefix = sent.prefix[i] if len(sent.prefix) > 0 else 0
    tenant = sent.tenant[i] if len(sent.tenant) > 0 else 0
    adapter = sent.adapter[i] if len(sent.adapter) > 0 else NIL
    retries.ask(s, c, t, sent.prompt[i], sent.output[i], session, priority, prefix, tenant, adapter)


@written_in
def _route(s: State, _c: Clients, x: int, t: int, _held: bool) -> int:
    return route(s, x, t)


@written_in
def _route_informed(s: State, c: Clients, x: int, t: int, held: bool) -> int:
    """As `route_informed`; sheds or defers requests beyond the limits, looks prefixes up, and remembers them."""
    last = s.nodes[x, col.PRIORITY] < 0
    sheds, defers = last and c.rules[retries.SHEDS] == 1 and not held, last and c.rules[retries.DEFERS] == 1
    if sheds or defers:
        tell_router_if_due(s, t)
        if is_saturated(s):
            if sheds:
                return col.REFUSED
            s.totals[col.WAKE] = next_signals(s, t)
            return col.WAITS
    by_prefix = c.prefixes.rules[prefix_index.MOST] > 0
    if by_prefix:
        if c.prefixes.rules[prefix_index.PRECISE]:
            catch_up_all(s, t)
        look_up(s, c.prefixes, x)
    r = route_informed(s, x, t)
    if by_prefix and r >= 0:
        prefix_index.remember(s, c.prefixes, x, r)
    if defers and r >= 0:
        s.replicas[r, col.SEEN_WAITING] += 1  # else all that waits would follow before the next signals
    return r


@inlined
def _arrived(s: State, c: Clients, t: int) -> int:
    """The newest sending as a request of the engine; NIL where it is over the limits of its tenant, can never fit, or
    waits at the gateway.
    """
    asked, node = c.ring[retries.newest(c)], s.nodes[s.totals[col.FREE]]
    node[col.PRIORITY] = asked[retries.PRIORITY]
    node[col.PREFIX] = asked[retries.PREFIX]
    set_tenant(s, s.totals[col.FREE], asked[retries.TENANT])
    set_adapter(s, s.totals[col.FREE], asked[retries.ADAPTER])
    prompt, output, limits = asked[retries.PROMPT], asked[retries.OUTPUT], c.limits
    if len(limits.tenants) > 0 and not rate_limits.admit(limits, asked[retries.TENANT], prompt, output, t):
        refuse(s, take_in(s, t, prompt, output, asked[retries.SESSION]), t)
        return NIL
    x = enter(s, t, prompt, output, asked[retries.SESSION])
    return (
        NIL
        if x == NIL or priority_queues.must_wait(s, c, x, t, c.rules[retries.MOST_WAIT], c.rules[retries.DEFERS])
        else x
    )


@inlined
def _no_signals(_s: State, _t: int) -> None:
    """Routers without signals."""


@lean_entry
def advance_clients(s: State, c: Clients, requests: Requests, i: int, final: bool, until: int) -> tuple[int, int]:
    """As `entries.advance`, of the columns of `Requests`.

    CLIENTS_FULL too: enlarge the full arrays, collect the rows of the clients, call again.
    """
    return _play(_route, _no_signals, s, c, requests, i, final, until)


@lean_entry
def advance_clients_informed(
    s: State, c: Clients, requests: Requests, i: int, final: bool, until: int
) -> tuple[int, int]:
    """`advance_clients` where the router has signals or a memory, or the gateway has limits."""
    return _play(_route_informed, tell_router_on_time, s, c, requests, i, final, until)
