"""The entries of the data plane: play time, take a replica away, look. They take states by reference."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import inlined, lean_entry, written_in
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.boundaries import catch_up_all, enqueue
from simcost.sim.serving.engine.decode_heap import stop_decoding
from simcost.sim.serving.engine.decode_run import hidden_ticks, steps_until, tokens_of
from simcost.sim.serving.engine.gateway import (
    arrive,
    drop_at_gate,
    hold,
    leave_gate,
    memory_is_full,
    next_try,
    return_to_gate,
)
from simcost.sim.serving.engine.kinds import count_by_kind, row_of
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.routing import route, route_informed, tell_router_on_time
from simcost.sim.serving.engine.step import note


@written_in
def _play(
    choose: Callable[[State, int, int], int],
    tell_router: Callable[[State, int], None],
    s: State,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`advance`, compiled for each of two kinds of routers."""
    totals, keep_rows = s.totals, len(s.rows) > 0
    while True:
        if keep_rows and len(s.rows) - totals[col.ROWS] < totals[col.IN_SYSTEM] + 1:
            return i, col.OUTPUT_FULL
        if memory_is_full(s):
            return i, col.MEMORY_FULL
        if i == len(arrival_ns) and not final:
            return i, col.INPUT
        t = arrival_ns[i] * s.parameters[col.TICKS_PER_NS] if i < len(arrival_ns) else NEVER
        trial = next_try(s, until)
        held = trial <= t and trial < NEVER
        if held:
            t = trial
            if totals[col.WAKE] != col.AT_ONCE:
                drop_at_gate(s, t)
            x = totals[col.GATE_HEAD]
        else:
            if t >= until:
                break
            if totals[col.FREE] == NIL:
                return i, col.POOL_EMPTY
            x = arrive(s, t, prompt[i], output[i], session[i] if len(session) > 0 else NIL)
            i += 1
        if x == NIL:
            continue
        r = choose(s, x, t)
        if r >= 0:
            if held:
                leave_gate(s)
            enqueue(s, r, x, t)
        elif held:
            continue  # whom the gateway has taken in, it keeps
        elif r == col.REFUSED:
            turn_away(s, x, t, col.IS_REJECTED)
        else:
            hold(s, x, t)
    tell_router(s, until - 1)
    catch_up_all(s, until)
    drop_at_gate(s, until)
    note(s, until)
    return i, col.UNTIL


@written_in
def _play_and_note(
    choose: Callable[[State, int, int], int],
    tell_router: Callable[[State, int], None],
    s: State,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`_play`, which stops at each instant that is due to note the pool."""
    totals, due, noted = s.totals, s.due, s.noted
    while True:
        count = totals[col.NOTED]
        stop = min(due[count], until)
        i, why = _play(choose, tell_router, s, arrival_ns, prompt, output, session, i, final, stop)
        if why != col.UNTIL or due[count] > until:
            return i, why
        noted[count, col.N_ARRIVED] = totals[col.ARRIVED]
        noted[count, col.N_RUNNING] = totals[col.RUNNING_NOW]
        noted[count, col.N_WAITING] = totals[col.WAITING_NOW]
        noted[count, col.N_KV] = totals[col.KV_NOW]
        totals[col.NOTED] = count + 1


@inlined
def _tell_no_router(_s: State, _t: int) -> None:
    """Routers without signals."""


@lean_entry
def advance(
    s: State,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """Play arrivals i, i+1, ... of a batch and all step boundaries, strictly before `until`.

    `session` may be empty. Returns the index of the next arrival and why it stopped: UNTIL; INPUT (the batch is used
    up and is not the `final` one); OUTPUT_FULL (collect the rows, call again); POOL_EMPTY, MEMORY_FULL (enlarge
    `nodes`, `memory`, call again). At each instant of `due` up to `until` the same row of `noted` is filled, from row
    NOTED on; the last of `due` is NEVER.
    """
    return _play_and_note(route, _tell_no_router, s, arrival_ns, prompt, output, session, i, final, until)


@lean_entry
def advance_informed(
    s: State,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`advance` where the router has signals or a memory, or the gateway has limits: compiled only when one has."""
    return _play_and_note(route_informed, tell_router_on_time, s, arrival_ns, prompt, output, session, i, final, until)


@lean_entry
def vacate(s: State, r: int, mode: int, most_retries: int) -> None:
    """Take the replica in closed slot r away from its requests, now. The step in progress is lost.

    MIGRATE: they go on elsewhere with the tokens they have, once prompt and tokens are read again. RETRY: they start
    from nothing. LOSE, or more than `most_retries` of them: they leave as lost. The others return to the gateway, by
    arrival.
    """
    rep, nodes, totals, t = s.replicas[r], s.nodes, s.totals, s.totals[col.NOW]
    if s.next_event[r] != NEVER:
        rep[col.BUSY] += t - rep[col.BUSY_SINCE]
        rep[col.IDLE_SINCE] = t
    if rep[col.RUN_STEPS] > 0 and s.next_event[r] != NEVER and t > rep[col.RUN_START]:
        growth = s.engines[row_of(s.kind, r), col.D] * rep[col.RUN_SEQS]
        done = steps_until(s, r, rep[col.RUN_FIRST], growth, min(t, s.next_event[r]) - rep[col.RUN_START]) - 1
        hidden = done * hidden_ticks(s, r, 0, rep[col.RUN_SEQS])
        tokens = tokens_of(s, r, done) * rep[col.RUN_SEQS]
        totals[col.STEPS] += done
        totals[col.HIDDEN_TIME] += hidden
        count_by_kind(s.kind, s.by_kind, r, col.K_STEPS, done)
        count_by_kind(s.kind, s.by_kind, r, col.K_HIDDEN, hidden)
        count_by_kind(s.kind, s.by_kind, r, col.K_GENERATED, tokens)
        rep[col.DECODED_STEPS] += done
        rep[col.KV] += tokens
        totals[col.GENERATED] += tokens
        rep[col.PEAK_KV] = max(rep[col.PEAK_KV], rep[col.KV] + rep[col.RESERVED])
    while rep[col.DECODING] > 0:
        stop_decoding(s, r, rep[col.DECODING] - 1)
    x, before = rep[col.HEAD], NIL
    while x != NIL:
        after = nodes[x, col.NEXT]
        nodes[x, col.RETRIES] += 1
        count_by_kind(s.kind, s.by_kind, r, col.K_SUM_LEFT, t)
        if mode == col.LOSE or nodes[x, col.RETRIES] > most_retries:
            turn_away(s, x, t, col.IS_LOST)
        else:
            totals[col.REQUEUED] += 1
            if mode == col.RETRY:
                nodes[x, col.DONE] = 0
                nodes[x, col.FIRST] = NIL
            if before != NIL and nodes[before, col.ARRIVAL] > nodes[x, col.ARRIVAL]:
                before = NIL
            return_to_gate(s, x, before)
            before = x
        x = after
    rep[col.HEAD] = rep[col.TAIL] = rep[col.WAIT_HEAD] = rep[col.PREFILLING] = NIL
    rep[col.RUNNING] = rep[col.WAITING] = rep[col.KV] = rep[col.RESERVED] = rep[col.OUT_OF_ORDER] = 0
    rep[col.IN_FLIGHT_TOKENS] = 0
    totals[col.WAKE] = col.AT_ONCE
    rep[col.RUN_STEPS] = rep[col.RUN_SEQS] = 0
    s.load[r] = col.CLOSED
    s.next_event[r] = NEVER
    note(s, t)


@lean_entry
def count_queues(s: State) -> None:
    """Count the tokens of the prompts that wait at each replica (QUEUED_NOW)."""
    for r in range(s.totals[col.SLOTS]):
        queued, x = 0, s.replicas[r, col.WAIT_HEAD]
        while x != NIL:
            queued += s.nodes[x, col.PROMPT] + s.nodes[x, col.DONE]
            x = s.nodes[x, col.NEXT]
        s.replicas[r, col.QUEUED_NOW] = queued
