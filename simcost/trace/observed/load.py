"""Load of a benchmark where its output does not state it, and lengths as quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load as the user states it; None = as the output does."""

    concurrency: int | None = None
    """Clients of a closed loop, or requests of a batch."""
    rate_per_s: float | None = None
    span_s: float | None = None
    """Time that the counters of a scrape cover."""
    prompt_tokens: int | None = None
    output_tokens: int | None = None


def quantiles_of(values: Sequence[float]) -> Mapping[float, float]:
    """Quantiles of the lengths of requests."""
    return dict(zip(LEVELS, map(float, np.quantile(values, LEVELS)), strict=True))
