"""Requests travel as columns, in batches, sorted by arrival; they are never Python objects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH_ROWS = 262_144
"""Rows of a batch, unless asked otherwise; also of a row group of the store."""
NO_SESSION = -1
"""The session of a request that belongs to none."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tokens = npt.NDArray[np.int32]
Priorities = npt.NDArray[np.int16]
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
    """

    arrival_ns: Ints
    prompt_tokens: Tokens
    output_tokens: Tokens
    session: Ints | None = None
    priority: Priorities | None = None
    prefix: Any = None

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def __getitem__(self, rows: slice | npt.NDArray[np.generic]) -> "RequestBatch":
        session = None if self.session is None else self.session[rows]
        priority = None if self.priority is None else self.priority[rows]
        prefix = None if self.prefix is None else _taken(self.prefix, rows)
        return RequestBatch(
            self.arrival_ns[rows],
            self.prompt_tokens[rows],
            self.output_tokens[rows],
            session,
            priority,
            prefix,
        )

    def sessions(self) -> Ints:
        """The session of each request."""
        return np.full(len(self), NO_SESSION) if self.session is None else self.session

    def priorities(self) -> Priorities:
        """The priority of each request."""
        return np.zeros(len(self), np.int16) if self.priority is None else self.priority

    def prefix_hashes(self) -> tuple[Ints, Ints]:
        """How many hashes each prompt has, and all of them one after the other."""
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
    )


def _joined(parts: Sequence[RequestBatch]) -> Any:
    """The prefixes of all parts, null where one has none."""
    import pyarrow as pa

    kind = pa.list_(pa.int64())
    return pa.concat_arrays(
        [pa.nulls(len(part), kind) if part.prefix is None else part.prefix for part in parts]
    )
