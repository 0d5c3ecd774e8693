"""Synthetic requests: Poisson arrivals of varying rate with bursts, and token pairs."""

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError
from simcost.rng import stream
from simcost.trace.batch import BATCH_ROWS, RequestBatch
from simcost.trace.paths import inside
from simcost.trace.shape import Shape
from simcost.trace.store import open_trace, read_batches
from simcost.trace.workload import Lengths, Synthetic
from simcost.trace.writer import TraceWriter
from simcost.units import NS_PER_S

_LONGEST_BIN_S = 60.0
_MOST_BINS = 65_536
_KEPT_PAIRS = 4_194_304
Pairs = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]
Draw = Callable[[int], Pairs]


def synthetic(spec: Synthetic, *, folder: Path, seed: int, index: int, horizon_s: float,
              part: int = 0) -> Iterator[RequestBatch]:  # fmt: skip
    """The requests of one replication; see `simcost.trace.workload.batches`.

    Time is cut into bins of constant rate: burst windows, or equal parts of them. The count in a bin is
    Poisson with mean (expected requests of the shape) x (Gamma level of the window); the arrivals in a bin
    are uniform and sorted, which is what a Poisson process is, given its count. Levels, counts, places and
    lengths have random streams of their own, drawn in a fixed order.
    """
    if not 0 < horizon_s < 2**63 / NS_PER_S:
        raise InputError(f"horizon {horizon_s} s: give a positive length, e.g. 24h")
    draw = _token_pairs(spec.lengths, folder, stream(seed, "lengths", part, index))
    horizon_ns = round(horizon_s * NS_PER_S)
    try:
        shape = Shape(spec, horizon_ns)
    except ValueError as error:
        raise InputError(f"workload: {error}; lengthen `horizon` or correct the shape") from error
    for arrival_ns in _arrivals(spec, shape, horizon_ns, seed, part, index):
        yield RequestBatch(arrival_ns, *draw(len(arrival_ns)))


def _arrivals(spec: Synthetic, shape: Shape, horizon_ns: int, seed: int, part: int,
              index: int) -> Iterator[npt.NDArray[np.int64]]:  # fmt: skip
    """Sorted arrivals, about `BATCH_ROWS` at a time."""
    levels, counts, places = (stream(seed, name, part, index) for name in ("levels", "counts", "places"))
    window_ns = max(1, round(spec.burst_window * NS_PER_S))
    bins = ceil(spec.burst_window / min(_LONGEST_BIN_S, BATCH_ROWS / spec.rate))  # per window
    within = np.minimum(np.arange(bins) * -(-window_ns // bins), window_ns)
    windows = -(-horizon_ns // window_ns)
    bins_at_once = max(1, min(_MOST_BINS, int(BATCH_ROWS / spec.rate / spec.burst_window * bins)))
    windows_at_once = max(1, bins_at_once // bins)
    for first in range(0, windows, windows_at_once):
        starts = np.arange(first, min(first + windows_at_once, windows)) * window_ns
        edges = np.append((starts[:, None] + within).ravel(), starts[-1] + window_ns)
        edges = np.minimum(edges, horizon_ns)[: np.searchsorted(edges, horizon_ns) + 1]
        level = np.repeat(_levels(spec.burst_cv, len(starts), levels), bins)[: len(edges) - 1]
        number = counts.poisson(np.diff(shape.expected(edges)) * level)
        for at in range(0, len(number), bins_at_once):
            yield _placed(edges[at : at + bins_at_once + 1], number[at : at + bins_at_once], places)


def _placed(edges_ns: npt.NDArray[np.int64], number: npt.NDArray[np.int64],
            rng: np.random.Generator) -> npt.NDArray[np.int64]:  # fmt: skip
    """Sorted uniform arrivals, `number[i]` of them from edge i to edge i + 1."""
    arrival = np.repeat(edges_ns[:-1], number)
    width = np.repeat(np.diff(edges_ns), number)
    arrival += (rng.random(len(arrival)) * width).astype(np.int64)
    arrival.sort()
    return arrival


def _levels(cv: float, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Gamma variables of mean 1 and this coefficient of variation."""
    return rng.gamma(cv**-2, cv**2, count) if cv > 0 else np.ones(count)


def _token_pairs(lengths: Lengths, folder: Path, rng: np.random.Generator) -> Draw:
    """What draws (prompt, output) pairs."""
    if lengths.trace is None:
        return lambda count: _lognormal(lengths, count, rng)
    prompt, output = _stored_pairs(inside(folder, lengths.trace))

    def resample(count: int) -> Pairs:
        rows = rng.integers(0, len(prompt), count, dtype=np.int32)
        return prompt[rows], output[rows]

    return resample


def _lognormal(lengths: Lengths, count: int, rng: np.random.Generator) -> Pairs:
    """Pairs of rounded log-normals; at least 1 token each, at most max_tokens together."""
    normal, other = rng.standard_normal((2, count), dtype=np.float32)
    rho = np.float32(lengths.correlation)
    prompt = _tokens(normal, lengths.prompt_median, lengths.prompt_sigma, lengths.max_tokens - 1)
    mixed = rho * normal + np.sqrt(1 - rho * rho) * other
    output = _tokens(mixed, lengths.output_median, lengths.output_sigma, lengths.max_tokens - 1)
    return np.minimum(prompt, lengths.max_tokens - output), output


def _tokens(normal: npt.NDArray[np.float32], median: float, sigma: float, most: int) -> npt.NDArray[np.int32]:
    """Standard normals to token counts from 1 to `most`."""
    logarithm = np.minimum(np.float32(np.log(median)) + np.float32(sigma) * normal, np.float32(np.log(most)))
    tokens: npt.NDArray[np.int32] = np.clip(np.rint(np.exp(logarithm)), 1, most).astype(np.int32)
    return tokens


def _stored_pairs(path: Path) -> Pairs:
    """The token pairs of a trace; of a long one, every n-th, so that about 4 million are held."""
    every = -(-open_trace(path).rows // _KEPT_PAIRS)
    prompts, outputs, row = [], [], 0
    for batch in read_batches(path):
        chosen = slice(-row % every, None, every)
        prompts.append(batch.prompt_tokens[chosen].copy())
        outputs.append(batch.output_tokens[chosen].copy())
        row += len(batch)
    return np.concatenate(prompts), np.concatenate(outputs)


def synthesize(spec: Synthetic, out: Path, *, folder: Path, seed: int, horizon_s: float,
               progress: Callable[[int, float], None] | None = None) -> dict[str, Any]:  # fmt: skip
    """Draw a synthetic workload (replication 0) and store it as a trace.

    Args:
        spec: the workload.
        out: the Parquet file to write.
        folder: where `lengths.trace` is looked for.
        seed: of the random numbers.
        horizon_s: length of the trace.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s, seed.

    Raises:
        InputError: the horizon is impossible, or the file cannot be written.
    """
    horizon_ns = round(horizon_s * NS_PER_S)
    with TraceWriter(out, source=f"synthetic, seed {seed}", span_ns=horizon_ns) as writer:
        for batch in synthetic(spec, folder=folder, seed=seed, index=0, horizon_s=horizon_s):
            writer.write_batch(batch)
            if progress is not None and len(batch):
                progress(writer.rows, int(batch.arrival_ns[-1]) / horizon_ns)
    return {"file": str(out), "rows": writer.rows, "span_s": horizon_s, "rate_per_s": writer.rows / horizon_s,
            "seed": seed}  # fmt: skip
