"""Decode replicas that get the KV cache of their requests from elsewhere: their steps, and the start of transfers."""

import numpy as np

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import transfer_state as own
from simcost.sim.serving.engine.decode_heap import splitmix64, start_decoding
from simcost.sim.serving.engine.decode_run import base_row, run_time, steps_until
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import turn_away
from simcost.sim.serving.engine.request_list import put_before
from simcost.sim.serving.engine.step import finish_run, preempt
from simcost.sim.serving.engine.transfer_state import TransferState

_BITS = col.NODE_BITS


@inlined
def copy_row(source: col.Ints, i: int, target: col.Ints, j: int) -> None:
    """Copy row i of one table to row j of another."""
    for column in range(source.shape[1]):
        target[j, column] = source[i, column]


@lean
def _push_release(heap: col.Ints, totals: col.Ints, at: int, owner: int, tokens: int) -> None:
    i = totals[own.RELEASES]
    totals[own.RELEASES] += 1
    while i > 0 and heap[(i - 1) >> 1, own.AT] > at:
        copy_row(heap, (i - 1) >> 1, heap, i)
        i = (i - 1) >> 1
    heap[i, own.AT] = at
    heap[i, own.FROM] = owner
    heap[i, own.TOKENS] = tokens


@inlined
def _transfer_time(h: TransferState, x: int, tokens: int) -> int:
    """Time of a transfer from the end of the prefill on: layers that were sent before are not in it."""
    p = h.parameters
    sending = (tokens * p[own.PER_TOKEN] + (1 << p[own.SHIFT]) - 1) >> p[own.SHIFT]
    layers = p[own.LAYERS]
    if layers > 0:
        behind = (layers - 1) * max(sending - h.requests[x, own.TOOK], 0)
        sending = (sending + behind + layers - 1) // layers
    return max(p[own.BASE] + sending, 1)


@lean
def _take_off_list(rep: col.Ints, nodes: col.Ints, x: int) -> None:
    """Request x leaves the list of a replica, in which it was the first to wait."""
    before, after = nodes[x, col.PREV], nodes[x, col.NEXT]
    if before == NIL:
        rep[col.HEAD] = after
    else:
        nodes[before, col.NEXT] = after
    if after == NIL:
        rep[col.TAIL] = before
    else:
        nodes[after, col.PREV] = before
    rep[col.WAIT_HEAD] = after
    rep[col.WAITING] -= 1


@inlined
def _fetch(d: State, h: TransferState, r: int, x: int, t: int) -> None:
    """Reserve the KV cache of request x, and start its transfer."""
    rep, slot, request = d.replicas[r], h.decode[r], h.requests[x]
    tokens = d.nodes[x, col.PROMPT]
    rep[col.RESERVED] += tokens + d.nodes[x, col.DONE]
    start = max(t, slot[own.LINK_FREE]) if h.parameters[own.FIFO] else t
    took = _transfer_time(h, x, tokens)
    slot[own.LINK_FREE] = start + took
    request[own.READY] = start + took
    _push_release(h.releases, h.totals, start + took, request[own.OWNER], tokens)
    h.totals[own.TRANSFERS] += 1
    h.totals[own.TRANSFER_TIME] += took
    h.totals[own.MOVED_TOKENS] += tokens
    h.totals[own.HELD_TIME] += start - request[own.PREFILLED]
    d.nodes[x, col.NEXT] = NIL
    d.nodes[x, col.PREV] = slot[own.LOADING_TAIL]
    if slot[own.LOADING_TAIL] == NIL:
        slot[own.LOADING_HEAD] = x
    else:
        d.nodes[slot[own.LOADING_TAIL], col.NEXT] = x
    slot[own.LOADING_TAIL] = x
    slot[own.LOADING] += 1


@lean
def _stop_loading(d: State, h: TransferState, r: int, x: int) -> None:
    slot, before, after = h.decode[r], d.nodes[x, col.PREV], d.nodes[x, col.NEXT]
    if before == NIL:
        slot[own.LOADING_HEAD] = after
    else:
        d.nodes[before, col.NEXT] = after
    if after == NIL:
        slot[own.LOADING_TAIL] = before
    else:
        d.nodes[after, col.PREV] = before
    slot[own.LOADING] -= 1
    h.requests[x, own.OWNER] = NIL


@lean
def _fail(d: State, h: TransferState, r: int, x: int, t: int) -> None:
    """The transfer of request x has failed: it is lost, or waits for a prefill here, before all others."""
    rep = d.replicas[r]
    rep[col.RESERVED] -= d.nodes[x, col.PROMPT] + d.nodes[x, col.DONE]
    h.totals[own.FAILED] += 1
    if h.parameters[own.RECOMPUTE]:
        put_before(rep, d.nodes, x, rep[col.WAIT_HEAD])
        rep[col.WAIT_HEAD] = x
        rep[col.WAITING] += 1
    else:
        d.load[r] -= 1
        rep[col.IN_FLIGHT_TOKENS] -= d.nodes[x, col.PROMPT]
        turn_away(d, x, t, col.IS_LOST)


@inlined
def _run_loaded(d: State, h: TransferState, r: int, t: int, budget: int) -> tuple[int, int]:
    """Run the requests whose transfer has ended, in the order of the starts; the prefill tokens, and their pairs.

    Those that have their first token decode at once, and stand before what is still in prefill; the others compute
    their last prompt token.
    """
    p, rep, nodes = d.parameters, d.replicas[r], d.nodes
    tokens = pairs = 0
    x = h.decode[r, own.LOADING_HEAD]
    while x != NIL and budget > 0 and rep[col.RUNNING] < p[col.MAX_SEQS]:
        after = nodes[x, col.NEXT]
        if h.requests[x, own.READY] <= t:
            _stop_loading(d, h, r, x)
            draw = splitmix64(splitmix64(nodes[x, col.REQUEST] ^ p[col.SALT]))
            if np.int64(draw >> np.uint64(11)) < h.parameters[own.FAIL_BELOW]:
                _fail(d, h, r, x, t)
            else:
                budget -= 1
                rep[col.RUNNING] += 1
                if nodes[x, col.DONE] > 0:
                    later = rep[col.WAIT_HEAD] if rep[col.PREFILLING] == NIL else rep[col.PREFILLING]
                    put_before(rep, nodes, x, later)
                    rep[col.RESERVED] -= nodes[x, col.PROMPT] + nodes[x, col.DONE]
                    start_decoding(d, r, x)
                else:
                    put_before(rep, nodes, x, rep[col.WAIT_HEAD])
                    nodes[x, col.MARK] = nodes[x, col.PROMPT]
                    tokens += 1
                    pairs += 2 * nodes[x, col.PROMPT] - 1
                    if rep[col.PREFILLING] == NIL:
                        rep[col.PREFILLING] = x
        x = after
    return tokens, pairs


@inlined
def _fill(d: State, h: TransferState, r: int, t: int, preempted: bool) -> tuple[int, int]:
    """Choose the prefill of the next step and start transfers: as `step.fill`, where requests that have been loaded
    come before those that wait.
    """
    p, rep, nodes = d.parameters, d.replicas[r], d.nodes
    budget = p[col.BUDGET] - rep[col.DECODING]
    tokens = pairs = 0
    x = rep[col.PREFILLING]
    if x != NIL:
        chunk = min(nodes[x, col.PROMPT] + nodes[x, col.DONE] - nodes[x, col.MARK], budget)
        pairs += chunk * (2 * nodes[x, col.MARK] + chunk)
        nodes[x, col.MARK] += chunk
        tokens += chunk
        budget -= chunk
    if preempted:
        return tokens, pairs
    if h.decode[r, own.LOADING] > 0:
        before = rep[col.DECODING]
        more, more_pairs = _run_loaded(d, h, r, t, budget)
        tokens += more
        pairs += more_pairs
        budget -= more + rep[col.DECODING] - before
    x = rep[col.WAIT_HEAD]
    while x != NIL and budget > 0 and rep[col.RUNNING] < p[col.MAX_SEQS]:
        after, length = nodes[x, col.NEXT], nodes[x, col.PROMPT] + nodes[x, col.DONE]
        if rep[col.KV] + rep[col.RESERVED] + length > p[col.CAPACITY]:
            break
        if h.requests[x, own.OWNER] != NIL:
            _take_off_list(rep, nodes, x)
            _fetch(d, h, r, x, t)
        else:
            chunk = min(length, budget)
            nodes[x, col.MARK] = chunk
            rep[col.RESERVED] += length
            rep[col.RUNNING] += 1
            rep[col.WAITING] -= 1
            if rep[col.PREFILLING] == NIL:
                rep[col.PREFILLING] = x
            tokens += chunk
            pairs += chunk * chunk
            budget -= chunk
            rep[col.WAIT_HEAD] = after
        x = after
    return tokens, pairs


@inlined
def _next_ready(d: State, h: TransferState, r: int, t: int) -> int:
    """End of the next transfer to replica r after t."""
    earliest = NEVER
    x = h.decode[r, own.LOADING_HEAD]
    while x != NIL:
        if h.requests[x, own.READY] > t:
            earliest = min(earliest, h.requests[x, own.READY])
        x = d.nodes[x, col.NEXT]
    return earliest


@inlined
def _hide(d: State, since: int, until: int) -> None:
    """Count time in which a replica waits for a transfer and computes nothing; backwards where that ends earlier."""
    d.totals[col.HIDDEN_TIME] += (until >> col.COARSE) - (since >> col.COARSE)


@inlined
def _start_run(d: State, h: TransferState, r: int, t: int, tokens: int, pairs: int, preempted: bool) -> None:
    """As `step.start_run`; a run ends where a transfer does, and a replica that waits for one is not idle."""
    p, rep = d.parameters, d.replicas[r]
    seqs, ready = rep[col.DECODING], _next_ready(d, h, r, t)
    rep[col.RUN_START] = t
    rep[col.RUN_SEQS] = seqs
    rep[col.RUN_STEPS] = 0
    if tokens == 0 and seqs == 0:
        d.next_event[r] = ready
        if ready == NEVER:
            rep[col.BUSY] += t - rep[col.BUSY_SINCE]
            rep[col.IDLE_SINCE] = t
        else:
            _hide(d, t, ready)
        return
    kv = rep[col.KV] if seqs > 0 else 0
    full = base_row(d, tokens + seqs)
    first = d.base[0, full, col.TIME] + p[col.B] * tokens + p[col.C] * seqs + p[col.D] * kv
    first += (p[col.E] * pairs) >> p[col.E_SHIFT]
    growth = p[col.D] * seqs
    d.totals[col.HIDDEN_TIME] += d.base[0, full, col.HIDDEN] - d.base[0, base_row(d, seqs), col.HIDDEN]
    steps = 1
    if tokens == 0 and not preempted:
        free = p[col.CAPACITY] - kv - rep[col.RESERVED]
        steps = min((d.heap[r, 0] >> _BITS) - rep[col.DECODED_STEPS], free // seqs + 1)
        if steps > 1 and ready - t < run_time(d, r, first, growth, steps):
            steps = steps_until(d, r, first, growth, ready - t)
    rep[col.RUN_STEPS] = steps
    rep[col.RUN_FIRST] = first
    d.next_event[r] = t + run_time(d, r, first, growth, steps)


@inlined
def _boundary(d: State, h: TransferState, r: int) -> None:
    """End what ends at the next boundary of replica r, and set off what follows."""
    rep, t = d.replicas[r], d.next_event[r]
    finish_run(d, r, t)
    preempted = rep[col.KV] + rep[col.RESERVED] > d.parameters[col.CAPACITY] and preempt(d, r)
    if preempted and rep[col.RUNNING] == 0:
        preempted = False  # nothing is left to run: the scheduler is called again at once
    tokens, pairs = _fill(d, h, r, t, preempted)
    _start_run(d, h, r, t, tokens, pairs, preempted)


@lean
def _catch_up_block(d: State, h: TransferState, block: int, until: int) -> None:
    earliest = NEVER
    for r in range(block * col.BLOCK, (block + 1) * col.BLOCK):
        while d.next_event[r] < until:
            _boundary(d, h, r)
        earliest = min(earliest, d.next_event[r])
    d.block_event[block] = earliest


@inlined
def catch_up_decode(d: State, h: TransferState, until: int) -> None:
    """All step boundaries of the decode replicas strictly before `until`."""
    for block in range(len(d.block_event)):
        if d.block_event[block] < until:
            _catch_up_block(d, h, block, until)


@inlined
def _fetched(d: State, h: TransferState, r: int, x: int, t: int) -> bool:
    """True if the transfer of request x starts at the next boundary of replica r, and nothing else happens there.

    Then the boundary is passed over: the run goes on, as if it had ended and begun there.
    """
    p, rep = d.parameters, d.replicas[r]
    if h.requests[x, own.OWNER] == NIL or rep[col.WAITING] > 0 or rep[col.RUNNING] >= p[col.MAX_SEQS]:
        return False
    free = p[col.CAPACITY] - rep[col.KV] - rep[col.RESERVED] - d.nodes[x, col.PROMPT] - d.nodes[x, col.DONE]
    steps, seqs = rep[col.RUN_STEPS], rep[col.RUN_SEQS]
    if steps == 0 and d.next_event[r] > t and free >= 0:  # no step is in progress
        until = d.next_event[r]
        if until == NEVER:
            rep[col.BUSY_SINCE] = until = t
        _fetch(d, h, r, x, t)
        d.next_event[r] = min(d.next_event[r], h.requests[x, own.READY])
        _hide(d, until, d.next_event[r])
        return True
    if steps <= 1:
        return False
    first, growth = rep[col.RUN_FIRST], p[col.D] * seqs
    k = steps_until(d, r, first, growth, min(t, d.next_event[r]) - rep[col.RUN_START])
    if k >= steps or k * seqs > free:
        return False
    _fetch(d, h, r, x, rep[col.RUN_START] + run_time(d, r, first, growth, k))
    steps = min(steps, free // seqs + 1)
    span = h.requests[x, own.READY] - rep[col.RUN_START]
    if span < run_time(d, r, first, growth, steps):
        steps = steps_until(d, r, first, growth, span)
    rep[col.RUN_STEPS] = steps
    d.next_event[r] = rep[col.RUN_START] + run_time(d, r, first, growth, steps)
    return True


@inlined
def enqueue_decode(d: State, h: TransferState, r: int, x: int, t: int) -> None:
    """Request x joins the queue of decode replica r, which is up to date until t."""
    p, rep, nodes = d.parameters, d.replicas[r], d.nodes
    rep[col.JOINED] += 1
    nodes[x, col.OVERTAKEN] = 0
    rep[col.IN_FLIGHT_TOKENS] += nodes[x, col.PROMPT]
    d.load[r] += 1
    if not _fetched(d, h, r, x, t):
        put_before(rep, nodes, x, NIL)
        if rep[col.WAIT_HEAD] == NIL:
            rep[col.WAIT_HEAD] = x
        rep[col.WAITING] += 1
        steps, seqs = rep[col.RUN_STEPS], rep[col.RUN_SEQS]
        if steps == 0:  # idle, or waiting for a transfer: a boundary at once
            if d.next_event[r] == NEVER:
                rep[col.BUSY_SINCE] = t
            else:
                _hide(d, d.next_event[r], t)
            d.next_event[r] = t
        elif steps > 1 and rep[col.WAITING] == 1 and rep[col.RUNNING] < p[col.MAX_SEQS]:
            first, growth = rep[col.RUN_FIRST], p[col.D] * seqs
            k = steps_until(d, r, first, growth, min(t, d.next_event[r]) - rep[col.RUN_START])
            needed = rep[col.KV] + rep[col.RESERVED] + k * seqs + nodes[x, col.PROMPT] + nodes[x, col.DONE]
            if k < steps and needed <= p[col.CAPACITY]:
                rep[col.RUN_STEPS] = k
                d.next_event[r] = rep[col.RUN_START] + run_time(d, r, first, growth, k)
    block = r // col.BLOCK
    d.block_event[block] = min(d.block_event[block], d.next_event[r])
