"""Requests of one or more clients along expected rates: one generator for all laws of gaps.

A law gives gaps in operational time; their running sum, mapped back through the expected requests, gives the
arrivals (inversion; Cinlar 1975). Nothing is thinned, and no request is ever a Python object.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, fsum
from pathlib import Path

import numpy as np

from simcost.errors import InputError
from simcost.rng import stream
from simcost.trace.requests.batch import BATCH_ROWS, Draw, Floats, Ints, Pairs, RequestBatch, merge
from simcost.trace.synthesis.gaps import Bootstrap
from simcost.trace.synthesis.lengths import Factors, scaled, within_context
from simcost.trace.synthesis.rates import ArrivalRates, CumulativeRate
from simcost.trace.synthesis.sessions import conversations, talk
from simcost.trace.workload.lengths import Lengths
from simcost.trace.workload.shape import shape
from simcost.trace.workload.spec import Sessions, Stream, Synthetic, stream_tenants
from simcost.units import NS_PER_S, SECONDS_PER_DAY

_FIRST = 4096
_MOST_BEFORE = 20_000_000
"""Conversations that begin before the simulation, so that later turns are there from the start; some minutes."""
_NO_PAIRS = (np.empty(0, np.int32), np.empty(0, np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Sources of random numbers and traces; equal sources give equal requests.

    Attributes:
        folder: traces are looked for in it.
        seed: of the scenario.
        index: of the replication.
        part: place among the workloads of a scenario, so that equal ones differ.
    """

    folder: Path
    seed: int
    index: int
    part: int = 0

    def rng(self, purpose: str, client: int) -> np.random.Generator:
        """Random numbers for one purpose of one client."""
        return stream(self.seed, purpose, self.part, self.index, client)


def drawn(
    streams: Sequence[Stream],
    rates: ArrivalRates,
    *,
    folder: Path,
    seed: int,
    index: int,
    part: int = 0,
    length_scale: tuple[Floats, Floats] | None = None,
    cut: Counter[str] | None = None,
) -> Iterator[RequestBatch]:
    """Requests along a path of rates, sorted, from its start to its end.

    Args:
        streams: the clients; the rates are those of all together.
        rates: requests expected in each step.
        folder: traces are looked for in it.
        seed: of the scenario.
        index: of the replication; equal seed, index and part give equal requests.
        part: place among the workloads of a scenario.
        length_scale: factors on the tokens of prompts and of outputs, one for each step of the rates.
        cut: counts the prompts and outputs that a context limit cuts.

    Raises:
        InputError: factors that are not one positive number per step; a trace outside the folder.
        TraceError: a trace that cannot be read, or lacks what is drawn from it.
    """
    factors = None
    if length_scale is not None:
        for values in length_scale:
            if len(values) != len(rates.expected) or not (np.isfinite(values) & (values > 0)).all():
                raise InputError(f"length scale: give one positive factor for each of {len(rates.expected)} steps")
        factors = Factors(rates.step_s * NS_PER_S, *length_scale)
    source = Source(folder=folder, seed=seed, index=index, part=part)
    return superposed(streams, rates.clock(), source, factors, Counter() if cut is None else cut)


def superposed(
    streams: Sequence[Stream],
    clock: CumulativeRate,
    source: Source,
    factors: Factors | None,
    cut: Counter[str],
) -> Iterator[RequestBatch]:
    """The independent streams of all clients, merged."""
    total = fsum(one.share for one in streams)
    most = max(_FIRST, BATCH_ROWS // len(streams))
    ranked = any(one.priority for one in streams)
    tenants = {name: place for place, name in enumerate(stream_tenants(streams))}
    clients = [
        _Client(
            one,
            number,
            one.share / total,
            len(streams),
            ranked,
            None if one.tenant is None else tenants[one.tenant],
        )
        for number, one in enumerate(streams)
    ]
    return merge([client.requests(clock, source, factors, cut, most) for client in clients])


@dataclass(frozen=True, slots=True)
class _Client:
    """One stream among others."""

    stream: Stream
    number: int
    share: float
    clients: int
    ranked: bool
    """True if priorities differ among the streams."""
    tenant: int | None
    """Number of its tenant among those of the streams."""

    def requests(
        self, clock: CumulativeRate, source: Source, factors: Factors | None, cut: Counter[str], most: int
    ) -> Iterator[RequestBatch]:
        """Its requests, scaled and cut to the context, about `most` at a time."""
        gaps = self.stream.gaps.drawing(source.folder, source.rng("gaps", self.number))
        place = None if self.stream.gaps.starts_at_any_instant else source.rng("start", self.number)
        arrive = partial(arrivals, gaps, place=place, most=most)
        if self.stream.sessions is None:
            batches = self._single(arrive(clock, self.share), source, factors)
        else:
            batches = self._talking(self.stream.sessions, arrive, clock, source, factors)
        for batch in batches:
            tokens = within_context(batch.prompt_tokens, batch.output_tokens, self.stream.max_tokens, cut)
            ranks = np.full(len(batch), self.stream.priority, np.int16) if self.ranked else None
            tenant = None if self.tenant is None else np.full(len(batch), self.tenant, np.int16)
            yield RequestBatch(batch.arrival_ns, *tokens, batch.session, ranks, tenant=tenant)

    def _single(
        self, arrived: Iterator[tuple[Ints, Pairs | None]], source: Source, factors: Factors | None
    ) -> Iterator[RequestBatch]:
        """A request at each arrival."""
        along = self.stream.lengths is None and isinstance(self.stream.gaps, Bootstrap)
        pairs = None if along else self._pairs(source)
        for arrival_ns, tokens in arrived:
            prompt, output = pairs(len(arrival_ns)) if pairs is not None else tokens or _NO_PAIRS
            by_prompt, by_output = self._scale(factors, arrival_ns)
            yield RequestBatch(arrival_ns, scaled(prompt, by_prompt), scaled(output, by_output))

    def _talking(
        self,
        sessions: Sessions,
        arrive: "partial[Iterator[tuple[Ints, Pairs | None]]]",
        clock: CumulativeRate,
        source: Source,
        factors: Factors | None,
    ) -> Iterator[RequestBatch]:
        """Conversations; some begin before time 0, so that later turns are there from the start."""
        drawing = talk(sessions, partial(self._pairs, source), source.folder, source.rng("sessions", self.number))
        run_up = clock.with_run_up(drawing.longest_ns)
        before = -run_up.first * self.share / drawing.mean
        if before > _MOST_BEFORE:
            raise InputError(
                f"conversations of the workload last up to {drawing.longest_ns / NS_PER_S / SECONDS_PER_DAY:,.3g} days "
                f"from their first turn to their last, so that {before:,.3g} of them would have to begin before the "
                f"simulation does, and at most {_MOST_BEFORE:,} are drawn; lower think_median or think_sigma, as a "
                "turn after a long pause is a new conversation"
            )
        begun = arrive(run_up, self.share / drawing.mean)
        starts = (start_ns for start_ns, _ in begun)
        for batch in conversations(starts, drawing, partial(self._scale, factors), clock.end_ns):
            session = batch.sessions() * self.clients + self.number
            yield RequestBatch(batch.arrival_ns, batch.prompt_tokens, batch.output_tokens, session)

    def _pairs(self, source: Source) -> Callable[[int], Pairs]:
        """Sampler of tokens on their own; of the trace of the gaps, where nothing else is said."""
        gaps = self.stream.gaps
        along = Lengths(trace=gaps.trace) if isinstance(gaps, Bootstrap) else Lengths()
        return (self.stream.lengths or along).drawing(source.folder, source.rng("lengths", self.number))

    def _scale(self, factors: Factors | None, time_ns: Ints) -> tuple[float | Floats, float | Floats]:
        """Factors on prompts and outputs at these times."""
        prompt, output = self.stream.prompt_scale, self.stream.output_scale
        if factors is None:
            return prompt, output
        by_prompt, by_output = factors.at(time_ns)
        return prompt * by_prompt, output * by_output


def arrivals(
    gaps: Draw, clock: CumulativeRate, share: float, *, place: np.random.Generator | None, most: int
) -> Iterator[tuple[Ints, Pairs | None]]:
    """Sorted arrivals of a share of what the clock expects, with the tokens that the law draws along.

    The process is entered at any instant, as by an observer: otherwise the mean count would not be the integral of the
    rate. With `place` None the first gap begins there. Else, of exponential gaps, it is a uniform instant of a first
    run of them; of other laws such a run is short where requests come fast, and would be found too often there.
    """
    first, end = clock.first * share, clock.total * share
    gap, along = gaps(min(most, _FIRST))
    reached = first + np.cumsum(gap)
    if place is not None:
        reached -= place.random() * (reached[-1] - first)
    while True:
        inside = slice(*np.searchsorted(reached, [first, end]))
        tokens = None if along is None else (along[0][inside], along[1][inside])
        yield clock.time_ns(reached[inside] / share), tokens
        left = end - reached[-1]
        if left <= 0:
            return
        gap, along = gaps(int(np.clip(left * 1.02 + 256, 256, most)))
        reached = reached[-1] + np.cumsum(gap)


_LONGEST_BIN_S = 60.0
_MOST_BINS = 65_536


def synthetic(
    spec: Synthetic,
    *,
    folder: Path,
    seed: int,
    index: int,
    horizon_s: float,
    part: int = 0,
    cut: Counter[str] | None = None,
) -> Iterator[RequestBatch]:
    """The requests of one replication; see `simcost.trace.workload.arrivals.batches`. `cut` as in `streams.drawn`."""
    source = Source(folder=folder, seed=seed, index=index, part=part)
    clock = shape(spec, round(horizon_s * NS_PER_S))
    if spec.clients:
        return superposed(spec.clients, clock, source, None, Counter() if cut is None else cut)
    return _in_levels(spec, source, clock)


def _in_levels(spec: Synthetic, source: Source, clock: CumulativeRate) -> Iterator[RequestBatch]:
    """Poisson arrivals within burst windows of Gamma levels.

    Time is cut into bins of constant rate: burst windows, or equal parts of them. The count in a bin is
    Poisson with mean (expected requests of the shape) x (Gamma level of the window); the arrivals in a bin
    are uniform and sorted, which is what a Poisson process is, given its count. Levels, counts, places and
    lengths have random streams of their own, drawn in a fixed order.
    """
    place = (source.part, source.index)
    draw = spec.lengths.drawing(source.folder, stream(source.seed, "lengths", *place))
    for arrival_ns in _arrivals(spec, clock, source.seed, place):
        yield RequestBatch(arrival_ns, *draw(len(arrival_ns)))


def _arrivals(spec: Synthetic, clock: CumulativeRate, seed: int, place: tuple[int, int]) -> Iterator[Ints]:
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
    arrival.sort(kind="stable")  # bins are in order: a third of the time of the usual kind
    return arrival


def _levels(cv: float, count: int, rng: np.random.Generator) -> Floats:
    """Gamma variables of mean 1 and this coefficient of variation."""
    return rng.gamma(cv**-2, cv**2, count) if cv > 0 else np.ones(count)
