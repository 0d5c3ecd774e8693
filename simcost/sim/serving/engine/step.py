"""The steps of a replica, from boundary to boundary, and its queue."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as at
from simcost.sim.serving.engine.decode_heap import (
    run_time,
    start_decoding,
    steps_until,
    stop_decoding,
    stop_running,
)
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import release_leavers, unlink

_BITS = at.NODE_BITS
_MASK = at.NODE_LIMIT - 1


@lean
def _finish_decodes(s: State, r: int) -> None:
    rep, totals = s.replicas[r], s.totals
    steps, seqs = rep[at.RUN_STEPS], rep[at.RUN_SEQS]
    if steps > 0:
        totals[at.STEPS] += steps
        rep[at.PEAK_KV] = max(rep[at.PEAK_KV], rep[at.KV] + rep[at.RESERVED] + (steps - 1) * seqs)
    if seqs > 0:
        rep[at.DECODED_STEPS] += steps
        rep[at.KV] += steps * seqs
        rep[at.WRITTEN] += steps * seqs
        totals[at.GENERATED] += steps * seqs
        now = rep[at.DECODED_STEPS]
        while rep[at.DECODING] > 0 and s.heap[r, 0] >> _BITS <= now:
            x = s.heap[r, 0] & _MASK
            stop_decoding(s, r, 0)
            rep[at.RUNNING] -= 1
            unlink(s, r, x, at.IS_COMPLETED)


@lean
def _finish_prefills(s: State, r: int, t: int) -> None:
    rep, nodes = s.replicas[r], s.nodes
    x = rep[at.PREFILLING]
    while x != NIL and x != rep[at.WAIT_HEAD]:
        node = nodes[x]
        length = node[at.PROMPT] + node[at.DONE]
        if node[at.MARK] < length:
            break  # cut off by the budget; always the last admitted
        after = node[at.NEXT]
        rep[at.RESERVED] -= length
        node[at.DONE] += 1
        rep[at.WRITTEN] += 1
        s.totals[at.GENERATED] += 1
        if node[at.FIRST] == NIL:
            node[at.FIRST] = t
            rep[at.READ] += node[at.PROMPT]
        if node[at.DONE] == node[at.OUTPUT]:
            rep[at.RUNNING] -= 1
            unlink(s, r, x, at.IS_COMPLETED)
        else:
            start_decoding(s, r, x)
        x = after
    rep[at.PREFILLING] = NIL if x == rep[at.WAIT_HEAD] else x


@lean
def _drop_late(s: State, r: int, t: int) -> None:
    """Drop the requests whose clients have given up: they are the oldest, at the head of the list."""
    rep, nodes = s.replicas[r], s.nodes
    x = rep[at.HEAD]
    while x != NIL and t - nodes[x, at.ARRIVAL] >= s.parameters[at.TIMEOUT]:
        after = nodes[x, at.NEXT]
        if x == rep[at.WAIT_HEAD]:
            rep[at.WAIT_HEAD] = after
            rep[at.WAITING] -= 1
        else:
            stop_running(s, r, x)
        unlink(s, r, x, at.IS_TIMED_OUT)
        x = after


@lean
def _drop_all_late(s: State, r: int, t: int) -> None:
    """The same where the list is not by age: requests came back from another replica, or overtook others."""
    rep, nodes = s.replicas[r], s.nodes
    waiting = False
    x = rep[at.HEAD]
    while x != NIL:
        after = nodes[x, at.NEXT]
        waiting = waiting or x == rep[at.WAIT_HEAD]
        if t - nodes[x, at.ARRIVAL] >= s.parameters[at.TIMEOUT]:
            if waiting:
                rep[at.WAITING] -= 1
                if x == rep[at.WAIT_HEAD]:
                    rep[at.WAIT_HEAD] = after
            else:
                partial = x == rep[at.PREFILLING]
                stop_running(s, r, x)
                if partial and after != rep[at.WAIT_HEAD]:
                    rep[at.PREFILLING] = after
            unlink(s, r, x, at.IS_TIMED_OUT)
        x = after


@lean
def _patience(s: State, r: int) -> int:
    """Time at which the first client of replica r gives up."""
    rep, nodes = s.replicas[r], s.nodes
    oldest = nodes[rep[at.HEAD], at.ARRIVAL]
    if rep[at.RETURNED] > 0:
        x = rep[at.HEAD]
        while x != NIL:
            oldest = min(oldest, nodes[x, at.ARRIVAL])
            x = nodes[x, at.NEXT]
    return oldest + s.parameters[at.TIMEOUT]


@lean
def _preempt(s: State, r: int) -> bool:
    """Send the last admitted back to the front of the queue while the running need more than the cache."""
    rep, nodes = s.replicas[r], s.nodes
    preempted = False
    while rep[at.KV] + rep[at.RESERVED] > s.parameters[at.CAPACITY]:
        waiting = rep[at.WAIT_HEAD]
        x = rep[at.TAIL] if waiting == NIL else nodes[waiting, at.PREV]
        stop_running(s, r, x)
        rep[at.WAIT_HEAD] = x
        rep[at.WAITING] += 1
        nodes[x, at.EVICTED] += 1
        s.totals[at.PREEMPTIONS] += 1
        preempted = True
    return preempted


@inlined
def _fill(s: State, r: int, preempted: bool) -> tuple[int, int]:
    """Choose the prefill of the next step: the partial one, then the queue, first come first served.

    Returns its tokens P and attention pairs Q. After a preemption nothing is admitted for one step.
    """
    p, rep, nodes = s.parameters, s.replicas[r], s.nodes
    whole = p[at.WHOLE_PREFILL] != 0
    budget = p[at.BUDGET] if whole else p[at.BUDGET] - rep[at.DECODING]
    tokens = pairs = 0
    x = rep[at.PREFILLING]
    if x != NIL:
        chunk = min(nodes[x, at.PROMPT] + nodes[x, at.DONE] - nodes[x, at.MARK], budget)
        pairs += chunk * (2 * nodes[x, at.MARK] + chunk)
        nodes[x, at.MARK] += chunk
        tokens += chunk
        budget -= chunk
    x = rep[at.WAIT_HEAD]
    while x != NIL and not preempted and budget > 0 and rep[at.RUNNING] < p[at.MAX_SEQS]:
        length = nodes[x, at.PROMPT] + nodes[x, at.DONE]
        if rep[at.KV] + rep[at.RESERVED] + length > p[at.CAPACITY]:
            break
        if whole and length > budget and tokens > 0:
            break
        chunk = length if whole else min(length, budget)
        nodes[x, at.MARK] = chunk
        rep[at.RESERVED] += length
        rep[at.RUNNING] += 1
        rep[at.WAITING] -= 1
        if rep[at.PREFILLING] == NIL:
            rep[at.PREFILLING] = x
        tokens += chunk
        pairs += chunk * chunk
        budget -= chunk
        x = nodes[x, at.NEXT]
    rep[at.WAIT_HEAD] = x
    return tokens, pairs


@inlined
def _start_run(s: State, r: int, t: int, tokens: int, pairs: int, preempted: bool) -> None:
    """Set off the next step, or a run of decode steps up to the next thing that can happen."""
    p, rep = s.parameters, s.replicas[r]
    seqs = rep[at.DECODING]
    if tokens > 0 and p[at.WHOLE_PREFILL] != 0:
        seqs = 0  # decodes stall
    if tokens == 0 and seqs == 0:
        rep[at.RUN_STEPS] = 0
        rep[at.RUN_SEQS] = 0
        rep[at.BUSY] += t - rep[at.BUSY_SINCE]
        rep[at.IDLE_SINCE] = t
        s.next_event[r] = NEVER
        return
    kv = rep[at.KV] if seqs > 0 else 0
    first = p[at.A] + p[at.B] * tokens + p[at.C] * seqs + p[at.D] * kv + ((p[at.E] * pairs) >> p[at.E_SHIFT])
    growth = p[at.D] * seqs
    steps = 1
    if tokens == 0 and not (preempted and rep[at.WAITING] > 0):
        steps = min((s.heap[r, 0] >> _BITS) - rep[at.DECODED_STEPS], (p[at.CAPACITY] - kv) // seqs + 1)
        patience = _patience(s, r) - t
        if steps > 1 and patience < run_time(first, growth, steps):
            steps = steps_until(first, growth, patience)
    rep[at.RUN_START] = t
    rep[at.RUN_STEPS] = steps
    rep[at.RUN_SEQS] = seqs
    rep[at.RUN_FIRST] = first
    s.next_event[r] = t + run_time(first, growth, steps)


@inlined
def catch_up(s: State, r: int, until: int) -> None:
    """All step boundaries of replica r strictly before `until`."""
    p, rep = s.parameters, s.replicas[r]
    while s.next_event[r] < until:
        t = s.next_event[r]
        _finish_decodes(s, r)
        _finish_prefills(s, r, t)
        head = rep[at.HEAD]
        if rep[at.RETURNED] > 0:
            _drop_all_late(s, r, t)
        elif head != NIL and t - s.nodes[head, at.ARRIVAL] >= p[at.TIMEOUT]:
            _drop_late(s, r, t)
        release_leavers(s, r, t)
        preempted = False
        if rep[at.KV] + rep[at.RESERVED] > p[at.CAPACITY]:
            preempted = _preempt(s, r)
        tokens, pairs = _fill(s, r, preempted)
        _start_run(s, r, t, tokens, pairs, preempted)


@inlined
def catch_up_all(s: State, until: int) -> None:
    """All step boundaries before `until`; a block of slots is passed over where nothing is due."""
    for block in range(len(s.block_event)):
        if s.block_event[block] < until:
            earliest = NEVER
            for r in range(block * at.BLOCK, (block + 1) * at.BLOCK):
                catch_up(s, r, until)
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@inlined
def steps_in_run(s: State, r: int, t: int) -> int:
    """Steps of the run in progress at replica r that have ended before t."""
    rep = s.replicas[r]
    if rep[at.RUN_STEPS] <= 1 or rep[at.RUN_START] >= t:
        return 0
    growth = s.parameters[at.D] * rep[at.RUN_SEQS]
    return steps_until(rep[at.RUN_FIRST], growth, min(t, s.next_event[r]) - rep[at.RUN_START]) - 1


@inlined
def note(s: State, t: int) -> None:
    """What there is at t, which is now."""
    totals = s.totals
    running, waiting, kv, steps = 0, totals[at.GATE_COUNT], 0, totals[at.STEPS]
    for r in range(totals[at.SLOTS]):
        rep = s.replicas[r]
        running += rep[at.RUNNING]
        waiting += rep[at.WAITING]
        done = steps_in_run(s, r, t)
        kv += rep[at.KV] + rep[at.RESERVED] + done * rep[at.RUN_SEQS]
        steps += done
    totals[at.NOW] = t
    totals[at.RUNNING_NOW] = running
    totals[at.WAITING_NOW] = waiting
    totals[at.KV_NOW] = kv
    totals[at.STEPS_NOW] = steps


@lean
def _cut_run(s: State, r: int, until: int) -> None:
    """End the run of replica r at its first step boundary at or after `until`."""
    rep = s.replicas[r]
    growth = s.parameters[at.D] * rep[at.RUN_SEQS]
    k = steps_until(rep[at.RUN_FIRST], growth, max(until - rep[at.RUN_START], 1))
    if k < rep[at.RUN_STEPS]:
        rep[at.RUN_STEPS] = k
        s.next_event[r] = rep[at.RUN_START] + run_time(rep[at.RUN_FIRST], growth, k)


@inlined
def enqueue(s: State, r: int, x: int, t: int) -> None:
    """Request x joins the queue of replica r, which is up to date until t."""
    p, rep, nodes = s.parameters, s.replicas[r], s.nodes
    tail = rep[at.TAIL]
    nodes[x, at.PREV] = tail
    nodes[x, at.NEXT] = NIL
    if tail == NIL:
        rep[at.HEAD] = x
    else:
        nodes[tail, at.NEXT] = x
    rep[at.TAIL] = x
    if rep[at.WAIT_HEAD] == NIL:
        rep[at.WAIT_HEAD] = x
    rep[at.WAITING] += 1
    rep[at.JOINED] += 1
    rep[at.IN_FLIGHT_TOKENS] += nodes[x, at.PROMPT]
    rep[at.RETURNED] += nodes[x, at.RETRIES] > 0
    s.load[r] += 1
    if rep[at.RUN_STEPS] > 1 and rep[at.RETURNED] > 0 and p[at.TIMEOUT] < NEVER:
        _cut_run(s, r, max(nodes[x, at.ARRIVAL] + p[at.TIMEOUT], t))
    steps = rep[at.RUN_STEPS]
    if s.next_event[r] == NEVER:  # idle: a boundary at once, shared with whatever else arrives at t
        rep[at.BUSY_SINCE] = t
        s.next_event[r] = t
    elif steps > 1 and rep[at.WAITING] == 1 and rep[at.RUNNING] < p[at.MAX_SEQS]:
        seqs = rep[at.RUN_SEQS]
        first, growth = rep[at.RUN_FIRST], p[at.D] * seqs
        k = steps_until(first, growth, min(t, s.next_event[r]) - rep[at.RUN_START])
        if k < steps and rep[at.KV] + k * seqs + nodes[x, at.PROMPT] + nodes[x, at.DONE] <= p[at.CAPACITY]:
            rep[at.RUN_STEPS] = k
            s.next_event[r] = rep[at.RUN_START] + run_time(first, growth, k)
    block = r // at.BLOCK
    s.block_event[block] = min(s.block_event[block], s.next_event[r])
