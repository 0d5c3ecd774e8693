"""The arrays of a closed loop of clients."""

from typing import NamedTuple

from simcost.sim.serving.engine import layout as col

# Counters of `totals`. COUNT: entries of the heap; READ: rows read; ALLOWED: clients there may be; HEAD, FREE: the
# queue of clients who may send; FINISHED: the boundary at which all that ends has ended.
COUNT, READ, ALLOWED, HEAD, FREE, FINISHED = range(6)
TOTALS = 6
# Columns of `heap`: when, and what: a kind, and the stage or client that it concerns.
TIME, KIND, WHO = range(3)
STAGE, PATIENCE, FREED = range(3)
# Columns of `clients`. OPEN: number of the request without an end, NIL = none; WATCHED: its patience is in the heap.
OPEN, SENT, THINK, WATCHED, PARKED = range(5)
CLIENT = 5


class ClosedLoop(NamedTuple):
    """Clients who wait for the end of their requests; the driver owns the arrays."""

    totals: col.Ints
    stages: col.Ints
    """[stage, (time, clients)]"""
    heap: col.Ints
    """[entry, (TIME, KIND, WHO)] what comes, a heap by time, kind, stage or client."""
    clients: col.Ints
    """[client, CLIENT]"""
    free: col.Ints
    """[place, (client, since)] a ring of clients who may send, as long as there are clients."""
    backoff: col.Ints
    """[0] the least ticks between a request that is turned away and the next."""
