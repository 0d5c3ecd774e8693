"""Prefill replicas that hand their requests over: their steps, and the tokens they keep until those are elsewhere."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import transfer_state as own
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.decode_side import catch_up_decode, copy_row, enqueue_decode
from simcost.sim.serving.engine.gateway import hold
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import leave, unlink
from simcost.sim.serving.engine.routing import least_loaded, next_turn, two_sampled
from simcost.sim.serving.engine.step import fill, finish_decodes, start_run
from simcost.sim.serving.engine.transfer_state import TransferState

_SLOTS = (1 << col.SLOT_BITS) - 1
_LEAST_OUTSTANDING, _POWER_OF_TWO = 1, 2


@inlined
def choose(s: State, x: int) -> int:
    """The replica that gets request x, of those that take requests, all up to date."""
    router, count = s.parameters[col.ROUTER], s.totals[col.ROUTABLE]
    draw = splitmix64(s.nodes[x, col.REQUEST] ^ s.parameters[col.SALT])
    if router == _LEAST_OUTSTANDING:
        return least_loaded(s, draw)
    if router == _POWER_OF_TWO and count > 1:
        one, other = two_sampled(s, draw, 0, count)
        return one if s.load[one] <= s.load[other] else other
    return next_turn(s, 0, count)


@lean
def _pop_release(heap: col.Ints, totals: col.Ints) -> None:
    size = totals[own.RELEASES] - 1
    totals[own.RELEASES] = size
    i, child = 0, 1
    while child < size:
        if child + 1 < size and heap[child + 1, own.AT] < heap[child, own.AT]:
            child += 1
        if heap[child, own.AT] >= heap[size, own.AT]:
            break
        copy_row(heap, child, heap, i)
        i, child = child, 2 * child + 1
    copy_row(heap, size, heap, i)


@inlined
def release_until(p: State, h: TransferState, until: int) -> None:
    """End the transfers that end before `until`."""
    if h.totals[own.RELEASES] > 0 and h.releases[0, own.AT] < until:
        _release(p, h, until)


@lean
def _release(p: State, h: TransferState, until: int) -> None:
    """Take the tokens of transfers off their prefill replicas, and wake those that stall."""
    while h.totals[own.RELEASES] > 0 and h.releases[0, own.AT] < until:
        at, owner, tokens = h.releases[0, own.AT], h.releases[0, own.FROM], h.releases[0, own.TOKENS]
        _pop_release(h.releases, h.totals)
        r = owner & _SLOTS
        rep = p.replicas[r]
        if rep[col.OWNER] != owner:
            continue  # the replica that had them has gone
        rep[col.KV] -= tokens
        rep[col.IDLE_SINCE] = max(rep[col.IDLE_SINCE], at)
        if h.stalled[r]:
            h.stalled[r] = 0
            h.totals[own.STALLED] -= 1
            rep[col.BUSY_SINCE] = at
            p.next_event[r] = at
            block = r // col.BLOCK
            p.block_event[block] = min(p.block_event[block], at)


@inlined
def to_decode_side(p: State, d: State, h: TransferState, x: int, t: int, owner: int) -> None:
    """Request x of the prefill side goes on at a decode replica from t on; `owner` has its tokens, NIL = no replica.

    All decode replicas are up to date until t.
    """
    nodes, y = p.nodes, d.totals[col.FREE]
    node = d.nodes[y]
    d.totals[col.FREE] = node[col.NEXT]
    copy_row(nodes, x, d.nodes, y)
    node[col.NEXT] = NIL
    h.requests[y, own.OWNER] = owner
    h.requests[y, own.PREFILLED] = t
    h.requests[y, own.TOOK] = t - h.began[x]
    d.totals[col.ARRIVED] += 1
    d.totals[col.IN_SYSTEM] += 1
    d.totals[col.SUM_ARRIVALS] += t
    p.totals[col.IN_SYSTEM] -= 1
    p.totals[col.SUM_DEPARTURES] += t
    nodes[x, col.REQUEST] = NIL
    nodes[x, col.NEXT] = p.totals[col.FREE]
    p.totals[col.FREE] = x
    if d.totals[col.ROUTABLE] == 0 or d.totals[col.GATE_COUNT] > 0:
        hold(d, y, t)
    else:
        enqueue_decode(d, h, choose(d, y), y, t)


@inlined
def _finish_prefills(p: State, d: State, h: TransferState, r: int, t: int) -> None:
    """Hand over the requests whose last chunk ends at t; their tokens stay."""
    rep, nodes = p.replicas[r], p.nodes
    x = rep[col.PREFILLING]
    while x != NIL and x != rep[col.WAIT_HEAD]:
        node = nodes[x]
        length = node[col.PROMPT]
        if node[col.MARK] < length:
            break  # cut off by the budget; always the last admitted
        after = node[col.NEXT]
        rep[col.RESERVED] -= length
        rep[col.RUNNING] -= 1
        rep[col.READ] += length
        unlink(p, r, x, col.IS_COMPLETED)
        rep[col.LEAVING] = node[col.NEXT]  # it does not leave the system
        if h.parameters[own.FROM_PREFILL]:
            node[col.FIRST] = t
            node[col.DONE] = 1
            rep[col.WRITTEN] += 1
            p.totals[col.GENERATED] += 1
        if node[col.DONE] == node[col.OUTPUT]:
            leave(p, x, t, col.IS_COMPLETED, p.parameters[col.FIRST_TOKEN_OVERHEAD])
        else:
            rep[col.KV] += length
            to_decode_side(p, d, h, x, t, rep[col.OWNER])
        x = after
    rep[col.PREFILLING] = NIL if x == rep[col.WAIT_HEAD] else x


@inlined
def prefill_boundary(p: State, d: State, h: TransferState, r: int) -> None:
    """End the step of prefill replica r, and begin the next. The next event of all prefill replicas is this one."""
    rep, t = p.replicas[r], p.next_event[r]
    if rep[col.PREFILLING] != NIL or rep[col.KV] + rep[col.IN_FLIGHT_TOKENS] > p.parameters[col.CAPACITY]:
        catch_up_decode(d, h, t)
    release_until(p, h, t + 1)
    h.totals[own.STALLED] -= h.stalled[r]
    h.stalled[r] = 0
    finish_decodes(p, r)
    _finish_prefills(p, d, h, r, t)
    x = rep[col.WAIT_HEAD]
    tokens, pairs = fill(p, r, preempted=False)
    while x != rep[col.WAIT_HEAD]:
        h.began[x] = t
        x = p.nodes[x, col.NEXT]
    start_run(p, r, t, tokens, pairs, preempted=False)
    if tokens == 0 and rep[col.WAITING] > 0:
        h.stalled[r] = 1
        h.totals[own.STALLED] += 1


@inlined
def next_replica(s: State) -> int:
    """The replica with the earliest event; NIL = nothing happens at any."""
    while True:
        block = 0
        for i in range(1, len(s.block_event)):
            if s.block_event[i] < s.block_event[block]:
                block = i
        if s.block_event[block] == NEVER:
            return NIL
        earliest = block * col.BLOCK
        for r in range(earliest + 1, (block + 1) * col.BLOCK):
            if s.next_event[r] < s.next_event[earliest]:
                earliest = r
        if s.next_event[earliest] == s.block_event[block]:
            return earliest
        s.block_event[block] = s.next_event[earliest]
