"""Drivers of clients who retry, differ in priority or have limits, and of a router's prefix index: they own the state
arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.ledger.requests import Buckets
from simcost.plan.rate_limits import RateLimits
from simcost.plan.routing import EndpointPicker
from simcost.plan.routing.scorers import PrefixCache
from simcost.plan.serving import Retries
from simcost.sim.by_reference import Loop
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine import prefix_index, priority_queues, rate_limits, retries
from simcost.sim.serving.engine.client_entries import advance_clients, advance_clients_informed
from simcost.sim.serving.engine.client_state import Clients, Requests
from simcost.sim.serving.engine.layout import NEVER, NIL, Ints, State
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch

_LONGEST = (1 << prefix_index.LENGTH_BITS) - 1
_NONE = np.empty(0, np.int64)


class PrefixIndex:
    """Cached prefixes as the endpoint picker of a pool believes them; empty where it does not use them."""

    def __init__(self, pool: Pool) -> None:
        rules, capacity = np.zeros(prefix_index.RULES, np.int64), 1
        self._room = _NONE
        self._keeps_hashes = pool.prefix_cache is not None and pool.prefix_block_tokens is not None
        found = _scorer(pool)
        if found is not None and pool.prefix_block_tokens is not None:
            place, scorer = found
            block = pool.prefix_block_tokens
            capacity = max((scorer.capacity_tokens or pool.kv_capacity_tokens) // block, 1)
            rules[prefix_index.MOST] = min(max(scorer.max_blocks * scorer.block_tokens // block, 1), _LONGEST)
            rules[prefix_index.PRECISE] = scorer.precise
            rules[prefix_index.SCORER] = col.SCORER + place * col.SCORER_WIDTH
        size = 1 << (2 * capacity - 1).bit_length()
        self.state = prefix_index.Prefixes(
            rules=rules,
            totals=np.zeros(prefix_index.TOTALS, np.int64),
            store=_NONE,
            tables=np.full((1, size), NIL, np.int64),
            blocks=np.zeros((1, capacity, 3), np.int64),
            ends=_ends(1),
        )

    @property
    def asked(self) -> bool:
        """True if the router uses it."""
        return bool(self.state.rules[prefix_index.MOST])

    def hits(self) -> tuple[int, int]:
        """Blocks of prompts that were looked up, and those of them that the chosen replica had."""
        return int(self.state.totals[prefix_index.ASKED]), int(self.state.totals[prefix_index.HIT])

    def open(self, slot: int) -> None:
        """Nothing is known of the replica that is new in a slot."""
        if not self.asked:
            return
        while slot >= len(self.state.ends):
            tables, blocks = (np.concatenate([one, one]) for one in (self.state.tables, self.state.blocks))
            ends = np.concatenate([self.state.ends, _ends(len(self.state.ends))])
            tables[len(self.state.tables) :] = NIL
            self.state = self.state._replace(tables=tables, blocks=blocks, ends=ends)
        self.state.tables[slot] = NIL
        self.state.ends[slot] = _ends(1)[0]

    def take(self, batch: RequestBatch, live: Ints, cached: Callable[[int], Ints] | None) -> Ints:
        """Store the hashes of a batch, and forget those that no `live` reference needs; the references of the batch.

        `cached` moves the hashes that engines have cached to just before the place that it is called with, now and
        then, and returns them; None = they keep none.
        """
        if not (self.asked or self._keeps_hashes) or batch.prefix is None:
            return _NONE
        totals, store = self.state.totals, self.state.store
        end = int(totals[prefix_index.BASE]) + len(store)
        lengths, hashes = batch.prefix_hashes()
        if cached is None or len(store) + len(hashes) > len(self._room):
            live = live[live & _LONGEST > 0]
            oldest = min(int(live.min(initial=end << prefix_index.LENGTH_BITS)) >> prefix_index.LENGTH_BITS, end)
            moved = _NONE if cached is None else cached(oldest)
            store = np.concatenate([moved, store[oldest - int(totals[prefix_index.BASE]) :]])
            totals[prefix_index.BASE] = oldest - len(moved)
            self._room = np.concatenate([store, np.empty(len(store) + len(hashes), np.int64)])
        self._room[len(store) : len(store) + len(hashes)] = hashes
        self.state = self.state._replace(store=self._room[: len(store) + len(hashes)])
        starts = end + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return (starts << prefix_index.LENGTH_BITS) | np.minimum(lengths, _LONGEST)


def _scorer(pool: Pool) -> tuple[int, PrefixCache] | None:
    """The scorer by prefix, and its place among the scorers."""
    if isinstance(pool.router, EndpointPicker):
        for place, scorer in enumerate(pool.router.scorers):
            if isinstance(scorer.scorer, PrefixCache):
                return place, scorer.scorer
    return None


def _ends(slots: int) -> npt.NDArray[np.int64]:
    ends = np.full((slots, 3), NIL, np.int64)
    ends[:, prefix_index.COUNT] = 0
    return ends


_ENTRIES = 1 << 10
_COUNTED = {"prompt": rate_limits.PROMPT, "total": rate_limits.TOTAL, "answered": rate_limits.ANSWERED}
_ON = {"rejected": col.IS_REJECTED, "timeout": col.IS_TIMED_OUT, "lost": col.IS_LOST}


class ReturningClients:
    """The clients of one pool.

    Args:
        pool: what they do when a request fails, how long its gateway lets requests wait and which it sheds, what
            limits tenants have, and whether its router looks at prefixes.
        clock: the integer clock of the run.
        windows: number of the windows that outcomes are counted in.
        on_rows: takes rows of requests (layout.R_*) as they come; None = rows are not kept.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        windows: int,
        on_rows: Callable[[Ints], None] | None,
    ) -> None:
        policy, admission = pool.retries, pool.admission
        self._on_rows, self._retry = on_rows, policy is not None
        self._loop: Loop[tuple[int, int]] | None = None
        self.index, self._references = PrefixIndex(pool), np.empty(0, np.int64)
        self._tenants = _read_only(np.empty(0, np.int16))
        self._adapters = _read_only(np.empty(0, np.int16))
        self._knows_tenants = bool(pool.rates or pool.weights)
        rules, waits_s = _rules(policy), policy.delays_s() if policy else ()
        rules[retries.MOST_WAIT] = NEVER if admission.max_wait is None else clock.ticks(admission.max_wait)
        rules[retries.SHEDS] = admission.saturation is not None and admission.saturation.then == "shed"
        rules[retries.DEFERS] = admission.saturation is not None and admission.saturation.then == "defer"
        self.state = Clients(
            rules=rules,
            delays=np.array([clock.ticks(wait_s) for wait_s in waits_s], np.int64),
            jitter=np.array([policy.jitter if policy else 0.0]),
            totals=np.zeros(retries.TOTALS, np.int64),
            ring=np.zeros((_ENTRIES, retries.REQUEST), np.int64),
            heap=np.zeros((_ENTRIES, retries.REQUEST), np.int64),
            bands=_bands(np.zeros(1, np.int64)),
            prefixes=self.index.state,
            limits=_limits(pool.rates, clock),
            windows=np.zeros((windows, col.WINDOW_COUNTS), np.int64),
            histograms=np.zeros((windows, 3, Buckets().count), np.int32),
            rows=np.zeros((4 * _ENTRIES if on_rows else 0, col.ROW), np.int64),
        )
        self.state.totals[retries.BUCKET] = rules[retries.BURST]

    def advance(self, engine: State, i: int, final: bool, until: int) -> tuple[int, int]:
        """As `entries.advance`."""
        if self._loop is None:
            self._loop = Loop(advance_clients_informed if engine.parameters[col.INFORMED] else advance_clients)
        return self._loop((engine, self.state, self._requests), i, final, until)

    def begin(self, *columns: npt.NDArray[Any]) -> None:
        """Begin with a batch: its columns up to the priorities; the others are those of the last that was taken."""
        self._requests = Requests._make((*columns, self._references, self._tenants, self._adapters))

    def open(self, slot: int) -> None:
        """A new replica is in the slot."""
        self.index.open(slot)
        self.state = self.state._replace(prefixes=self.index.state)

    def take(self, batch: RequestBatch, engine: State, cached: Callable[[int], Ints] | None = None) -> None:
        """Know the priorities, prefixes, tenants and adapters of the requests that come next; `cached` as in
        `PrefixIndex.take`.
        """
        self._know(batch.priority)
        if self._knows_tenants:
            self._tenants = _read_only(batch.tenants())
        if batch.adapter is not None:
            self._adapters = _read_only(batch.adapter)
        mine = self.state.totals
        inside = engine.nodes[engine.nodes[:, col.REQUEST] != NIL, col.PREFIX]
        k = (mine[retries.RING_HEAD] + np.arange(mine[retries.RING_COUNT])) & (len(self.state.ring) - 1)
        again = self.state.heap[: mine[retries.HEAP_COUNT], retries.PREFIX]
        live = np.concatenate([inside, self.state.ring[k, retries.PREFIX], again])
        self._references = self.index.take(batch, live, cached)
        self.state = self.state._replace(prefixes=self.index.state)

    def _know(self, priorities: npt.NDArray[np.int16] | None) -> None:
        """Make bands for priorities that are new."""
        known = self.state.bands
        new = np.setdiff1d(
            np.zeros(0, np.int16) if priorities is None else priorities, known[:, priority_queues.PRIORITY]
        )
        if len(new):
            every = np.concatenate([known, _bands(new)])
            self.state = self.state._replace(bands=every[np.argsort(-every[:, priority_queues.PRIORITY])])

    def hand_over_rows(self, engine: State) -> None:
        """Hand over the rows of requests, and make room for those that may follow."""
        mine = self.state.totals
        if self._on_rows is None:
            return
        self._on_rows(self.state.rows[: mine[retries.OUT]])
        mine[retries.OUT] = 0
        needed = 2 * int(engine.totals[col.ROWS] + engine.totals[col.IN_SYSTEM]) + 8
        if len(self.state.rows) < needed:
            self.state = self.state._replace(rows=np.zeros((2 * needed, col.ROW), np.int64))

    def grow(self, engine: State) -> None:
        """Double a full array."""
        mine, ring, heap = self.state.totals, self.state.ring, self.state.heap
        if mine[retries.RING_COUNT] >= len(ring):
            ring = _longer(np.roll(ring, -int(mine[retries.RING_HEAD]), axis=0), 2 * len(ring))
            mine[retries.RING_HEAD] = 0
        needed = int(mine[retries.HEAP_COUNT] + engine.totals[col.ROWS]) + 8
        if needed >= len(heap):
            heap = _longer(heap, 2 * needed)
        self.state = self.state._replace(ring=ring, heap=heap)

    def ends(self) -> dict[str, int]:
        """Requests and their outcomes, by the names of the ledger."""
        mine = self.state.totals.tolist()
        ended = dict(zip(col.STATUSES, mine[retries.ENDED : retries.ENDED + len(col.STATUSES)], strict=True))
        arrived = mine[retries.REQUESTS]
        return {"arrived": arrived, **ended, "in_system": arrived - sum(ended.values())}

    def by_priority(self) -> tuple[dict[str, int], ...]:
        """The same for each priority, the highest first; nothing where there is one."""
        there = [row for row in self.state.bands.tolist() if row[priority_queues.ARRIVED]]
        found: list[dict[str, int]] = []
        for row in there if len(there) > 1 else ():
            ended = dict(
                zip(
                    col.STATUSES,
                    row[priority_queues.ENDED : priority_queues.ENDED + len(col.STATUSES)],
                    strict=True,
                )
            )
            arrived = row[priority_queues.ARRIVED]
            found.append(
                {
                    "priority": row[priority_queues.PRIORITY],
                    "arrived": arrived,
                    **ended,
                    "in_system": arrived - sum(ended.values()),
                    "good": row[priority_queues.GOOD],
                }
            )
        return tuple(found)

    def limited(self) -> list[int]:
        """Sendings that its limits turned away, of each tenant; empty if no tenant has limits."""
        found: list[int] = self.state.limits.tenants[:, rate_limits.LIMITED].tolist()
        return found

    def again(self) -> dict[str, int] | None:
        """Retries sent, refused and still to come; None where clients send nothing again."""
        if not self._retry:
            return None
        mine = self.state.totals.tolist()
        return {
            "retries": mine[retries.RETRIED],
            "refused": mine[retries.REFUSED],
            "waiting": mine[retries.HEAP_COUNT],
        }

    def open_since(self, engine: State) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
        """Of requests without an end: their numbers, when each was first asked, and whether a token of the last sending
        is there.
        """
        mine, ring = self.state.totals, self.state.ring
        k = np.arange(mine[retries.RING_COUNT])
        entries = ring[(mine[retries.RING_HEAD] + k) & (len(ring) - 1)]
        live = entries[:, retries.ORDER] == 1
        serial = (mine[retries.FIRST_SERIAL] + k)[live]
        nodes = engine.nodes[engine.nodes[:, col.REQUEST] != NIL]
        begun = np.isin(serial, nodes[nodes[:, col.FIRST] != NIL, col.REQUEST])
        waiting = self.state.heap[: mine[retries.HEAP_COUNT]]
        numbers, asked = (
            np.concatenate([entries[live, column], waiting[:, column]]) for column in (retries.NUMBER, retries.ASKED)
        )
        return numbers, asked, np.concatenate([begun, np.zeros(len(waiting), np.bool_)])


def _rules(policy: Retries | None) -> Ints:
    rules = np.zeros(retries.RULES, np.int64)
    rules[retries.ATTEMPTS], rules[retries.GAIN] = 1, NIL
    if policy is not None:
        rules[retries.ATTEMPTS] = policy.attempts
        rules[[retries.ON + _ON[one] for one in policy.on]] = 1
        rules[retries.BURST] = policy.burst * retries.ONE
        if policy.budget is not None:
            rules[retries.GAIN] = round(policy.budget * retries.ONE)
    return rules


def _limits(rates: Sequence[RateLimits | None], clock: Clock) -> rate_limits.Limits:
    """Limits of tenants by their numbers; None = one has none."""
    buckets = np.zeros((len(rates), rate_limits.BUCKET))
    tenants = np.zeros((len(rates), rate_limits.TENANT), np.int64)
    tenants[:, rate_limits.MOST_OPEN] = NEVER
    buckets[:, [rate_limits.REQUESTS, rate_limits.TOKENS]] = inf
    buckets[:, [rate_limits.MOST_REQUESTS, rate_limits.MOST_TOKENS]] = inf
    minute = clock.ticks(60.0)
    for bucket, tenant, rate in zip(buckets, tenants, rates, strict=True):
        if rate is not None:
            most = (rate.most_requests(), rate.most_tokens())
            bucket[[rate_limits.REQUESTS, rate_limits.TOKENS]] = most
            bucket[[rate_limits.MOST_REQUESTS, rate_limits.MOST_TOKENS]] = most
            bucket[rate_limits.REQUESTS_PER_TICK] = (rate.requests_per_min or 0.0) / minute
            bucket[rate_limits.TOKENS_PER_TICK] = (rate.tokens_per_min or 0.0) / minute
            tenant[rate_limits.COUNTED] = _COUNTED[rate.counted]
            tenant[rate_limits.MOST_OPEN] = rate.concurrent or NEVER
    rules = np.zeros(rate_limits.RULES, np.int64)
    rules[rate_limits.FOLLOWS] = any(rate is not None and rate.needs_answers() for rate in rates)
    return rate_limits.Limits(rules, buckets, tenants)


def _read_only(column: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """The column as those of files are: loops are compiled once, not once for each kind."""
    view = column.view()
    view.flags.writeable = False
    return view


def _bands(priorities: npt.NDArray[Any]) -> Ints:
    found = np.zeros((len(priorities), priority_queues.BAND), np.int64)
    found[:, priority_queues.PRIORITY] = priorities
    found[:, [priority_queues.HEAD, priority_queues.TAIL]] = NIL
    return found


def _longer(array: Ints, length: int) -> Ints:
    longer = np.zeros((length, array.shape[1]), np.int64)
    longer[: len(array)] = array
    return longer
