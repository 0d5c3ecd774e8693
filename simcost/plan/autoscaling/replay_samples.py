"""Samples of a metric over time, and which of them count at an instant."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simcost.plan.autoscaling.metric_adapter import Recorded
from simcost.trace.metrics_init import Flags, Floats, Ints, Recording
from simcost.units import NS_PER_S

LONG_NS = 2**60
"""More than any recording lasts."""
JITTER = 1.5
"""Usual gaps for which a sample counts where samples are not taken on a grid; on a grid it is one."""


def stands(time_ns: Ints, key: Ints) -> tuple[int, int]:
    """The usual gap between two samples of a key, and how long one counts: until the next is due, in nanoseconds."""
    order = np.lexsort((time_ns, key))
    gaps = np.diff(time_ns[order])[np.diff(key[order]) == 0]
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return 0, LONG_NS
    usual = int(np.median(gaps))
    on_grid = not (gaps % usual).any()
    return usual, usual if on_grid else round(JITTER * usual)


def held(said: Floats, key: Ints, otherwise: Floats | float) -> Floats:
    """The newest value that was said of each key; NaN says nothing.

    >>> held(np.array([np.nan, 2, np.nan, np.nan]), np.array([0, 0, 1, 0]), 7.0).tolist()
    [7.0, 2.0, 7.0, 2.0]
    """
    order = np.argsort(key, kind="stable")
    sorted_said, sorted_key = said[order], key[order]
    row = np.maximum.accumulate(np.where(np.isnan(sorted_said), -1, np.arange(len(said))))
    known = row >= np.searchsorted(sorted_key, sorted_key)
    result = np.empty(len(said))
    result[order] = np.where(known, sorted_said[row], np.broadcast_to(otherwise, len(said))[order])
    return result


def rates(time_ns: Ints, key: Ints, value: Floats, window_s: float) -> Floats:
    """Increase of a counter per second over a window that ends with each sample; NaN where there is no earlier one.

    As PromQL's `rate`, a decrease is a restart from 0; unlike it, nothing is extrapolated to the bounds of the window.
    """
    result = np.full(len(value), np.nan)
    for each in np.unique(key):
        rows = np.flatnonzero((key == each) & ~np.isnan(value))
        times, counter = time_ns[rows], value[rows]
        step = np.diff(counter, prepend=counter[:1])
        grown = np.cumsum(np.where(step < 0, counter, step))
        first = np.searchsorted(times, times - round(window_s * NS_PER_S))
        with np.errstate(invalid="ignore"):
            result[rows] = (grown - grown[first]) / (times - times[first]) * NS_PER_S
    return result


@dataclass(slots=True)
class Samples:
    """Samples by time, of each pod, or of the pool as the only one; read on and on, at rising instants."""

    time_ns: Ints
    pod: Ints
    value: Floats
    request: Floats
    failed: Flags
    stands_ns: Ints
    """Time for which each counts."""
    pods: int
    _newest: Ints = field(init=False)
    _read: int = 0

    def __post_init__(self) -> None:
        self._newest = np.full(self.pods, -1)

    def at(self, now_ns: int) -> Ints:
        """The row of each pod that counts now, -1 where there is none."""
        end = int(np.searchsorted(self.time_ns, now_ns, "right"))
        self._newest[self.pod[self._read : end]] = np.arange(self._read, end)
        self._read = end
        rows = self._newest
        return np.where((rows >= 0) & (now_ns - self.time_ns[rows] < self.stands_ns[rows]), rows, -1)

    def value_at(self, now_ns: int) -> float:
        """The pool's value, NaN where there is none."""
        row = self.at(now_ns)[0]
        return float(self.value[row]) if row >= 0 else np.nan


def samples_of(recording: Recording, one: Recorded, stands_ns: Ints, *, per_pod: bool) -> Samples | None:
    """Samples of a recorded metric, of its pods or of the pool, given how long each row counts; None = none."""
    of_metric = recording.metric == recording.metrics.index(one.metric)
    rows = np.flatnonzero(of_metric & ((recording.pod >= 0) == per_pod))
    if not len(rows):
        return None
    time_ns, value = recording.time_ns[rows], recording.value[rows]
    pod = recording.pod[rows] if per_pod else np.zeros(len(rows), np.int64)
    request = recording.said.get("request", np.full(len(recording), np.nan))[rows]
    value = rates(time_ns, pod, value, one.window_s) if one.window_s else value
    return Samples(
        time_ns=time_ns, pod=pod, value=value * one.factor, request=held(request, pod, np.nan),
        failed=recording.failed[rows], stands_ns=stands_ns[rows], pods=len(recording.pods) if per_pod else 1,
    )  # fmt: skip
