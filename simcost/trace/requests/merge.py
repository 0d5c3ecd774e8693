"""Several sorted streams of requests become one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from simcost.trace.requests.batch import NO_SESSION, Ints, RequestBatch, concat


def merge(streams: Sequence[Iterator[RequestBatch]]) -> Iterator[RequestBatch]:
    """Merge by arrival, holding one batch of each stream; equal arrivals come in the order of the streams."""
    if len(streams) == 1:
        yield from streams[0]
        return
    heads = {order: head for order, stream in enumerate(streams) if (head := _next(stream)) is not None}
    while heads:
        first = min(heads, key=lambda order: (heads[order].arrival_ns[-1], order))
        until = heads[first].arrival_ns[-1]
        parts = []
        for order, head in list(heads.items()):
            # the first stream may go on with the same arrival: those after it must wait with theirs
            end = int(np.searchsorted(head.arrival_ns, until, "right" if order <= first else "left"))
            parts.append(head[:end])
            rest = head[end:] if end < len(head) else _next(streams[order])
            if rest is None:
                del heads[order]
            else:
                heads[order] = rest
        batch = concat(parts)
        yield batch[np.argsort(batch.arrival_ns, kind="stable")]


def apart(stream: Iterator[RequestBatch], part: int, parts: int) -> Iterator[RequestBatch]:
    """The stream with conversations and prefixes that have other numbers than those of the other streams."""
    for batch in stream:
        if parts == 1 or (batch.session is None and batch.prefix is None):
            yield batch
        else:
            yield replace(
                batch, session=_renumbered(batch, part, parts), prefix=_rehashed(batch.prefix, part)
            )


def _renumbered(batch: RequestBatch, part: int, parts: int) -> Ints | None:
    if batch.session is None:
        return None
    return np.where(batch.session == NO_SESSION, NO_SESSION, batch.session * parts + part)


def _rehashed(prefix: Any, part: int) -> Any:
    """Hashes that none of another part equals, but by chance."""
    if prefix is None or part == 0:
        return prefix
    import pyarrow as pa

    salt = np.uint64(part * 0x9E3779B97F4A7C15 & (2**64 - 1)).astype(np.int64)
    lengths = prefix.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    hashes = prefix.flatten().to_numpy(zero_copy_only=False) ^ salt
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(hashes))


def _next(stream: Iterator[RequestBatch]) -> RequestBatch | None:
    """The next batch that is not empty."""
    return next((batch for batch in stream if len(batch)), None)
