"""The steps of a replica, from boundary to boundary, and its queue."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.decode_heap import start_decoding, stop_decoding, stop_running
from simcost.sim.serving.engine.decode_run import (
    carry_remainder,
    decoded,
    hidden_ticks,
    run_time,
    step_units,
    steps_for,
    steps_until,
    tokens_of,
)
from simcost.sim.serving.engine.kinds import begin_kinds, count_by_kind, note_kind, row_of
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import release_leavers, unlink
from simcost.sim.serving.engine.patience import drop_late, note_order, patience_of

_BITS = col.NODE_BITS
_MASK = col.NODE_LIMIT - 1


@lean
def finish_decodes(s: State, r: int) -> None:
    """End the steps of the run of replica r, and the requests that have all their tokens."""
    rep, totals = s.replicas[r], s.totals
    steps, seqs = rep[col.RUN_STEPS], rep[col.RUN_SEQS]
    if steps > 0:
        carry_remainder(s, r)
        totals[col.STEPS] += steps
        hidden = steps * hidden_ticks(s, r, 0, seqs)
        totals[col.HIDDEN_TIME] += hidden
        count_by_kind(s.kind, s.by_kind, r, col.K_STEPS, steps)
        count_by_kind(s.kind, s.by_kind, r, col.K_HIDDEN, hidden)
        most = rep[col.KV] + rep[col.RESERVED] + tokens_of(s, r, steps - 1) * seqs
        rep[col.PEAK_KV] = max(rep[col.PEAK_KV], most)
    if seqs > 0:
        tokens = tokens_of(s, r, steps) * seqs
        rep[col.DECODED_STEPS] += steps
        rep[col.KV] += tokens
        now = decoded(s, r, rep[col.DECODED_STEPS])
        while rep[col.DECODING] > 0 and s.heap[r, 0] >> _BITS <= now:
            x = s.heap[r, 0] & _MASK
            tokens -= now - (s.heap[r, 0] >> _BITS)
            stop_decoding(s, r, 0)
            rep[col.RUNNING] -= 1
            unlink(s, r, x, col.IS_COMPLETED)
        rep[col.WRITTEN] += tokens
        totals[col.GENERATED] += tokens
        count_by_kind(s.kind, s.by_kind, r, col.K_GENERATED, tokens)


@lean
def _finish_prefills(s: State, r: int, t: int) -> None:
    rep, nodes = s.replicas[r], s.nodes
    x = rep[col.PREFILLING]
    while x != NIL and x != rep[col.WAIT_HEAD]:
        node = nodes[x]
        length = node[col.PROMPT] + node[col.DONE]
        if node[col.MARK] < length:
            break  # cut off by the budget; always the last admitted
        after = node[col.NEXT]
        rep[col.RESERVED] -= length
        node[col.DONE] += 1
        rep[col.WRITTEN] += 1
        s.totals[col.GENERATED] += 1
        count_by_kind(s.kind, s.by_kind, r, col.K_GENERATED, 1)
        if node[col.FIRST] == NIL:
            node[col.FIRST] = t
            rep[col.READ] += node[col.PROMPT]
        if node[col.DONE] == node[col.OUTPUT]:
            rep[col.RUNNING] -= 1
            unlink(s, r, x, col.IS_COMPLETED)
        else:
            start_decoding(s, r, x)
        x = after
    rep[col.PREFILLING] = NIL if x == rep[col.WAIT_HEAD] else x


@inlined
def _kept(s: State, r: int, more: int) -> int:
    """Slots of the cache that the running requests take, and so many more requests for their drafts."""
    rep = s.replicas[r]
    return rep[col.KV] + rep[col.RESERVED] + (rep[col.RUNNING] + more) * s.engines[row_of(s.kind, r), col.DRAFT_SLOTS]


@lean
def preempt(s: State, r: int) -> bool:
    """Send the last admitted back to the front of the queue while the running need more than the cache."""
    rep, nodes = s.replicas[r], s.nodes
    preempted = False
    while _kept(s, r, 0) > s.engines[row_of(s.kind, r), col.CAPACITY]:
        waiting = rep[col.WAIT_HEAD]
        x = rep[col.TAIL] if waiting == NIL else nodes[waiting, col.PREV]
        stop_running(s, r, x)
        rep[col.WAIT_HEAD] = x
        rep[col.WAITING] += 1
        nodes[x, col.EVICTED] += 1
        s.totals[col.PREEMPTIONS] += 1
        preempted = True
    return preempted


@inlined
def fill(s: State, r: int, preempted: bool) -> tuple[int, int]:
    """Choose the prefill of the next step: the partial one, then the queue, first come first served.

    Returns its tokens P and attention pairs Q. After a preemption nothing is admitted for one step.
    """
    p, rep, nodes = s.engines[row_of(s.kind, r)], s.replicas[r], s.nodes
    whole = p[col.WHOLE_PREFILL] != 0
    budget = p[col.BUDGET] if whole else p[col.BUDGET] - rep[col.DECODING] * p[col.SEQUENCE_ROWS]
    tokens = pairs = 0
    x = rep[col.PREFILLING]
    if x != NIL:
        chunk = min(nodes[x, col.PROMPT] + nodes[x, col.DONE] - nodes[x, col.MARK], budget)
        pairs += chunk * (2 * nodes[x, col.MARK] + chunk)
        nodes[x, col.MARK] += chunk
        tokens += chunk
        budget -= chunk
    x = rep[col.WAIT_HEAD]
    while x != NIL and not preempted and budget > 0 and rep[col.RUNNING] < p[col.MAX_SEQS]:
        length = nodes[x, col.PROMPT] + nodes[x, col.DONE]
        if _kept(s, r, 1) + length > p[col.CAPACITY]:
            break
        if whole and length > budget and tokens > 0:
            break
        chunk = length if whole else min(length, budget)
        nodes[x, col.MARK] = chunk
        rep[col.RESERVED] += length
        rep[col.RUNNING] += 1
        rep[col.WAITING] -= 1
        if rep[col.PREFILLING] == NIL:
            rep[col.PREFILLING] = x
        tokens += chunk
        pairs += chunk * chunk
        budget -= chunk
        x = nodes[x, col.NEXT]
    rep[col.WAIT_HEAD] = x
    return tokens, pairs


@inlined
def start_run(s: State, r: int, t: int, tokens: int, pairs: int, preempted: bool) -> None:
    """Set off the next step, or a run of decode steps up to the next thing that can happen."""
    p, rep = s.engines[row_of(s.kind, r)], s.replicas[r]
    seqs = rep[col.DECODING]
    if tokens > 0 and p[col.WHOLE_PREFILL] != 0:
        seqs = 0  # decodes stall
    if tokens == 0 and seqs == 0:
        rep[col.RUN_STEPS] = 0
        rep[col.RUN_SEQS] = 0
        rep[col.BUSY] += t - rep[col.BUSY_SINCE]
        rep[col.IDLE_SINCE] = t
        s.next_event[r] = NEVER
        return
    kv = rep[col.KV] if seqs > 0 else 0
    first = step_units(s, r, tokens, seqs, kv) + ((p[col.E] * pairs) >> p[col.E_SHIFT])
    growth = p[col.D] * seqs
    hidden = hidden_ticks(s, r, tokens, seqs) - hidden_ticks(s, r, 0, seqs)
    s.totals[col.HIDDEN_TIME] += hidden
    count_by_kind(s.kind, s.by_kind, r, col.K_HIDDEN, hidden)
    steps = 1
    if tokens == 0 and not (preempted and rep[col.WAITING] > 0):
        until_done = (s.heap[r, 0] >> _BITS) - decoded(s, r, rep[col.DECODED_STEPS])
        steps = steps_for(s, r, min(until_done, (p[col.CAPACITY] - kv) // seqs - p[col.DRAFT_SLOTS] + 1))
        patience = patience_of(s, r) - t
        if steps > 1 and patience < run_time(s, r, first, growth, steps):
            steps = steps_until(s, r, first, growth, patience)
    rep[col.RUN_START] = t
    rep[col.RUN_STEPS] = steps
    rep[col.RUN_SEQS] = seqs
    rep[col.RUN_FIRST] = first
    s.next_event[r] = t + run_time(s, r, first, growth, steps)


@inlined
def finish_run(s: State, r: int, t: int) -> None:
    """End the steps, the requests and the patience of clients that end at the boundary t of replica r."""
    finish_decodes(s, r)
    _finish_prefills(s, r, t)
    drop_late(s, r, t)
    release_leavers(s, r, t)


@lean
def _gathers(s: State, r: int, t: int) -> bool:
    """True if the idle replica r waits at t for more requests to batch; its next boundary is then the end of that."""
    p, rep = s.engines[row_of(s.kind, r)], s.replicas[r]
    if rep[col.RUNNING] > 0 or rep[col.WAITING] == 0 or rep[col.WAITING] >= p[col.MAX_SEQS]:
        return False
    patience = min(p[col.BATCH_WINDOW], s.parameters[col.TIMEOUT])
    until = s.nodes[rep[col.WAIT_HEAD], col.ARRIVAL] + patience
    if until <= t:
        return False
    rep[col.RUN_STEPS] = rep[col.RUN_SEQS] = 0
    s.next_event[r] = until
    _hide(s, r, t, until)
    return True


@inlined
def _hide(s: State, r: int, since: int, until: int) -> None:
    """Count the time in which replica r has requests and computes nothing; backwards where that ends earlier."""
    hidden = (until >> col.COARSE) - (since >> col.COARSE)
    s.totals[col.HIDDEN_TIME] += hidden
    count_by_kind(s.kind, s.by_kind, r, col.K_HIDDEN, hidden)


@lean
def _catch_up(s: State, r: int, until: int) -> None:
    p = s.engines[row_of(s.kind, r)]
    while s.next_event[r] < until:
        t = s.next_event[r]
        finish_run(s, r, t)
        if p[col.BATCH_WINDOW] > 0 and _gathers(s, r, t):
            continue
        preempted = False
        if _kept(s, r, 0) > p[col.CAPACITY]:
            preempted = preempt(s, r)
        tokens, pairs = fill(s, r, preempted)
        start_run(s, r, t, tokens, pairs, preempted)


@inlined
def catch_up(s: State, r: int, until: int) -> None:
    """All step boundaries of replica r strictly before `until`."""
    if s.next_event[r] < until:
        _catch_up(s, r, until)


@inlined
def catch_up_all(s: State, until: int) -> None:
    """All step boundaries before `until`; a block of slots is passed over where nothing is due."""
    for block in range(len(s.block_event)):
        if s.block_event[block] < until:
            earliest = NEVER
            for r in range(block * col.BLOCK, (block + 1) * col.BLOCK):
                catch_up(s, r, until)
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@lean
def finish_all(s: State, t: int) -> None:
    """End all that ends at the boundaries t, the earliest of all; `catch_up` begins the next steps there."""
    for block in range(len(s.block_event)):
        if s.block_event[block] <= t:
            earliest = NEVER
            for r in range(block * col.BLOCK, (block + 1) * col.BLOCK):
                if s.next_event[r] == t:
                    finish_run(s, r, t)
                    s.replicas[r, col.RUN_STEPS] = 0
                    s.replicas[r, col.RUN_SEQS] = 0
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@inlined
def steps_in_run(s: State, r: int, t: int) -> int:
    """Steps of the run in progress at replica r that have ended before t."""
    rep = s.replicas[r]
    if rep[col.RUN_STEPS] <= 1 or rep[col.RUN_START] >= t:
        return 0
    growth = s.engines[row_of(s.kind, r), col.D] * rep[col.RUN_SEQS]
    return steps_until(s, r, rep[col.RUN_FIRST], growth, min(t, s.next_event[r]) - rep[col.RUN_START]) - 1


@inlined
def tokens_in_run(s: State, r: int, t: int) -> int:
    """Tokens of those steps, of all sequences."""
    return tokens_of(s, r, steps_in_run(s, r, t)) * s.replicas[r, col.RUN_SEQS]


@inlined
def note(s: State, t: int) -> None:
    """Record the state at t, which is now."""
    totals = s.totals
    running, waiting, kv, steps, hidden = 0, totals[col.GATE_COUNT], 0, totals[col.STEPS], totals[col.HIDDEN_TIME]
    begin_kinds(s.kind, s.by_kind)
    for r in range(totals[col.SLOTS]):
        rep = s.replicas[r]
        running += rep[col.RUNNING]
        waiting += rep[col.WAITING]
        done = steps_in_run(s, r, t)
        rep[col.TOKENS_NOW] = tokens_of(s, r, done) * rep[col.RUN_SEQS]
        rep[col.BUSY_NOW] = rep[col.BUSY] + (t - rep[col.BUSY_SINCE] if s.next_event[r] != NEVER else 0)
        held = rep[col.KV] + rep[col.RESERVED] + rep[col.TOKENS_NOW]
        behind = done * hidden_ticks(s, r, 0, rep[col.RUN_SEQS])
        kv += held
        steps += done
        hidden += behind
        note_kind(s.kind, s.by_kind, r, (rep[col.RUNNING], rep[col.WAITING], held, done, behind))
    totals[col.NOW] = t
    totals[col.RUNNING_NOW] = running
    totals[col.WAITING_NOW] = waiting
    totals[col.KV_NOW] = kv
    totals[col.STEPS_NOW] = steps
    totals[col.HIDDEN_NOW] = hidden


@lean
def cut_run(s: State, r: int, until: int) -> None:
    """End the run of replica r at its first step boundary at or after `until`."""
    rep = s.replicas[r]
    until = min(until, s.next_event[r])
    growth = s.engines[row_of(s.kind, r), col.D] * rep[col.RUN_SEQS]
    k = steps_until(s, r, rep[col.RUN_FIRST], growth, max(until - rep[col.RUN_START], 1))
    if k < rep[col.RUN_STEPS]:
        rep[col.RUN_STEPS] = k
        s.next_event[r] = rep[col.RUN_START] + run_time(s, r, rep[col.RUN_FIRST], growth, k)


@lean
def enqueue(s: State, r: int, x: int, t: int) -> None:
    """Request x joins the queue of replica r, which is up to date until t."""
    p, rep, nodes = s.engines[row_of(s.kind, r)], s.replicas[r], s.nodes
    tail = rep[col.TAIL]
    nodes[x, col.PREV] = tail
    nodes[x, col.NEXT] = NIL
    if tail == NIL:
        rep[col.HEAD] = x
    else:
        nodes[tail, col.NEXT] = x
    rep[col.TAIL] = x
    if rep[col.WAIT_HEAD] == NIL:
        rep[col.WAIT_HEAD] = x
    rep[col.WAITING] += 1
    rep[col.JOINED] += 1
    count_by_kind(s.kind, s.by_kind, r, col.K_JOINED, 1)
    count_by_kind(s.kind, s.by_kind, r, col.K_SUM_JOINED, t)
    rep[col.IN_FLIGHT_TOKENS] += nodes[x, col.PROMPT]
    note_order(rep, nodes[x])
    s.load[r] += 1
    if rep[col.RUN_STEPS] > 1 and rep[col.OUT_OF_ORDER] > 0 and s.parameters[col.TIMEOUT] < NEVER:
        cut_run(s, r, max(nodes[x, col.ARRIVAL] + s.parameters[col.TIMEOUT], t))
    steps = rep[col.RUN_STEPS]
    if s.next_event[r] == NEVER:  # idle: a boundary at once, shared with whatever else arrives at t
        rep[col.BUSY_SINCE] = t
        s.next_event[r] = t
    elif steps > 1 and rep[col.WAITING] == 1 and rep[col.RUNNING] < p[col.MAX_SEQS]:
        seqs = rep[col.RUN_SEQS]
        first, growth = rep[col.RUN_FIRST], p[col.D] * seqs
        k = steps_until(s, r, first, growth, min(t, s.next_event[r]) - rep[col.RUN_START])
        kept = _kept(s, r, 1) + tokens_of(s, r, k) * seqs
        if k < steps and kept + nodes[x, col.PROMPT] + nodes[x, col.DONE] <= p[col.CAPACITY]:
            rep[col.RUN_STEPS] = k
            s.next_event[r] = rep[col.RUN_START] + run_time(s, r, first, growth, k)
    elif steps == 0 and p[col.BATCH_WINDOW] > 0 and rep[col.WAITING] >= p[col.MAX_SEQS] and s.next_event[r] > t:
        _hide(s, r, s.next_event[r], t)
        s.next_event[r] = t  # the batch that it waited for is full
    block = r // col.BLOCK
    s.block_event[block] = min(s.block_event[block], s.next_event[r])
