"""One run of unlike pools behind one router: one data plane, a fleet and nodes for each pool -> one ledger."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import ceil, fsum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import simpy

from simcost.errors import InputError
from simcost.ledger.requests import LatencyLimits, Ledger, PoolShare, RequestOutcomes
from simcost.rng import stream
from simcost.sim.clock import clocks_for
from simcost.sim.fleet import Fleet, control, interrupt, nodes_of, pulse, record_usage, sample, write_pulse
from simcost.sim.fleet.records import FreeSlots
from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool import Pool
from simcost.sim.serving.recorder import Recorder, RowWriter, outcomes
from simcost.sim.serving.service_run import PULSE_S, SAMPLES, window_s
from simcost.trace.requests.batch import RequestBatch
from simcost.trace.workload.closed import ClosedWorkload
from simcost.units import NS_PER_S


def simulate_pools(
    pools: Sequence[Pool],
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
    """Replay arrivals against several pools: as `simulate`, with a router that sees the replicas of all.

    Each pool has its own step time, cache, batching, autoscaler, nodes and disruptions. Router, admission, retries and
    the prefix blocks are those of the first: there is one gateway. A request that no replica of any pool can hold is
    rejected; one that none of the ready replicas can hold, too.

    Raises:
        InputError: names that appear twice, or step coefficients that no integer clock can hold.
        RunError: more requests in the system than can be held.
    """
    names = [pool.name for pool in pools]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"pool {twice[0]!r} appears twice; give each a name of its own")
    limits = limits or LatencyLimits()
    horizon_ns, window_ns = round(horizon_s * NS_PER_S), round(window_s(horizon_s) * NS_PER_S)
    clocks = clocks_for(pools, horizon_s)
    with ExitStack() as stack:
        writer = RowWriter(rows, clocks[0].tick_s) if rows else None
        if writer:
            stack.callback(writer.close)
        plane = DataPlane(
            pools[0],
            clocks[0],
            arrivals,
            limits=limits,
            window_ns=window_ns,
            windows=ceil(horizon_ns / window_ns),
            salt=int(stream(seed, "routing").integers(2**62)),
            on_rows=writer,
            closed=closed,
            tenants=tenants,
            kinds=list(zip(pools, clocks, strict=True)),
        )
        fleets = _fleets(pools, plane, seed)
        _play(fleets, horizon_ns, window_ns, progress)
        plane.finish()
    tables = _merged(fleets)
    busy_s = float(tables["replicas"]["busy_s"].to_numpy().sum())
    return _ledger(pools, fleets, tables, horizon_s, outcomes(plane, busy_s, limits, window_ns, rows))


def _ledger(
    pools: Sequence[Pool], fleets: Sequence[Fleet], tables: Mapping[str, Any], horizon_s: float, result: RequestOutcomes
) -> Ledger:
    """The ledger of all pools, with the share of each."""
    shares = tuple(_share(fleet, tables["replicas"]) for fleet in fleets)
    return Ledger(
        horizon_s=horizon_s,
        slots=tuple(kind.slots for pool in pools for kind in pool.kinds),
        accelerators_per_replica=pools[0].accelerators_per_replica,
        **tables,
        outcomes=replace(result, work_s=fsum(share.work_s for share in shares)),
        provisioning_s=sum(fleet.recorder.provisioning_ns for fleet in fleets) / NS_PER_S,
        disk_gb_per_node=pools[0].startup.disk,
        gb_out=fsum(share.gb_out for share in shares),
        pools=shares,
    )


def _fleets(pools: Sequence[Pool], plane: DataPlane, seed: int) -> list[Fleet]:
    """A fleet of each pool on nodes of its own, under one clock; random numbers go by the name of the pool."""
    env, slots, fleets = simpy.Environment(), FreeSlots(), []
    for kind, pool in enumerate(pools):
        own = int(stream(seed, "pool", pool.name).integers(2**62))
        recorder = Recorder(pool.name)
        scheduler = nodes_of(env, pool, recorder, own)
        fleets.append(Fleet(scheduler, pool, plane, recorder, own, kind=kind, slots=slots))
    return fleets


def _play(fleets: Sequence[Fleet], horizon_ns: int, window_ns: int, progress: Callable[[float], None] | None) -> None:
    first, *others = fleets
    env, plane = first.env, first.plane
    for fleet in fleets:
        interrupt(fleet.scheduler)
        fleet.scheduler.begin()
    for fleet in fleets:
        env.process(record_usage(fleet, window_ns))
        env.process(control(fleet))
    env.process(sample(first, (round(horizon_ns * k / SAMPLES) for k in range(SAMPLES)), others=others))
    env.process(pulse(first, min(round(PULSE_S * NS_PER_S), max(horizon_ns // SAMPLES, 1)), others=others))
    for share in np.linspace(0, 1, 101)[1:]:
        env.run(until=max(round(horizon_ns * share), first.now + 1))
        plane.advance(first.now)
        if progress:
            progress(float(share))
    write_pulse(first, others=others)
    for fleet in fleets:
        fleet.observe()
        fleet.close_records()
        fleet.scheduler.close_records()


def _share(fleet: Fleet, replicas: pa.Table) -> PoolShare:
    """Share of a pool, at the end of the run."""
    pool, plane, kind = fleet.pool, fleet.plane, fleet.kind or 0
    counts: list[int] = plane.state.by_kind[kind].tolist()
    seen = plane.of_kind(kind)
    busy_s = float(replicas.filter(pc.equal(replicas["pool"], pool.name))["busy_s"].to_numpy().sum())
    return PoolShare(
        name=pool.name,
        node_kinds=len(pool.kinds),
        accelerators_per_replica=pool.accelerators_per_replica,
        requests=counts[col.K_JOINED],
        completed=counts[col.K_FINISHED],
        prompt_tokens=counts[col.K_PROMPT],
        output_tokens=counts[col.K_OUTPUT],
        generated_tokens=counts[col.K_GENERATED],
        steps=seen.steps,
        work_s=seen.work_s(busy_s, plane.clock.tick_s),
        disk_gb_per_node=pool.startup.disk,
        gb_out=counts[col.K_GENERATED] * pool.response_bytes_per_token / 1e9,
    )


def _merged(fleets: Sequence[Fleet]) -> dict[str, Any]:
    """Tables of all pools as one: numbers of nodes, replicas and kinds follow those of the pools before."""
    first = fleets[0].recorder.tables(fleets[0].plane.notes)
    merged = {"timeline": first["timeline"], "pulse": first["pulse"]}
    nodes, replicas, events, before = [], [], [], {"node": 0, "replica": 0, "kind": 0}
    for fleet in fleets:
        own = fleet.recorder.tables()
        nodes.append(_moved(own["nodes"], before))
        replicas.append(_moved(own["replicas"], before))
        events.append(own["events"])
        before = {
            "node": before["node"] + _count(own["nodes"]["node"]),
            "replica": before["replica"] + _count(own["replicas"]["replica"]),
            "kind": before["kind"] + len(fleet.pool.kinds),
        }
    merged |= {"nodes": pa.concat_tables(nodes), "replicas": pa.concat_tables(replicas)}
    return merged | {"events": _events(fleets, events)}


def _count(numbers: pa.ChunkedArray) -> int:
    return int(pc.max(numbers).as_py() or 0) + 1 if len(numbers) else 0


def _moved(table: pa.Table, before: dict[str, int]) -> pa.Table:
    for name, offset in before.items():
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, pc.add(table[name], offset))
    return table


def _events(fleets: Sequence[Fleet], events: Sequence[pa.Table]) -> pa.Table:
    """Events by time; `desired` is the sum over the pools."""
    desired = {fleet.pool.name: float(fleet.pool.scaling.initial()) for fleet in fleets}
    named = zip(fleets, events, strict=True)
    rows = [(row["t_s"], fleet.pool.name, row["what"], row["value"]) for fleet, own in named for row in own.to_pylist()]
    found = []
    for t_s, pool, what, value in sorted(rows, key=lambda row: row[0]):
        if what == "desired":
            desired[pool] = value
        found.append({"t_s": t_s, "what": what, "value": fsum(desired.values()) if what == "desired" else value})
    return pa.Table.from_pylist(found, schema=events[0].schema)
