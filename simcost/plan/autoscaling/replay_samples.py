"""Samples of a recording: which count at an instant, and the life of pods in its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from simcost.plan.autoscaling.metric_adapter import RecordedMetric
from simcost.plan.autoscaling.policy import READY, RUNNING
from simcost.tables.cells import Flags
from simcost.trace.metrics import PHASES, SAID, Floats, Ints, Recording
from simcost.units import NS_PER_S

LONG_NS = 2**60
"""More than any recording lasts."""
JITTER = 1.5
"""Usual gaps for which a sample counts where samples are not taken on a grid; on a grid it is one."""


def valid_for(time_ns: Ints, key: Ints) -> tuple[int, int]:
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


def means(time_ns: Ints, key: Ints, value: Floats, window_s: float) -> Floats:
    """The mean of the samples in a window that ends with each, as PromQL's `avg_over_time`."""
    return _taken(time_ns, key, value, window_s, np.mean)


def maxima(time_ns: Ints, key: Ints, value: Floats, window_s: float) -> Floats:
    """The highest sample in a window that ends with each, as PromQL's `max_over_time`."""
    return _taken(time_ns, key, value, window_s, np.max)


def _taken(time_ns: Ints, key: Ints, value: Floats, window_s: float, what: Callable[[Floats], float]) -> Floats:
    """Something of the samples in a window, the sample at its beginning left out."""
    result = np.full(len(value), np.nan)
    for each in np.unique(key):
        rows = np.flatnonzero((key == each) & ~np.isnan(value))
        times, samples = time_ns[rows], value[rows]
        first = np.searchsorted(times, times - round(window_s * NS_PER_S), "right")
        result[rows] = [what(samples[start : end + 1]) for end, start in enumerate(first.tolist())]
    return result


_OVER_TIME = {"rate": rates, "mean": means, "max": maxima}


@dataclass(slots=True)
class RecordedSamples:
    """Samples by time, of each pod, or of the pool as the only one; read on and on, at rising instants."""

    time_ns: Ints
    pod: Ints
    value: Floats
    request: Floats
    failed: Flags
    valid_ns: Ints
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
        return np.where((rows >= 0) & (now_ns - self.time_ns[rows] < self.valid_ns[rows]), rows, -1)

    def value_at(self, now_ns: int) -> float:
        """The pool's value, NaN where there is none."""
        row = self.at(now_ns)[0]
        return float(self.value[row]) if row >= 0 else np.nan


def samples_of(
    recording: Recording, recorded_metric: RecordedMetric, valid_ns: Ints, *, per_pod: bool
) -> RecordedSamples | None:
    """Samples of a recorded metric, of its pods or of the pool, given how long each row counts; None = none."""
    of_metric = recording.metric == recording.metrics.index(recorded_metric.metric)
    rows = np.flatnonzero(of_metric & ((recording.pod >= 0) == per_pod))
    if not len(rows):
        return None
    time_ns, value = recording.time_ns[rows], recording.value[rows]
    pod = recording.pod[rows] if per_pod else np.zeros(len(rows), np.int64)
    request = recording.said.get("request", np.full(len(recording), np.nan))[rows]
    if recorded_metric.window_s:
        taken = _OVER_TIME[recorded_metric.over_time]
        value = taken(time_ns, pod, value, recorded_metric.window_s)
    return RecordedSamples(
        time_ns=time_ns,
        pod=pod,
        value=value * recorded_metric.factor,
        request=held(request, pod, np.nan),
        failed=recording.failed[rows],
        valid_ns=valid_ns[rows],
        pods=len(recording.pods) if per_pod else 1,
    )


TERMINATING = PHASES.index("terminating")


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """The pods that are there at an instant; all arrays have one length."""

    pod: Ints
    phase: Ints
    deleting: Flags
    ready: Ints
    age_s: Floats
    ready_age_s: Floats
    window_s: Floats


@dataclass(frozen=True, slots=True)
class Pods:
    """Per row of a pod what is known then, from it and earlier rows."""

    newest: RecordedSamples
    """Of any metric; their values are nothing."""
    until_ns: Ints
    """Time until which the pod is there, unless more rows follow."""
    phase: Floats
    ready: Floats
    start_ns: Floats
    changed_ns: Floats
    window_s: Floats

    def at(self, now_ns: int) -> Now:
        """The pods that are there."""
        rows = self.newest.at(now_ns)
        pod = np.flatnonzero((rows >= 0) & (self.until_ns[rows] > now_ns))
        row = rows[pod]
        phase = self.phase[row].astype(np.int64)
        deleting = phase == TERMINATING
        return Now(
            pod=pod,
            phase=np.where(deleting, RUNNING, phase),
            deleting=deleting,
            ready=self.ready[row].astype(np.int64),
            age_s=(now_ns - self.start_ns[row]) / NS_PER_S,
            ready_age_s=(now_ns - self.changed_ns[row]) / NS_PER_S,
            window_s=self.window_s[row],
        )


def pods_of(recording: Recording, valid_ns: Ints, gap_ns: Ints) -> Pods | None:
    """The pods of a recording, given per row for how long its sample counts and what time it covers unless it says so.

    A pod that has rows at the beginning was there long before, ready or not as it is then. Another one started with
    its first row.
    """
    rows = np.flatnonzero(recording.pod >= 0)
    if not len(rows):
        return None
    time_ns, pod = recording.time_ns[rows], recording.pod[rows]
    nothing = np.full(len(rows), np.nan)
    said = {name: recording.said[name][rows] if name in recording.said else nothing for name in SAID}
    of_pod = np.argsort(pod, kind="stable")
    first_ns = time_ns[of_pod[np.searchsorted(pod[of_pod], pod)]]
    appeared_ns = np.where(first_ns - recording.time_ns[0] < valid_ns[rows], -float(LONG_NS), first_ns)
    start_ns = held(time_ns - said["age_s"] * NS_PER_S, pod, appeared_ns)
    ready = held(said["ready"], pod, READY)
    return Pods(
        newest=RecordedSamples(
            time_ns=time_ns,
            pod=pod,
            value=nothing,
            request=nothing,
            failed=np.zeros(len(rows), np.bool_),
            valid_ns=np.full(len(rows), 2 * LONG_NS),
            pods=len(recording.pods),
        ),
        until_ns=_until(time_ns + valid_ns[rows], of_pod, pod),
        phase=held(said["phase"], pod, RUNNING),
        ready=ready,
        start_ns=start_ns,
        changed_ns=_changed(
            time_ns,
            of_pod,
            pod,
            ready,
            time_ns - said["ready_age_s"] * NS_PER_S,
            np.where(ready == READY, appeared_ns, start_ns),
        ),
        window_s=held(said["window_s"], pod, gap_ns[rows] / NS_PER_S),
    )


def _until(expires_ns: Ints, of_pod: Ints, pod: Ints) -> Ints:
    """The latest expiry so far, pod by pod."""
    until_ns = np.empty_like(expires_ns)
    for own in np.split(of_pod, np.flatnonzero(np.diff(pod[of_pod])) + 1):
        until_ns[own] = np.maximum.accumulate(expires_ns[own])
    return until_ns


def _changed(time_ns: Ints, of_pod: Ints, pod: Ints, ready: Floats, said_ns: Floats, first_ns: Floats) -> Floats:
    """Time at which readiness last changed: as a row says, else where it differs from the row before."""
    is_first = np.append(True, np.diff(pod[of_pod]) != 0)
    turned = np.append(False, np.diff(ready[of_pod]) != 0)
    changed = np.empty(len(time_ns))
    changed[of_pod] = np.where(is_first, first_ns[of_pod], np.where(turned, time_ns[of_pod], np.nan))
    return held(np.where(np.isnan(said_ns), changed, said_ns), pod, np.nan)
