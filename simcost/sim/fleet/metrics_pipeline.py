"""The metric pipeline: from samples of the replicas to the observation that a policy asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum, isnan, nan
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from simcost.errors import InputError
from simcost.ledger.requests import Buckets
from simcost.plan.autoscaling import Observation, Replicas, Signal, Source
from simcost.plan.autoscaling.policy import TOTALS_ONLY, SignalName, own
from simcost.rng import stream
from simcost.sim.fleet import scrape_samples
from simcost.sim.fleet.records import Process
from simcost.sim.fleet.replica_arrays import Roster
from simcost.sim.fleet.scrape_samples import Flags, Floats, Ints, Latencies, Sample, ScrapeSamples
from simcost.sim.serving.engine import layout as col
from simcost.units import NS_PER_S

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet

Reader = Callable[[Signal, list[Sample]], float]
ReaderOfEach = Callable[[Sequence[Sample]], Floats]

_KV = (col.KV, col.RESERVED, col.TOKENS_NOW)
_WRITTEN = (col.WRITTEN, col.TOKENS_NOW)
_GAUGES = {
    "running": (col.RUNNING,),
    "waiting": (col.WAITING,),
    "in_flight": (col.RUNNING, col.WAITING),
    "kv_utilisation": _KV,
    "kv_demand": (*_KV, col.QUEUED_NOW),
    "queued_prompt_tokens": (col.QUEUED_NOW,),
}
_RATES = {
    "busy_fraction": (col.BUSY_NOW,),
    "requests_per_s": (col.JOINED,),
    "completions_per_s": (col.FINISHED,),
    "prompt_tokens_per_s": (col.READ,),
    "output_tokens_per_s": _WRITTEN,
    "tokens_per_s": (col.READ, *_WRITTEN),
}
_OF_CAPACITY = ("kv_utilisation", "kv_demand")
_OF_THE_POOL = ("running", "waiting", "in_flight", "requests_per_s", "completions_per_s")
_MIDDLES = Buckets().middles()
_WALKED = ("kv_demand", "queued_prompt_tokens", "next_ttft_s")
"""Signals for which the queues must be walked through."""


class Totals(Mapping[str, float]):
    """Metrics of the pool by name, each read when a policy first asks for it."""

    __slots__ = ("_pipeline", "_read", "_shown")

    def __init__(self, pipeline: MetricsPipeline, shown: list[Sample]) -> None:
        self._pipeline, self._shown = pipeline, shown
        self._read: dict[str, float] = {}

    def __getitem__(self, name: str) -> float:
        if name not in self._read:
            if name not in self._pipeline.sources:
                raise KeyError(name)
            self._read[name] = self._pipeline.total(name, self._shown)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._pipeline.sources

    def get(self, name: str, default: Any = None) -> Any:
        """As of all mappings, at half the cost."""
        return self[name] if name in self._pipeline.sources else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._pipeline.sources)

    def __len__(self) -> int:
        return len(self._pipeline.sources)


class MetricsPipeline:
    """Takes samples, and shows them as the plan's metrics settings say."""

    def __init__(self, fleet: Fleet) -> None:
        policy = fleet.pool.scaling
        self.fleet, self.settings, self.scrape_s = fleet, fleet.pool.seen_through, fleet.pool.scrape_s
        self.sources = {name: _source(name, source, policy.kind) for name, source in policy.reads().items()}
        signals = [signal for source in self.sources.values() for signal in source]
        self._of_replicas = policy.by_replica()
        self.by_replica = bool(self._of_replicas)
        self._collects = self.by_replica or not all(map(self._is_pooled, signals))
        self._step_s, self._ticks_per_ns = fleet.plane.clock.tick_s, fleet.plane.clock.ticks_per_ns
        self._each_of = {
            name: [(signal.scale, self._reader_of_each(signal)) for signal in source]
            for name, source in self.sources.items()
            if name in self._of_replicas and not any(signal.of_the_pool_alone for signal in source)
        }
        self._walks = any(signal.name in _WALKED for signal in signals)
        self._latencies = Latencies(fleet.plane) if any(signal.is_latency for signal in signals) else None
        windows_s = max((signal.window for signal in signals), default=0.0)
        longest_s = windows_s + self.settings.lag + 2 * self.scrape_s
        self.samples = ScrapeSamples(round(longest_s * NS_PER_S))
        self._read = {
            name: [(signal, self._reader(signal)) for signal in source] for name, source in self.sources.items()
        }
        self._rng = stream(fleet.seed, "missed scrapes")
        self._roster = Roster(fleet, self._each_of)
        self._unseen = True
        self._scrape_ns = round(self.scrape_s * NS_PER_S)
        self._late = self._has_events = False
        self._places: tuple[Ints, Ints, Floats, Flags, Ints] | None = None
        """Of the replicas that exist and those of a sample, as they were last: where the second are among the first."""
        self._lag_ns = round(self.settings.lag * NS_PER_S)
        self._stale_ns = round(self.settings.staleness * NS_PER_S)

    def begin(self) -> None:
        """Begin to scrape: now, where each step of the policy does; else at set times.

        At random phases nothing else happens at the instant of a scrape, so that it may be taken late: when the data
        plane is to be played past it, or the policy looks. An event for each is needed only where a scrape retires
        replicas that drain, and where others play the data plane too.
        """
        fleet, phase = self.fleet, self.settings.phase
        if not self._scrape_ns:
            self.scrape()
            return
        share = float(stream(fleet.seed, "scrape phase").random()) if phase else 1.0
        fleet.look_at(fleet.now + round(self._scrape_ns * share), self._scrape_at)
        self._late = phase and fleet.plane.moves_alone
        if self._late:
            fleet.on_drain = self._begin_events
        else:
            self._begin_events()

    def _begin_events(self) -> None:
        if not self._has_events:
            self._has_events = True
            self.fleet.env.process(self._events())

    def _events(self) -> Process:
        """An event at each scrape, for as long as they are needed."""
        fleet = self.fleet
        while self._has_events:
            yield fleet.env.timeout(fleet.look_ns - fleet.now)
            fleet.look_until(fleet.now)
            self._has_events = not self._late or fleet.count["draining"] > 0

    def _scrape_at(self, time_ns: int) -> int:
        """One scrape, unless it is missed; return the instant of the next."""
        if not self.settings.missed or self._rng.random() >= self.settings.missed:
            if self.fleet.count["draining"]:
                self.fleet.catch_up()
            self._sample(time_ns)
        return time_ns + self._scrape_ns

    def scrape(self) -> None:
        """Sample the present state."""
        self.fleet.catch_up()
        self._sample(self.fleet.now)

    def _sample(self, time_ns: int) -> None:
        """Sample the state at an instant up to which the data plane has been played."""
        fleet, roster = self.fleet, self._roster
        numbers, rows = scrape_samples.NOBODY, scrape_samples.NOTHING
        if self._collects:
            roster.refresh()
            numbers, slots = roster.serving
            rows = fleet.plane.replicas(slots, queues=self._walks)
        latency = None if self._latencies is None else self._latencies.read()
        self.samples.add(Sample(time_ns, fleet.plane.snapshot(fleet.kind), numbers, rows, latency))

    def observe(self) -> Observation:
        """Observation of the controller now."""
        fleet, now = self.fleet, self.fleet.now
        if self._late and fleet.look_ns <= now:
            fleet.look_until(now)
        shown = self.samples.until(now - self._lag_ns)
        if shown and now - shown[-1].t_ns > self._stale_ns:
            shown = []
        totals = Totals(self, shown)
        replicas = self._replicas(shown, now) if self.by_replica else None
        if self._unseen:
            fleet.unread, self._unseen = set(self.sources), False
        if fleet.unread:
            fleet.unread -= {name for name in fleet.unread if self._has_data(name, totals, replicas)}
        count = fleet.count
        return Observation(
            current=fleet.desired,
            ready=count["ready"],
            starting=count["starting"],
            draining=count["draining"],
            totals=totals,
            replicas=replicas,
            utc_s=fleet.pool.starts_utc_s + now / NS_PER_S,
        )

    def _has_data(self, name: str, totals: Mapping[str, float], replicas: Replicas | None) -> bool:
        """True if a metric has a value now: of some replica, where the policy looks at each of them."""
        if name not in self._of_replicas or replicas is None:
            return not isnan(totals[name])
        return name in replicas.signals and not bool(np.isnan(replicas.signals[name]).all())

    def total(self, name: str, shown: list[Sample]) -> float:
        """A metric of the pool, NaN without data."""
        if not shown:
            return nan
        source = self._read[name]
        if len(source) > 1:
            return fsum(signal.scale * reader(signal, shown) for signal, reader in source)
        signal, reader = source[0]
        return signal.scale * reader(signal, shown)

    def _reader(self, signal: Signal) -> Reader:
        """Reader of a signal of the pool: a policy uses it thousands of times a day."""
        if signal.is_latency:
            return self._percentile
        if signal.of_the_pool_alone:
            return self._at_gateway
        if not self._is_pooled(signal):
            return self._across
        if signal.name in _RATES:
            return self._pooled_rate
        return self._mean_in_flight if signal.name == "in_flight" and self.scrape_s == 0 else self._pooled

    def _across(self, signal: Signal, shown: list[Sample]) -> float:
        """Over the replicas that have a value."""
        values = self._reader_of_each(signal)(shown)
        known = values[~np.isnan(values)]
        if not len(known):
            return nan
        if signal.over == "mean":
            return float(known.mean())
        if signal.over == "sum":
            return float(known.sum())
        return float(known.max() if signal.over == "max" else known.min())

    def _is_pooled(self, signal: Signal) -> bool:
        """True if the gateway knows it."""
        counted = signal.name in _OF_THE_POOL and signal.over == "sum" and self.settings.gateway
        return signal.of_the_pool_alone or (counted and (signal.window == 0 or signal.name in _RATES))

    def _pooled(self, signal: Signal, shown: list[Sample]) -> float:
        pool = shown[-1].pool()
        if signal.name == "in_flight":
            return float(pool.running + pool.waiting)
        return float(pool.running if signal.name == "running" else pool.waiting)

    def _mean_in_flight(self, signal: Signal, shown: list[Sample]) -> float:
        """Since the sample before the newest."""
        newest, before = shown[-1], shown[-2:][0]
        span_ns = newest.t_ns - before.t_ns
        if span_ns == 0:
            return self._pooled(signal, shown)
        return (newest.pool().area - before.pool().area) % 2**64 / (span_ns * self._ticks_per_ns)

    def _pooled_rate(self, signal: Signal, shown: list[Sample]) -> float:
        newest, first = shown[-1], scrape_samples.within(shown, round(signal.window * NS_PER_S))[0]
        span_ns = newest.t_ns - first.t_ns
        field = "arrived" if signal.name == "requests_per_s" else "completed"
        grown = getattr(newest.pool(), field) - getattr(first.pool(), field)
        return float(grown) / (span_ns / NS_PER_S) if span_ns else nan

    def _at_gateway(self, signal: Signal, shown: list[Sample]) -> float:
        """Requests that wait at the gateway, or that it has handed on; over a window their mean or maximum."""
        if not self.settings.gateway:
            return nan
        window = scrape_samples.within(shown, round(signal.window * NS_PER_S)) if signal.window else shown[-1:]
        held = signal.name == "gateway_waiting"
        pools = [one.pool() for one in window]
        counts = [pool.at_gateway if held else pool.running + pool.waiting - pool.at_gateway for pool in pools]
        return float(max(counts)) if signal.over_time == "max" else sum(counts) / len(counts)

    def _percentile(self, signal: Signal, shown: list[Sample]) -> float:
        metric, level, _ = signal.name.split("_")
        window = scrape_samples.within(shown, round(signal.window * NS_PER_S))
        return scrape_samples.percentile(window, TOTALS_ONLY.index(metric), int(level[1:]) / 100, _MIDDLES)

    def _reader_of_each(self, signal: Signal) -> ReaderOfEach:
        """Reader of a signal replica by replica, of those in the newest sample."""
        name, window_ns = signal.name, round(signal.window * NS_PER_S)
        if name in _OF_CAPACITY:
            columns, capacity = _GAUGES[name], self.fleet.pool.kv_capacity_tokens
            return lambda shown: _gauge(shown, columns, window_ns, signal.over_time) / capacity
        if name in _GAUGES:
            columns = _GAUGES[name]
            if window_ns or len(columns) > 1:
                return lambda shown: _gauge(shown, columns, window_ns, signal.over_time)
            (column,) = columns
            return lambda shown: shown[-1].rows[:, column].astype(np.float64)
        if name in _RATES:
            columns, unit = _RATES[name], self._step_s if name == "busy_fraction" else 1.0
            return lambda shown: scrape_samples.rate(scrape_samples.within(shown, window_ns), columns) * unit
        return lambda shown: self._expected(name, shown[-1])

    def _expected(self, name: str, sample: Sample) -> Floats:
        """The latency that the next request would see, or would see alone, by the step time of the engine."""
        step, budget = self.fleet.pool.step, self.fleet.pool.batching.max_num_batched_tokens
        prompt, context = self._mean_request()
        zeros = np.zeros(len(sample.numbers))
        columns = ((col.DECODING,), _KV, (col.QUEUED_NOW,))
        seqs, kv, queued = (
            (zeros, zeros, zeros)
            if name.startswith("own")
            else (scrape_samples.summed(sample.rows, column) for column in columns)
        )
        tokens = queued + prompt
        steps = np.ceil(tokens / budget)
        drafted = step.rows * seqs
        last = drafted + (step.rows if name.endswith("itl_s") else tokens - (steps - 1) * budget)
        last_s = step.base_seconds(last) + step.c_s_per_sequence * seqs + step.d_s_per_token * kv
        if step.draft is not None:
            last_s = last_s + step.draft.seconds(seqs)
        if name.endswith("itl_s"):
            alone: Floats = last_s + step.c_s_per_sequence + step.d_s_per_token * context
            return alone / step.tokens_per_step
        longer_s = step.base_seconds(drafted + budget) - step.base_seconds(last)
        first: Floats = steps * last_s + step.b_s_per_token * tokens + (steps - 1) * longer_s
        return first

    def _mean_request(self) -> tuple[float, float]:
        """Prompt, and tokens in the cache half way, of the requests answered so far; NaN before the first."""
        self.fleet.advance()
        completed, prompts, outputs = self.fleet.plane.answered()
        if not completed:
            return nan, nan
        prompt = prompts / completed
        return prompt, prompt + outputs / completed / 2

    def _replicas(self, shown: list[Sample], now: int) -> Replicas:
        """All replicas that exist, with the samples of those that have some."""
        roster = self._roster
        roster.refresh()
        if not shown:
            nothing = np.full(len(roster.numbers), nan)
            return roster.replicas(dict.fromkeys(self._each_of, nothing), now, nan, self.scrape_s)
        newest = shown[-1]
        signals = {}
        for name, ((scale, read), *others) in self._each_of.items():
            values = read(shown) if scale == 1.0 else scale * read(shown)
            for factor, read_other in others:
                values = values + factor * read_other(shown)
            signals[name] = values if newest.numbers is roster.numbers else self._aligned(values, newest.numbers)
        return roster.replicas(signals, now, (now - newest.t_ns) / NS_PER_S, self.scrape_s)

    def _aligned(self, values: Floats, numbers: Ints) -> Floats:
        """Values of these replicas, at the places of those that exist now."""
        wanted, kept = self._roster.numbers, self._places
        if kept is None or kept[0] is not wanted or kept[1] is not numbers:
            kept = self._places = (wanted, numbers, np.full(len(wanted), nan), *scrape_samples.places(wanted, numbers))
        *_, nothing, there, place = kept
        found = nothing.copy()
        found[there] = values[place]
        return found


def _gauge(shown: Sequence[Sample], columns: Sequence[int], window_ns: int, over_time: str) -> Floats:
    """The sum of columns by replica, of the newest sample, or its mean or maximum over a window."""
    if window_ns:
        taken = scrape_samples.most if over_time == "max" else scrape_samples.mean
        return taken(scrape_samples.within(shown, window_ns), columns)
    return scrape_samples.summed(shown[-1].rows, columns)


def _source(name: str, source: Source, kind: str) -> Source:
    """Source of a metric: as the plan says, or the signal of its own name."""
    if source:
        return source
    if name in get_args(SignalName):
        return own(name)[name]  # type: ignore[arg-type]
    raise InputError(
        f"the {kind} reads {name!r}, which is none of the simulator's signals; define it as "
        f"source: [{{name: ...}}], of {', '.join(get_args(SignalName))}"
    )
