"""Replay of a stored trace: as recorded, resampled in local blocks, thinned or superposed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import floor
from pathlib import Path

import numpy as np

from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import BATCH_ROWS, NO_ADAPTER, RequestBatch, apart, merge
from simcost.trace.requests.store import LabelNumbers, open_trace, read_with_sessions
from simcost.trace.workload.resampling import resampled
from simcost.trace.workload.spec import AdapterColumn, RecordedWorkload
from simcost.units import NS_PER_S


def replay(
    workload: RecordedWorkload,
    *,
    folder: Path,
    seed: int,
    index: int,
    horizon_s: float | None,
    part: int,
    prefixes: bool = False,
    adapters: Mapping[str, int] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Iterator[RequestBatch]:
    """The requests of one replication; see `simcost.trace.workload.spec.batches`.

    Rates above 1 add copies resampled with random numbers of their own, the last one thinned.
    """
    path = inside(folder, workload.path)
    info = open_trace(path)
    span_ns, period_ns = info.span_ns, info.span_ns + info.span_ns // max(info.rows - 1, 1) + 1
    if workload.repeat and horizon_s is not None:
        span_ns = max(span_ns, round(horizon_s * NS_PER_S))
    horizon_ns = span_ns if horizon_s is None else min(span_ns, round(horizon_s * NS_PER_S))

    labels = _labels(workload, adapters or {})

    def copy(number: int) -> Iterator[RequestBatch]:
        recorded = _again(path, batch_rows, period_ns, span_ns, prefixes=prefixes, labels=labels)
        if index == 0 and number == 0:
            return _until(recorded, horizon_ns)
        rng = stream(seed, "bootstrap", part, index, number)
        return resampled(recorded, workload, span_ns, horizon_ns, rng)

    whole = floor(workload.rate_scale)
    copies = [copy(number) for number in range(whole)]
    if (rest := workload.rate_scale - whole) > 0:
        copies.append(_thinned(copy(whole), rest, stream(seed, "thinning", part, index)))
    copies = [apart(one, number, len(copies)) for number, one in enumerate(copies)]
    if workload.daily is None:
        return merge(copies)
    return _by_the_hour(merge(copies), workload.daily, stream(seed, "daily", part, index))


def _labels(workload: RecordedWorkload, adapters: Mapping[str, int]) -> dict[str, LabelNumbers]:
    """Columns that are read as numbers: those of adapters and of tenants, where the trace names them.

    Tenants have the number of their place; another one is that of the other requests. A trace that names tenants which
    the workload lacks is refused before.
    """
    found = {}
    if isinstance(asked := workload.adapters, AdapterColumn):
        numbers = dict.fromkeys(asked.without, NO_ADAPTER) | dict(adapters)
        found["adapters"] = LabelNumbers(column=asked.column, numbers=numbers, others=NO_ADAPTER)
    if (named := workload.tenants) is not None:
        places = {name: place for place, name in enumerate(named.names)}
        found["tenants"] = LabelNumbers(column=named.column, numbers=places, others=len(places))
    return found


def _again(
    path: Path,
    batch_rows: int,
    period_ns: int,
    span_ns: int,
    *,
    prefixes: bool,
    labels: Mapping[str, LabelNumbers],
) -> Iterator[RequestBatch]:
    """The trace, started again each period until the span is covered: a mean gap after its last request. Each time its
    conversations are others.
    """
    for turn, start_ns in enumerate(range(0, span_ns + 1, period_ns)):
        whole = read_with_sessions(path, batch_rows, prefixes=prefixes, **labels)
        recorded = apart(whole, turn, span_ns // period_ns + 1)
        for batch in recorded:
            yield replace(batch, arrival_ns=batch.arrival_ns + start_ns) if start_ns else batch


def _by_the_hour(
    batches: Iterator[RequestBatch], daily: tuple[float, ...], rng: np.random.Generator
) -> Iterator[RequestBatch]:
    """Each request with a probability in proportion to the rate of its time of day."""
    top = max(daily)
    for batch in batches:
        hour = batch.arrival_ns / NS_PER_S / 3600.0 % 24.0
        share = np.interp(hour, np.arange(24) + 0.5, daily, period=24) / top
        yield batch[rng.random(len(batch)) < share]


def _until(batches: Iterator[RequestBatch], horizon_ns: int) -> Iterator[RequestBatch]:
    """The requests up to the horizon."""
    for batch in batches:
        end = int(np.searchsorted(batch.arrival_ns, horizon_ns, "right"))
        yield batch[:end]
        if end < len(batch):
            return


def _thinned(batches: Iterator[RequestBatch], share: float, rng: np.random.Generator) -> Iterator[RequestBatch]:
    """Each request with probability `share`."""
    for batch in batches:
        yield batch[rng.random(len(batch)) < share]
