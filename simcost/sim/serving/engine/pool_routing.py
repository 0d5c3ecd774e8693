"""Choice between pools of unlike replicas: the pool first, then its replica with the fewest requests.

Policies: `plan.routing.pool_routers`. A pool takes part while one of its replicas is among those listed. Ties go to the
first slot in cyclic order from a hashed start.
"""

import numpy as np

from simcost.sim.compiled import in_two_forms, inlined
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NIL, State

# `code` of the routers in plan/routing.
_LEAST_OUTSTANDING, _WEIGHTED_RANDOM, _WEIGHTED_ROUND_ROBIN, _WEIGHTED_LEAST, _IN_ORDER = 1, 8, 9, 10, 11
_ANY = NIL
"""Of all kinds."""


@inlined
def _weight(s: State, kind: int) -> int:
    return s.engines[kind, col.WEIGHT]


@inlined
def _has_one(s: State, kind: int, base: int, count: int) -> bool:
    """True if one of the listed slots is of a kind."""
    found = False
    for i in range(count):
        found = found or s.kind[s.routable[base + i], 0] == kind
    return found


@inlined
def _least_of(s: State, kind: int, weighted: bool, draw: np.uint64, base: int, count: int) -> int:
    """The listed slot of a kind with the fewest requests; by weight that with the least (requests + 1) / weight."""
    best, load, weight = NIL, 0, 1
    start = np.int64(draw % np.uint64(count))
    for i in range(count):
        r = s.routable[base + (start + i) % count]
        own = s.kind[r, 0]
        share = _weight(s, own) if weighted else 1
        if (kind in (_ANY, own)) and share > 0 and (best == NIL or (s.load[r] + 1) * weight < load * share):
            best, load, weight = r, s.load[r] + 1, share
    return best


@inlined
def _drawn(s: State, draw: np.uint64, base: int, count: int) -> int:
    """A kind at random, by weight; NIL where none has a weight."""
    total = 0
    for kind in range(len(s.engines)):
        total += _weight(s, kind) if _has_one(s, kind, base, count) else 0
    if total == 0:
        return NIL
    point = np.int64((draw >> np.uint64(20)) % np.uint64(total))
    for kind in range(len(s.engines)):
        point -= _weight(s, kind) if _has_one(s, kind, base, count) else 0
        if point < 0:
            return kind
    return NIL


@inlined
def _in_turn(s: State, base: int, count: int) -> int:
    """The kind whose turn it is (smooth weighted round robin); NIL where none has a weight."""
    best, total = NIL, 0
    for kind in range(len(s.engines)):
        if _weight(s, kind) > 0 and _has_one(s, kind, base, count):
            total += _weight(s, kind)
            s.by_kind[kind, col.K_CREDIT] += _weight(s, kind)
            if best == NIL or s.by_kind[kind, col.K_CREDIT] > s.by_kind[best, col.K_CREDIT]:
                best = kind
    if best != NIL:
        s.by_kind[best, col.K_CREDIT] -= total
    return best


@inlined
def _first_with_room(s: State, base: int, count: int) -> int:
    """The first kind that is not saturated, by the mean over its listed slots; NIL where all are."""
    for kind in range(len(s.engines)):
        replicas, total = 0, 0.0
        for i in range(count):
            r = s.routable[base + i]
            if s.kind[r, 0] == kind:
                rep = s.replicas[r]
                queue = rep[col.SEEN_WAITING] / s.limits[col.SCORER]
                kv = rep[col.SEEN_KV] / s.engines[kind, col.CAPACITY] / s.limits[col.SCORER + 1]
                total += max(queue, kv) if rep[col.SEEN_AT] > 0 else 1.0
                replicas += 1
        if replicas > 0 and total / replicas < 1.0:
            return kind
    return NIL


def _not_among(kind: col.Ints, s: State, draw: np.uint64, base: int, count: int) -> int:
    return NIL


def _among(kind: col.Ints, s: State, draw: np.uint64, base: int, count: int) -> int:
    router, pool, weighted = s.parameters[col.ROUTER], _ANY, False
    if router == _WEIGHTED_RANDOM:
        pool = _drawn(s, draw, base, count)
    elif router == _WEIGHTED_ROUND_ROBIN:
        pool = _in_turn(s, base, count)
    elif router == _IN_ORDER:
        pool = _first_with_room(s, base, count)
    elif router == _WEIGHTED_LEAST:
        weighted = True
    elif router != _LEAST_OUTSTANDING:
        return NIL
    r = _least_of(s, pool, weighted, draw, base, count)
    return _least_of(s, _ANY, not weighted, draw, base, count) if r == NIL else r


choose_among_kinds = in_two_forms(_not_among, _among, 1)
"""The slot among those listed; NIL where the router does not know pools, or all replicas are alike."""
