"""Recorded requests through one replica: the latencies of each, without fleet, ledger or files.

For fits, which replay the same requests thousands of times.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt

from simcost.ledger.requests import LatencyLimits
from simcost.perf import StepTime
from simcost.plan import Batching, Fixed
from simcost.sim.clock import clock_for
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.trace.requests.batch import RequestBatch
from simcost.units import NS_PER_S

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedLatencies:
    """Of each request, in the order of the arrivals; NaN where the replica can never hold it."""

    ttft_s: Floats
    e2e_s: Floats


def replay(
    requests: RequestBatch,
    step: StepTime,
    *,
    batching: Batching,
    kv_capacity_tokens: int,
    first_token_overhead_s: float = 0.0,
    clients: int | None = None,
    engines: int = 1,
) -> ReplayedLatencies:
    """Play requests through one replica, or through `engines` equal ones, each request to the least loaded.

    With `clients`, latencies count from when a client sends, and each of so many clients sends its next request when
    its last has ended, but not before it arrives: an engine that holds no more sequences than there are clients, whose
    queue is that of the clients.

    Raises:
        InputError: step coefficients that no integer clock can hold.
    """
    most = batching.max_num_seqs if clients is None else min(clients, batching.max_num_seqs)
    pool = Pool(
        name="replay",
        step=step,
        kv_capacity_tokens=kv_capacity_tokens,
        batching=Batching(
            max_num_seqs=most, max_num_batched_tokens=batching.max_num_batched_tokens, prefill=batching.prefill
        ),
        scaling=Fixed(replicas=engines),
    )
    horizon_s = _horizon_s(requests, step)
    clock = clock_for(step, horizon_s=horizon_s, capacity=kv_capacity_tokens, batching=pool.batching)
    rows: list[col.Ints] = []
    plane = DataPlane(
        pool,
        clock,
        iter([requests]),
        limits=LatencyLimits(),
        window_ns=round(horizon_s * NS_PER_S),
        windows=1,
        on_rows=lambda block: rows.append(block.copy()),
        nodes=max(1 << 10, 2 * len(requests)),
    )
    for slot in range(engines):
        plane.open(slot)
    plane.advance(round(horizon_s * NS_PER_S))
    plane.finish()
    return _latencies(np.concatenate(rows), len(requests), clock.tick_s, clients, first_token_overhead_s)


def _horizon_s(requests: RequestBatch, step: StepTime) -> float:
    """Time by which the last request has ended: each token has a step of its own, and is computed twice."""
    tokens = int(requests.prompt_tokens.sum(dtype=np.int64) + requests.output_tokens.sum(dtype=np.int64))
    longest = int((requests.prompt_tokens + requests.output_tokens).max())
    alone_s = step.seconds(1, 1, longest, longest)
    return float(requests.arrival_ns[-1]) / NS_PER_S + 2 * alone_s * tokens + 1.0


def _latencies(rows: col.Ints, count: int, tick_s: float, clients: int | None, overhead_s: float) -> ReplayedLatencies:
    done = rows[rows[:, col.R_STATUS] == col.IS_COMPLETED].T
    sent, first, end = (np.full(count, nan) for _ in range(3))
    which = done[col.R_REQUEST]
    sent[which] = done[col.R_ARRIVAL] * tick_s
    first[which], end[which] = done[col.R_FIRST] * tick_s, done[col.R_END] * tick_s
    if clients is not None and count > clients:
        freed = np.sort(end)[: count - clients]
        sent[clients:] = np.maximum(sent[clients:], freed)
    return ReplayedLatencies(ttft_s=first - sent + overhead_s, e2e_s=end - sent + overhead_s)
