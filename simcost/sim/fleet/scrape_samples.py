"""Samples of the replicas, as a scraper takes them: values over a window, replica by replica; histograms of latency."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simcost.sim.serving.engine import layout as col
from simcost.sim.serving.engine_driver import DataPlane
from simcost.sim.serving.pool_observation import PoolObservation
from simcost.units import NS_PER_S

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NOBODY = np.empty(0, np.int64)
NOTHING = np.empty((0, col.REPLICA), np.int64)


class Sample(NamedTuple):
    """The pool at one instant."""

    t_ns: int
    pool: Callable[[], PoolObservation]
    """The pool as it was then: most policies read replica by replica, and never ask."""
    numbers: Ints
    """Of the replicas that answered, rising."""
    rows: Ints
    """[replica, column of `replicas`]"""
    latency: Ints | None
    """[metric, bucket] completed requests since the start."""


class ScrapeSamples:
    """The last samples, as far back as any window reaches."""

    def __init__(self, longest_ns: int) -> None:
        self.longest_ns = longest_ns
        self._kept: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Keep a sample; forget those that no window reaches. Lists that were shown stay as they are."""
        kept, old = self._kept, 0
        since_ns, last = sample.t_ns - self.longest_ns, len(kept) - 1
        while old < last and kept[old + 1].t_ns <= since_ns:
            old += 1
        self._kept = [*(kept[old:] if old else kept), sample]

    def until(self, t_ns: int) -> list[Sample]:
        """Those taken by then, by time."""
        kept = self._kept
        return kept if kept and kept[-1].t_ns <= t_ns else [one for one in kept if one.t_ns <= t_ns]


def within(samples: Sequence[Sample], window_ns: int) -> Sequence[Sample]:
    """The newest sample and those before it that a window holds; without a window the one before it."""
    if window_ns == 0:
        return samples[-2:]
    return [sample for sample in samples if sample.t_ns >= samples[-1].t_ns - window_ns]


def summed(rows: Ints, columns: Sequence[int]) -> Floats:
    """The sum of columns by replica."""
    total = rows[:, columns[0]].astype(np.float64)
    for column in columns[1:]:
        total += rows[:, column]
    return total


def mean(samples: Sequence[Sample], columns: Sequence[int]) -> Floats:
    """The sum of columns by replica of the newest sample, as mean of all samples that have the replica."""
    newest = samples[-1]
    total, count = np.zeros(len(newest.numbers)), np.zeros(len(newest.numbers))
    for sample in samples:
        there, values = _placed(newest, sample, columns)
        total[there] += values
        count[there] += 1
    return total / count


def most(samples: Sequence[Sample], columns: Sequence[int]) -> Floats:
    """The sum of columns by replica of the newest sample, as maximum of all samples that have the replica."""
    newest = samples[-1]
    result = summed(newest.rows, columns)
    for sample in samples[:-1]:
        there, values = _placed(newest, sample, columns)
        result[there] = np.maximum(result[there], values)
    return result


def rate(samples: Sequence[Sample], columns: Sequence[int]) -> Floats:
    """Increase per second of counters, from the first sample that has a replica to the newest; NaN with one alone."""
    newest = samples[-1]
    first, since_ns = np.zeros(len(newest.numbers)), np.full(len(newest.numbers), newest.t_ns)
    for sample in samples[:1] if samples[0].numbers is newest.numbers else reversed(samples):
        there, values = _placed(newest, sample, columns)
        first[there], since_ns[there] = values, sample.t_ns
    span_s = (newest.t_ns - since_ns) / NS_PER_S
    grown = summed(newest.rows, columns) - first
    return np.where(span_s > 0, grown / np.where(span_s > 0, span_s, 1.0), np.nan)


def _placed(newest: Sample, sample: Sample, columns: Sequence[int]) -> tuple[Flags | slice, Floats]:
    """Replicas of the newest sample that another one has, and the sum of its columns by each of them."""
    values = summed(sample.rows, columns)
    if sample.numbers is newest.numbers:
        return slice(None), values
    there, place = places(newest.numbers, sample.numbers)
    return there, values[place]


def percentile(samples: Sequence[Sample], metric: int, share: float, middles: Floats) -> float:
    """A latency of the requests answered from the first sample to the last; NaN where there are none."""
    newest, first = samples[-1].latency, samples[0].latency
    if newest is None or first is None:
        return np.nan
    counts = np.cumsum(newest[metric] - first[metric])
    if len(samples) < 2 or counts[-1] == 0:
        return np.nan
    return float(middles[np.searchsorted(counts, share * counts[-1])])


def places(wanted: Ints, had: Ints) -> tuple[Flags, Ints]:
    """Mask of the wanted replicas that a sample has, and their positions in it."""
    if len(wanted) == len(had) and (len(had) == 0 or (wanted[0] == had[0] and np.array_equal(wanted, had))):
        return np.ones(len(wanted), np.bool_), np.arange(len(wanted))
    if not len(had):
        return np.zeros(len(wanted), np.bool_), NOBODY
    place = np.minimum(np.searchsorted(had, wanted), len(had) - 1)
    there = had[place] == wanted
    return there, place[there]


class Latencies:
    """The data plane counts by window of arrival; here all windows are one, and only those that changed are read."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane
        histograms = plane.state.histograms
        self._seen = histograms.copy()
        self._completed = plane.state.windows[:, col.W_COMPLETED].copy()
        self._total: Ints = histograms.sum(axis=0, dtype=np.int64)

    def read(self) -> Ints:
        """[metric, bucket] counts up to now."""
        completed, histograms = self.plane.state.windows[:, col.W_COMPLETED], self.plane.state.histograms
        changed = np.flatnonzero(completed != self._completed)
        if len(changed):
            self._total = self._total.copy()
        for window in changed:
            self._total += histograms[window] - self._seen[window]
            self._seen[window] = histograms[window]
        self._completed[:] = completed
        return self._total
