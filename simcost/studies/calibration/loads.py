"""Requests for a benchmark point: as many as the tool sent, of its lengths, at its load."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simcost.rng import stream
from simcost.trace.observed import ObservedPoint
from simcost.trace.requests.batch import RequestBatch, Tokens
from simcost.units import NS_PER_S

_ROUNDS, _LEAST, _MOST = 8, 128, 1000
"""Requests of a client, and of a point, that are replayed at most: a closed loop repeats itself."""


def requests_of(point: ObservedPoint, seed: int) -> RequestBatch:
    """The requests of a point, the same for each candidate of a fit."""
    count = min(point.requests, _MOST)
    if point.concurrency is not None and point.rate_per_s is None:
        count = min(count, max(_ROUNDS * point.concurrency, _LEAST))
    rng = stream(seed, "calibration", point.name)
    return RequestBatch(
        np.round(_arrivals_s(point, count, rng) * NS_PER_S).astype(np.int64),
        _lengths(point.prompt_tokens, count, rng),
        _lengths(point.output_tokens, count, rng),
    )


def _arrivals_s(
    point: ObservedPoint, count: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if point.rate_per_s is None:
        return np.zeros(count)
    gaps = np.ones(count) if point.even else rng.exponential(size=count)
    return np.cumsum(gaps / gaps.mean()) / point.rate_per_s


def _lengths(quantiles: Mapping[float, float], count: int, rng: np.random.Generator) -> Tokens:
    """Evenly spaced quantiles in random order; of one level, that length for all."""
    levels = sorted(quantiles)
    if len(levels) == 1:
        return np.full(count, max(round(quantiles[levels[0]]), 1), np.int32)
    grid = (np.arange(count) + 0.5) / count
    found = np.interp(grid, levels, [quantiles[level] for level in levels])
    lengths: Tokens = np.maximum(np.round(rng.permutation(found)), 1).astype(np.int32)
    return lengths
