"""One run: a pool, its arrivals, a horizon -> a ledger."""

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import simpy

from simcost.ledger.requests import LatencyLimits, Ledger, RequestOutcomes
from simcost.rng import stream
from simcost.sim.clock import clock_for
from simcost.sim.fleet import Fleet, control, interrupt, keep_books, pulse, sample
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Books, RowWriter, outcomes
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.workload.closed import ClosedWorkload
from simcost.units import NS_PER_S

SAMPLES = 480
"""Lines of the timeline."""
PULSE_S = 60.0
"""Between two lines of the pulse, and less where that would be fewer than the timeline has."""


def window_s(horizon_s: float) -> float:
    """Length of the windows that a ledger counts in: 5 min up to 6 h, 1 h up to 60 days, then a day."""
    if horizon_s <= 6 * 3600:
        return 300.0
    return 3600.0 if horizon_s <= 60 * 86400 else 86400.0


def simulate(
    pool: Pool,
    arrivals: Iterator[RequestBatch],
    *,
    horizon_s: float,
    seed: int = 0,
    limits: LatencyLimits | None = None,
    rows: Path | None = None,
    closed: ClosedWorkload | None = None,
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
        progress: called with the share of the horizon played, now and then; may raise to stop the run.

    Raises:
        InputError: step coefficients that no integer clock can hold.
        RunError: more requests in the system than can be held.
    """
    limits = limits or LatencyLimits()
    horizon_ns, window_ns = round(horizon_s * NS_PER_S), round(window_s(horizon_s) * NS_PER_S)
    clock = clock_for(
        pool.step,
        horizon_s=horizon_s,
        capacity=pool.kv_capacity_tokens,
        batching=pool.batching,
    )
    writer = RowWriter(rows, clock.tick_s) if rows else None
    try:
        plane = DataPlane(
            pool,
            clock,
            arrivals,
            limits=limits,
            window_ns=window_ns,
            windows=ceil(horizon_ns / window_ns),
            salt=int(stream(seed, "routing").integers(2**62)),
            on_rows=writer,
            closed=closed,
        )
        books = Books(pool.name)
        fleet = Fleet(simpy.Environment(), pool, plane, books, seed)
        interrupt(fleet)
        fleet.begin()
        _play(fleet, horizon_ns, window_ns, progress)
        plane.finish()
    finally:
        if writer:
            writer.close()
    tables = books.tables()
    busy_s = float(tables["replicas"]["busy_s"].to_numpy().sum())
    felt = outcomes(plane, busy_s, limits, window_ns, rows)
    return _ledger(pool, horizon_s, tables, books.provisioning_ns / NS_PER_S, felt)


def _ledger(
    pool: Pool, horizon_s: float, tables: dict[str, Any], provisioning_s: float, result: RequestOutcomes
) -> Ledger:
    return Ledger(
        horizon_s=horizon_s,
        slots=tuple(kind.slots for kind in pool.kinds),
        accelerators_per_replica=pool.accelerators_per_replica,
        **tables,
        outcomes=result,
        provisioning_s=provisioning_s,
        disk_gb_per_node=pool.startup.disk,
        gb_out=result.generated_tokens * pool.response_bytes_per_token / 1e9,
    )


def _play(fleet: Fleet, horizon_ns: int, window_ns: int, progress: Callable[[float], None] | None) -> None:
    env = fleet.env
    env.process(keep_books(fleet, window_ns))
    env.process(control(fleet))
    env.process(sample(fleet, _sample_times(horizon_ns)))
    env.process(pulse(fleet, min(round(PULSE_S * NS_PER_S), max(horizon_ns // SAMPLES, 1))))
    for share in np.linspace(0, 1, 101)[1:]:
        env.run(until=max(round(horizon_ns * share), fleet.now + 1))
        fleet.plane.advance(fleet.now)
        if progress:
            progress(float(share))
    fleet.look()
    fleet.close_books()


def _sample_times(horizon_ns: int) -> Iterator[int]:
    return (round(horizon_ns * k / SAMPLES) for k in range(SAMPLES))
