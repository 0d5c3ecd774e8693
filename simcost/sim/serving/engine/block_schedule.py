"""The scheduler of a replica with KV blocks, as vLLM's: tokens of a step, preemption, admission."""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.adapter_slots import (
    change_running,
    first_to_try,
    join_waiting,
    leave_waiting,
    tried_up_to,
    waits_for_slot,
)
from simcost.sim.serving.engine.block_cache import blocks_of, claim, look_up, release, store, take
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.cache_tiers import enter_tiers, load_from_tiers
from simcost.sim.serving.engine.decode_heap import start_decoding, stop_decoding
from simcost.sim.serving.engine.fair_queue import (
    change_decoding,
    charge_prompt,
    join_tenant,
    leave_tenant,
    move_to_running,
    next_in_turn,
)
from simcost.sim.serving.engine.layout import NEVER, NIL
from simcost.sim.serving.engine.request_list import put_before

_BITS = col.NODE_BITS


@lean
def length_of(s: BlockState, x: int) -> int:
    """Tokens of the prompt and the answer so far."""
    return s.nodes[x, col.PROMPT] + s.nodes[x, col.DONE]


@lean
def phase_of(s: BlockState, r: int) -> int:
    """Phase of the requests of replica r that take a block for their next step; for each further step, one less."""
    return (1 - s.replicas[r, col.DECODED_STEPS]) % s.rules[blk.BLOCK_TOKENS]


@lean
def begin_decoding(s: BlockState, r: int, x: int) -> None:
    """Request x, whose prefill is over, decodes."""
    start_decoding(s, r, x)
    change_decoding(s, r, x, 1)
    s.nodes[x, blk.STAGE] = blk.DECODES
    s.slots[r, blk.PREFILLS] -= 1
    s.phases[r, (length_of(s, x) - s.replicas[r, col.DECODED_STEPS]) % s.rules[blk.BLOCK_TOKENS]] += 1


@lean
def end_decoding(s: BlockState, r: int, i: int) -> None:
    """Take heap entry i out of the batch."""
    x = s.heap[r, i] & (col.NODE_LIMIT - 1)
    node = s.nodes[x]
    change_decoding(s, r, x, -1)
    last = node[col.PROMPT] + node[col.OUTPUT] - node[col.MARK]
    s.phases[r, last % s.rules[blk.BLOCK_TOKENS]] -= 1
    stop_decoding(s, r, i)


@lean
def _stop_decoding(s: BlockState, r: int, x: int) -> None:
    entry = (s.nodes[x, col.MARK] << _BITS) | x
    i = 0
    while s.heap[r, i] != entry:
        i += 1
    end_decoding(s, r, i)


@lean
def stop_running(s: BlockState, r: int, x: int, status: int) -> None:
    """The running request x gives up its place and its blocks; it LEAVES or RETURNS."""
    rep, node = s.replicas[r], s.nodes[x]
    if node[blk.STAGE] == blk.DECODES:
        _stop_decoding(s, r, x)
        computed = length_of(s, x) - 1 + node[blk.GROWN]
    else:
        computed = node[col.MARK]
        s.slots[r, blk.PREFILLS] -= 1
    release(s, r, x, computed, status)
    change_running(s, r, x, -1)
    rep[col.RUNNING] -= 1
    node[blk.STAGE], node[blk.CHUNK], node[blk.GROWN] = blk.WAITS, 0, 0


@lean
def goes_before(s: BlockState, x: int, y: int) -> bool:
    """True if x has a higher priority than y, or the same and came before."""
    one, other = s.nodes[x], s.nodes[y]
    if one[col.PRIORITY] != other[col.PRIORITY]:
        return one[col.PRIORITY] > other[col.PRIORITY]
    return one[col.ARRIVAL] < other[col.ARRIVAL]


@lean
def _move_to_queue(s: BlockState, r: int, x: int) -> None:
    """Request x leaves its place in the list for that by its priority among the waiting, before its equals."""
    rep, nodes = s.replicas[r], s.nodes
    before, after = nodes[x, col.PREV], nodes[x, col.NEXT]
    if before == NIL:
        rep[col.HEAD] = after
    else:
        nodes[before, col.NEXT] = after
    if after == NIL:
        rep[col.TAIL] = before
    else:
        nodes[after, col.PREV] = before
    y = rep[col.WAIT_HEAD]
    if y == NIL or not goes_before(s, y, x):
        rep[col.WAIT_HEAD] = x
    while y != NIL and goes_before(s, y, x):
        y = nodes[y, col.NEXT]
    put_before(s.replicas[r], s.nodes, x, y)


@lean
def _victim(s: BlockState, r: int) -> int:
    """The running request to preempt: the last admitted; by priority the lowest and latest, the first of equals."""
    rep, nodes = s.replicas[r], s.nodes
    waiting = rep[col.WAIT_HEAD]
    if not s.rules[blk.BY_PRIORITY]:
        return rep[col.TAIL] if waiting == NIL else nodes[waiting, col.PREV]
    x = worst = rep[col.HEAD]
    while x != waiting:
        if goes_before(s, worst, x):
            worst = x
        x = nodes[x, col.NEXT]
    return worst


@lean
def _preempt(s: BlockState, r: int, x: int) -> None:
    """Request x returns to the queue and is computed again, but for what it finds cached then."""
    rep = s.replicas[r]
    stop_running(s, r, x, blk.RETURNS)
    if s.rules[blk.BY_PRIORITY]:
        _move_to_queue(s, r, x)
    else:
        rep[col.WAIT_HEAD] = x
    rep[col.WAITING] += 1
    join_tenant(s, r, x)
    join_waiting(s, r, x)
    s.nodes[x, col.EVICTED] += 1
    s.totals[col.PREEMPTIONS] += 1


@lean
def find_prefilling(s: BlockState, r: int) -> None:
    """Let PREFILLING be the first running request that is in prefill."""
    rep = s.replicas[r]
    x = NIL
    if s.slots[r, blk.PREFILLS] > 0:
        x = rep[col.HEAD]
        while s.nodes[x, blk.STAGE] != blk.PREFILLS_NOW:
            x = s.nodes[x, col.NEXT]
    rep[col.PREFILLING] = x


@lean
def _grow_one_by_one(s: BlockState, r: int, threshold: int) -> int:
    """Give tokens to the running requests in order of admission, and preempt where blocks are short; the budget left.

    What a victim got in this step returns to the budget.
    """
    rep, nodes, slot = s.replicas[r], s.nodes, s.slots[r]
    budget, x = s.parameters[col.BUDGET], rep[col.HEAD]
    while x != NIL and nodes[x, blk.STAGE] != blk.WAITS and budget > 0:
        node = nodes[x]
        computed, new = node[col.MARK], min(length_of(s, x) - node[col.MARK], threshold, budget)
        if node[blk.STAGE] == blk.DECODES:
            computed, new = node[col.PROMPT] + node[col.OUTPUT] - node[col.MARK] + rep[col.DECODED_STEPS] - 1, 1
        needed, after, kept = blocks_of(s, computed + new) - blocks_of(s, computed), x, True
        while kept and needed > slot[blk.FREE]:
            victim = _victim(s, r)
            budget += nodes[victim, blk.CHUNK] + nodes[victim, blk.GROWN]
            kept, after = victim != x, node[col.NEXT]
            _preempt(s, r, victim)
        if kept:
            take(s, r, needed)
            if node[blk.STAGE] == blk.DECODES:
                node[blk.GROWN] = 1
            else:
                node[col.MARK] += new
                node[blk.CHUNK] = new
                store(s, r, x, node[col.MARK])
                enter_tiers(s, r, x, node[col.MARK])
            budget -= new
            x = node[col.NEXT]
        elif s.rules[blk.BY_PRIORITY]:
            x = after
        else:
            break
    _stall(s, r)
    return budget


@lean
def _stall(s: BlockState, r: int) -> None:
    """Decoding requests for which no budget was left wait for the next step as if in prefill, one token to go."""
    x = s.replicas[r, col.HEAD]
    while x != s.replicas[r, col.WAIT_HEAD]:
        node = s.nodes[x]
        if node[blk.STAGE] == blk.DECODES and node[blk.GROWN] == 0:
            _stop_decoding(s, r, x)
            node[blk.STAGE] = blk.PREFILLS_NOW
            node[col.MARK] = length_of(s, x) - 1
            s.slots[r, blk.PREFILLS] += 1
        node[blk.GROWN] = 0
        x = node[col.NEXT]
    find_prefilling(s, r)


@lean
def _grow_together(s: BlockState, r: int, count: int) -> int:
    """The same where there are blocks for all: `count` for those that decode, then for the last admitted."""
    take(s, r, count)
    budget = s.parameters[col.BUDGET] - s.replicas[r, col.DECODING]
    x = s.replicas[r, col.PREFILLING]
    if x != NIL:
        node = s.nodes[x]
        new = min(length_of(s, x) - node[col.MARK], budget)
        take(s, r, blocks_of(s, node[col.MARK] + new) - blocks_of(s, node[col.MARK]))
        node[col.MARK] += new
        node[blk.CHUNK] = new
        store(s, r, x, node[col.MARK])
        enter_tiers(s, r, x, node[col.MARK])
        budget -= new
    return budget


@lean
def _room_to_grow(s: BlockState, r: int, count: int) -> bool:
    """True if all that run get their blocks, in any order."""
    x = s.replicas[r, col.PREFILLING]
    if x != NIL:
        mark = s.nodes[x, col.MARK]
        new = min(length_of(s, x) - mark, s.parameters[col.BUDGET] - s.replicas[r, col.DECODING])
        count += blocks_of(s, mark + new) - blocks_of(s, mark)
    return count <= s.slots[r, blk.FREE]


@lean
def _hit(s: BlockState, r: int, x: int, length: int) -> tuple[int, int]:
    """Cached leading blocks of request x, and those of them that it shares with others while it runs."""
    if s.rules[blk.CONTENT] == blk.STATED_SHARE:
        cached = min(s.nodes[x, col.PROMPT] * s.rules[blk.SHARE] // blk.MILLION, length - 1)
        return cached // s.rules[blk.BLOCK_TOKENS], 0
    return look_up(s, r, x, length)


@lean
def _count(s: BlockState, x: int, length: int, cached: int) -> None:
    """Count what request x finds when it is first admitted."""
    if s.nodes[x, blk.CACHED] == NIL:
        s.nodes[x, blk.CACHED] = cached
        s.cached[blk.LOOKED_UP] += length
        s.cached[blk.HIT] += cached
        s.cached[blk.HIT_PAIRS] += cached * cached


@lean
def _admit(s: BlockState, r: int, budget: int, threshold: int) -> None:
    """Admit from the queue until the first that does not fit."""
    p, rep, nodes, slot = s.parameters, s.replicas[r], s.nodes, s.slots[r]
    fair = s.rules[blk.BY_TENANT] == 1
    x = next_in_turn(s, r) if fair else first_to_try(s, r)
    while x != NIL and budget > 0 and rep[col.RUNNING] < p[col.MAX_SEQS]:
        node, length = nodes[x], length_of(s, x)
        if waits_for_slot(s, r, x):
            x = node[col.NEXT]
            continue
        hit, held = _hit(s, r, x, length)
        free = slot[blk.FREE] - (s.rules[blk.KEPT_FREE] if rep[col.RUNNING] > 0 else 0)
        if blocks_of(s, length) - held > free:
            break
        cached = (hit + load_from_tiers(s, r, x, hit, length)) * s.rules[blk.BLOCK_TOKENS]
        new = min(length - cached, threshold, budget)
        if s.rules[blk.CONTENT] == blk.STATED_SHARE:
            hit = 0
        elif hit > 0:
            claim(s, r, x, hit)
        take(s, r, blocks_of(s, cached + new) - hit)
        node[col.MARK] = cached + new
        store(s, r, x, cached + new)
        enter_tiers(s, r, x, cached + new)
        charge_prompt(s, r, x)
        _count(s, x, length, cached)
        node[blk.CHUNK] = new
        node[blk.STAGE] = blk.PREFILLS_NOW
        slot[blk.PREFILLS] += 1
        slot[blk.ADMITTED] += 1
        node[blk.SERIAL] = slot[blk.ADMITTED]
        rep[col.RUNNING] += 1
        rep[col.WAITING] -= 1
        if rep[col.PREFILLING] == NIL:
            rep[col.PREFILLING] = x
        budget -= new
        leave_waiting(s, r, x)
        if fair:
            leave_tenant(s, r, x)
            move_to_running(s, r, x)
            x = next_in_turn(s, r)
        else:
            after = node[col.NEXT]
            change_running(s, r, x, 1)
            move_to_running(s, r, x)
            x = after
    if not fair:
        tried_up_to(s, r, x)


@lean
def _step_of(s: BlockState, r: int) -> tuple[int, int, int, int]:
    """Of this step, beside the requests that decode: prefill tokens and attention pairs; rows that decode after a
    hit or a stall, and the tokens that they read.
    """
    tokens = pairs = rows = context = 0
    x = s.replicas[r, col.PREFILLING]
    while x != s.replicas[r, col.WAIT_HEAD]:
        node = s.nodes[x]
        chunk = node[blk.CHUNK]
        if chunk > 0:
            before, length = node[col.MARK] - chunk, length_of(s, x)
            if node[col.DONE] > 0 and before == length - 1:
                rows += 1
                context += length
            else:
                tokens += chunk
                pairs += chunk * (2 * before + chunk)
        x = node[col.NEXT]
    return tokens, pairs, rows, context


@lean
def schedule(s: BlockState, r: int) -> tuple[bool, int, int, int, int]:
    """The next step of replica r: whether somebody was preempted, and what `_step_of` says."""
    rep, rules = s.replicas[r], s.rules
    threshold = NEVER
    if rules[blk.LONG_PREFILL] > 0 and rep[col.RUNNING] + rep[col.WAITING] >= 2:
        threshold = rules[blk.LONG_PREFILL]
    together = rules[blk.LONG_PREFILL] == 0 or s.slots[r, blk.PREFILLS] == 0
    count, before = s.phases[r, phase_of(s, r)], s.totals[col.PREEMPTIONS]
    if together and _room_to_grow(s, r, count):
        budget = _grow_together(s, r, count)
    else:
        budget = _grow_one_by_one(s, r, threshold)
    preempted = s.totals[col.PREEMPTIONS] > before
    if not preempted and rep[col.WAITING] > 0:
        _admit(s, r, budget, threshold)
    if rep[col.PREFILLING] == NIL:
        return preempted, 0, 0, 0, 0
    tokens, pairs, rows, context = _step_of(s, r)
    return preempted, tokens, pairs, rows, context
