"""Requests as clients see them: sent, sent again where they fail, answered or given up.

To the engine each sending is a request of its own, numbered in the order of arrival. The open ones stand in a ring by
that number, which is also the order in which their clients lose patience; those that will be sent again in a heap by
time. The outcome of a sending is read from the rows that the engine writes.
"""

import numpy as np

from simcost.sim.compiled import lean
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import priority_queues
from simcost.sim.serving.engine.client_state import Clients
from simcost.sim.serving.engine.decode_heap import splitmix64
from simcost.sim.serving.engine.layout import NEVER, NIL, State
from simcost.sim.serving.engine.outcomes import count, never_fits
from simcost.sim.serving.engine.priority_queues import band_of
from simcost.sim.serving.engine.rate_limits import count_end

ONE = 1 << 20
"""A retry in the bucket of the budget."""

# Rules: sendings at most; after which status (layout.IS_*) one follows; what a request adds to the bucket, NIL = no
# budget; what it holds at most. Of the gateway: how long a request may wait, whether negative priorities are shed or
# deferred while the pool is saturated.
ATTEMPTS, ON, GAIN, BURST, MOST_WAIT, SHEDS, DEFERS = 0, 1, 5, 6, 7, 8, 9
RULES = 10
# Counters of `totals`: the ring, the heap, the bucket; requests, and what became of them by status; retries sent,
# retries that the budget refused; rows to collect.
(
    FIRST_SERIAL,
    RING_HEAD,
    RING_COUNT,
    HEAP_COUNT,
    SEQUENCE,
    BUCKET,
    REQUESTS,
    ENDED,
    RETRIED,
    REFUSED,
    OUT,
) = (0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13)
TOTALS = 14
# Columns of a request, in the ring and in the heap. SINCE: when it was sent, or when it is sent again; ORDER: whether
# it is open; or the order of equal times.
SINCE, ORDER, ASKED, ATTEMPT, PROMPT, OUTPUT, SESSION, PRIORITY, PREFIX, NUMBER, TENANT, ADAPTER = range(12)
REQUEST = 12


@lean
def has_room(s: State, c: Clients) -> bool:
    """True if all that may end before the next look fits."""
    totals, mine = s.totals, c.totals
    ending = totals[col.ROWS] + 2
    return (
        len(s.rows) > totals[col.ROWS] + totals[col.IN_SYSTEM] + 1
        and mine[RING_COUNT] < len(c.ring)
        and mine[HEAP_COUNT] + ending < len(c.heap)
        and (len(c.rows) == 0 or mine[OUT] + ending + totals[col.IN_SYSTEM] < len(c.rows))
    )


@lean
def _earlier(one: col.Ints, other: col.Ints) -> bool:
    return one[SINCE] < other[SINCE] or (one[SINCE] == other[SINCE] and one[ORDER] < other[ORDER])


@lean
def _push(c: Clients, asked: col.Ints, due: int) -> None:
    """The request is sent again at `due`."""
    mine, heap = c.totals, c.heap
    i = mine[HEAP_COUNT]
    _copy(asked, heap[i])
    heap[i, SINCE] = due
    heap[i, ORDER] = mine[SEQUENCE]
    mine[SEQUENCE] += 1
    mine[HEAP_COUNT] += 1
    while i > 0 and _earlier(heap[i], heap[(i - 1) >> 1]):
        _swap(heap, i, (i - 1) >> 1)
        i = (i - 1) >> 1


@lean
def _copy(asked: col.Ints, place: col.Ints) -> None:
    for k in range(REQUEST):
        place[k] = asked[k]


@lean
def _swap(heap: col.Ints, i: int, j: int) -> None:
    for k in range(REQUEST):
        heap[i, k], heap[j, k] = heap[j, k], heap[i, k]


@lean
def _pop(c: Clients) -> None:
    """Take the first out of the heap."""
    mine, heap = c.totals, c.heap
    mine[HEAP_COUNT] -= 1
    size, i = mine[HEAP_COUNT], 0
    _copy(heap[size], heap[0])
    while True:
        least = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < size and _earlier(heap[child], heap[least]):
                least = child
        if least == i:
            return
        _swap(heap, i, least)
        i = least


@lean
def _place(c: Clients, k: int) -> int:
    """Of the k-th sending from the oldest open one on."""
    return (c.totals[RING_HEAD] + k) & (len(c.ring) - 1)


@lean
def _close(c: Clients, one: col.Ints, tokens: int) -> None:
    """The sending has ended, with so many tokens where it was answered; the ring begins at the first that has not."""
    mine = c.totals
    count_end(c.limits, one[TENANT], tokens)
    one[ORDER] = 0
    while mine[RING_COUNT] > 0 and c.ring[mine[RING_HEAD], ORDER] == 0:
        mine[RING_HEAD] = (mine[RING_HEAD] + 1) & (len(c.ring) - 1)
        mine[FIRST_SERIAL] += 1
        mine[RING_COUNT] -= 1


@lean
def _open(s: State, c: Clients, t: int) -> int:
    """A place for the next sending, that the engine will give its next number."""
    mine = c.totals
    if mine[RING_COUNT] == 0:
        mine[FIRST_SERIAL] = s.totals[col.ARRIVED]
    place = _place(c, mine[RING_COUNT])
    mine[RING_COUNT] += 1
    c.ring[place, SINCE] = t
    c.ring[place, ORDER] = 1
    return place


@lean
def ask(
    s: State,
    c: Clients,
    t: int,
    prompt: int,
    output: int,
    session: int,
    priority: int,
    prefix: int,
    tenant: int,
    adapter: int,
) -> None:
    """A request is sent for the first time."""
    mine, one = c.totals, c.ring[_open(s, c, t)]
    one[ASKED] = t
    one[ATTEMPT] = 1
    one[PROMPT] = prompt
    one[OUTPUT] = output
    one[SESSION] = session
    one[PRIORITY] = priority
    one[PREFIX] = prefix
    one[NUMBER] = mine[REQUESTS]
    one[TENANT] = tenant
    one[ADAPTER] = adapter
    mine[REQUESTS] += 1
    counts = c.windows[t // s.parameters[col.WINDOW]]
    counts[col.W_ARRIVED] += 1
    counts[col.W_TOO_LONG] += never_fits(s, prompt, output)
    c.bands[band_of(c, priority), priority_queues.ARRIVED] += 1
    if c.rules[GAIN] != NIL:
        mine[BUCKET] = min(mine[BUCKET] + c.rules[GAIN], c.rules[BURST])


@lean
def ask_again(s: State, c: Clients) -> None:
    """The first of the heap is sent again, when it is due."""
    one = c.ring[_open(s, c, c.heap[0, SINCE])]
    for k in range(ASKED, REQUEST):
        one[k] = c.heap[0, k]
    one[ATTEMPT] += 1
    c.totals[RETRIED] += 1
    _pop(c)


@lean
def newest(c: Clients) -> int:
    """The place of the newest sending."""
    return _place(c, c.totals[RING_COUNT] - 1)


@lean
def next_retry(c: Clients) -> int:
    """Time at which a request is sent again."""
    return c.heap[0, SINCE] if c.totals[HEAP_COUNT] > 0 else NEVER


@lean
def next_to_give_up(s: State, c: Clients) -> int:
    """Just after the client of the oldest open sending has lost patience: an answer at that instant is in time."""
    if c.totals[RING_COUNT] == 0 or s.parameters[col.TIMEOUT] >= NEVER:
        return NEVER
    return c.ring[c.totals[RING_HEAD], SINCE] + s.parameters[col.TIMEOUT] + 1


@lean
def lose_patience(s: State, c: Clients, serial: int) -> None:
    """The client gives up on the oldest open sending, if that is still the one of this number."""
    if c.totals[RING_COUNT] == 0 or c.totals[FIRST_SERIAL] != serial:
        return
    one = c.ring[c.totals[RING_HEAD]]
    _fail(s, c, one, one[SINCE] + s.parameters[col.TIMEOUT], col.IS_TIMED_OUT, NIL, 0)


@lean
def read_rows(s: State, c: Clients) -> None:
    """Read what the engine reports of sendings since the last call. Of patience clients know by themselves."""
    for i in range(s.totals[col.ROWS]):
        row = s.rows[i]
        k, status = row[col.R_REQUEST] - c.totals[FIRST_SERIAL], row[col.R_STATUS]
        if k < 0 or k >= c.totals[RING_COUNT] or status == col.IS_TIMED_OUT:
            continue
        one = c.ring[_place(c, k)]
        if one[ORDER] == 0:
            continue
        if status == col.IS_COMPLETED:
            _conclude(s, c, one, row[col.R_END], status, row[col.R_FIRST], row[col.R_EVICTED])
            _close(c, one, one[PROMPT] + one[OUTPUT])
        else:
            _fail(s, c, one, row[col.R_END], status, row[col.R_FIRST], row[col.R_EVICTED])
    s.totals[col.ROWS] = 0


@lean
def _fail(s: State, c: Clients, one: col.Ints, t: int, status: int, first: int, evicted: int) -> None:
    """A sending failed at t: another follows, or the request is given up."""
    attempt = one[ATTEMPT]
    again = c.rules[ON + status] == 1 and attempt < c.rules[ATTEMPTS] and not never_fits(s, one[PROMPT], one[OUTPUT])
    if again and c.rules[GAIN] != NIL:
        if c.totals[BUCKET] >= ONE:
            c.totals[BUCKET] -= ONE
        else:
            c.totals[REFUSED] += 1
            again = False
    if again:
        draw = splitmix64(splitmix64(one[NUMBER] ^ s.parameters[col.SALT]) ^ np.uint64(attempt << 32))
        wait = c.delays[attempt - 1]
        wait -= np.int64(np.float64(draw >> np.uint64(11)) * 2.0**-53 * c.jitter[0] * wait)
        _push(c, one, t + (max(wait, 1) if status == col.IS_TIMED_OUT else wait))
    else:
        _conclude(s, c, one, t, status, first, evicted)
    _close(c, one, 0)


@lean
def _conclude(s: State, c: Clients, one: col.Ints, t: int, status: int, first: int, evicted: int) -> None:
    """Count how a request ended, from its first arrival on."""
    window = one[ASKED] // s.parameters[col.WINDOW]
    counts, tick_s = c.windows[window], s.limits[col.TICK_S]
    band = c.bands[band_of(c, one[PRIORITY])]
    c.totals[ENDED + status] += 1
    band[priority_queues.ENDED + status] += 1
    if len(c.rows) > 0:
        _write_row(c, one, t, status, first, evicted)
    if status == col.IS_REJECTED:
        counts[col.W_REJECTED] += 1
    elif status == col.IS_TIMED_OUT:
        counts[col.W_TIMED_OUT] += 1
    elif status == col.IS_LOST:
        counts[col.W_LOST] += 1
    else:
        counts[col.W_COMPLETED] += 1
        counts[col.W_PROMPT] += one[PROMPT]
        counts[col.W_OUTPUT] += one[OUTPUT]
        ttft, e2e = (first - one[ASKED]) * tick_s, (t - one[ASKED]) * tick_s
        count(c.histograms, window, 0, ttft)
        count(c.histograms, window, 2, e2e)
        good = ttft <= s.limits[col.TTFT] and e2e <= s.limits[col.E2E]
        if one[OUTPUT] > 1:
            tpot = (t - first) / (one[OUTPUT] - 1) * tick_s
            count(c.histograms, window, 1, tpot)
            good = good and tpot <= s.limits[col.TPOT]
        counts[col.W_GOOD] += good
        band[priority_queues.GOOD] += good


@lean
def _write_row(c: Clients, one: col.Ints, t: int, status: int, first: int, evicted: int) -> None:
    row = c.rows[c.totals[OUT]]
    row[col.R_REQUEST] = one[NUMBER]
    row[col.R_ARRIVAL] = one[ASKED]
    row[col.R_STATUS] = status
    row[col.R_PROMPT] = one[PROMPT]
    row[col.R_OUTPUT] = one[OUTPUT]
    row[col.R_FIRST] = first
    row[col.R_END] = t
    row[col.R_EVICTED] = evicted
    row[col.R_RETRIES] = one[ATTEMPT] - 1
    row[col.R_SESSION] = one[SESSION]
    c.totals[OUT] += 1
