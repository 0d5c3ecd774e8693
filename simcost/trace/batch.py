"""Requests travel as columns, in batches, sorted by arrival; they are never Python objects."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
