"""Choice of the replica of a request; the signals that routers have, and their age. Policies: `plan.routing`."""

import numpy as np

from simcost.sim.compiled import lean, written_in
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.boundaries import adapter_affinity, catch_up, catch_up_all, tell_adapters
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.kinds import are_unlike, fits, row_of
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.pool_routing import choose_among_kinds
from simcost.sim.serving.engine.step import tokens_in_run

_SLOTS = (1 << col.SLOT_BITS) - 1
# `code` of the routers in plan/routing.
_LEAST_OUTSTANDING, _POWER_OF_TWO, _VLLM, _LOWEST_RATE, _SESSION, RAY, _PICKER = range(1, 8)


@lean
def least_loaded(s: State, draw: np.uint64) -> int:
    """The first slot of least load in cyclic order from a hashed start."""
    load, slots = s.load, s.totals[col.SLOTS]
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


@lean
def two_sampled(s: State, draw: np.uint64, base: int, count: int) -> tuple[int, int]:
    """Two distinct slots out of at least two."""
    i = np.int64((draw & np.uint64(0xFFFFFFFF)) % np.uint64(count))
    j = np.int64((draw >> np.uint64(32)) % np.uint64(count - 1))
    return s.routable[base + i], s.routable[base + j + (j >= i)]


@lean
def next_turn(s: State, base: int, count: int) -> int:
    """One slot after the other."""
    r = s.routable[base + s.totals[col.TURN] % count]
    s.totals[col.TURN] += 1
    return r


@lean
def _forget_sent(s: State, until: int) -> None:
    """Requests sent at or before `until` are recent no longer."""
    totals, memory = s.totals, s.memory
    while totals[col.SENT_COUNT] > 0 and memory[totals[col.SENT_HEAD], 0] <= until:
        owner = memory[totals[col.SENT_HEAD], 1]
        rep = s.replicas[owner & _SLOTS]
        rep[col.RECENT] -= rep[col.OWNER] == owner
        totals[col.SENT_HEAD] = (totals[col.SENT_HEAD] + 1) & (len(memory) - 1)
        totals[col.SENT_COUNT] -= 1


@lean
def _remember_sent(s: State, r: int, t: int) -> None:
    totals, entry = s.totals, (s.totals[col.SENT_HEAD] + s.totals[col.SENT_COUNT]) & (len(s.memory) - 1)
    s.memory[entry, 0] = t
    s.memory[entry, 1] = s.replicas[r, col.OWNER]
    s.replicas[r, col.RECENT] += 1
    totals[col.SENT_COUNT] += 1


@lean
def _tell_router(s: State, t: int) -> None:
    """The router learns how the replicas are at t, before what happens at t."""
    p, rates = s.parameters, s.parameters[col.RATE_WINDOW] > 0
    s.totals[col.SNAPSHOT] = t
    if rates:
        _forget_sent(s, t - p[col.RATE_WINDOW])
    else:
        catch_up_all(s, t)
    for r in range(s.totals[col.SLOTS]):
        rep = s.replicas[r]
        rep[col.SEEN_AT] = t + 1
        if rates:
            rep[col.SEEN_LOAD] = rep[col.RECENT] + 1 if rep[col.JOINED] > 0 else 0
        else:
            rep[col.SEEN_WAITING], rep[col.SEEN_RUNNING] = rep[col.WAITING], rep[col.RUNNING]
            rep[col.SEEN_KV] = rep[col.KV] + rep[col.RESERVED] + tokens_in_run(s, r, t)
            tell_adapters(s, r)


@lean
def tell_router_if_due(s: State, t: int) -> None:
    """Signals come at the multiples of the refresh; the state is that of the last of them, t included."""
    every = s.parameters[col.REFRESH]
    due = t if every <= 0 else t // every * every
    if every == 0 or (every > 0 and due > s.totals[col.SNAPSHOT]):
        _tell_router(s, due)


@lean
def tell_router_on_time(s: State, t: int) -> None:
    """The same for a router that is told at set times, whether a request comes or not."""
    if s.parameters[col.REFRESH] > 0:
        tell_router_if_due(s, t)


@lean
def _next_change(s: State) -> int:
    """Just after the earliest boundary of the replicas that take requests."""
    earliest = NEVER
    for i in range(s.totals[col.ROUTABLE]):
        earliest = min(earliest, s.next_event[s.routable[i]])
    return earliest + 1


@lean
def next_signals(s: State, t: int) -> int:
    """The time after t at which the router next knows more."""
    every = s.parameters[col.REFRESH]
    return _next_change(s) if every == 0 else (t // every + 1) * every


@lean
def is_saturated(s: State) -> bool:
    """llm-d's detector: the mean over replicas of queue and KV share against thresholds; unseen ones count 1."""
    count, total = s.totals[col.ROUTABLE], 0.0
    for i in range(count):
        rep = s.replicas[s.routable[i]]
        queue = rep[col.SEEN_WAITING] / s.limits[col.SATURATED_QUEUE]
        kv = rep[col.SEEN_KV] / s.engines[row_of(s.kind, s.routable[i]), col.CAPACITY] / s.limits[col.SATURATED_KV]
        total += max(queue, kv) if rep[col.SEEN_AT] > 0 else 1.0
    return total / count >= 1.0


@lean
def _gather_open(s: State, x: int, base: int) -> int:
    """List the slots with room for request x from `base` on; return their number."""
    count, tokens = 0, s.nodes[x, col.PROMPT] + s.nodes[x, col.OUTPUT]
    for i in range(s.totals[col.ROUTABLE]):
        r = s.routable[i]
        if s.load[r] < s.parameters[col.MAX_ONGOING] and fits(s.kind, s.engines, r, tokens):
            s.routable[base + count] = r
            count += 1
    return count


@lean
def _can_hold(s: State, x: int) -> bool:
    """True if a replica that takes requests could ever hold request x."""
    tokens = s.nodes[x, col.PROMPT] + s.nodes[x, col.OUTPUT]
    found = False
    for i in range(s.totals[col.ROUTABLE]):
        found = found or fits(s.kind, s.engines, s.routable[i], tokens)
    return found


@lean
def _lowest(s: State, router: int, draw: np.uint64, base: int, count: int) -> int:
    """VLLM data parallel and lowest rate: the first slot of least signal in cyclic order from a hashed start."""
    best, least = NIL, NEVER
    start = np.int64(draw % np.uint64(count))
    for i in range(count):
        r = s.routable[base + (start + i) % count]
        rep = s.replicas[r]
        signal = 4 * rep[col.SEEN_WAITING] + rep[col.SEEN_RUNNING] if router == _VLLM else rep[col.SEEN_LOAD]
        if signal < least:
            best, least = r, signal
    return best


@lean
def _by_session(s: State, session: int, base: int, count: int) -> int:
    """Rendezvous hashing: the slot with the highest hash of session and slot."""
    best, most = s.routable[base], np.uint64(0)
    point = splitmix64(session ^ s.parameters[col.SALT])
    for i in range(count):
        r = s.routable[base + i]
        weight = splitmix64(point ^ np.uint64(r))
        if weight > most:
            best, most = r, weight
    return best


@lean
def _ask(s: State, r: int, t: int) -> None:
    """The router asks replica r for the length of its queue."""
    catch_up(s, r, t)
    s.replicas[r, col.SEEN_LOAD] = s.load[r]
    s.replicas[r, col.SEEN_AT] = t + 1


@lean
def _cached_queue(s: State, r: int, t: int) -> int:
    """The length of the queue of r that the router remembers; NEVER if too old, or full."""
    rep, p = s.replicas[r], s.parameters
    known = rep[col.SEEN_AT] > 0 and t + 1 - rep[col.SEEN_AT] < p[col.QUEUE_CACHE]
    return rep[col.SEEN_LOAD] if known and rep[col.SEEN_LOAD] < p[col.QUEUE_LIMIT] else NEVER


@written_in
def _ray(s: State, t: int, base: int, count: int) -> int:
    """Ray's power of two: by remembered queues where one of them has room, else by asking both; NIL = both full.

    A replica that turns out full says so, and two others are drawn.
    """
    limit = s.parameters[col.QUEUE_LIMIT]
    while True:
        draw = splitmix64(s.totals[col.TURN] ^ s.parameters[col.SALT])
        s.totals[col.TURN] += 1
        one, other = two_sampled(s, draw, base, count) if count > 1 else (s.routable[base], s.routable[base])
        first, second = _cached_queue(s, one, t), _cached_queue(s, other, t)
        if first == NEVER:
            _ask(s, one, t)
        if second == NEVER:
            _ask(s, other, t)
        if first == NEVER and second == NEVER:
            first, second = s.replicas[one, col.SEEN_LOAD], s.replicas[other, col.SEEN_LOAD]
        r = one if first <= second else other
        if min(first, second) >= limit:
            return NIL
        _ask(s, r, t)
        if s.load[r] < limit:
            s.replicas[r, col.SEEN_LOAD] += 1  # accepted, and said so
            return r


@lean
def _falling(value: int, low: int, high: int) -> float:
    return (high - value) / (high - low) if high > low else 1.0


@lean
def _extremes(s: State, base: int, count: int) -> tuple[int, int, int, int, int]:
    """Least and most waiting, least and most running, most under way."""
    waits, waits_most, runs, runs_most, most = NEVER, 0, NEVER, 0, 0
    for i in range(count):
        r = s.routable[base + i]
        rep = s.replicas[r]
        waits, waits_most = min(waits, rep[col.SEEN_WAITING]), max(waits_most, rep[col.SEEN_WAITING])
        runs, runs_most = min(runs, rep[col.SEEN_RUNNING]), max(runs_most, rep[col.SEEN_RUNNING])
        most = max(most, s.load[r])
    return waits, waits_most, runs, runs_most, most


@lean
def _score(s: State, r: int, x: int, session: int, extremes: tuple[int, int, int, int, int]) -> float:
    """The weighted sum over the scorers, as `plan.routing.EndpointPicker.total`."""
    rep, numbers = s.replicas[r], s.limits
    waits, waits_most, runs, runs_most, most = extremes
    total = 0.0
    for k in range(s.parameters[col.SCORERS]):
        i = col.SCORER + k * col.SCORER_WIDTH
        kind, threshold = numbers[i], numbers[i + 2]
        score = 0.0
        if kind == col.BY_QUEUE:
            score = _falling(rep[col.SEEN_WAITING], waits, waits_most)
        elif kind == col.BY_RUNNING:
            score = _falling(rep[col.SEEN_RUNNING], runs, runs_most)
        elif kind == col.BY_KV:
            score = 1.0 - rep[col.SEEN_KV] / s.engines[row_of(s.kind, r), col.CAPACITY]
        elif kind == col.BY_LOAD:
            score = (1.0 - min(np.float64(rep[col.SEEN_WAITING]), threshold) / threshold) * 0.5
        elif kind == col.BY_TOKENS:
            score = 1.0 - min(np.float64(rep[col.IN_FLIGHT_TOKENS]), threshold) / threshold
        elif kind == col.BY_ACTIVE:
            most = max(most, 1)
            score = 1.0 if s.load[r] <= threshold else (most - s.load[r]) / most * numbers[i + 3]
        elif kind == col.BY_PREFIX:
            score = rep[col.SEEN_LOAD] / threshold if threshold > 0 else 0.0
        elif kind == col.BY_ADAPTER:
            score = adapter_affinity(s, r, x)
        elif session != NIL:
            score = 1.0 if s.memory[session, 1] == rep[col.OWNER] else 0.0
        total += numbers[i + 1] * min(max(score, 0.0), 1.0)
    return total


@lean
def _highest(s: State, x: int, session: int, draw: np.uint64, base: int, count: int) -> int:
    """The first slot of highest score in cyclic order from a hashed start."""
    extremes = _extremes(s, base, count)
    start = np.int64(draw % np.uint64(count))
    best, most = NIL, -1.0
    for i in range(count):
        r = s.routable[base + (start + i) % count]
        score = _score(s, r, x, session, extremes)
        if score > most:
            best, most = r, score
    return best


@lean
def _sampled_by_score(s: State, x: int, session: int, draw: np.uint64, base: int, count: int) -> int:
    """One slot with a probability in proportion to its score; any where all scores are 0."""
    extremes = _extremes(s, base, count)
    total, passed = 0.0, 0.0
    for i in range(count):
        total += _score(s, s.routable[base + i], x, session, extremes)
    point = np.float64(draw >> np.uint64(11)) * 2.0**-53 * total
    for i in range(count):
        passed += _score(s, s.routable[base + i], x, session, extremes)
        if point < passed:
            return s.routable[base + i]
    return s.routable[base + np.int64(draw % np.uint64(count))]


@written_in
def _pick(s: State, x: int, t: int, draw: np.uint64, base: int, count: int) -> int:
    """llm-d's endpoint picker."""
    p, session = s.parameters, s.nodes[x, col.SESSION] if s.parameters[col.BY_SESSION] else NIL
    if p[col.LOCAL]:
        catch_up_all(s, t)
    if p[col.PICKER] == col.RANDOM:
        r = s.routable[base + np.int64(draw % np.uint64(count))]
    elif p[col.PICKER] == col.WEIGHTED_RANDOM:
        r = _sampled_by_score(s, x, session, draw, base, count)
    else:
        r = _highest(s, x, session, draw, base, count)
    if session != NIL:
        s.memory[session, 1] = s.replicas[r, col.OWNER]
    return r


@written_in
def _choose(s: State, x: int, t: int, base: int, count: int) -> int:
    """One of the slots listed from `base` on; NIL = the router takes none of them now."""
    router, session = s.parameters[col.ROUTER], s.nodes[x, col.SESSION]
    draw = splitmix64(s.nodes[x, col.REQUEST] ^ s.parameters[col.SALT])
    among = choose_among_kinds(s.kind, s, draw, base, count)
    if among != NIL:
        return among
    if router == _LEAST_OUTSTANDING:
        return least_loaded(s, draw)
    if router == _POWER_OF_TWO and count > 1:
        one, other = two_sampled(s, draw, base, count)
        return one if s.load[one] <= s.load[other] else other
    if router == RAY:
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
        s.replicas[r, col.SEEN_WAITING] += 1  # as its client does until it is told again
        return r
    return next_turn(s, base, count)


@written_in
def route_informed(s: State, x: int, t: int) -> int:
    """As `route`, where the router has signals or a memory, or the gateway has limits; WAITS and REFUSED too."""
    p, totals, base, count = s.parameters, s.totals, 0, s.totals[col.ROUTABLE]
    tell_router_if_due(s, t)
    if p[col.SATURATION] != 0 and is_saturated(s):
        totals[col.WAKE] = next_signals(s, t)
        return col.REFUSED if p[col.SATURATION] == col.REJECT else col.WAITS
    if p[col.MAX_ONGOING] < col.CLOSED or are_unlike(s.kind):
        catch_up_all(s, t)
        base = len(s.routable) // 2
        count = _gather_open(s, x, base)
        if count == 0:
            totals[col.WAKE] = _next_change(s)
            return col.WAITS if _can_hold(s, x) else col.REFUSED
    r = _choose(s, x, t, base, count)
    if r == NIL:
        totals[col.BACKED_OFF] = min(max(2 * totals[col.BACKED_OFF], p[col.BACKOFF]), p[col.MAX_BACKOFF])
        totals[col.WAKE] = t + totals[col.BACKED_OFF]
        return col.WAITS
    totals[col.BACKED_OFF] = 0
    catch_up(s, r, t)
    return r


@lean
def route(s: State, x: int, t: int) -> int:
    """The slot that gets request x at t, brought up to date until t."""
    router, count = s.parameters[col.ROUTER], s.totals[col.ROUTABLE]
    if router == _LEAST_OUTSTANDING:
        catch_up_all(s, t)
        return least_loaded(s, splitmix64(s.nodes[x, col.REQUEST] ^ s.parameters[col.SALT]))
    if router == _POWER_OF_TWO and count > 1:
        one, other = two_sampled(s, splitmix64(s.nodes[x, col.REQUEST] ^ s.parameters[col.SALT]), 0, count)
    else:
        one = other = next_turn(s, 0, count)
    r = one
    while True:  # one place for both: `catch_up` is long, and stands wherever it is called
        catch_up(s, r, t)
        if r == other:
            break
        r = other
    return one if s.load[one] <= s.load[other] else other
