"""Clients who give up while their requests are at a replica."""

from simcost.sim.compiled import inlined, lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.decode_heap import stop_running
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import unlink


@inlined
def note_order(rep: col.Ints, node: col.Ints) -> None:
    """A request comes to a replica: while one is there that arrived before an earlier comer, the list is not by age."""
    node[col.OVERTAKEN] = node[col.ARRIVAL] < rep[col.LATEST]
    rep[col.OUT_OF_ORDER] += node[col.OVERTAKEN]
    rep[col.LATEST] = max(rep[col.LATEST], node[col.ARRIVAL])


@lean
def _drop_late(s: State, r: int, t: int) -> None:
    """Drop the requests whose clients have given up: they are the oldest, at the head of the list."""
    rep, nodes = s.replicas[r], s.nodes
    x = rep[col.HEAD]
    while x != NIL and t - nodes[x, col.ARRIVAL] >= s.parameters[col.TIMEOUT]:
        after = nodes[x, col.NEXT]
        if x == rep[col.WAIT_HEAD]:
            rep[col.WAIT_HEAD] = after
            rep[col.WAITING] -= 1
        else:
            stop_running(s, r, x)
        unlink(s, r, x, col.IS_TIMED_OUT)
        x = after


@lean
def _drop_all_late(s: State, r: int, t: int) -> None:
    """The same where the list is not by age: requests came back from another replica, or overtook others."""
    rep, nodes = s.replicas[r], s.nodes
    waiting = False
    x = rep[col.HEAD]
    while x != NIL:
        after = nodes[x, col.NEXT]
        waiting = waiting or x == rep[col.WAIT_HEAD]
        if t - nodes[x, col.ARRIVAL] >= s.parameters[col.TIMEOUT]:
            if waiting:
                rep[col.WAITING] -= 1
                if x == rep[col.WAIT_HEAD]:
                    rep[col.WAIT_HEAD] = after
            else:
                partial = x == rep[col.PREFILLING]
                stop_running(s, r, x)
                if partial and after != rep[col.WAIT_HEAD]:
                    rep[col.PREFILLING] = after
            unlink(s, r, x, col.IS_TIMED_OUT)
        x = after


@lean
def patience_of(s: State, r: int) -> int:
    """Time at which the first client of replica r gives up."""
    rep, nodes = s.replicas[r], s.nodes
    oldest = nodes[rep[col.HEAD], col.ARRIVAL]
    if rep[col.OUT_OF_ORDER] > 0 and s.parameters[col.TIMEOUT] < NEVER:
        x = rep[col.HEAD]
        while x != NIL:
            oldest = min(oldest, nodes[x, col.ARRIVAL])
            x = nodes[x, col.NEXT]
    return oldest + s.parameters[col.TIMEOUT]


@inlined
def drop_late(s: State, r: int, t: int) -> None:
    """Drop the requests of replica r whose clients have given up by t."""
    rep, timeout = s.replicas[r], s.parameters[col.TIMEOUT]
    head = rep[col.HEAD]
    if head != NIL and timeout < NEVER:
        if rep[col.OUT_OF_ORDER] > 0:
            _drop_all_late(s, r, t)
        elif t - s.nodes[head, col.ARRIVAL] >= timeout:
            _drop_late(s, r, t)
