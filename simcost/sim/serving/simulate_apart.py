"""One run with prefill and decode apart: two fleets on one clock, their requests, a horizon -> a ledger of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa
import simpy

from simcost.ledger.requests import LatencyLimits, Ledger, RequestOutcomes
from simcost.plan.autoscaling.dynamo import DisaggregatedPlanner
from simcost.rng import stream
from simcost.sim.clock import clocks_for
from simcost.sim.fleet import Fleet, nodes_of
from simcost.sim.serving.disaggregated import DisaggregatedPlanes
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool, PrefillSide
from simcost.sim.serving.recorder import Recorder, RowWriter, outcomes
from simcost.sim.serving.service_run import play, window_s
from simcost.trace.requests.batch import RequestBatch
from simcost.units import NS_PER_S

_ADDED = ("completed", "rejected", "in_system", "prompt_tokens", "output_tokens", "generated_tokens", "outstanding_s")
"""Outcomes that are the sums of those of the sides."""


def simulate_apart(
    pool: Pool,
    side: PrefillSide,
    arrivals: Iterator[RequestBatch],
    *,
    horizon_s: float,
    seed: int = 0,
    limits: LatencyLimits | None = None,
    rows: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Ledger:
    """Replay arrivals against the prefill side and the decode replicas of a pool; as `simulate`.

    Returns:
        The ledger of the decode side with the outcomes of all requests; that of the prefill side is a part of it.
    """
    limits = limits or LatencyLimits()
    horizon_ns, window_ns = round(horizon_s * NS_PER_S), round(window_s(horizon_s) * NS_PER_S)
    clocks = clocks_for([side.pool, pool], horizon_s)
    with ExitStack() as stack:
        writer = RowWriter(rows, clocks[0].tick_s) if rows else None
        if writer:
            stack.callback(writer.close)
        planes = DisaggregatedPlanes(
            pool,
            side,
            clocks,
            arrivals,
            limits=limits,
            window_ns=window_ns,
            windows=ceil(horizon_ns / window_ns),
            salts=(_drawn(seed, "prefill routing"), _drawn(seed, "routing")),
            on_rows=writer,
        )
        env = simpy.Environment()
        fleets = [
            _fleet(env, side.pool, planes.prefill, _drawn(seed, "prefill")),
            _fleet(env, pool, planes.decode, seed),
        ]
        planner = DisaggregatedPlanner.of(side.pool.scaling, pool.scaling)
        play([fleet.scheduler for fleet in fleets], horizon_s, progress, planner=planner)
    tables = [fleet.recorder.tables(fleet.plane.notes) for fleet in fleets]
    busy_s = [float(one["replicas"]["busy_s"].to_numpy().sum()) for one in tables]
    parts = [outcomes(fleet.plane, busy, limits, window_ns, rows) for fleet, busy in zip(fleets, busy_s, strict=True)]
    both = _together(*parts)
    prefill, decode = (
        _ledger(fleet, horizon_s, table, _with_work(both, part))
        for fleet, table, part in zip(fleets, tables, parts, strict=True)
    )
    return replace(decode, prefill=prefill, transfers=planes.use())


def _fleet(env: simpy.Environment, pool: Pool, plane: DataPlane, seed: int) -> Fleet:
    """A fleet on nodes of its own."""
    recorder = Recorder(pool.name)
    return Fleet(nodes_of(env, pool, recorder, seed), pool, plane, recorder, seed)


def _ledger(fleet: Fleet, horizon_s: float, tables: dict[str, Any], result: RequestOutcomes) -> Ledger:
    pool = fleet.pool
    return Ledger(
        horizon_s=horizon_s,
        slots=tuple(kind.slots for kind in pool.kinds),
        accelerators_per_replica=pool.accelerators_per_replica,
        **tables,
        outcomes=result,
        provisioning_s=fleet.recorder.provisioning_ns / NS_PER_S,
        disk_gb_per_node=pool.startup.disk,
        gb_out=result.generated_tokens * pool.response_bytes_per_token / 1e9,
    )


def _drawn(seed: int, name: str) -> int:
    return int(stream(seed, name).integers(2**62))


def _together(prefill: RequestOutcomes, decode: RequestOutcomes) -> RequestOutcomes:
    """Outcomes of the requests, of which each side knows those that ended there."""
    late = prefill.windows["late"].to_numpy() + decode.windows["late"].to_numpy()
    place = decode.windows.schema.get_field_index("late")
    sums: dict[str, Any] = {name: getattr(prefill, name) + getattr(decode, name) for name in _ADDED}
    windows = decode.windows.set_column(place, "late", pa.array(late, pa.int64()))
    return replace(decode, arrived=prefill.arrived, windows=windows, **sums)


def _with_work(requests: RequestOutcomes, side: RequestOutcomes) -> RequestOutcomes:
    """Outcomes of the requests with the steps of one side."""
    return replace(requests, steps=side.steps, work_s=side.work_s, preemptions=side.preemptions)
