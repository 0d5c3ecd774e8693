"""The entry of the data plane with prefill and decode apart: both sides in one order of time.

At one instant transfers end first, then steps of prefill replicas, whose requests are handed over; then decode
replicas and then prefill replicas begin their next steps. What happens on the decode side alone is played late, when
somebody looks: a request that is handed over, or a prefill replica that needs the room of those it keeps.
"""

import numpy as np
import numpy.typing as npt

from simcost.sim.compiled import inlined, lean_entry
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import transfer_state as own
from simcost.sim.serving.engine.decode_side import catch_up_decode, enqueue_decode
from simcost.sim.serving.engine.gateway import hold, leave_gate, take_in
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.prefill_side import (
    choose,
    next_replica,
    prefill_boundary,
    release_until,
    to_decode_side,
)
from simcost.sim.serving.engine.step import enqueue, note
from simcost.sim.serving.engine.transfer_state import TransferState


@inlined
def _lacks_rows(s: State, coming: int) -> bool:
    """True if the rows might not hold all requests that are here or come with the next event."""
    return len(s.rows) > 0 and len(s.rows) - s.totals[col.ROWS] < s.totals[col.IN_SYSTEM] + coming


@inlined
def _empty_gates(p: State, d: State, h: TransferState) -> None:
    """Send what waits at the gateways, where replicas have become ready."""
    while p.totals[col.GATE_COUNT] > 0 and p.totals[col.ROUTABLE] > 0:
        x = leave_gate(p)
        enqueue(p, choose(p, x), x, p.totals[col.NOW])
    while d.totals[col.GATE_COUNT] > 0 and d.totals[col.ROUTABLE] > 0:
        x = leave_gate(d)
        enqueue_decode(d, h, choose(d, x), x, d.totals[col.NOW])


@inlined
def _arrive(p: State, d: State, h: TransferState, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival; short prompts go to the decode side at once. Returns a prefill replica that may be its own."""
    slot = 0
    x = take_in(p, t, prompt, output, session)
    if prompt > p.parameters[col.CAPACITY] or prompt + output > d.parameters[col.CAPACITY]:
        p.windows[t // p.parameters[col.WINDOW], col.W_TOO_LONG] += 1
        turn_away(p, x, t, col.IS_REJECTED)
    elif prompt < h.parameters[own.LOCAL_BELOW]:
        catch_up_decode(d, h, t)
        h.began[x] = t
        h.totals[own.LOCAL] += 1
        to_decode_side(p, d, h, x, t, NIL)
    elif p.totals[col.ROUTABLE] == 0 or p.totals[col.GATE_COUNT] > 0:
        hold(p, x, t)
    else:
        slot = choose(p, x)
        enqueue(p, slot, x, t)
    return slot


@inlined
def _play(
    p: State,
    d: State,
    h: TransferState,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """`advance_apart`, with the states by reference."""
    most = p.parameters[col.MAX_SEQS] + 1
    _empty_gates(p, d, h)
    r = next_replica(p)
    while True:
        if _lacks_rows(p, 1) or _lacks_rows(d, most):
            return i, col.OUTPUT_FULL
        if p.totals[col.FREE] == NIL or len(d.nodes) - d.totals[col.IN_SYSTEM] < most:
            return i, col.POOL_EMPTY
        if i == len(arrival_ns) and not final:
            return i, col.INPUT
        boundary = NEVER if r == NIL else p.next_event[r]
        arrival = arrival_ns[i] * p.parameters[col.TICKS_PER_NS] if i < len(arrival_ns) else NEVER
        t = min(arrival, boundary, until)
        if h.totals[own.STALLED] > 0:
            released = h.releases[0, own.AT] if h.totals[own.RELEASES] > 0 else NEVER
            some = next_replica(d)
            decoded = NEVER if some == NIL else d.next_event[some]
            if min(released, decoded) < t or released == t < until:
                if released <= decoded:
                    release_until(p, h, released + 1)
                    r = next_replica(p)
                else:
                    catch_up_decode(d, h, decoded + 1)
                continue
        if t >= until:
            break
        if arrival <= boundary:
            slot = _arrive(p, d, h, t, prompt[i], output[i], session[i] if len(session) > 0 else NIL)
            i += 1
            if p.next_event[slot] < boundary:
                r = slot
        else:
            prefill_boundary(p, d, h, r)
            r = next_replica(p)
    catch_up_decode(d, h, until)
    release_until(p, h, until)
    note(p, until)
    note(d, until)
    for r in range(d.totals[col.SLOTS]):
        d.totals[col.WAITING_NOW] += h.decode[r, own.LOADING]
    return i, col.UNTIL


@lean_entry
def advance_apart(
    p: State,
    d: State,
    h: TransferState,
    arrival_ns: col.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: col.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """Play arrivals i, i+1, ... of a batch and all that follows from them on both sides, strictly before `until`.

    Returns as `entries.advance`; POOL_EMPTY where the nodes of either side might not do.
    """
    return _play(p, d, h, arrival_ns, prompt, output, session, i, final, until)
