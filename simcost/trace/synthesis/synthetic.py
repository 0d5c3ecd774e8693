"""Synthetic requests: a rate with a daily and a weekly shape, bursts, and tokens."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from simcost.outputs import check_outputs
from simcost.rng import stream
from simcost.tables.paths import inside
from simcost.trace.requests.batch import BATCH_ROWS, Floats, Ints, RequestBatch
from simcost.trace.requests.writer import TraceWriter
from simcost.trace.synthesis.generator import Source, superposed
from simcost.trace.synthesis.lengths import token_pairs
from simcost.trace.synthesis.linking import recorded
from simcost.trace.synthesis.prefixes import BLOCK_TOKENS, with_sessions
from simcost.trace.synthesis.rates import Clock
from simcost.trace.workload.shape import shape
from simcost.trace.workload.spec import Stream, Synthetic, workload_traces
from simcost.units import NS_PER_S

_LONGEST_BIN_S = 60.0
_MOST_BINS = 65_536


def synthetic(spec: Synthetic, *, folder: Path, seed: int, index: int, horizon_s: float, part: int = 0,
              cut: Counter[str] | None = None) -> Iterator[RequestBatch]:  # fmt: skip
    """The requests of one replication; see `simcost.trace.workload.arrivals.batches`. `cut` as in `streams.drawn`."""
    source = Source(folder=folder, seed=seed, index=index, part=part)
    clock = shape(spec, round(horizon_s * NS_PER_S))
    if spec.clients:
        return superposed(spec.clients, clock, source, None, Counter() if cut is None else cut)
    return _in_levels(spec, source, clock)


def _in_levels(spec: Synthetic, source: Source, clock: Clock) -> Iterator[RequestBatch]:
    """Poisson arrivals within burst windows of Gamma levels.

    Time is cut into bins of constant rate: burst windows, or equal parts of them. The count in a bin is
    Poisson with mean (expected requests of the shape) x (Gamma level of the window); the arrivals in a bin
    are uniform and sorted, which is what a Poisson process is, given its count. Levels, counts, places and
    lengths have random streams of their own, drawn in a fixed order.
    """
    place = (source.part, source.index)
    draw = token_pairs(spec.lengths, source.folder, stream(source.seed, "lengths", *place))
    for arrival_ns in _arrivals(spec, clock, source.seed, place):
        yield RequestBatch(arrival_ns, *draw(len(arrival_ns)))


def _arrivals(spec: Synthetic, clock: Clock, seed: int, place: tuple[int, int]) -> Iterator[Ints]:
    """Sorted arrivals, about `BATCH_ROWS` at a time."""
    levels, counts, places = (stream(seed, name, *place) for name in ("levels", "counts", "places"))
    horizon_ns = clock.end_ns
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
        number = counts.poisson(np.diff(clock.expected(edges)) * level)
        for at in range(0, len(number), bins_at_once):
            yield _placed(edges[at : at + bins_at_once + 1], number[at : at + bins_at_once], places)


def _placed(edges_ns: Ints, number: Ints, rng: np.random.Generator) -> Ints:
    """Sorted uniform arrivals, `number[i]` of them from edge i to edge i + 1."""
    arrival = np.repeat(edges_ns[:-1], number)
    width = np.repeat(np.diff(edges_ns), number)
    arrival += (rng.random(len(arrival)) * width).astype(np.int64)
    arrival.sort()
    return arrival


def _levels(cv: float, count: int, rng: np.random.Generator) -> Floats:
    """Gamma variables of mean 1 and this coefficient of variation."""
    return rng.gamma(cv**-2, cv**2, count) if cv > 0 else np.ones(count)


def synthesize(spec: Synthetic, out: Path, *, folder: Path, seed: int, horizon_s: float,
               progress: Callable[[int, float], None] | None = None) -> dict[str, Any]:  # fmt: skip
    """Draw a synthetic workload (replication 0) and store it as a trace.

    Args:
        spec: the workload.
        out: the Parquet file to write.
        folder: traces are looked for in it.
        seed: of the random numbers.
        horizon_s: length of the trace.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s, seed, and `cut`: how many prompts and outputs the context limits cut.

    Raises:
        InputError: the horizon is impossible, or the file cannot be written.
    """
    check_outputs([out], [inside(folder, name) for name in workload_traces(spec)])
    cut = Counter({"prompt": 0, "output": 0})
    batches = synthetic(spec, folder=folder, seed=seed, index=0, horizon_s=horizon_s, cut=cut)
    found = stored(batches, spec.clients, out, folder=folder, source=f"synthetic, seed {seed}",
                   horizon_s=horizon_s, progress=progress)  # fmt: skip
    return {**found, "seed": seed, "cut": dict(cut)}


def stored(batches: Iterable[RequestBatch], clients: Sequence[Stream], out: Path, *, folder: Path, source: str,
           horizon_s: float, start_s: int | None = None,
           progress: Callable[[int, float], None] | None = None) -> dict[str, Any]:  # fmt: skip
    """Store the requests of clients as a trace; conversations get their numbers and prefixes.

    Args:
        batches: the requests, sorted.
        clients: who sends them; none = requests without conversations.
        out: the Parquet file to write.
        folder: traces are looked for in it.
        source: what the trace says of its origin.
        horizon_s: length of the trace.
        start_s: of its start, seconds since 1970, where known.
        progress: called with the rows written and the share of the horizon done.

    Returns:
        file, rows, span_s, rate_per_s.

    Raises:
        InputError: the file cannot be written.
    """
    horizon_ns = round(horizon_s * NS_PER_S)
    talking = any(client.sessions for client in clients)
    optional = ("session", "prefix_hashes") if talking else ()
    system_tokens = [_system_tokens(client, folder) for client in clients]
    with TraceWriter(out, source=source, span_ns=horizon_ns, optional=optional, start_s=start_s,
                     block_tokens=BLOCK_TOKENS if talking else None) as writer:  # fmt: skip
        for batch in batches:
            if talking:
                writer.write(with_sessions(batch, system_tokens, writer.rows))
            else:
                writer.write_batch(batch)
            if progress is not None and len(batch):
                progress(writer.rows, int(batch.arrival_ns[-1]) / horizon_ns)
    return {"file": str(out), "rows": writer.rows, "span_s": horizon_s, "rate_per_s": writer.rows / horizon_s}


def _system_tokens(client: Stream, folder: Path) -> int:
    """The tokens that all prompts of a client share."""
    if client.sessions is None:
        return 0
    named = client.sessions.trace
    return client.sessions.system_tokens if named is None else recorded(inside(folder, named)).system_tokens
