"""The gaps of a trace in operational time: its arrivals once the rate is taken out.

The rate is estimated from the trace itself: counts in windows of a minute (or of 16 requests, where that is
longer), then a centred moving average of 5 windows. What bursts last longer than that is taken for the rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from simcost.errors import InputError, TraceError
from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import Floats, Ints, RequestBatch, Tokens
from simcost.trace.requests.store import open_trace, read_batches
from simcost.trace.synthesis.rates import CumulativeRate
from simcost.units import NS_PER_S

Fit = TypeVar("Fit")

_WINDOW_S = 60.0
_WINDOW_REQUESTS = 16
_SMOOTHED = 5  # windows
_FLOOR_PER_S = 1e-6
_STRETCH = 4096
_MOST = 4_194_304
_GRAIN_FROM = 100_000
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Tuples:
    """Consecutive requests of a trace, each with the gap before it; arrays of equal length.

    Attributes:
        gap: in operational time; mean 1, above 0.
        until: running sum of them.
        gap_s: on the clock.
        prompt_tokens: of the request after the gap.
        output_tokens: likewise.
        grain_ns: resolution of the clock, where arrivals share an instant; else 0.
    """

    gap: Floats
    until: Floats
    gap_s: Floats
    prompt_tokens: Tokens
    output_tokens: Tokens
    grain_ns: int

    def __len__(self) -> int:
        return len(self.gap)


def tuples(path: Path) -> Tuples:
    """The requests of a trace with their rescaled gaps; of a long one evenly spread stretches, about 4 million.

    Raises:
        TraceError: it cannot be read, or has fewer than 20 requests at different times.
    """
    return _tuples(path, _changed_ns(path))


def fitted(fit: Callable[[Tuples], Fit], folder: Path, trace: str) -> Fit:
    """Fit of a trace in the folder; fitted once, whatever the number of replications."""
    path = inside(folder, trace)
    result: Fit = _fitted(fit, path, _changed_ns(path))
    return result


@lru_cache(maxsize=16)
def _fitted(fit: Callable[[Tuples], Any], path: Path, changed_ns: int) -> Any:
    return fit(_tuples(path, changed_ns))


def _changed_ns(path: Path) -> int:
    """Time at which the file was last written, so that a changed one is read again."""
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=4)
def _tuples(path: Path, changed_ns: int) -> Tuples:  # noqa: ARG001  # part of the key
    info = open_trace(path)
    windows = _windows(info.rows, info.span_ns)
    counts, grain_ns = np.zeros(windows), None
    for batch in read_batches(path):
        grain_ns = clock_grain_ns(batch.arrival_ns) if grain_ns is None else grain_ns
        counts += np.bincount(_window_of(batch.arrival_ns, info.span_ns, windows), minlength=windows)
    clock = smoothed(counts, info.span_ns)
    kept = [*_kept(path, clock, grain_ns or 0, every=-(-info.rows // _MOST))]
    gap, gap_s, prompt, output = (np.concatenate(column) for column in zip(*kept, strict=True))
    if len(gap) < _FEWEST:
        raise TraceError(
            f"{path}: {len(gap)} gaps between requests at different times, too few to resample or to "
            f"fit; give a trace with at least {_FEWEST}"
        )
    gap = gap / gap.mean()
    return Tuples(gap, np.cumsum(gap), gap_s, prompt, output, grain_ns or 0)


def _kept(
    path: Path, clock: CumulativeRate, grain_ns: int, *, every: int
) -> Iterator[tuple[Floats, Floats, Tokens, Tokens]]:
    """Gaps and tokens of every so manieth stretch, batch by batch; gaps of 0 are left out."""
    rng = stream(0, "ties")
    last, row = None, 0
    for batch in read_batches(path):
        spread = _untied(batch, grain_ns, rng)
        before = spread.arrival_ns[:1] if last is None else last
        arrival = np.concatenate([before, spread.arrival_ns])
        gap = np.diff(clock.expected(arrival))
        chosen = (gap > 0) & ((row + np.arange(len(batch))) // _STRETCH % every == 0)
        yield (
            gap[chosen],
            np.diff(arrival)[chosen] / NS_PER_S,
            spread.prompt_tokens[chosen],
            spread.output_tokens[chosen],
        )
        last, row = arrival[-1:], row + len(batch)


def _untied(batch: RequestBatch, grain_ns: int, rng: np.random.Generator) -> RequestBatch:
    """The batch with each arrival moved to some place within its tick of the clock, and sorted again."""
    if grain_ns == 0:
        return batch
    arrival = batch.arrival_ns + rng.integers(0, grain_ns, len(batch))
    order = np.argsort(arrival, kind="stable")
    return RequestBatch(arrival[order], batch.prompt_tokens[order], batch.output_tokens[order])


def rescaled_gaps(arrival_s: Floats, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """The gaps of sorted times in operational time, mean 1, and the row after each; ties are broken.

    Raises:
        InputError: fewer than 20 different times, or not sorted.
    """
    arrival_ns = np.rint((arrival_s - arrival_s[:1]) * NS_PER_S).astype(np.int64)
    back = np.flatnonzero(np.diff(arrival_ns) < 0)
    if len(back):
        raise InputError(f"row {back[0] + 2} is earlier than the one before; sort the rows by time")
    grain_ns = clock_grain_ns(arrival_ns)
    arrival_ns = np.sort(arrival_ns + rng.integers(0, grain_ns, len(arrival_ns))) if grain_ns else arrival_ns
    span_ns = int(arrival_ns[-1]) if len(arrival_ns) else 0
    windows = _windows(len(arrival_ns), span_ns)
    clock = smoothed(np.bincount(_window_of(arrival_ns, span_ns, windows), minlength=windows), span_ns)
    gap = np.diff(clock.expected(arrival_ns))
    rows = np.flatnonzero(gap > 0)
    if len(rows) < _FEWEST:
        raise InputError(f"{len(rows)} gaps between different times are too few to resample; give {_FEWEST}")
    return gap[rows] / gap[rows].mean(), rows + 1


def smoothed(counts: Floats | Ints, span_ns: int) -> CumulativeRate:
    """The estimated rate as a clock, from counts in equal windows that cover the span; ends are reflected."""
    around = np.pad(counts.astype(np.float64), _SMOOTHED // 2, mode="symmetric")
    mean = np.convolve(around, np.full(_SMOOTHED, 1 / _SMOOTHED), "valid")
    width_ns = max(span_ns, 1) / len(counts)
    rate = np.maximum(mean, _FLOOR_PER_S * width_ns / NS_PER_S)
    return CumulativeRate(np.arange(len(counts) + 1) * width_ns, np.concatenate([[0.0], np.cumsum(rate)]))


def clock_grain_ns(arrival_ns: Ints) -> int:
    """The resolution of the clock where arrivals share an instant: the first percentile of positive gaps; else 0."""
    gaps = np.diff(arrival_ns[:_GRAIN_FROM])
    positive = gaps[gaps > 0]
    return int(np.quantile(positive, 0.01)) if 0 < len(positive) < len(gaps) else 0


def _windows(rows: int, span_ns: int) -> int:
    return max(1, round(min(span_ns / NS_PER_S / _WINDOW_S, rows / _WINDOW_REQUESTS)))


def _window_of(arrival_ns: Ints, span_ns: int, windows: int) -> Ints:
    """The window in which each arrival lies; the end belongs to the last one."""
    index: Ints = np.minimum((arrival_ns * (windows / max(span_ns, 1))).astype(np.int64), windows - 1)
    return index
