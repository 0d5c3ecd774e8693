"""The queue of a replica that its tenants share by their weights: virtual token counters.

A counter grows with what its tenant gets, divided by its weight: each prompt when it is first admitted, each token of
an answer when it is there. The tenant with the lowest counter is next. One that comes back to the queue is lifted to
the lowest of those who wait, so that no tenant saves up turns.
"""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import block_state as blk
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.block_state import BlockState
from simcost.sim.serving.engine.layout import NIL
from simcost.sim.serving.engine.request_list import put_before

OUTPUT_COST = 2
"""Of a token of an answer, against one of a prompt."""


@lean
def set_tenant(s: BlockState, x: int, tenant: int) -> None:
    """Request x is of a tenant."""
    s.nodes[x, blk.TENANT] = tenant


@lean
def _counter(s: BlockState, r: int, k: int) -> int:
    """The counter of tenant k at replica r now."""
    share = s.shares[r, k]
    unpaid = share[blk.DECODING_OF] * (s.slots[r, blk.PAID] - share[blk.SINCE])
    return share[blk.COUNTER] + OUTPUT_COST * s.prices[k] * unpaid


@lean
def _settle(s: BlockState, r: int, k: int) -> None:
    """Let tenant k have paid for all steps up to now."""
    s.shares[r, k, blk.COUNTER] = _counter(s, r, k)
    s.shares[r, k, blk.SINCE] = s.slots[r, blk.PAID]


@lean
def _sift_down(shares: col.Ints, size: int) -> None:
    """Move the root of the heap of turns, by key and then by number, to its place."""
    key, k = shares[0, blk.TURN_KEY], shares[0, blk.TURN_OF]
    i, child = 0, 1
    while child < size:
        if child + 1 < size and _goes_before(
            shares, child + 1, shares[child, blk.TURN_KEY], shares[child, blk.TURN_OF]
        ):
            child += 1
        if not _goes_before(shares, child, key, k):
            break
        shares[i, blk.TURN_KEY], shares[i, blk.TURN_OF] = shares[child, blk.TURN_KEY], shares[child, blk.TURN_OF]
        i = child
        child = 2 * i + 1
    shares[i, blk.TURN_KEY], shares[i, blk.TURN_OF] = key, k


@lean
def _goes_before(shares: col.Ints, i: int, key: int, k: int) -> bool:
    """True if place i of the heap goes before tenant k with this key."""
    own = shares[i, blk.TURN_KEY]
    return own < key or (own == key and shares[i, blk.TURN_OF] < k)


@lean
def _take_turn(s: BlockState, r: int, k: int) -> None:
    """Put tenant k into the heap of turns."""
    shares, i, key = s.shares[r], s.slots[r, blk.TURNS], _counter(s, r, k)
    s.slots[r, blk.TURNS] = i + 1
    shares[k, blk.HAS_TURN] = 1
    while i > 0 and not _goes_before(shares, (i - 1) >> 1, key, k):
        parent = (i - 1) >> 1
        shares[i, blk.TURN_KEY], shares[i, blk.TURN_OF] = shares[parent, blk.TURN_KEY], shares[parent, blk.TURN_OF]
        i = parent
    shares[i, blk.TURN_KEY], shares[i, blk.TURN_OF] = key, k


@lean
def _lowest(s: BlockState, r: int) -> int:
    """The tenant with the lowest counter of those of whom requests wait, the first of equals; NIL = none waits.

    Keys of the heap are counters as they once were. They only grow, so that the root with its counter of now is the
    lowest of all; one of which none waits is left out where it comes up.
    """
    shares, slot = s.shares[r], s.slots[r]
    while slot[blk.TURNS] > 0:
        k = shares[0, blk.TURN_OF]
        counter = _counter(s, r, k)
        if shares[k, blk.WAITING_OF] == 0:
            size = slot[blk.TURNS] - 1
            slot[blk.TURNS] = size
            shares[k, blk.HAS_TURN] = 0
            shares[0, blk.TURN_KEY], shares[0, blk.TURN_OF] = shares[size, blk.TURN_KEY], shares[size, blk.TURN_OF]
        elif counter == shares[0, blk.TURN_KEY]:
            return k
        else:
            shares[0, blk.TURN_KEY] = counter
        _sift_down(shares, slot[blk.TURNS])
    return NIL


@lean
def join_tenant(s: BlockState, r: int, x: int) -> None:
    """Request x joins those of its tenant that wait: before all if it is the first of the queue, else as the last."""
    if s.rules[blk.BY_TENANT]:
        nodes, k = s.nodes, s.nodes[x, blk.TENANT]
        share = s.shares[r, k]
        nodes[x, blk.PREV_OF_TENANT] = nodes[x, blk.NEXT_OF_TENANT] = NIL
        if share[blk.WAITING_OF] == 0:
            share[blk.FIRST_OF] = share[blk.LAST_OF] = x
            s.slots[r, blk.WAITING_TENANTS] += 1
            if share[blk.HAS_TURN] == 0:
                _take_turn(s, r, k)
        elif x == s.replicas[r, col.WAIT_HEAD]:
            nodes[x, blk.NEXT_OF_TENANT] = share[blk.FIRST_OF]
            nodes[share[blk.FIRST_OF], blk.PREV_OF_TENANT] = x
            share[blk.FIRST_OF] = x
        else:
            nodes[x, blk.PREV_OF_TENANT] = share[blk.LAST_OF]
            nodes[share[blk.LAST_OF], blk.NEXT_OF_TENANT] = x
            share[blk.LAST_OF] = x
        share[blk.WAITING_OF] += 1


@lean
def leave_tenant(s: BlockState, r: int, x: int) -> None:
    """Request x leaves those of its tenant that wait."""
    if s.rules[blk.BY_TENANT]:
        nodes, share = s.nodes, s.shares[r, s.nodes[x, blk.TENANT]]
        before, after = nodes[x, blk.PREV_OF_TENANT], nodes[x, blk.NEXT_OF_TENANT]
        if before == NIL:
            share[blk.FIRST_OF] = after
        else:
            nodes[before, blk.NEXT_OF_TENANT] = after
        if after == NIL:
            share[blk.LAST_OF] = before
        else:
            nodes[after, blk.PREV_OF_TENANT] = before
        share[blk.WAITING_OF] -= 1
        if share[blk.WAITING_OF] == 0:
            s.slots[r, blk.WAITING_TENANTS] -= 1


@lean
def change_decoding(s: BlockState, r: int, x: int, change: int) -> None:
    """Request x joins or leaves those of its tenant that decode."""
    if s.rules[blk.BY_TENANT]:
        k = s.nodes[x, blk.TENANT]
        _settle(s, r, k)
        s.shares[r, k, blk.DECODING_OF] += change


@lean
def charge_token(s: BlockState, r: int, x: int) -> None:
    """A prefill has brought the next token of request x."""
    if s.rules[blk.BY_TENANT]:
        tenant = s.nodes[x, blk.TENANT]
        s.shares[r, tenant, blk.COUNTER] += OUTPUT_COST * s.prices[tenant]


@lean
def charge_prompt(s: BlockState, r: int, x: int) -> None:
    """Request x leaves the queue of replica r, for the first time unless its first hit is known."""
    if s.rules[blk.BY_TENANT]:
        tenant = s.nodes[x, blk.TENANT]
        s.slots[r, blk.LAST_ADMITTED] = tenant
        if s.nodes[x, blk.CACHED] == NIL:
            s.shares[r, tenant, blk.COUNTER] += s.nodes[x, col.PROMPT] * s.prices[tenant]


@lean
def charge_steps(s: BlockState, r: int, steps: int) -> None:
    """The first decode steps of a run have ended, so many in all; those before are paid. Counters are brought up to
    date where they are read.
    """
    new = steps - s.slots[r, blk.CHARGED]
    if new > 0:
        s.slots[r, blk.CHARGED] = steps
        s.slots[r, blk.PAID] += new


@lean
def lift(s: BlockState, r: int, x: int) -> None:
    """Before request x joins the queue of replica r: its tenant is lifted, where none of its requests waits."""
    tenant = s.nodes[x, blk.TENANT]
    if s.shares[r, tenant, blk.WAITING_OF] > 0:
        return
    k = _lowest(s, r)
    lowest = _counter(s, r, s.slots[r, blk.LAST_ADMITTED] if k == NIL else k)
    _settle(s, r, tenant)
    s.shares[r, tenant, blk.COUNTER] = max(s.shares[r, tenant, blk.COUNTER], lowest)


@lean
def several_wait(s: BlockState, r: int) -> bool:
    """True if requests of two or more tenants wait, so that turns change from step to step."""
    return s.slots[r, blk.WAITING_TENANTS] > 1


@lean
def next_in_turn(s: BlockState, r: int) -> int:
    """The request to admit next: the first of the tenant with the lowest counter; NIL = none waits."""
    k = _lowest(s, r)
    return NIL if k == NIL else s.shares[r, k, blk.FIRST_OF]


@lean
def move_to_running(s: BlockState, r: int, x: int) -> None:
    """Request x, which waits, becomes the last of those that run."""
    rep, nodes = s.replicas[r], s.nodes
    head, before, after = rep[col.WAIT_HEAD], nodes[x, col.PREV], nodes[x, col.NEXT]
    if x == head:
        rep[col.WAIT_HEAD] = after
        return
    nodes[before, col.NEXT] = after
    if after == NIL:
        rep[col.TAIL] = before
    else:
        nodes[after, col.PREV] = before
    put_before(s.replicas[r], s.nodes, x, head)
