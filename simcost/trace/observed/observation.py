"""Observations of a serving engine as columns: requests with their latencies, or benchmark points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Finding = dict[str, Any]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""Statistics of a latency beside its mean."""
_LEVELS = np.array(list(QUANTILES.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings of the engine, None where the output does not state them."""

    model: str | None = None
    accelerator: str | None = None
    engine: str | None = None
    """Name and version."""
    tp: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    kv_tokens: int | None = None
    engines: int | None = None
    """Engines behind one queue that served the requests, such as data-parallel ranks; the other settings are of one."""

    def over(self, other: Configuration) -> Configuration:
        """These settings, and those of the other where there are none."""
        mine = {item.name: value for item in fields(self) if (value := getattr(self, item.name)) is not None}
        return replace(other, **mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRun:
    """Requests of one engine, sorted by arrival; NaN where a latency is not known."""

    arrival_s: Floats
    """From the first request."""
    prompt_tokens: Ints
    output_tokens: Ints
    ttft_s: Floats
    e2e_s: Floats
    queue_s: Floats
    """Time in the engine's queue."""
    clients: int | None = None
    """Requests that were sent at a time at most; None = whenever they arrived."""

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def tpot_s(self) -> Floats:
        """(E2E - TTFT) / (output - 1); NaN for one output token."""
        gaps = self.output_tokens - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(gaps > 0, (self.e2e_s - self.ttft_s) / gaps, np.nan)

    @property
    def most_at_a_time(self) -> int:
        """Largest number of requests that were sent and not ended; of those with a known end."""
        known = ~np.isnan(self.e2e_s)
        begin, end = self.arrival_s[known], (self.arrival_s + self.e2e_s)[known]
        times = np.concatenate([end, begin])  # at one time, those that end first
        change = np.concatenate([-np.ones(len(end)), np.ones(len(begin))])
        return int(np.cumsum(change[np.argsort(times, kind="stable")]).max(initial=0))

    @property
    def timed(self) -> npt.NDArray[np.bool_]:
        """Requests with a latency."""
        return ~(np.isnan(self.ttft_s) & np.isnan(self.e2e_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPoint:
    """Aggregates of a benchmark at one load."""

    name: str
    requests: int
    concurrency: int | None
    """Clients of a closed loop; None = requests come at `rate_per_s`."""
    rate_per_s: float | None
    even: bool = False
    """Requests come at equal gaps; False = Poisson arrivals."""
    prompt_tokens: Mapping[float, float]
    """Quantile level -> tokens; one level where only a mean is known."""
    output_tokens: Mapping[float, float]
    latencies: Mapping[str, Mapping[str, float]]
    """ttft, tpot, e2e -> mean, p50, ... -> seconds."""
    failed: int = 0
    """Requests that were sent and not served; they are in no latency."""
    cached_share: float = 0.0
    """Share of the prompt tokens that the engine had in its prefix cache, where the output counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedEngine:
    """Observations of an engine from one log, or from benchmark outputs."""

    kind: str
    """The format."""
    files: tuple[Path, ...]
    configuration: Configuration = field(default_factory=Configuration)
    run: ObservedRun | None = None
    points: tuple[ObservedPoint, ...] = ()
    findings: tuple[Finding, ...] = ()


def finding(kind: str, message: str, count: int = 1) -> Finding:
    """Something that a reader should know of an observation."""
    return {"kind": kind, "count": count, "message": message}


def statistics(values: Floats) -> dict[str, float]:
    """Mean and quantiles of the values that are known; empty where none is."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {}
    known = np.sort(known)  # numpy.quantile takes ten times as long
    place = _LEVELS * (len(known) - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, len(known) - 1)
    quantiles = known[below] + (place - below) * (known[above] - known[below])
    return {"mean": float(known.mean()), **dict(zip(QUANTILES, quantiles.tolist(), strict=True))}
