"""Replications of a trace: put together again from stretches of it, whose requests are others each time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from simcost.tables.cells import Flags
from simcost.trace.requests.batch import BATCH_ROWS, NO_SESSION, Ints, RequestBatch, concat
from simcost.trace.workload.spec import RecordedWorkload
from simcost.units import NS_PER_S


def resampled(
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
        self._begun = np.empty(0, np.bool_)
        self._sessions = _Sessions()
        self._ended = False

    def between(self, start_ns: int, end_ns: int, *, keep_from: int) -> RequestBatch:
        """The requests with start <= arrival < end; those before `keep_from` will not be asked for again."""
        while not self._ended and (len(self._held) == 0 or self._held.arrival_ns[-1] < end_ns):
            self._extend(keep_from)
        rows = slice(*map(int, np.searchsorted(self._held.arrival_ns, [start_ns, end_ns])))
        taken = self._held[rows]
        if taken.prefix is not None:
            taken = replace(taken, prefix=self._prefixes.taken(taken, self._shared[rows]))
        if taken.session is not None:
            taken = replace(taken, session=self._sessions.taken(taken.session, self._begun[rows]))
        return taken

    def _extend(self, keep_from: int) -> None:
        batch = next(self._batches, None)
        self._ended = batch is None
        if batch is not None:
            first = int(np.searchsorted(self._held.arrival_ns, keep_from))
            self._held = concat([self._held[first:], batch])
            self._shared = np.append(self._shared[first:], self._prefixes.shared(batch))
            if batch.session is not None:
                self._begun = np.append(self._begun[first:], self._sessions.begun(batch.session))


class _Sessions:
    """Numbers of conversations: another one each time that the first request of one is taken."""

    def __init__(self) -> None:
        self._known = self._count = 0
        self._numbers = np.empty(0, np.int64)
        """By number in the trace."""

    def begun(self, session: Ints) -> Flags:
        """True for the requests of the next batch that are the first of a conversation."""
        numbers, first = np.unique(session, return_index=True)
        begun = np.zeros(len(session), np.bool_)
        begun[first[numbers >= self._known]] = True
        self._known = max(self._known, int(numbers.max(initial=NO_SESSION)) + 1)
        return begun

    def taken(self, session: Ints, begun: Flags) -> Ints:
        """The numbers of requests that are taken now, of these conversations."""
        self._numbers = np.append(self._numbers, np.full(self._known - len(self._numbers), NO_SESSION))
        some = session != NO_SESSION
        of = session[some]
        new = np.unique(of[begun[some] | (self._numbers[of] == NO_SESSION)])
        self._numbers[new] = self._count + np.arange(len(new))
        self._count += len(new)
        numbers = np.full(len(session), NO_SESSION)
        numbers[some] = self._numbers[of]
        return numbers


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
