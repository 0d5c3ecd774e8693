"""The list of the requests of a replica: a request put into it at any place."""

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NIL


@lean
def put_before(rep: col.Ints, nodes: col.Ints, x: int, after: int) -> None:
    """Put request x into the list of a replica before request `after`; NIL = at its end."""
    before = rep[col.TAIL] if after == NIL else nodes[after, col.PREV]
    nodes[x, col.PREV] = before
    nodes[x, col.NEXT] = after
    if before == NIL:
        rep[col.HEAD] = x
    else:
        nodes[before, col.NEXT] = x
    if after == NIL:
        rep[col.TAIL] = x
    else:
        nodes[after, col.PREV] = x
