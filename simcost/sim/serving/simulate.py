"""One run: a pool, its arrivals, a horizon -> a ledger."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import simpy

from simcost.ledger.requests import LatencyLimits, Ledger
from simcost.sim.clock import clocks_for
from simcost.sim.fleet import nodes_of
from simcost.sim.serving.disaggregated import token_ticks
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Recorder
from simcost.sim.serving.service_run import Service, ServiceRun, play
from simcost.sim.serving.simulate_apart import simulate_apart
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.workload.closed import ClosedWorkload


def check_times(pools: Sequence[Pool], horizon_s: float) -> None:
    """Check that all times of pools behind one router can be counted within a horizon, without simulating them.

    Raises:
        InputError: as simulating them does.
    """
    for pool, clock in zip(pools, clocks_for(pools, horizon_s), strict=True):
        if pool.prefill is not None:
            token_ticks(pool.prefill.transfer_s_per_token, clocks_for([pool.prefill.pool, pool], horizon_s)[1])
        if pool.adapters is not None:
            pool.adapters.ticks(clock)
        for tier in pool.cache_tiers:
            tier.block_ticks(clock, pool.block_tokens, pool.kv_capacity_tokens // pool.block_tokens)


def simulate(
    pool: Pool,
    arrivals: Iterator[RequestBatch],
    *,
    horizon_s: float,
    seed: int = 0,
    limits: LatencyLimits | None = None,
    rows: Path | None = None,
    closed: ClosedWorkload | None = None,
    tenants: Mapping[str, LatencyLimits] = MappingProxyType({}),
    progress: Callable[[float], None] | None = None,
) -> Ledger:
    """Replay arrivals against a pool.

    The run is cut at the horizon: later arrivals are left out, and requests then in the system stay there.

    Args:
        pool: the replicas and their policies.
        arrivals: batches sorted by arrival.
        horizon_s: length of the run.
        seed: for the hashes of routing, the phases of controllers, start-up times and interruptions.
        limits: what a request must keep to count as good; None = no limits.
        rows: Parquet file for the outcome of each request; None = histograms alone.
        closed: clients who wait for the end of each request; None = the requests come when they do.
        tenants: limits within which a request of each tenant counts as good, by name in the order of their numbers.
        progress: called with the share of the horizon played, now and then; may raise to stop the run.

    Raises:
        InputError: step coefficients that no integer clock can hold.
        RunError: more requests in the system than can be held.
    """
    if pool.prefill is not None:
        return simulate_apart(
            pool, pool.prefill, arrivals, horizon_s=horizon_s, seed=seed, limits=limits, rows=rows, progress=progress
        )
    service = Service(pool=pool, arrivals=arrivals, limits=limits, rows=rows, closed=closed, tenants=tenants, seed=seed)
    recorder = Recorder(pool.name)
    with ExitStack() as stack:
        scheduler = nodes_of(simpy.Environment(), pool, recorder, seed)
        run = ServiceRun(service, scheduler, recorder, stack, horizon_s=horizon_s)
        play([scheduler], horizon_s, progress)
    return run.ledger(recorder.tables(run.plane.notes), tuple(kind.slots for kind in pool.kinds), pool.startup.disk)
