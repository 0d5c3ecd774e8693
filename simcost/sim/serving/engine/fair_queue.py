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
def change_waiting(s: BlockState, r: int, x: int, change: int) -> None:
    """Request x joins those of its tenant that wait, before all or as the last, or leaves them; then it is still in the
    list.
    """
    if s.rules[blk.BY_TENANT]:
        nodes, share = s.nodes, s.shares[r, s.nodes[x, blk.TENANT]]
        share[blk.WAITING_OF] += change
        if change > 0 and (share[blk.WAITING_OF] == 1 or x == s.replicas[r, col.WAIT_HEAD]):
            share[blk.FIRST_OF] = x
        elif change < 0 and x == share[blk.FIRST_OF] and share[blk.WAITING_OF] > 0:
            y = nodes[x, col.NEXT]
            while nodes[y, blk.TENANT] != nodes[x, blk.TENANT]:
                y = nodes[y, col.NEXT]
            share[blk.FIRST_OF] = y


@lean
def change_decoding(s: BlockState, r: int, x: int, change: int) -> None:
    """Request x joins or leaves those of its tenant that decode."""
    if s.rules[blk.BY_TENANT]:
        s.shares[r, s.nodes[x, blk.TENANT], blk.DECODING_OF] += change


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
    """The first decode steps of a run have ended, so many in all; those before are paid."""
    new = steps - s.slots[r, blk.CHARGED]
    if new > 0:
        s.slots[r, blk.CHARGED] = steps
        for k in range(len(s.prices)):
            s.shares[r, k, blk.COUNTER] += OUTPUT_COST * s.prices[k] * new * s.shares[r, k, blk.DECODING_OF]


@lean
def lift(s: BlockState, r: int, x: int) -> None:
    """Before request x joins the queue of replica r: its tenant is lifted, where none of its requests waits."""
    shares, tenant = s.shares[r], s.nodes[x, blk.TENANT]
    if shares[tenant, blk.WAITING_OF] > 0:
        return
    lowest = NIL
    for k in range(len(s.prices)):
        if shares[k, blk.WAITING_OF] > 0 and (lowest == NIL or shares[k, blk.COUNTER] < lowest):
            lowest = shares[k, blk.COUNTER]
    if lowest == NIL:
        lowest = shares[s.slots[r, blk.LAST_ADMITTED], blk.COUNTER]
    shares[tenant, blk.COUNTER] = max(shares[tenant, blk.COUNTER], lowest)


@lean
def several_wait(s: BlockState, r: int) -> bool:
    """True if requests of two or more tenants wait, so that turns change from step to step."""
    waiting = 0
    for k in range(len(s.prices)):
        waiting += s.shares[r, k, blk.WAITING_OF] > 0
    return waiting > 1


@lean
def next_in_turn(s: BlockState, r: int) -> int:
    """The request to admit next: the first of the tenant with the lowest counter; NIL = none waits."""
    shares, best = s.shares[r], NIL
    for k in range(len(s.prices)):
        if shares[k, blk.WAITING_OF] > 0 and (best == NIL or shares[k, blk.COUNTER] < shares[best, blk.COUNTER]):
            best = k
    return NIL if best == NIL else shares[best, blk.FIRST_OF]


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
