"""The steps of a replica with KV blocks, from boundary to boundary, and its queue: `step`, for a `BlockState`."""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.adapter_slots import change_running, join_waiting, leave_waiting, load_adapters
from simcost.sim.serving.engine.block_cache import release, take
from simcost.sim.serving.engine.block_schedule import (
    begin_decoding,
    end_decoding,
    find_prefilling,
    goes_before,
    length_of,
    phase_of,
    schedule,
    stop_running,
)
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.decode_run import base_row, carry_remainder, run_time, steps_until
from simcost.sim.serving.engine.fair_queue import (
    charge_steps,
    charge_token,
    join_tenant,
    leave_tenant,
    lift,
    several_wait,
)
from simcost.sim.serving.engine.layout import NEVER, NIL
from simcost.sim.serving.engine.outcomes import release_leavers, unlink
from simcost.sim.serving.engine.patience import note_order, patience_of
from simcost.sim.serving.engine.request_list import put_before
from simcost.sim.serving.engine.step import cut_run

_BITS = col.NODE_BITS
_MASK = col.NODE_LIMIT - 1


@lean
def _blocks_in_run(s: BlockState, r: int, steps: int) -> int:
    """Blocks that decoding requests take in a run of so many steps after the first of them."""
    size = s.rules[blk.BLOCK_TOKENS]
    turns, rest = (steps - 1) // size, (steps - 1) % size
    count, phase = turns * s.replicas[r, col.DECODING], phase_of(s, r)
    for _ in range(rest):
        phase = (size if phase == 0 else phase) - 1
        count += s.phases[r, phase]
    return count


@lean
def _steps_with_blocks(s: BlockState, r: int, most: int) -> int:
    """Steps that the decoding requests can make, `most` at most, before blocks are short for the next."""
    size, seqs, free = s.rules[blk.BLOCK_TOKENS], s.replicas[r, col.DECODING], s.slots[r, blk.FREE]
    if seqs * ((most + size - 1) // size) <= free:
        return most
    steps, phase = 1 + free // seqs * size, phase_of(s, r)
    free %= seqs
    while steps < most:
        phase = (size if phase == 0 else phase) - 1
        free -= s.phases[r, phase]
        if free < 0:
            break
        steps += 1
    return min(steps, most)


@lean
def _add_end(s: BlockState, count: int, x: int) -> int:
    """Add x to the `count` requests that end, in order of admission."""
    k = count
    while k > 0 and s.nodes[s.ends[k - 1], blk.SERIAL] > s.nodes[x, blk.SERIAL]:
        s.ends[k] = s.ends[k - 1]
        k -= 1
    s.ends[k] = x
    return count + 1


@lean
def _finish_decodes(s: BlockState, r: int) -> int:
    rep, totals = s.replicas[r], s.totals
    steps, seqs, ended = rep[col.RUN_STEPS], rep[col.RUN_SEQS], 0
    if steps > 0:
        carry_remainder(s, r)
        totals[col.STEPS] += steps
        totals[col.HIDDEN_TIME] += steps * s.base[0, base_row(s, seqs), col.HIDDEN]
        if steps > 1:
            take(s, r, _blocks_in_run(s, r, steps))
        used = (s.rules[blk.BLOCKS] - s.slots[r, blk.FREE]) * s.rules[blk.BLOCK_TOKENS]
        rep[col.PEAK_KV] = max(rep[col.PEAK_KV], used)
    if s.rules[blk.BY_TENANT]:
        charge_steps(s, r, steps)
        s.slots[r, blk.CHARGED] = 0
    if seqs > 0:
        rep[col.DECODED_STEPS] += steps
        rep[col.KV] += steps * seqs
        rep[col.WRITTEN] += steps * seqs
        totals[col.GENERATED] += steps * seqs
        now = rep[col.DECODED_STEPS]
        while rep[col.DECODING] > 0 and s.heap[r, 0] >> _BITS <= now:
            x = s.heap[r, 0] & _MASK
            end_decoding(s, r, 0)
            ended = _add_end(s, ended, x)
    return ended


@lean
def _finish_prefills(s: BlockState, r: int, t: int, ended: int) -> int:
    rep, nodes = s.replicas[r], s.nodes
    first = NIL
    x = rep[col.PREFILLING]
    while x != NIL and x != rep[col.WAIT_HEAD]:
        node = nodes[x]
        if node[blk.STAGE] == blk.PREFILLS_NOW:
            if node[blk.CHUNK] > 0 and node[col.MARK] == length_of(s, x):
                node[col.DONE] += 1
                rep[col.WRITTEN] += 1
                charge_token(s, r, x)
                s.totals[col.GENERATED] += 1
                if node[col.FIRST] == NIL:
                    node[col.FIRST] = t
                    rep[col.READ] += node[col.PROMPT]
                if node[col.DONE] == node[col.OUTPUT]:
                    s.slots[r, blk.PREFILLS] -= 1
                    ended = _add_end(s, ended, x)
                else:
                    begin_decoding(s, r, x)
            elif first == NIL:
                first = x
            node[blk.CHUNK] = 0
        x = node[col.NEXT]
    rep[col.PREFILLING] = first
    return ended


@lean
def _drop_late(s: BlockState, r: int, t: int) -> None:
    """Drop the requests whose clients have given up."""
    rep, nodes = s.replicas[r], s.nodes
    waiting, x = False, rep[col.HEAD]
    while x != NIL:
        after = nodes[x, col.NEXT]
        waiting = waiting or x == rep[col.WAIT_HEAD]
        if t - nodes[x, col.ARRIVAL] >= s.parameters[col.TIMEOUT]:
            if waiting:
                rep[col.WAITING] -= 1
                leave_tenant(s, r, x)
                leave_waiting(s, r, x)
                if x == rep[col.WAIT_HEAD]:
                    rep[col.WAIT_HEAD] = after
            else:
                stop_running(s, r, x, blk.LEAVES)
            unlink(s, r, x, col.IS_TIMED_OUT)
        x = after
    find_prefilling(s, r)


@lean
def _finish_run(s: BlockState, r: int, t: int) -> None:
    """End the steps, the requests and the patience of clients that end at the boundary t of replica r."""
    rep = s.replicas[r]
    ended = _finish_prefills(s, r, t, _finish_decodes(s, r))
    for k in range(ended):
        x = s.ends[k]
        release(s, r, x, s.nodes[x, col.PROMPT] + s.nodes[x, col.OUTPUT] - 1, blk.LEAVES)
        change_running(s, r, x, -1)
        rep[col.RUNNING] -= 1
        unlink(s, r, x, col.IS_COMPLETED)
    head, timeout = rep[col.HEAD], s.parameters[col.TIMEOUT]
    if head != NIL and timeout < NEVER and (rep[col.OUT_OF_ORDER] > 0 or t - s.nodes[head, col.ARRIVAL] >= timeout):
        _drop_late(s, r, t)
    release_leavers(s, r, t)


@lean
def _turns_change(s: BlockState, r: int) -> bool:
    """True if the request to admit next may be another after each step, and may then fit."""
    by_tenant = s.rules[blk.BY_TENANT] == 1 and s.replicas[r, col.RUNNING] < s.parameters[col.MAX_SEQS]
    return by_tenant and several_wait(s, r)


@lean
def _start_run(s: BlockState, r: int, t: int) -> None:
    """Set off the next step, or a run of decode steps up to the next thing that can happen."""
    p, rep = s.parameters, s.replicas[r]
    preempted, tokens, pairs, rows, context = schedule(s, r)
    seqs = rep[col.DECODING]
    rep[col.RESERVED] = (s.rules[blk.BLOCKS] - s.slots[r, blk.FREE]) * s.rules[blk.BLOCK_TOKENS] - rep[col.KV]
    if tokens + rows + seqs == 0:
        rep[col.RUN_STEPS] = 0
        rep[col.RUN_SEQS] = 0
        rep[col.BUSY] += t - rep[col.BUSY_SINCE]
        rep[col.IDLE_SINCE] = t
        s.next_event[r] = NEVER
        return
    full = base_row(s, tokens + rows + seqs)
    first = s.base[0, full, col.TIME] + p[col.B] * tokens + p[col.C] * (rows + seqs)
    first += p[col.D] * (rep[col.KV] + context) + ((p[col.E] * pairs) >> p[col.E_SHIFT])
    growth = p[col.D] * seqs
    s.totals[col.HIDDEN_TIME] += s.base[0, full, col.HIDDEN] - s.base[0, base_row(s, seqs), col.HIDDEN]
    first += s.slots[r, blk.LOADING] << p[col.STEP_SHIFT]
    s.slots[r, blk.LOADING] = 0
    steps, load = 1, 0
    if s.rules[blk.MAX_LORAS] > 0:
        load, extra = load_adapters(s, r)
        first += (load + extra) << p[col.STEP_SHIFT]
    alone = s.slots[r, blk.PREFILLS] == 0 and load == 0 and not (preempted and rep[col.WAITING] > 0)
    if alone and not _turns_change(s, r):
        steps = _steps_with_blocks(s, r, (s.heap[r, 0] >> _BITS) - rep[col.DECODED_STEPS])
        if steps > 1 and p[col.TIMEOUT] < NEVER:
            patience = patience_of(s, r) - t
            if patience < run_time(s, r, first, growth, steps):
                steps = steps_until(s, r, first, growth, patience)
    rep[col.RUN_START] = t
    rep[col.RUN_STEPS] = steps
    rep[col.RUN_SEQS] = seqs
    rep[col.RUN_FIRST] = first
    s.next_event[r] = t + run_time(s, r, first, growth, steps)


@lean
def _catch_up(s: BlockState, r: int, until: int) -> None:
    while s.next_event[r] < until:
        t = s.next_event[r]
        _finish_run(s, r, t)
        _start_run(s, r, t)


@lean
def catch_up(s: BlockState, r: int, until: int) -> None:
    """All step boundaries of replica r strictly before `until`."""
    if s.next_event[r] < until:
        _catch_up(s, r, until)


@lean
def catch_up_all(s: BlockState, until: int) -> None:
    """All step boundaries before `until`; a block of slots is passed over where nothing is due."""
    for block in range(len(s.block_event)):
        if s.block_event[block] < until:
            earliest = NEVER
            for r in range(block * col.BLOCK, (block + 1) * col.BLOCK):
                catch_up(s, r, until)
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@lean
def finish_all(s: BlockState, t: int) -> None:
    """End all that ends at the boundaries t, the earliest of all; `catch_up` begins the next steps there."""
    for block in range(len(s.block_event)):
        if s.block_event[block] <= t:
            earliest = NEVER
            for r in range(block * col.BLOCK, (block + 1) * col.BLOCK):
                if s.next_event[r] == t:
                    _finish_run(s, r, t)
                    s.replicas[r, col.RUN_STEPS] = 0
                    s.replicas[r, col.RUN_SEQS] = 0
                earliest = min(earliest, s.next_event[r])
            s.block_event[block] = earliest


@lean
def _place_by_priority(s: BlockState, r: int, x: int) -> int:
    """The first waiting request that x goes before; NIL = none. Both ends are tried in turn: what comes has mostly the
    highest or the lowest priority.
    """
    front = s.replicas[r, col.WAIT_HEAD]
    if front == NIL:
        return NIL
    after, back = NIL, s.replicas[r, col.TAIL]
    while not goes_before(s, x, front) and goes_before(s, x, back):
        front, after, back = s.nodes[front, col.NEXT], back, s.nodes[back, col.PREV]
    return front if goes_before(s, x, front) else after


@lean
def _join_queue(s: BlockState, r: int, x: int) -> None:
    """Put request x into the queue: at its end, or by its priority after its equals."""
    rep, after = s.replicas[r], NIL
    if s.rules[blk.BY_PRIORITY]:
        after = _place_by_priority(s, r, x)
    put_before(s.replicas[r], s.nodes, x, after)
    if after == rep[col.WAIT_HEAD]:
        rep[col.WAIT_HEAD] = x


@lean
def enqueue(s: BlockState, r: int, x: int, t: int) -> None:
    """Request x joins the queue of replica r, which is up to date until t."""
    p, rep, node = s.parameters, s.replicas[r], s.nodes[x]
    node[blk.STAGE] = blk.WAITS
    node[blk.TABLE] = node[blk.CACHED] = NIL
    node[blk.STORED] = node[blk.CHUNK] = node[blk.GROWN] = 0
    if s.rules[blk.BY_TENANT]:
        if rep[col.RUN_STEPS] > 1:
            cut_run(s, r, t)
        charge_steps(s, r, rep[col.RUN_STEPS] - 1)
        lift(s, r, x)
        join_tenant(s, r, x)
    _join_queue(s, r, x)
    join_waiting(s, r, x)
    rep[col.WAITING] += 1
    rep[col.JOINED] += 1
    rep[col.IN_FLIGHT_TOKENS] += node[col.PROMPT]
    note_order(rep, node)
    s.load[r] += 1
    if rep[col.RUN_STEPS] > 1 and rep[col.OUT_OF_ORDER] > 0 and p[col.TIMEOUT] < NEVER:
        cut_run(s, r, max(node[col.ARRIVAL] + p[col.TIMEOUT], t))
    if s.next_event[r] == NEVER:  # idle: a boundary at once, shared with whatever else arrives at t
        rep[col.BUSY_SINCE] = t
        s.next_event[r] = t
    elif (
        rep[col.RUN_STEPS] > 1
        and rep[col.RUNNING] < p[col.MAX_SEQS]
        and (rep[col.WAIT_HEAD] == x or s.rules[blk.MAX_LORAS] > 0)
    ):
        cut_run(s, r, min(t, s.next_event[r]))
    block = r // col.BLOCK
    s.block_event[block] = min(s.block_event[block], s.next_event[r])
