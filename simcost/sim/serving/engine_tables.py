"""Arrays of the data plane as a run begins: parameters, step times, those of each kind of replica, and empty tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcost.ledger.requests import Buckets, LatencyLimits
from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, NIL, Ints, State
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.router_codes import routing_numbers, routing_parameters

_REMEMBERED = 1 << 10
"""First length of the router's memory."""
_NOTES = 256
"""Instants that may wait to be noted."""


def empty_state(
    pool: Pool,
    clock: Clock,
    limits: LatencyLimits,
    *,
    window_ns: int,
    windows: int,
    salt: int,
    rows: int,
    kinds: Sequence[tuple[Pool, Clock]],
) -> State:
    """The arrays of a pool without replicas and requests; arguments as those of `DataPlane`, and the rows that it keeps
    at a time.
    """
    slo = (clock.tick_s, limits.ttft_s, limits.tpot_s, limits.e2e_s)
    parameters, most = parameters_of(pool, clock, window_ns, salt), pool.batching.max_num_seqs
    state = State(
        parameters=parameters,
        engines=parameters[np.newaxis],
        base=base_of(clock, most)[np.newaxis],
        drafts=drafts_of(clock, most)[np.newaxis],
        kind=np.zeros(col.BLOCK, np.int64),
        by_kind=np.zeros((len(kinds), col.BY_KIND), np.int64),
        totals=np.zeros(col.TOTALS, np.int64),
        replicas=np.zeros((col.BLOCK, col.REPLICA), np.int64),
        next_event=np.full(col.BLOCK, NEVER, np.int64),
        block_event=np.full(1, NEVER, np.int64),
        load=np.full(col.BLOCK, col.CLOSED, np.int32),
        routable=np.zeros(2 * col.BLOCK, np.int64),
        heap=np.zeros((col.BLOCK, most), np.int64),
        nodes=np.zeros((0, col.NODE), np.int64),
        histograms=np.zeros((windows, 3, Buckets().count), np.int32),
        windows=np.zeros((windows, col.WINDOW_COUNTS), np.int64),
        limits=np.array([*slo, *routing_numbers(pool.router, pool.admission)]),
        rows=np.zeros((rows, col.ROW), np.int64),
        memory=np.zeros((_REMEMBERED, 2), np.int64),
        due=np.full(_NOTES + 1, NEVER, np.int64),
        noted=np.zeros((_NOTES, col.NOTE), np.int64),
    )
    state.totals[[col.FREE, col.GATE_HEAD, col.GATE_TAIL, col.SNAPSHOT]] = NIL
    return with_kinds(state, kinds, window_ns) if kinds else state


def base_of(clock: Clock, max_num_seqs: int) -> Ints:
    """The table of the clock, and what of it is hidden: all but the growth from a full batch to the fullest step.

    It ends where it no longer changes: that of an engine whose steps take a + b*P + ... is one row, which stays in the
    cache where several services play in turns.
    """
    time, most = clock.base, len(clock.base) - 1
    batch = min(max_num_seqs * (clock.drafts.rows if clock.drafts else 1), most - 1)
    per_token = max(float(time[most] - time[batch]) / (most - batch), 0.0)
    hidden = time - time[0] - np.rint(per_token * np.arange(most + 1)).astype(np.int64)
    table = np.column_stack([time, hidden >> (col.COARSE + clock.step_shift)])
    changes = np.flatnonzero((table[1:] != table[:-1]).any(axis=1))
    return np.ascontiguousarray(table[: changes[-1] + 2 if len(changes) else 1])


def drafts_of(clock: Clock, max_num_seqs: int) -> Ints:
    """The table of drafting: what it takes beside its growth to a full batch is hidden by that."""
    if clock.drafts is None:
        return np.zeros((1, 3), np.int64)
    period, time = 1 << col.RATE_BITS, clock.drafts.units
    table = np.zeros((max(max_num_seqs, period) + 1, 3), np.int64)
    table[: len(time), col.DRAFT] = time
    per_sequence = int(time[-1]) // max(len(time) - 1, 1)
    table[: len(time), col.DRAFT_HIDDEN] = np.maximum(time - per_sequence * np.arange(len(time)), 0) >> (
        col.COARSE + clock.step_shift
    )
    decoded = (np.arange(period) * clock.drafts.rate) >> col.RATE_BITS
    table[1 : period + 1, col.TOKENS_BEFORE] = np.cumsum(decoded)
    return table


def parameters_of(pool: Pool, clock: Clock, window_ns: int, salt: int) -> Ints:
    """`parameters` of a pool."""
    parameters = np.zeros(col.PARAMETERS, np.int64)
    parameters[: col.CAPACITY] = clock.b, clock.c, clock.d, clock.e, clock.e_shift
    timeout = pool.admission.timeout
    parameters[col.CAPACITY : col.INFORMED] = (
        pool.kv_capacity_tokens,
        pool.batching.max_num_batched_tokens,
        pool.batching.max_num_seqs,
        pool.batching.prefill == "whole",
        NEVER if timeout is None else clock.ticks(timeout),
        pool.router.code,
        window_ns * clock.ticks_per_ns,
        clock.ticks_per_ns,
        salt,
    )
    parameters[col.INFORMED : col.FIRST_TOKEN_OVERHEAD] = routing_parameters(pool.router, pool.admission, clock)
    if pool.api_latency_s is not None:
        parameters[col.OVERFLOWS : col.SEQUENCE_ROWS] = 1, *map(clock.ticks, pool.api_latency_s)
    parameters[col.WEIGHT] = pool.weight
    parameters[col.FIRST_TOKEN_OVERHEAD] = clock.ticks(pool.first_token_overhead_s)
    drafts, plain = clock.drafts, (1, 1 << col.RATE_BITS, 0)
    parameters[col.BATCH_WINDOW] = clock.ticks(pool.batching.window)
    parameters[col.STEP_SHIFT] = clock.step_shift
    parameters[col.SEQUENCE_ROWS : col.BATCH_WINDOW] = (
        plain if drafts is None else (drafts.rows, drafts.rate, drafts.slots)
    )
    return parameters


def with_kinds(state: State, kinds: Sequence[tuple[Pool, Clock]], window_ns: int) -> State:
    """The arrays for unlike replicas: a row for each kind; what concerns all stays in `parameters`."""
    engines = np.array([parameters_of(pool, clock, window_ns, 0) for pool, clock in kinds])
    base = _stacked([base_of(clock, pool.batching.max_num_seqs) for pool, clock in kinds])
    drafts = _stacked([drafts_of(clock, pool.batching.max_num_seqs) for pool, clock in kinds])
    longest = (engines[:, col.CAPACITY] - engines[:, col.DRAFT_SLOTS]).max()
    state.parameters[[col.CAPACITY, col.DRAFT_SLOTS, col.INFORMED]] = longest, 0, 1
    most = max(pool.batching.max_num_seqs for pool, _ in kinds)
    kind_of, heap = np.zeros((col.BLOCK, 1), np.int64), np.zeros((col.BLOCK, most), np.int64)
    return state._replace(engines=engines, base=base, drafts=drafts, kind=kind_of, heap=heap)


def _stacked(tables: Sequence[Ints]) -> Ints:
    """Tables by kind, the shorter ones filled up with their last row."""
    stacked = np.zeros((len(tables), max(map(len, tables)), tables[0].shape[1]), np.int64)
    for kind, table in enumerate(tables):
        stacked[kind, : len(table)] = table
        stacked[kind, len(table) :] = table[-1]
    return stacked
