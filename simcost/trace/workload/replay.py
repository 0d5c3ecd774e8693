"""Replay of a stored trace: as recorded, resampled in local blocks, thinned or superposed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import floor
from pathlib import Path
from typing import Any

import numpy as np

from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import BATCH_ROWS, NO_ADAPTER, Ints, RequestBatch, apart, concat, merge
from simcost.trace.requests.store import LabelNumbers, open_trace, read_with_sessions
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
        return _resampled(recorded, workload, span_ns, horizon_ns, rng)

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


def _resampled(
    batches: Iterator[RequestBatch],
    workload: RecordedWorkload,
    span_ns: int,
    horizon_ns: int,
    rng: np.random.Generator,
) -> Iterator[RequestBatch]:
    """Local block bootstrap: each block of the run is a stretch of the trace that starts, uniformly, within
    reach of the block's own start. Holds the requests within reach, and the different hashes of their prompts.
    """
    block_ns = max(1, min(round(workload.block * NS_PER_S), span_ns + 1))
    reach_ns = round(workload.reach * NS_PER_S)
    own = np.arange(0, horizon_ns + 1, block_ns)
    last = span_ns + 1 - block_ns
    low, high = np.clip(own - reach_ns, 0, last), np.clip(own + reach_ns, 0, last)
    source = rng.integers(low, high, endpoint=True)
    reached = _Reached(batches)
    parts: list[RequestBatch] = []
    rows = 0
    for start, at in zip(own.tolist(), source.tolist(), strict=True):
        length = min(block_ns, horizon_ns + 1 - start)
        taken = reached.between(at, at + length, keep_from=start - reach_ns)
        parts.append(replace(taken, arrival_ns=taken.arrival_ns + (start - at)))
        rows += len(taken)
        if rows >= BATCH_ROWS:
            yield concat(parts)
            parts, rows = [], 0
    if rows:
        yield concat(parts)


class _Reached:
    """The part of a stream that blocks may still be taken from.

    A request that is taken again is another one: it shares with others what its prompt shares in the trace with those
    before it, and the rest of its prompt is new.
    """

    def __init__(self, batches: Iterator[RequestBatch]) -> None:
        self._batches = batches
        self._held = concat([])
        self._times = self._shared = np.empty(0, np.int64)
        self._seen = _SeenHashes()
        self._ended = False

    def between(self, start_ns: int, end_ns: int, *, keep_from: int) -> RequestBatch:
        """The requests with start <= arrival < end; those before `keep_from` will not be asked for again."""
        while not self._ended and (len(self._held) == 0 or self._held.arrival_ns[-1] < end_ns):
            self._extend(keep_from)
        rows = slice(*map(int, np.searchsorted(self._held.arrival_ns, [start_ns, end_ns])))
        taken = self._held[rows]
        if taken.prefix is not None and self._times[rows].any():
            taken = replace(taken, prefix=_renewed(taken, self._shared[rows], self._times[rows]))
        self._times[rows] += 1
        return taken

    def _extend(self, keep_from: int) -> None:
        batch = next(self._batches, None)
        self._ended = batch is None
        if batch is not None:
            first = int(np.searchsorted(self._held.arrival_ns, keep_from))
            self._held = concat([self._held[first:], batch])
            self._times = np.append(self._times[first:], np.zeros(len(batch), np.int64))
            self._shared = np.append(self._shared[first:], self._seen.leading(batch))


class _SeenHashes:
    """Hashes of the prompts so far; holds 8 bytes for each different one."""

    def __init__(self) -> None:
        self._known = np.empty(0, np.int64)

    def leading(self, batch: RequestBatch) -> Ints:
        """Number of leading blocks of each prompt that one before it has, too."""
        shared, hashes = batch.prefix_hashes()
        place = np.arange(len(hashes)) - np.repeat(np.cumsum(shared) - shared, shared)
        distinct, first = np.unique(hashes, return_index=True)
        at = np.searchsorted(self._known, distinct)
        new = np.append(self._known, 0)[at] != distinct
        new |= at == len(self._known)
        self._known = np.insert(self._known, at[new], distinct[new])
        row = np.repeat(np.arange(len(shared)), shared)[first[new]]
        np.minimum.at(shared, row, place[first[new]])
        return shared


_AGAIN = np.uint64(0xC2B2AE3D27D4EB4F)  # another multiplier than that of the copies of a trace


def _renewed(batch: RequestBatch, shared: Ints, times: Ints) -> Any:
    """The prefixes of requests with other hashes behind the shared blocks, others each time; as they are at 0."""
    import pyarrow as pa

    lengths, hashes = batch.prefix_hashes()
    ends = np.cumsum(lengths)
    own = np.arange(len(hashes)) >= np.repeat(ends - lengths + shared, lengths)
    salt = (np.repeat(times, lengths).astype(np.uint64) * _AGAIN).astype(np.int64)
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.where(own, hashes ^ salt, hashes)))
