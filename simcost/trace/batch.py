"""Requests travel as columns, in batches, sorted by arrival; they are never Python objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BATCH_ROWS = 262_144
"""Rows of a batch, unless asked otherwise; also of a row group of the store."""


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """A run of consecutive requests; arrays of equal length.

    Attributes:
        arrival_ns: int64, nanoseconds from the start of the trace, non-decreasing within and across batches.
        prompt_tokens: int32, at least 1.
        output_tokens: int32, at least 1.
    """

    arrival_ns: npt.NDArray[np.int64]
    prompt_tokens: npt.NDArray[np.int32]
    output_tokens: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def __getitem__(self, rows: slice | npt.NDArray[np.generic]) -> "RequestBatch":
        return RequestBatch(self.arrival_ns[rows], self.prompt_tokens[rows], self.output_tokens[rows])


def concat(parts: Sequence[RequestBatch]) -> RequestBatch:
    """One batch from consecutive ones; no parts give an empty batch."""
    if len(parts) == 1:
        return parts[0]
    empty = RequestBatch(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))
    parts = parts or [empty]
    return RequestBatch(
        np.concatenate([part.arrival_ns for part in parts]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
    )
