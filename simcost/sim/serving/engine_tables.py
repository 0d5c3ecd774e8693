"""Tables of the data plane that stay as they are: parameters, step times, and those of each kind of replica."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simcost.sim.clock import Clock
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine.layout import NEVER, Ints, State
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.router_codes import routing_parameters


def base_of(clock: Clock, max_num_seqs: int) -> Ints:
    """The table of the clock, and what of it is hidden: all but the growth from a full batch to the fullest step."""
    time, most = clock.base, len(clock.base) - 1
    batch = min(max_num_seqs, most - 1)
    per_token = max(float(time[most] - time[batch]) / (most - batch), 0.0)
    hidden = time - time[0] - np.rint(per_token * np.arange(most + 1)).astype(np.int64)
    return np.column_stack([time, hidden >> col.COARSE])


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
        parameters[col.OVERFLOWS : col.PARAMETERS] = 1, *map(clock.ticks, pool.api_latency_s)
    parameters[col.WEIGHT] = pool.weight
    parameters[col.FIRST_TOKEN_OVERHEAD] = clock.ticks(pool.first_token_overhead_s)
    return parameters


def with_kinds(state: State, kinds: Sequence[tuple[Pool, Clock]], window_ns: int) -> State:
    """The arrays for unlike replicas: a row for each kind; what concerns all stays in `parameters`."""
    engines = np.array([parameters_of(pool, clock, window_ns, 0) for pool, clock in kinds])
    tables = [base_of(clock, pool.batching.max_num_seqs) for pool, clock in kinds]
    base = np.zeros((len(kinds), max(map(len, tables)), 2), np.int64)
    for kind, table in enumerate(tables):
        base[kind, : len(table)] = table
    state.parameters[[col.CAPACITY, col.INFORMED]] = engines[:, col.CAPACITY].max(), 1
    most = max(pool.batching.max_num_seqs for pool, _ in kinds)
    kind_of, heap = np.zeros((col.BLOCK, 1), np.int64), np.zeros((col.BLOCK, most), np.int64)
    return state._replace(engines=engines, base=base, kind=kind_of, heap=heap)
