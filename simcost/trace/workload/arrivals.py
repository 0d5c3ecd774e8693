"""From a workload to its requests: the same batches for the same seed, index and place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from simcost.errors import InputError
from simcost.tables.paths import inside
from simcost.trace.requests.batch import RequestBatch, apart, merge
from simcost.trace.requests.store import open_trace
from simcost.trace.synthesis.generator import synthetic
from simcost.trace.workload.adapters import adapter_numbers, with_adapters
from simcost.trace.workload.replay import replay
from simcost.trace.workload.spec import RecordedWorkload, Synthetic, Workload, tenants, workload_tenants
from simcost.trace.workload.tenants import check_tenants


def batches(
    workload: Workload,
    *,
    folder: Path,
    seed: int,
    index: int,
    horizon_s: float | None,
    part: int = 0,
    prefixes: bool = False,
    adapters: Mapping[str, int] | None = None,
) -> Iterator[RequestBatch]:
    """The requests of one replication, sorted by arrival, none after the horizon.

    Args:
        workload: what to replay or to draw.
        folder: that of the scenario; traces are looked for in it.
        seed: of the scenario.
        index: of the replication; equal seed, index and part give equal requests.
        horizon_s: length of the run; None = the span of a recorded trace.
        part: place among the workloads of a scenario, so that equal ones differ.
        prefixes: with the hashes of prefixes where a trace has them.
        adapters: number of each adapter that a trace names.

    Raises:
        InputError: no horizon for a synthetic workload; a trace outside the folder.
        TraceError: a trace that cannot be read.
    """
    if isinstance(workload, RecordedWorkload):
        return replay(
            workload,
            folder=folder,
            seed=seed,
            index=index,
            horizon_s=horizon_s,
            part=part,
            prefixes=prefixes,
            adapters=adapters,
        )
    horizon_s = span_s(workload, folder) if horizon_s is None else horizon_s
    return synthetic(workload, folder=folder, seed=seed, index=index, horizon_s=horizon_s, part=part)


def merged(
    workloads: Sequence[Workload],
    *,
    folder: Path,
    seed: int,
    index: int,
    horizon_s: float | None,
    prefixes: bool = False,
) -> Iterator[RequestBatch]:
    """The requests of several workloads as one sorted stream; arguments as `batches`."""
    numbers = adapter_numbers(workloads, folder)
    for workload in workloads:
        if isinstance(workload, RecordedWorkload) and workload.tenants is not None:
            check_tenants(workload, workload.tenants, folder)
    streams = [
        batches(
            workload,
            folder=folder,
            seed=seed,
            index=index,
            horizon_s=horizon_s,
            part=part,
            prefixes=prefixes,
            adapters=numbers.named,
        )
        for part, workload in enumerate(workloads)
    ]
    labelled_streams = labelled(streams, workloads, folder=folder, seed=seed, index=index)
    return merge([apart(stream, part, len(streams)) for part, stream in enumerate(labelled_streams)])


def labelled(
    streams: Sequence[Iterator[RequestBatch]], workloads: Sequence[Workload], *, folder: Path, seed: int, index: int
) -> Sequence[Iterator[RequestBatch]]:
    """The requests of each workload with the priorities, tenants and adapters that the workloads state."""
    numbers = adapter_numbers(workloads, folder)
    if any(has_priorities(workload, folder) for workload in workloads):
        streams = [_ranked(stream, workload.priority) for stream, workload in zip(streams, workloads, strict=True)]
    if places := {name: place for place, name in enumerate(tenants(workloads))}:
        streams = [_owned(stream, workload, places) for stream, workload in zip(streams, workloads, strict=True)]
    if numbers.count:
        streams = [
            with_adapters(stream, one.adapters, first, seed=seed, index=index, part=part)
            for part, (stream, one, first) in enumerate(zip(streams, workloads, numbers.drawn, strict=True))
        ]
    return streams


def has_priorities(workload: Workload, folder: Path) -> bool:
    """True if requests of a workload have priorities other than 0."""
    if workload.priority is not None:
        return workload.priority != 0
    if isinstance(workload, RecordedWorkload):
        return "priority" in open_trace(inside(folder, workload.path)).columns
    return any(client.priority for client in workload.clients)


def _ranked(stream: Iterator[RequestBatch], priority: int | None) -> Iterator[RequestBatch]:
    """Each request with its priority; None = its own, else 0."""
    for batch in stream:
        ranks = batch.priorities() if priority is None else np.full(len(batch), priority, np.int16)
        yield replace(batch, priority=ranks)


def _owned(stream: Iterator[RequestBatch], workload: Workload, places: Mapping[str, int]) -> Iterator[RequestBatch]:
    """Each request with the number of its tenant among those of all workloads, their `places`."""
    numbers = np.array([places[name] for name in workload_tenants(workload)] or [0], np.int16)
    for batch in stream:
        own = np.zeros(len(batch), np.int16) if workload.tenant is not None else batch.tenants()
        yield replace(batch, tenant=numbers[own])


def span_s(workload: Workload, folder: Path) -> float:
    """Length of a workload that has one of its own.

    Raises:
        InputError: synthetic requests have none.
        TraceError: a trace that cannot be read.
    """
    if isinstance(workload, Synthetic):
        raise InputError("a synthetic workload has no end; say how long to run, e.g. `horizon: 24h`")
    return open_trace(inside(folder, workload.path)).span_s
