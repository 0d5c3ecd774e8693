"""Batches of requests as columns, sorted by arrival, and the merge of streams; never Python objects."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH_ROWS = 262_144
"""Rows of a batch, unless asked otherwise; also of a row group of the store."""
NO_SESSION = -1
"""The session of a request that belongs to none."""
_NEVER = 2**63 - 1
NO_ADAPTER = -1
"""The adapter of a request that asks for none."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.int32]
Priorities = npt.NDArray[np.int16]
Tenants = npt.NDArray[np.int16]
Pairs = tuple[Tokens, Tokens]
"""Prompt and output tokens."""
Draw = Callable[[int], tuple[Floats, Pairs | None]]
"""At least this many gaps of mean 1, and the tokens of the request after each where their law has them."""


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """A run of consecutive requests; arrays of equal length.

    Attributes:
        arrival_ns: int64, nanoseconds from the start of the trace, non-decreasing within and across batches.
        prompt_tokens: int32, at least 1.
        output_tokens: int32, at least 1.
        session: int64, number of the conversation, `NO_SESSION` = none; None = of no request.
        priority: int16, higher ones leave the gateway first, negative ones may be shed; None = all 0.
        prefix: Arrow list of int64, the hashes of the blocks of each prompt, null = unknown; None = of no request.
        think_ns: int64, how long the client of each thinks after its end, in a closed loop; None = not at all.
        tenant: int16, number of the tenant of each; None = there are none.
        adapter: int16, number of the LoRA adapter that each asks for, -1 = none; None = no request asks for one.
    """

    arrival_ns: Ints
    prompt_tokens: Tokens
    output_tokens: Tokens
    session: Ints | None = None
    priority: Priorities | None = None
    prefix: Any = None
    think_ns: Ints | None = None
    tenant: Tenants | None = None
    adapter: npt.NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def __getitem__(self, rows: slice | npt.NDArray[np.generic]) -> "RequestBatch":
        session = None if self.session is None else self.session[rows]
        priority = None if self.priority is None else self.priority[rows]
        prefix = None if self.prefix is None else _taken(self.prefix, rows)
        think_ns = None if self.think_ns is None else self.think_ns[rows]
        tenant = None if self.tenant is None else self.tenant[rows]
        adapter = None if self.adapter is None else self.adapter[rows]
        return RequestBatch(
            self.arrival_ns[rows],
            self.prompt_tokens[rows],
            self.output_tokens[rows],
            session,
            priority,
            prefix,
            think_ns,
            tenant,
            adapter,
        )

    def sessions(self) -> Ints:
        """The session of each request."""
        return np.full(len(self), NO_SESSION) if self.session is None else self.session

    def priorities(self) -> Priorities:
        """The priority of each request."""
        return np.zeros(len(self), np.int16) if self.priority is None else self.priority

    def tenants(self) -> Tenants:
        """The tenant of each request."""
        return np.zeros(len(self), np.int16) if self.tenant is None else self.tenant

    def adapters(self) -> npt.NDArray[np.int16]:
        """The adapter of each request."""
        return np.full(len(self), NO_ADAPTER, np.int16) if self.adapter is None else self.adapter

    def prefix_hashes(self) -> tuple[Ints, Ints]:
        """Number of hashes of each prompt, and all of them one after the other."""
        if self.prefix is None:
            return np.zeros(len(self), np.int64), np.empty(0, np.int64)
        lengths = self.prefix.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        return lengths, self.prefix.flatten().to_numpy(zero_copy_only=False)


def _taken(prefix: Any, rows: slice | npt.NDArray[np.generic]) -> Any:
    """Rows of an Arrow array, by a slice, a mask or indices."""
    places = np.arange(len(prefix))[rows]
    return prefix.take(places)


def concat(parts: Sequence[RequestBatch]) -> RequestBatch:
    """One batch from consecutive ones; no parts give an empty batch."""
    if len(parts) == 1:
        return parts[0]
    empty = RequestBatch(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))
    parts = parts or [empty]
    known = any(part.session is not None for part in parts)
    ranked = any(part.priority is not None for part in parts)
    return RequestBatch(
        np.concatenate([part.arrival_ns for part in parts]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
        np.concatenate([part.sessions() for part in parts]) if known else None,
        np.concatenate([part.priorities() for part in parts]) if ranked else None,
        _joined(parts) if any(part.prefix is not None for part in parts) else None,
        tenant=np.concatenate([part.tenants() for part in parts])
        if any(part.tenant is not None for part in parts)
        else None,
        adapter=np.concatenate([part.adapters() for part in parts])
        if any(part.adapter is not None for part in parts)
        else None,
    )


def _joined(parts: Sequence[RequestBatch]) -> Any:
    """The prefixes of all parts, null where one has none."""
    import pyarrow as pa

    kind = pa.list_(pa.int64())
    return pa.concat_arrays([pa.nulls(len(part), kind) if part.prefix is None else part.prefix for part in parts])


_AT_ONCE = 16
"""Streams that are merged in one pass: each batch is looked for in all of them."""
_FEW = 1024
"""Rows below which the batches of a stream are joined before they are merged."""


def merge(streams: Sequence[Iterator[RequestBatch]]) -> Iterator[RequestBatch]:
    """Merge by arrival, holding one batch of each stream, of few rows several; equal arrivals come in the order of the
    streams.
    """
    while len(streams) > _AT_ONCE:
        streams = [_merge(streams[first : first + _AT_ONCE]) for first in range(0, len(streams), _AT_ONCE)]
    return _merge(streams)


def _merge(streams: Sequence[Iterator[RequestBatch]]) -> Iterator[RequestBatch]:
    if len(streams) == 1:
        yield from streams[0]
        return
    heads, over = dict[int, RequestBatch](), set[int]()
    for order, stream in enumerate(streams):
        _take_head(heads, over, order, stream)
    while heads:
        # up to the end of the head that ends first, of those that others may follow
        open_ends = [(int(head.arrival_ns[-1]), order) for order, head in heads.items() if order not in over]
        until, first = min(open_ends, default=(_NEVER, len(streams)))
        parts = []
        for order, head in list(heads.items()):
            # the first stream may go on with the same arrival: those after it must wait with theirs
            end = int(np.searchsorted(head.arrival_ns, until, "right" if order <= first else "left"))
            parts.append(head[:end])
            if end < len(head):
                heads[order] = head[end:]
            else:
                _take_head(heads, over, order, streams[order])
        batch = concat(parts)
        yield batch[np.argsort(batch.arrival_ns, kind="stable")]


def _take_head(heads: dict[int, RequestBatch], over: set[int], order: int, stream: Iterator[RequestBatch]) -> None:
    """Let the head of a stream be its next rows, `_FEW` or more unless it is `over` after them; none where it is over
    already.
    """
    parts, rows = list[RequestBatch](), 0
    while rows < _FEW:
        batch = _next(stream)
        if batch is None:
            over.add(order)
            break
        parts.append(batch)
        rows += len(batch)
    if parts:
        heads[order] = concat(parts)
    else:
        heads.pop(order, None)


def apart(stream: Iterator[RequestBatch], part: int, parts: int) -> Iterator[RequestBatch]:
    """The stream with conversations and prefixes that have other numbers than those of the other streams."""
    for batch in stream:
        if parts == 1 or (batch.session is None and batch.prefix is None):
            yield batch
        else:
            yield replace(batch, session=_renumbered(batch, part, parts), prefix=_rehashed(batch.prefix, part))


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
