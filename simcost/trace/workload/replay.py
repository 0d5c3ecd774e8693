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
    reach of the block's own start, folded back at the ends. Holds the requests within reach, and the different hashes
    of their prompts.
    """
    block_ns = max(1, min(round(workload.block * NS_PER_S), span_ns + 1))
    reach_ns = round(workload.reach * NS_PER_S)
    own = np.arange(0, horizon_ns + 1, block_ns)
    source = _folded(own + rng.integers(-reach_ns, reach_ns, len(own), endpoint=True), block_ns, span_ns + 1)
    reached = _Reached(batches)
    parts: list[RequestBatch] = []
    rows = 0
    for start, at in zip(own.tolist(), source.tolist(), strict=True):
        length = min(block_ns, horizon_ns + 1 - start)
        taken = reached.between(at, at + length, keep_from=start - reach_ns - block_ns)
        parts.append(replace(taken, arrival_ns=taken.arrival_ns + (start - at)))
        rows += len(taken)
        if rows >= BATCH_ROWS:
            yield concat(parts)
            parts, rows = [], 0
    if rows:
        yield concat(parts)


def _folded(starts: Ints, length: int, end: int) -> Ints:
    """Starts of stretches in a trace that ends at `end`: those beyond either end as far within it, those across an end
    at it. So no part of the trace is taken more often than another.
    """
    twice = np.mod(2 * starts + length, 4 * end)  # the middles, doubled
    folded: Ints = np.clip((2 * end - np.abs(2 * end - twice) - length) // 2, 0, end - length)
    return folded


class _Reached:
    """The part of a stream that blocks may still be taken from. A request that is taken again is another one."""

    def __init__(self, batches: Iterator[RequestBatch]) -> None:
        self._batches = batches
        self._held = concat([])
        self._shared = np.empty(0, np.int64)
        self._prefixes = _Prefixes()
        self._ended = False

    def between(self, start_ns: int, end_ns: int, *, keep_from: int) -> RequestBatch:
        """The requests with start <= arrival < end; those before `keep_from` will not be asked for again."""
        while not self._ended and (len(self._held) == 0 or self._held.arrival_ns[-1] < end_ns):
            self._extend(keep_from)
        rows = slice(*map(int, np.searchsorted(self._held.arrival_ns, [start_ns, end_ns])))
        taken = self._held[rows]
        if taken.prefix is not None:
            taken = replace(taken, prefix=self._prefixes.taken(taken, self._shared[rows]))
        return taken

    def _extend(self, keep_from: int) -> None:
        batch = next(self._batches, None)
        self._ended = batch is None
        if batch is not None:
            first = int(np.searchsorted(self._held.arrival_ns, keep_from))
            self._held = concat([self._held[first:], batch])
            self._shared = np.append(self._shared[first:], self._prefixes.shared(batch))


_AGAIN = np.uint64(0xC2B2AE3D27D4EB4F)  # another multiplier than that of the copies of a trace


class _Prefixes:
    """Hashes of prompts, others each time that the request is taken which had them first.

    So the second copy of a conversation does not find the first one, and its turns find each other. Holds 16 bytes for
    each different hash.
    """

    def __init__(self) -> None:
        self._known = np.empty(0, np.int64)
        self._times = np.empty(0, np.int64)
        """For each of them, how often the request was taken that had it first."""

    def shared(self, batch: RequestBatch) -> Ints:
        """Number of leading blocks of each prompt of the next batch that one before it has, too."""
        shared, hashes = batch.prefix_hashes()
        place = np.arange(len(hashes)) - np.repeat(np.cumsum(shared) - shared, shared)
        distinct, first = np.unique(hashes, return_index=True)
        at = np.searchsorted(self._known, distinct)
        new = np.append(self._known, 0)[at] != distinct
        new |= at == len(self._known)
        self._known = np.insert(self._known, at[new], distinct[new])
        self._times = np.insert(self._times, at[new], 0)
        row = np.repeat(np.arange(len(shared)), shared)[first[new]]
        np.minimum.at(shared, row, place[first[new]])
        return shared

    def taken(self, batch: RequestBatch, shared: Ints) -> Any:
        """The prefixes of requests that are taken now, of which so many leading blocks are those of others."""
        import pyarrow as pa

        lengths, hashes = batch.prefix_hashes()
        ends, at = np.cumsum(lengths), np.searchsorted(self._known, hashes)
        own = np.arange(len(hashes)) >= np.repeat(ends - lengths + shared, lengths)
        self._times[at[own]] += 1
        before = np.maximum(self._times[at] - 1, 0).astype(np.uint64)
        offsets = np.append(0, ends).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(hashes ^ (before * _AGAIN).astype(np.int64)))
