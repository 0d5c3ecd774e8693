"""Tokens that a prompt shares with earlier ones, by prefix hashes or by conversations."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from simcost.trace.requests.batch import NO_SESSION, Ints, RequestBatch
from simcost.trace.requests.cached_tokens import COLUMN as CACHED
from simcost.trace.requests.store import numbered, open_trace, read_labelled, read_tables

KNOWN_BY = (CACHED, "prefix_hashes", "session")
"""Columns of a trace by which the cached part of prompts is known, the surest first."""
Shared = tuple[RequestBatch, Ints]
"""Requests, and the leading tokens of each that an earlier one had."""


class Recent:
    """Keys that were used within the last `ttl_ns`, over a stream of sorted uses; a use renews its key.

    Holds the keys still alive, nothing else.
    """

    def __init__(self, ttl_ns: int) -> None:
        self._ttl_ns = ttl_ns
        self._key, self._at_ns, self._value = (np.empty(0, np.int64) for _ in range(3))

    def before(self, key: Ints, at_ns: Ints, value: Ints) -> Ints:
        """The value of the use of the same key before each use, if that is recent; else -1. Values are positive."""
        keys, times, values = (
            np.concatenate(pair) for pair in ((self._key, key), (self._at_ns, at_ns), (self._value, value))
        )
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
        previous = np.full(len(keys), -1)
        previous[order[again + 1]] = order[again]
        self._keep(keys, times, values, order, again)
        earlier = previous[len(keys) - len(key) :]
        recent = (earlier >= 0) & (at_ns - times[earlier] <= self._ttl_ns)
        return np.where(recent, values[earlier], -1)

    def _keep(self, keys: Ints, times: Ints, values: Ints, order: Ints, again: Ints) -> None:
        """The last use of each key, where it is still recent at the end."""
        last = np.ones(len(keys), bool)
        last[again] = False
        kept = order[last]
        if len(kept):
            kept = kept[times[kept] >= times.max() - self._ttl_ns]
        self._key, self._at_ns, self._value = keys[kept], times[kept], values[kept]


def shared_in_trace(path: Path, ttl_s: float) -> Iterator[Shared]:
    """The requests of a stored trace with what each prompt shares: the cached tokens that its log counts, else by
    prefix hashes, else by session labels, else nothing is shared.

    Raises:
        TraceError: the trace cannot be read.
    """
    info, ttl_ns = open_trace(path), round(ttl_s * 1e9)
    known_by = KNOWN_BY if counted_requests(path) else KNOWN_BY[1:]
    label = next((name for name in known_by if name in info.columns), None)
    recent, rows, names = Recent(ttl_ns), 0, dict[str, int]()
    for batch, columns in read_labelled(path, [label] if label else []):
        if label is None:
            yield batch, np.zeros(len(batch), np.int64)
        elif label == CACHED:
            counted = columns[label].fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
            yield batch, np.minimum(counted, batch.prompt_tokens)
        elif label == "prefix_hashes":
            yield batch, _by_hashes(batch, columns[label], info.block_tokens or 1, recent, rows)
        else:
            yield batch, by_sessions(batch, numbered(columns[label], names), recent)
        rows += len(batch)


def counted_requests(path: Path) -> int:
    """Requests of a trace whose cached tokens are counted.

    Raises:
        TraceError: the trace cannot be read.
    """
    if CACHED not in open_trace(path).columns:
        return 0
    return sum(len(table) - table[CACHED].null_count for table in read_tables(path, [CACHED]))


def shared_in_stream(batches: Iterator[RequestBatch], ttl_s: float) -> Iterator[Shared]:
    """The same of requests that carry their conversations, as synthesized ones do."""
    recent = Recent(round(ttl_s * 1e9))
    for batch in batches:
        yield batch, by_sessions(batch, batch.sessions(), recent)


def by_sessions(batch: RequestBatch, session: Ints, recent: Recent) -> Ints:
    """A turn begins with the whole prompt of the turn before, as far as it is that long."""
    shared = np.zeros(len(batch), np.int64)
    known = session != NO_SESSION
    prompt = batch.prompt_tokens[known].astype(np.int64)
    before = recent.before(session[known], batch.arrival_ns[known], prompt)
    shared[known] = np.minimum(np.maximum(before, 0), prompt)
    return shared


def _by_hashes(batch: RequestBatch, lists: pa.Array, block_tokens: int, recent: Recent, rows: int) -> Ints:
    """The leading blocks that a recent earlier request had too."""
    blocks = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    hashes = lists.flatten().to_numpy()
    row = np.repeat(np.arange(len(batch)), blocks)
    number = rows + row + 1
    before = recent.before(hashes, batch.arrival_ns[row], number)
    first = np.cumsum(blocks) - blocks
    place = np.arange(len(hashes)) - first[row]
    missed = np.where((before < 0) | (before == number), place, np.iinfo(np.int64).max)
    leading = np.zeros(len(batch), np.int64)
    some = blocks > 0
    if some.any():
        leading[some] = np.minimum(np.minimum.reduceat(missed, first[some]), blocks[some])
    return np.minimum(leading * block_tokens, batch.prompt_tokens)
