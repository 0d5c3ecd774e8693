"""The data plane: requests and engine steps, compiled.

One replica works in steps. At each step boundary, in this order: finished decodes leave, finished prefills
give their first token, requests past their timeout are dropped, the last admitted are preempted while the KV
cache is over-full, and the next step is filled. A step takes (all integers, in ticks)

    a + b*P + c*n + d*K + (e*Q >> shift)

for P prefill tokens, n decoding sequences that hold K KV tokens, and Q = sum of chunk*(2*done + chunk) over
the prefill chunks. Between events a batch of n sequences decodes step after step with K growing by n, so that
k steps take S(k) = k*A + d*n*k*(k-1)/2, A the first of them: one event covers the whole run, and the result
equals stepping one by one, bit for bit.

Tie rules: boundaries strictly before T come before an arrival at T; an arrival exactly on a boundary is
admitted at that boundary; control at T comes before arrivals at T.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from simcost.sim import layout as at
from simcost.sim.layout import NEVER, NIL, State

F = TypeVar("F", bound=Callable[..., object])


def _compile(**options: bool) -> Callable[[F], F]:
    """No function here allocates, so reference counting (`_nrt`) is off."""
    decorate: Callable[[F], F] = njit(nogil=True, error_model="numpy", _nrt=False, **options)
    return decorate


# Passing the arrays of a pool to a function costs more than most functions do: what runs for each request or
# step is inlined. The cache on disk watches this file alone, so all compiled code is in it; the constants of
# `layout` are compiled in, so touch this file after changing them.
compiled = _compile()
inlined = _compile(forceinline=True)
entry = _compile(cache=True)

_BITS = at.NODE_BITS
_MASK = at.NODE_LIMIT - 1
# `code` of the routers in plan/routing.
_LEAST_OUTSTANDING, _POWER_OF_TWO, _VLLM, _LOWEST_RATE, _SESSION, _RAY, _PICKER = range(1, 8)
_SLOTS = (1 << at.SLOT_BITS) - 1


@inlined
def splitmix64(x: int | np.uint64) -> np.uint64:
    """A well-mixed 64-bit hash (Steele, Lea, Flood 2014)."""
    z = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def run_time(first: int, growth: int, k: int) -> int:
    """S(k): the time of k decode steps, the first of which takes `first`, each next one `growth` more."""
    return k * first + growth * (k * (k - 1) // 2)


@inlined
def steps_until(first: int, growth: int, span: int) -> int:
    """The smallest k >= 1 with S(k) >= span: a float guess, then integer repair."""
    if growth == 0:
        k = span // first
    else:
        half = first - 0.5 * growth
        k = int((math.sqrt(half * half + 2.0 * growth * span) - half) / growth)
    k = max(k, 1)
    while k > 1 and run_time(first, growth, k - 1) >= span:
        k -= 1
    while run_time(first, growth, k) < span:
        k += 1
    return k


# --- a binary min-heap of int64 per replica ---


@inlined
def _sift_up(heap: at.Ints, i: int) -> None:
    entry = heap[i]
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= entry:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = entry


@inlined
def _sift_down(heap: at.Ints, i: int, size: int) -> None:
    entry = heap[i]
    child = 2 * i + 1
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    heap[i] = entry


@inlined
def _start_decoding(s: State, r: int, x: int) -> None:
    """Put request x into the batch of decoding sequences."""
    rep, node = s.replicas[r], s.nodes[x]
    node[at.MARK] = rep[at.DECODED_STEPS] + node[at.OUTPUT] - node[at.DONE]
    rep[at.KV] += node[at.PROMPT] + node[at.DONE]
    size = rep[at.DECODING]
    s.heap[r, size] = (node[at.MARK] << _BITS) | x
    _sift_up(s.heap[r], size)
    rep[at.DECODING] = size + 1


@inlined
def _stop_decoding(s: State, r: int, i: int) -> None:
    """Take heap entry i out of the batch, its tokens out of the KV cache; bring its DONE up to date."""
    rep, heap = s.replicas[r], s.heap[r]
    node = s.nodes[heap[i] & _MASK]
    node[at.DONE] = node[at.OUTPUT] - (node[at.MARK] - rep[at.DECODED_STEPS])
    rep[at.KV] -= node[at.PROMPT] + node[at.DONE]
    size = rep[at.DECODING] - 1
    rep[at.DECODING] = size
    if i < size:
        heap[i] = heap[size]
        _sift_down(heap, i, size)
        _sift_up(heap, i)


@compiled
def _stop_running(s: State, r: int, x: int) -> None:
    """Take the running request x out of prefill or decoding. At a boundary at most one is in prefill."""
    rep, node = s.replicas[r], s.nodes[x]
    if x == rep[at.PREFILLING]:
        rep[at.RESERVED] -= node[at.PROMPT] + node[at.DONE]
        rep[at.PREFILLING] = NIL
    else:
        entry = (node[at.MARK] << _BITS) | x
        i = 0
        while s.heap[r, i] != entry:
            i += 1
        _stop_decoding(s, r, i)
    rep[at.RUNNING] -= 1


# --- outcomes ---


@inlined
def _count(s: State, window: int, metric: int, value_s: float) -> None:
    """Log-linear bucket straight from the bits of the float: exponent and the top 7 bits of the mantissa."""
    bucket = (np.float64(value_s).view(np.int64) >> 45) - (np.float64(2.0**-14).view(np.int64) >> 45)
    last = s.histograms.shape[2] - 1
    s.histograms[window, metric, min(max(bucket, 0), last)] += 1


@compiled
def _write_row(s: State, x: int, t: int, status: int) -> None:
    node, row = s.nodes[x], s.rows[s.totals[at.ROWS]]
    row[at.R_REQUEST] = node[at.REQUEST]
    row[at.R_ARRIVAL] = node[at.ARRIVAL]
    row[at.R_STATUS] = status
    row[at.R_PROMPT] = node[at.PROMPT]
    row[at.R_OUTPUT] = node[at.OUTPUT]
    row[at.R_FIRST] = node[at.FIRST]
    row[at.R_END] = t
    row[at.R_EVICTED] = node[at.EVICTED]
    row[at.R_RETRIES] = node[at.RETRIES]
    s.totals[at.ROWS] += 1


@inlined
def _record(s: State, x: int, t: int, status: int) -> None:
    """Count how request x ended at t."""
    totals, node, limits = s.totals, s.nodes[x], s.limits
    window = node[at.ARRIVAL] // s.parameters[at.WINDOW]
    counts = s.windows[window]
    if len(s.rows) > 0:
        _write_row(s, x, t, status)
    if status == at.IS_REJECTED:
        totals[at.REJECTED] += 1
        counts[at.W_REJECTED] += 1
    elif status == at.IS_TIMED_OUT:
        totals[at.TIMED_OUT] += 1
        counts[at.W_TIMED_OUT] += 1
    elif status == at.IS_LOST:
        totals[at.LOST] += 1
        counts[at.W_LOST] += 1
    else:
        totals[at.COMPLETED] += 1
        totals[at.COMPLETED_PROMPT] += node[at.PROMPT]
        totals[at.COMPLETED_OUTPUT] += node[at.OUTPUT]
        counts[at.W_COMPLETED] += 1
        counts[at.W_PROMPT] += node[at.PROMPT]
        counts[at.W_OUTPUT] += node[at.OUTPUT]
        ttft = (node[at.FIRST] - node[at.ARRIVAL]) * limits[at.TICK_S]
        e2e = (t - node[at.ARRIVAL]) * limits[at.TICK_S]
        _count(s, window, 0, ttft)
        _count(s, window, 2, e2e)
        good = ttft <= limits[at.TTFT] and e2e <= limits[at.E2E]
        if node[at.OUTPUT] > 1:
            tpot = (t - node[at.FIRST]) / (node[at.OUTPUT] - 1) * limits[at.TICK_S]
            _count(s, window, 1, tpot)
            good = good and tpot <= limits[at.TPOT]
        counts[at.W_GOOD] += good


@inlined
def _release(s: State, x: int, t: int, status: int) -> None:
    """Request x leaves the system at t."""
    totals = s.totals
    if status == at.IS_COMPLETED and t - s.nodes[x, at.ARRIVAL] > s.parameters[at.TIMEOUT]:
        status = at.IS_TIMED_OUT  # the answer came, but the client had gone
    _record(s, x, t, status)
    totals[at.IN_SYSTEM] -= 1
    totals[at.SUM_DEPARTURES] += t
    s.nodes[x, at.REQUEST] = NIL
    s.nodes[x, at.NEXT] = totals[at.FREE]
    totals[at.FREE] = x


@inlined
def _unlink(s: State, r: int, x: int, status: int) -> None:
    """Request x, no longer running there, leaves the list of replica r for its list of leavers."""
    rep, nodes = s.replicas[r], s.nodes
    before, after = nodes[x, at.PREV], nodes[x, at.NEXT]
    if before == NIL:
        rep[at.HEAD] = after
    else:
        nodes[before, at.NEXT] = after
    if after == NIL:
        rep[at.TAIL] = before
    else:
        nodes[after, at.PREV] = before
    s.load[r] -= 1
    rep[at.IN_FLIGHT_TOKENS] -= nodes[x, at.PROMPT]
    rep[at.RETURNED] -= nodes[x, at.RETRIES] > 0
    rep[at.FINISHED] += status == at.IS_COMPLETED
    nodes[x, at.MARK] = status
    nodes[x, at.NEXT] = rep[at.LEAVING]
    rep[at.LEAVING] = x


@inlined
def _release_leavers(s: State, r: int, t: int) -> None:
    x = s.replicas[r, at.LEAVING]
    while x != NIL:
        after = s.nodes[x, at.NEXT]
        _release(s, x, t, s.nodes[x, at.MARK])
        x = after
    s.replicas[r, at.LEAVING] = NIL


@compiled
def _turn_away(s: State, x: int, t: int, status: int) -> None:
    """Request x leaves without ever having reached a replica."""
    _release(s, x, t, status)


# --- one step boundary ---


@compiled
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
            _stop_decoding(s, r, 0)
            rep[at.RUNNING] -= 1
            _unlink(s, r, x, at.IS_COMPLETED)


@compiled
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
            _unlink(s, r, x, at.IS_COMPLETED)
        else:
            _start_decoding(s, r, x)
        x = after
    rep[at.PREFILLING] = NIL if x == rep[at.WAIT_HEAD] else x


@compiled
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
            _stop_running(s, r, x)
        _unlink(s, r, x, at.IS_TIMED_OUT)
        x = after


@compiled
def _drop_all_late(s: State, r: int, t: int) -> None:
    """The same where requests have come back from another replica, so that the list is not by age."""
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
                _stop_running(s, r, x)
                if partial and after != rep[at.WAIT_HEAD]:
                    rep[at.PREFILLING] = after
            _unlink(s, r, x, at.IS_TIMED_OUT)
        x = after


@compiled
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


@compiled
def _preempt(s: State, r: int) -> bool:
    """Send the last admitted back to the front of the queue while the running need more than the cache."""
    rep, nodes = s.replicas[r], s.nodes
    preempted = False
    while rep[at.KV] + rep[at.RESERVED] > s.parameters[at.CAPACITY]:
        waiting = rep[at.WAIT_HEAD]
        x = rep[at.TAIL] if waiting == NIL else nodes[waiting, at.PREV]
        _stop_running(s, r, x)
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


@compiled
def _catch_up(s: State, r: int, until: int) -> None:
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
        _release_leavers(s, r, t)
        preempted = False
        if rep[at.KV] + rep[at.RESERVED] > p[at.CAPACITY]:
            preempted = _preempt(s, r)
        tokens, pairs = _fill(s, r, preempted)
        _start_run(s, r, t, tokens, pairs, preempted)


@compiled
def _catch_up_all(s: State, until: int) -> None:
    """All step boundaries before `until`; a block of slots is passed over where nothing is due."""
    for block in range(len(s.block_event)):
        if s.block_event[block] < until:
            earliest = NEVER
            for r in range(block * at.BLOCK, (block + 1) * at.BLOCK):
                _catch_up(s, r, until)
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@inlined
def _steps_in_run(s: State, r: int, t: int) -> int:
    """Steps of the run in progress at replica r that have ended before t."""
    rep = s.replicas[r]
    if rep[at.RUN_STEPS] <= 1 or rep[at.RUN_START] >= t:
        return 0
    growth = s.parameters[at.D] * rep[at.RUN_SEQS]
    return steps_until(rep[at.RUN_FIRST], growth, min(t, s.next_event[r]) - rep[at.RUN_START]) - 1


# --- the queue of a replica ---


@compiled
def _cut_run(s: State, r: int, until: int) -> None:
    """End the run of replica r at its first step boundary at or after `until`."""
    rep = s.replicas[r]
    growth = s.parameters[at.D] * rep[at.RUN_SEQS]
    k = steps_until(rep[at.RUN_FIRST], growth, max(until - rep[at.RUN_START], 1))
    if k < rep[at.RUN_STEPS]:
        rep[at.RUN_STEPS] = k
        s.next_event[r] = rep[at.RUN_START] + run_time(rep[at.RUN_FIRST], growth, k)


@inlined
def _enqueue(s: State, r: int, x: int, t: int) -> None:
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
    if rep[at.RUN_STEPS] > 1 and nodes[x, at.RETRIES] > 0 and p[at.TIMEOUT] < NEVER:
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


# --- routing ---


@inlined
def _least_loaded(s: State, draw: np.uint64) -> int:
    """The first slot of least load in cyclic order from a hashed start."""
    load, slots = s.load, s.totals[at.SLOTS]
    least = load[0]
    for i in range(slots):
        least = min(least, load[i])
    start = np.int64(draw % np.uint64(slots))
    for i in range(start, slots):
        if load[i] == least:
            return i
    for i in range(start):
        if load[i] == least:
            return i
    return NIL


@inlined
def _two_drawn(s: State, draw: np.uint64, base: int, count: int) -> tuple[int, int]:
    """Two distinct slots out of at least two."""
    i = np.int64((draw & np.uint64(0xFFFFFFFF)) % np.uint64(count))
    j = np.int64((draw >> np.uint64(32)) % np.uint64(count - 1))
    return s.routable[base + i], s.routable[base + j + (j >= i)]


@inlined
def _next_turn(s: State, base: int, count: int) -> int:
    r = s.routable[base + s.totals[at.TURN] % count]
    s.totals[at.TURN] += 1
    return r


@inlined
def _forget_sent(s: State, until: int) -> None:
    """Requests sent at or before `until` are recent no longer."""
    totals, memory = s.totals, s.memory
    while totals[at.SENT_COUNT] > 0 and memory[totals[at.SENT_HEAD], 0] <= until:
        owner = memory[totals[at.SENT_HEAD], 1]
        rep = s.replicas[owner & _SLOTS]
        rep[at.RECENT] -= rep[at.OWNER] == owner
        totals[at.SENT_HEAD] = (totals[at.SENT_HEAD] + 1) & (len(memory) - 1)
        totals[at.SENT_COUNT] -= 1


@inlined
def _remember_sent(s: State, r: int, t: int) -> None:
    totals, entry = s.totals, (s.totals[at.SENT_HEAD] + s.totals[at.SENT_COUNT]) & (len(s.memory) - 1)
    s.memory[entry, 0] = t
    s.memory[entry, 1] = s.replicas[r, at.OWNER]
    s.replicas[r, at.RECENT] += 1
    totals[at.SENT_COUNT] += 1


@compiled
def _tell_router(s: State, t: int) -> None:
    """The router learns how the replicas are at t, before what happens at t."""
    p, rates = s.parameters, s.parameters[at.RATE_WINDOW] > 0
    s.totals[at.SNAPSHOT] = t
    if rates:
        _forget_sent(s, t - p[at.RATE_WINDOW])
    else:
        _catch_up_all(s, t)
    for r in range(s.totals[at.SLOTS]):
        rep = s.replicas[r]
        rep[at.SEEN_AT] = t + 1
        if rates:
            rep[at.SEEN_LOAD] = rep[at.RECENT] + 1 if rep[at.JOINED] > 0 else 0
        else:
            rep[at.SEEN_WAITING] = rep[at.WAITING]
            rep[at.SEEN_RUNNING] = rep[at.RUNNING]
            rep[at.SEEN_KV] = rep[at.KV] + rep[at.RESERVED] + _steps_in_run(s, r, t) * rep[at.RUN_SEQS]


@inlined
def _tell_router_if_due(s: State, t: int) -> None:
    """Signals come at the multiples of the refresh; the state is that of the last of them, t included."""
    every = s.parameters[at.REFRESH]
    if every == 0:
        _tell_router(s, t)
    elif every > 0 and t // every * every > s.totals[at.SNAPSHOT]:
        _tell_router(s, t // every * every)


@inlined
def _next_change(s: State) -> int:
    """Just after the earliest boundary of the replicas that take requests."""
    earliest = NEVER
    for i in range(s.totals[at.ROUTABLE]):
        earliest = min(earliest, s.next_event[s.routable[i]])
    return earliest + 1


@inlined
def _is_saturated(s: State) -> bool:
    """llm-d's detector: the mean over replicas of queue and KV share against thresholds; unseen ones count 1."""
    count, total = s.totals[at.ROUTABLE], 0.0
    for i in range(count):
        rep = s.replicas[s.routable[i]]
        queue = rep[at.SEEN_WAITING] / s.limits[at.SATURATED_QUEUE]
        kv = rep[at.SEEN_KV] / s.parameters[at.CAPACITY] / s.limits[at.SATURATED_KV]
        total += max(queue, kv) if rep[at.SEEN_AT] > 0 else 1.0
    return total / count >= 1.0


@inlined
def _gather_open(s: State, base: int) -> int:
    """Lists the slots with room for one more request from `base` on; returns their number."""
    count = 0
    for i in range(s.totals[at.ROUTABLE]):
        r = s.routable[i]
        if s.load[r] < s.parameters[at.MAX_ONGOING]:
            s.routable[base + count] = r
            count += 1
    return count


@inlined
def _lowest(s: State, router: int, draw: np.uint64, base: int, count: int) -> int:
    """VLLM data parallel and lowest rate: the first slot of least signal in cyclic order from a hashed start."""
    best, least = NIL, NEVER
    start = np.int64(draw % np.uint64(count))
    for i in range(count):
        r = s.routable[base + (start + i) % count]
        rep = s.replicas[r]
        signal = 4 * rep[at.SEEN_WAITING] + rep[at.SEEN_RUNNING] if router == _VLLM else rep[at.SEEN_LOAD]
        if signal < least:
            best, least = r, signal
    return best


@inlined
def _by_session(s: State, session: int, base: int, count: int) -> int:
    """Rendezvous hashing: the slot with the highest hash of session and slot."""
    best, most = s.routable[base], np.uint64(0)
    point = splitmix64(session ^ s.parameters[at.SALT])
    for i in range(count):
        r = s.routable[base + i]
        weight = splitmix64(point ^ np.uint64(r))
        if weight > most:
            best, most = r, weight
    return best


@inlined
def _ask(s: State, r: int, t: int) -> None:
    """The router asks replica r for the length of its queue."""
    _catch_up(s, r, t)
    s.replicas[r, at.SEEN_LOAD] = s.load[r]
    s.replicas[r, at.SEEN_AT] = t + 1


@inlined
def _cached_queue(s: State, r: int, t: int) -> int:
    """The length of the queue of r that the router remembers; NEVER if too old, or full."""
    rep, p = s.replicas[r], s.parameters
    known = rep[at.SEEN_AT] > 0 and t + 1 - rep[at.SEEN_AT] < p[at.QUEUE_CACHE]
    return rep[at.SEEN_LOAD] if known and rep[at.SEEN_LOAD] < p[at.QUEUE_LIMIT] else NEVER


@inlined
def _ray(s: State, t: int, base: int, count: int) -> int:
    """Ray's power of two: by remembered queues where one of them has room, else by asking both; NIL = both full.

    A replica that turns out full says so, and two others are drawn.
    """
    limit = s.parameters[at.QUEUE_LIMIT]
    while True:
        draw = splitmix64(s.totals[at.TURN] ^ s.parameters[at.SALT])
        s.totals[at.TURN] += 1
        one, other = _two_drawn(s, draw, base, count) if count > 1 else (s.routable[base], s.routable[base])
        first, second = _cached_queue(s, one, t), _cached_queue(s, other, t)
        if first == NEVER:
            _ask(s, one, t)
        if second == NEVER:
            _ask(s, other, t)
        if first == NEVER and second == NEVER:
            first, second = s.replicas[one, at.SEEN_LOAD], s.replicas[other, at.SEEN_LOAD]
        r = one if first <= second else other
        if min(first, second) >= limit:
            return NIL
        _ask(s, r, t)
        if s.load[r] < limit:
            s.replicas[r, at.SEEN_LOAD] += 1  # accepted, and said so
            return r


@inlined
def _falling(value: int, low: int, high: int) -> float:
    return (high - value) / (high - low) if high > low else 1.0


@inlined
def _extremes(s: State, base: int, count: int) -> tuple[int, int, int, int, int]:
    """Least and most waiting, least and most running, most under way."""
    waits, waits_most, runs, runs_most, most = NEVER, 0, NEVER, 0, 0
    for i in range(count):
        r = s.routable[base + i]
        rep = s.replicas[r]
        waits, waits_most = min(waits, rep[at.SEEN_WAITING]), max(waits_most, rep[at.SEEN_WAITING])
        runs, runs_most = min(runs, rep[at.SEEN_RUNNING]), max(runs_most, rep[at.SEEN_RUNNING])
        most = max(most, s.load[r])
    return waits, waits_most, runs, runs_most, most


@inlined
def _score(s: State, r: int, session: int, extremes: tuple[int, int, int, int, int]) -> float:
    """The weighted sum over the scorers, as `plan.routing.EndpointPicker.total`."""
    rep, numbers = s.replicas[r], s.limits
    waits, waits_most, runs, runs_most, most = extremes
    total = 0.0
    for k in range(s.parameters[at.SCORERS]):
        i = at.SCORER + k * at.SCORER_WIDTH
        kind, threshold = numbers[i], numbers[i + 2]
        score = 0.0
        if kind == at.BY_QUEUE:
            score = _falling(rep[at.SEEN_WAITING], waits, waits_most)
        elif kind == at.BY_RUNNING:
            score = _falling(rep[at.SEEN_RUNNING], runs, runs_most)
        elif kind == at.BY_KV:
            score = 1.0 - rep[at.SEEN_KV] / s.parameters[at.CAPACITY]
        elif kind == at.BY_LOAD:
            score = (1.0 - min(np.float64(rep[at.SEEN_WAITING]), threshold) / threshold) * 0.5
        elif kind == at.BY_TOKENS:
            score = 1.0 - min(np.float64(rep[at.IN_FLIGHT_TOKENS]), threshold) / threshold
        elif kind == at.BY_ACTIVE:
            most = max(most, 1)
            score = 1.0 if s.load[r] <= threshold else (most - s.load[r]) / most * numbers[i + 3]
        elif session != NIL:
            score = 1.0 if s.memory[session, 1] == rep[at.OWNER] else 0.0
        total += numbers[i + 1] * min(max(score, 0.0), 1.0)
    return total


@inlined
def _highest(s: State, session: int, draw: np.uint64, base: int, count: int) -> int:
    """The first slot of highest score in cyclic order from a hashed start."""
    extremes = _extremes(s, base, count)
    start = np.int64(draw % np.uint64(count))
    best, most = NIL, -1.0
    for i in range(count):
        r = s.routable[base + (start + i) % count]
        score = _score(s, r, session, extremes)
        if score > most:
            best, most = r, score
    return best


@inlined
def _drawn_by_score(s: State, session: int, draw: np.uint64, base: int, count: int) -> int:
    """One slot with a probability in proportion to its score; any where all scores are 0."""
    extremes = _extremes(s, base, count)
    total, passed = 0.0, 0.0
    for i in range(count):
        total += _score(s, s.routable[base + i], session, extremes)
    point = np.float64(draw >> np.uint64(11)) * 2.0**-53 * total
    for i in range(count):
        passed += _score(s, s.routable[base + i], session, extremes)
        if point < passed:
            return s.routable[base + i]
    return s.routable[base + np.int64(draw % np.uint64(count))]


@inlined
def _pick(s: State, x: int, t: int, draw: np.uint64, base: int, count: int) -> int:
    """llm-d's endpoint picker."""
    p, session = s.parameters, s.nodes[x, at.SESSION] if s.parameters[at.BY_SESSION] else NIL
    if p[at.LOCAL]:
        _catch_up_all(s, t)
    if p[at.PICKER] == at.RANDOM:
        r = s.routable[base + np.int64(draw % np.uint64(count))]
    elif p[at.PICKER] == at.WEIGHTED_RANDOM:
        r = _drawn_by_score(s, session, draw, base, count)
    else:
        r = _highest(s, session, draw, base, count)
    if session != NIL:
        s.memory[session, 1] = s.replicas[r, at.OWNER]
    return r


@inlined
def _choose(s: State, x: int, t: int, base: int, count: int) -> int:
    """One of the slots listed from `base` on; NIL = the router takes none of them now."""
    router, session = s.parameters[at.ROUTER], s.nodes[x, at.SESSION]
    draw = splitmix64(s.nodes[x, at.REQUEST] ^ s.parameters[at.SALT])
    if router == _LEAST_OUTSTANDING:
        return _least_loaded(s, draw)
    if router == _POWER_OF_TWO and count > 1:
        one, other = _two_drawn(s, draw, base, count)
        return one if s.load[one] <= s.load[other] else other
    if router == _RAY:
        return _ray(s, t, base, count)
    if router == _PICKER:
        return _pick(s, x, t, draw, base, count)
    if router == _SESSION and session != NIL:
        r = _by_session(s, session, base, count)
        _remember_sent(s, r, t)
        return r
    if router in (_LOWEST_RATE, _SESSION):
        r = _lowest(s, router, draw, base, count)
        _remember_sent(s, r, t)
        return r
    if router == _VLLM:
        r = _lowest(s, router, draw, base, count)
        s.replicas[r, at.SEEN_WAITING] += 1  # as its client does until it is told again
        return r
    return _next_turn(s, base, count)


@compiled
def _route_informed(s: State, x: int, t: int) -> int:
    """As `_route`, where the router has signals or a memory, or the door has limits; WAITS and REFUSED too."""
    p, totals, base, count = s.parameters, s.totals, 0, s.totals[at.ROUTABLE]
    _tell_router_if_due(s, t)
    if p[at.SATURATION] != 0 and _is_saturated(s):
        totals[at.WAKE] = _next_change(s) if p[at.REFRESH] == 0 else (t // p[at.REFRESH] + 1) * p[at.REFRESH]
        return at.REFUSED if p[at.SATURATION] == at.REJECT else at.WAITS
    if p[at.MAX_ONGOING] < at.CLOSED:
        _catch_up_all(s, t)
        base = len(s.routable) // 2
        count = _gather_open(s, base)
        if count == 0:
            totals[at.WAKE] = _next_change(s)
            return at.WAITS
    r = _choose(s, x, t, base, count)
    if r == NIL:
        totals[at.BACKED_OFF] = min(max(2 * totals[at.BACKED_OFF], p[at.BACKOFF]), p[at.MAX_BACKOFF])
        totals[at.WAKE] = t + totals[at.BACKED_OFF]
        return at.WAITS
    totals[at.BACKED_OFF] = 0
    _catch_up(s, r, t)
    return r


@inlined
def _route(s: State, x: int, t: int) -> int:
    """The slot that gets request x at t, brought up to date until t."""
    router, count = s.parameters[at.ROUTER], s.totals[at.ROUTABLE]
    if s.parameters[at.INFORMED]:
        return _route_informed(s, x, t)
    if router == _LEAST_OUTSTANDING:
        _catch_up_all(s, t)
        return _least_loaded(s, splitmix64(s.nodes[x, at.REQUEST] ^ s.parameters[at.SALT]))
    if router == _POWER_OF_TWO and count > 1:
        draw = splitmix64(s.nodes[x, at.REQUEST] ^ s.parameters[at.SALT])
        one, other = _two_drawn(s, draw, 0, count)
        _catch_up(s, one, t)
        _catch_up(s, other, t)
        return one if s.load[one] <= s.load[other] else other
    r = _next_turn(s, 0, count)
    _catch_up(s, r, t)
    return r


# --- arrivals ---


@compiled
def _drop_at_gate(s: State, t: int) -> None:
    """Requests at the gateway whose clients have given up by t."""
    totals, nodes = s.totals, s.nodes
    x = totals[at.GATE_HEAD]
    while x != NIL and nodes[x, at.ARRIVAL] + s.parameters[at.TIMEOUT] <= t:
        _leave_gate(s)
        _turn_away(s, x, nodes[x, at.ARRIVAL] + s.parameters[at.TIMEOUT], at.IS_TIMED_OUT)
        x = totals[at.GATE_HEAD]


@compiled
def _leave_gate(s: State) -> int:
    """The request at the head of the gateway's queue, taken out of it."""
    totals = s.totals
    x = totals[at.GATE_HEAD]
    totals[at.GATE_HEAD] = s.nodes[x, at.NEXT]
    if totals[at.GATE_HEAD] == NIL:
        totals[at.GATE_TAIL] = NIL
    totals[at.GATE_COUNT] -= 1
    return x


@compiled
def _wait_at_gate(s: State, x: int) -> None:
    totals = s.totals
    if totals[at.GATE_TAIL] == NIL:
        totals[at.GATE_HEAD] = x
    else:
        s.nodes[totals[at.GATE_TAIL], at.NEXT] = x
    totals[at.GATE_TAIL] = x
    totals[at.GATE_COUNT] += 1


@compiled
def _hold(s: State, x: int, t: int) -> None:
    """Request x waits at the gateway, if there is room."""
    if s.totals[at.GATE_COUNT] >= s.parameters[at.MAX_QUEUED]:
        _turn_away(s, x, t, at.IS_REJECTED)
    else:
        _wait_at_gate(s, x)


@inlined
def _arrive(s: State, t: int, prompt: int, output: int, session: int) -> int:
    """One arrival: the request to route, or NIL where it can never fit or waits at the gateway."""
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
        _turn_away(s, x, t, at.IS_REJECTED)
        return NIL
    if totals[at.GATE_COUNT] > 0:
        _drop_at_gate(s, t)
    if totals[at.ROUTABLE] == 0 or totals[at.GATE_COUNT] > 0:
        if s.parameters[at.ROUTER] == _RAY and totals[at.ROUTABLE] > 0:
            totals[at.WAKE] = t  # its caller tries, for the one that waits longest
        _hold(s, x, t)
        return NIL
    return x


@inlined
def _memory_is_full(s: State) -> bool:
    return s.parameters[at.RATE_WINDOW] > 0 and s.totals[at.SENT_COUNT] == len(s.memory)


@inlined
def _next_try(s: State, until: int) -> int:
    """When the request at the head of the gateway's queue is tried; NEVER if not before `until`."""
    totals = s.totals
    if totals[at.GATE_COUNT] == 0 or totals[at.ROUTABLE] == 0:
        return NEVER
    if totals[at.WAKE] == at.AT_ONCE:
        return totals[at.NOW]
    return totals[at.WAKE] if totals[at.WAKE] < until else NEVER


@entry
def advance(
    s: State,
    arrival_ns: at.Ints,
    prompt: npt.NDArray[np.int32],
    output: npt.NDArray[np.int32],
    session: at.Ints,
    i: int,
    final: bool,
    until: int,
) -> tuple[int, int]:
    """Play arrivals i, i+1, ... of a batch and all step boundaries, strictly before `until`.

    `session` may be empty. Returns the index of the next arrival and why it stopped: UNTIL; INPUT (the batch is used
    up and is not the `final` one); OUTPUT_FULL (collect the rows, call again); POOL_EMPTY, MEMORY_FULL (enlarge
    `nodes`, `memory`, call again).
    """
    totals, keep_rows = s.totals, len(s.rows) > 0
    while True:
        if keep_rows and len(s.rows) - totals[at.ROWS] < totals[at.IN_SYSTEM] + 1:
            return i, at.OUTPUT_FULL
        if _memory_is_full(s):
            return i, at.MEMORY_FULL
        if i == len(arrival_ns) and not final:
            return i, at.INPUT
        t = arrival_ns[i] * s.parameters[at.TICKS_PER_NS] if i < len(arrival_ns) else NEVER
        trial = _next_try(s, until)
        held = trial <= t and trial < NEVER
        if held:
            t = trial
            if totals[at.WAKE] != at.AT_ONCE:
                _drop_at_gate(s, t)
            x = totals[at.GATE_HEAD]
        else:
            if t >= until:
                break
            if totals[at.FREE] == NIL:
                return i, at.POOL_EMPTY
            x = _arrive(s, t, prompt[i], output[i], session[i] if len(session) > 0 else NIL)
            i += 1
        if x == NIL:
            continue
        r = _route(s, x, t)
        if r >= 0:
            if held:
                _leave_gate(s)
            _enqueue(s, r, x, t)
        elif held:
            continue  # whom the gateway has taken in, it keeps
        elif r == at.REFUSED:
            _turn_away(s, x, t, at.IS_REJECTED)
        else:
            _hold(s, x, t)
    if s.parameters[at.REFRESH] > 0:
        _tell_router_if_due(s, until - 1)
    for r in range(totals[at.SLOTS]):
        _catch_up(s, r, until)
    totals[at.NOW] = until
    _drop_at_gate(s, until)
    return i, at.UNTIL


@compiled
def _return_to_gate(s: State, x: int, before: int) -> None:
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


@entry
def vacate(s: State, r: int, mode: int, most_retries: int) -> None:
    """Take the replica in closed slot r away from its requests, now. The step in progress is lost.

    MIGRATE: they go on elsewhere with the tokens they have, once prompt and tokens are read again. RETRY: they start
    from nothing. LOSE, or more than `most_retries` of them: they leave as lost. The others return to the gateway, by
    arrival.
    """
    rep, nodes, totals, t = s.replicas[r], s.nodes, s.totals, s.totals[at.NOW]
    if s.next_event[r] != NEVER:
        rep[at.BUSY] += t - rep[at.BUSY_SINCE]
        rep[at.IDLE_SINCE] = t
    if rep[at.RUN_STEPS] > 0 and s.next_event[r] != NEVER and t > rep[at.RUN_START]:
        growth = s.parameters[at.D] * rep[at.RUN_SEQS]
        done = steps_until(rep[at.RUN_FIRST], growth, min(t, s.next_event[r]) - rep[at.RUN_START]) - 1
        totals[at.STEPS] += done
        rep[at.DECODED_STEPS] += done
        rep[at.KV] += done * rep[at.RUN_SEQS]
        totals[at.GENERATED] += done * rep[at.RUN_SEQS]
        rep[at.PEAK_KV] = max(rep[at.PEAK_KV], rep[at.KV] + rep[at.RESERVED])
    while rep[at.DECODING] > 0:
        _stop_decoding(s, r, rep[at.DECODING] - 1)
    x, before = rep[at.HEAD], NIL
    while x != NIL:
        after = nodes[x, at.NEXT]
        nodes[x, at.RETRIES] += 1
        if mode == at.LOSE or nodes[x, at.RETRIES] > most_retries:
            _turn_away(s, x, t, at.IS_LOST)
        else:
            totals[at.REQUEUED] += 1
            if mode == at.RETRY:
                nodes[x, at.DONE] = 0
                nodes[x, at.FIRST] = NIL
            if before != NIL and nodes[before, at.ARRIVAL] > nodes[x, at.ARRIVAL]:
                before = NIL
            _return_to_gate(s, x, before)
            before = x
        x = after
    rep[at.HEAD] = rep[at.TAIL] = rep[at.WAIT_HEAD] = rep[at.PREFILLING] = NIL
    rep[at.RUNNING] = rep[at.WAITING] = rep[at.KV] = rep[at.RESERVED] = rep[at.RETURNED] = 0
    rep[at.IN_FLIGHT_TOKENS] = 0
    totals[at.WAKE] = at.AT_ONCE
    rep[at.RUN_STEPS] = rep[at.RUN_SEQS] = 0
    s.load[r] = at.CLOSED
    s.next_event[r] = NEVER


@entry
def observe(s: State, t: int, seen: at.Ints) -> None:
    """Running, waiting (the gateway included), KV tokens of all slots at t, and steps done, into `seen`."""
    running, waiting, kv, steps = 0, s.totals[at.GATE_COUNT], 0, s.totals[at.STEPS]
    for r in range(s.totals[at.SLOTS]):
        rep = s.replicas[r]
        running += rep[at.RUNNING]
        waiting += rep[at.WAITING]
        done = _steps_in_run(s, r, t)
        kv += rep[at.KV] + rep[at.RESERVED] + done * rep[at.RUN_SEQS]
        steps += done
    seen[0], seen[1], seen[2], seen[3] = running, waiting, kv, steps


@entry
def collect(s: State, t: int, queues: bool, samples: at.Ints) -> None:
    """What each slot shows to a scraper at t, into `samples` (layout.S_*); its queue in tokens if `queues`."""
    for r in range(s.totals[at.SLOTS]):
        rep, sample = s.replicas[r], samples[r]
        decoded = _steps_in_run(s, r, t) * rep[at.RUN_SEQS]
        queued = 0
        x = rep[at.WAIT_HEAD] if queues else NIL
        while x != NIL:
            queued += s.nodes[x, at.PROMPT] + s.nodes[x, at.DONE]
            x = s.nodes[x, at.NEXT]
        sample[at.S_RUNNING] = rep[at.RUNNING]
        sample[at.S_WAITING] = rep[at.WAITING]
        sample[at.S_DECODING] = rep[at.DECODING]
        sample[at.S_KV] = rep[at.KV] + rep[at.RESERVED] + decoded
        sample[at.S_QUEUED] = queued
        sample[at.S_BUSY] = rep[at.BUSY] + (t - rep[at.BUSY_SINCE] if s.next_event[r] != NEVER else 0)
        sample[at.S_JOINED] = rep[at.JOINED]
        sample[at.S_FINISHED] = rep[at.FINISHED]
        sample[at.S_READ] = rep[at.READ]
        sample[at.S_WRITTEN] = rep[at.WRITTEN] + decoded
