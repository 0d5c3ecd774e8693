"""Sums that describe a stream of sorted arrivals and token counts, in memory independent of its length."""

import math
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from simcost.tables.cells import Ints
from simcost.trace.over_time import step_length_s
from simcost.units import NS_PER_S

Tokens = npt.NDArray[np.int32]
_MERGED = 4_194_304
"""Numbers that are held before they are sorted."""
_KEPT_GAPS = 1000
_KEPT_STEPS = 100_000
_LEAST_PART = 0.1
_FEWEST_GAPS = 10


class Gaps:
    """Interarrival times.

    Attributes:
        count: gaps seen, one less than the arrivals.
        zero: gaps of length 0: arrivals at the same time as the one before.
        largest: the longest gaps, (length_ns, from_ns), longest first.
        steps: the first positive gaps, in ns, to find the grain of the clock.
    """

    def __init__(self) -> None:
        self.count = self.zero = self.sum_ns = 0
        self.largest: list[tuple[int, int]] = []
        self.steps = np.empty(0, np.int64)
        self._squares = 0.0
        self._last: Ints | None = None

    def add(self, arrival_ns: Ints) -> None:
        """Go on with the next arrivals."""
        joined = arrival_ns if self._last is None else np.concatenate([self._last, arrival_ns])
        gaps = np.diff(joined)
        self._last = arrival_ns[-1:].copy()
        if len(gaps) == 0:
            return
        self.count += len(gaps)
        self.sum_ns += int(joined[-1]) - int(joined[0])
        self.zero += int((gaps == 0).sum())
        seconds = gaps / NS_PER_S
        self._squares += float(np.square(seconds).sum())  # a dot product depends on the number of threads
        self._keep(gaps, joined)

    def mean_s(self) -> float:
        """Mean interarrival time; 0 without any."""
        return self.sum_ns / self.count / NS_PER_S if self.count else 0.0

    def usual_s(self) -> float:
        """Mean interarrival time without the longest, which in a short log, or after a wrong date, is most of the mean;
        that of all where there are fewer than 10.
        """
        if self.count < _FEWEST_GAPS:
            return self.mean_s()
        return (self.sum_ns - self.largest[0][0]) / (self.count - 1) / NS_PER_S

    def cv(self) -> float | None:
        """Standard deviation over mean; None for fewer than two gaps or when all are 0."""
        mean = self.mean_s()
        if self.count < 2 or mean == 0:
            return None
        return float(np.sqrt(max(self._squares / self.count - mean * mean, 0.0)) / mean)

    def _keep(self, gaps: Ints, joined: Ints) -> None:
        """Update the longest gaps and the first steps."""
        least = self.largest[-1][0] if len(self.largest) == _KEPT_GAPS else 0
        long = np.flatnonzero(gaps >= least)
        if len(long) > _KEPT_GAPS:
            long = long[np.argpartition(gaps[long], -_KEPT_GAPS)[-_KEPT_GAPS:]]
        if len(long):
            found = zip(gaps[long].tolist(), joined[long].tolist(), strict=True)
            self.largest = sorted([*self.largest, *found], reverse=True)[:_KEPT_GAPS]  # of nearly sorted ones
        if len(self.steps) < _KEPT_STEPS:
            self.steps = np.concatenate([self.steps, gaps[gaps > 0]])[:_KEPT_STEPS]


class DistinctNumbers:
    """Different numbers of a stream, such as hashes; holds 8 bytes for each."""

    def __init__(self) -> None:
        self._known = np.empty(0, np.int64)
        self._waiting: list[Ints] = []
        self._pending = 0

    def add(self, numbers: Ints) -> None:
        """Go on with the next numbers."""
        self._waiting.append(numbers)
        self._pending += len(numbers)
        if self._pending >= _MERGED:
            self.count()

    def count(self) -> int:
        """Number of different ones so far."""
        self._known = np.unique(np.concatenate([self._known, *self._waiting]))
        self._waiting, self._pending = [], 0
        return len(self._known)


class RepeatedRequests:
    """Requests with the arrival and the tokens of one before; those that a boundary of batches parts are missed."""

    def __init__(self) -> None:
        self.count = 0
        self.pairs = 0
        """Pairs of requests that arrive at the same instant."""

    def add(self, arrival_ns: Ints, prompt_tokens: Tokens, output_tokens: Tokens) -> None:
        """Go on with the next requests."""
        same = np.diff(arrival_ns) == 0
        tied = np.append(same, False) | np.insert(same, 0, False)
        arrival = arrival_ns[tied]
        tokens = (prompt_tokens[tied].astype(np.int64) << 32) + output_tokens[tied]
        order = np.lexsort((tokens, arrival))
        together = np.diff(np.flatnonzero(np.diff(arrival, prepend=-1)), append=len(arrival))
        self.pairs += int((together * (together - 1) // 2).sum())
        self.count += int(((np.diff(arrival[order]) == 0) & (np.diff(tokens[order]) == 0)).sum())


class Windows:
    """Counts of arrivals in windows of equal width from the start."""

    def __init__(self, width_s: int) -> None:
        self.width_s = width_s
        self._width_ns = width_s * NS_PER_S
        self._index = np.empty(0, np.int64)
        self._counts = np.empty(0, np.int64)
        self._sum = self._squares = 0
        self._hours: dict[int, int] = {}

    def add(self, arrival_ns: Ints) -> None:
        """Go on with the next arrivals; all windows but the last are then complete."""
        window = arrival_ns // self._width_ns
        starts = np.flatnonzero(np.diff(window, prepend=-1))
        index, counts = window[starts], np.diff(starts, append=len(window))
        if len(self._index) and self._index[0] == index[0]:
            counts[0] += self._counts[0]
        else:
            self._close(self._index, self._counts)
        self._close(index[:-1], counts[:-1])
        self._index, self._counts = index[-1:], counts[-1:]

    def dispersion(self, span_ns: int) -> float | None:
        """Variance over mean of the counts of the whole windows; None for fewer than two or no arrivals."""
        whole = span_ns // self._width_ns
        last = int(self._counts[0]) if len(self._counts) and self._index[0] < whole else 0
        total, squares = self._sum + last, self._squares + last * last
        if whole < 2 or total == 0:
            return None
        mean = total / whole
        return (squares / whole - mean * mean) * whole / (whole - 1) / mean

    def rates_per_hour(self, span_ns: int) -> list[float]:
        """For windows of an hour: arrivals per hour; the last by the time recorded of it.

        A part below `_LEAST_PART` of an hour is one with the hour before: alone, one request of a second after it
        would be 3,600 an hour.
        """
        counts = self._hours | dict(zip(self._index.tolist(), self._counts.tolist(), strict=True))
        whole, rest_ns = divmod(span_ns, self._width_ns)
        arrived = [counts.get(hour, 0) for hour in range(whole + 1)]
        if whole and rest_ns < _LEAST_PART * self._width_ns:
            rest_ns += self._width_ns
            arrived[-2:] = [sum(arrived[-2:])]
        last = [arrived[-1] * self._width_ns / rest_ns] if rest_ns else []
        return [float(count) for count in arrived[:-1]] + last

    def _close(self, index: Ints, counts: Ints) -> None:
        self._sum += int(counts.sum())
        self._squares += int(np.dot(counts, counts))
        if self.width_s == 3600:
            self._hours.update(zip(index.tolist(), counts.tolist(), strict=True))


class LatencyCounts:
    """Frequency of latencies, in buckets of which each is 0.4 % wider than the one before."""

    _WIDTH = math.log(1.004)

    def __init__(self) -> None:
        self.known, self.sum_s, self.largest_s = 0, 0.0, 0.0
        self._buckets: Counter[int] = Counter()

    def add(self, latency_s: npt.NDArray[np.float64]) -> None:
        """Go on with the next requests; NaN = unknown."""
        known = latency_s[latency_s > 0]
        buckets, counts = np.unique(np.floor(np.log(known) / self._WIDTH).astype(np.int64), return_counts=True)
        self._buckets.update(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))
        self.known += len(known)
        self.sum_s += math.fsum(known)
        self.largest_s = max(self.largest_s, float(known.max(initial=0.0)))

    def quantile(self, share: float) -> float:
        """Nearest-rank quantile in seconds, the middle of its bucket."""
        buckets = sorted(self._buckets)
        counts = np.cumsum([self._buckets[bucket] for bucket in buckets])
        middle = buckets[int(np.searchsorted(counts, share * self.known))] + 0.5
        return min(math.exp(middle * self._WIDTH), self.largest_s)


class TokenCounts:
    """Frequency of each token count; 8 bytes for each value up to the largest."""

    def __init__(self) -> None:
        self.counts = np.zeros(1, np.int64)

    def add(self, tokens: npt.NDArray[np.int32]) -> None:
        """Go on with the next requests."""
        new = np.bincount(tokens, minlength=len(self.counts))
        new[: len(self.counts)] += self.counts
        self.counts = new

    def chance_of_two_alike(self) -> float:
        """Probability that two requests have the same count."""
        return float(np.sum((self.counts / self.rows) ** 2))

    @property
    def rows(self) -> int:
        """Requests seen."""
        return int(self.counts.sum())

    @property
    def largest(self) -> int:
        """The largest count seen."""
        return int(np.flatnonzero(self.counts)[-1])

    @property
    def total(self) -> int:
        """All tokens."""
        return int(np.dot(self.counts, np.arange(len(self.counts))))

    def quantile(self, share: float) -> int:
        """The smallest value that at least this share of the requests does not exceed."""
        return int(np.searchsorted(np.cumsum(self.counts), share * self.rows))

    def percentiles(self) -> list[int]:
        """The quantiles from 1 to 99 %."""
        ranks = -(-np.arange(1, 100) * self.rows // 100)
        found: list[int] = np.searchsorted(np.cumsum(self.counts), ranks).tolist()
        return found


class RequestsOverTime:
    """Counts of requests in the whole steps of a trace.

    Args:
        span_ns: from the first arrival to the last.
    """

    def __init__(self, span_ns: int) -> None:
        self.step_s = step_length_s(span_ns / NS_PER_S)
        self._counts = np.zeros(span_ns // (self.step_s * NS_PER_S), np.int64)

    def add(self, arrival_ns: Ints) -> None:
        """Go on with the next arrivals; those beyond the last whole step are not counted."""
        step = arrival_ns // (self.step_s * NS_PER_S)
        self._counts += np.bincount(step, minlength=len(self._counts))[: len(self._counts)]

    def document(self) -> dict[str, Any]:
        """Length of the steps, requests a second of each, and of the busiest (0 without a whole step)."""
        rates = (self._counts / self.step_s).tolist()
        return {"step_s": self.step_s, "rate_per_s": rates, "busiest": max(rates, default=0.0)}
