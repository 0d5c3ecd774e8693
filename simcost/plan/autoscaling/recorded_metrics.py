"""Recorded metrics as a scaling policy observes them at an instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isnan, nan
from typing import Any, NamedTuple

import numpy as np

from simcost.errors import InputError, did_you_mean
from simcost.plan.autoscaling.metric_adapter import RecordedMetric, recorded_as, same_as
from simcost.plan.autoscaling.policy import (
    NOT_READY,
    PENDING,
    READY,
    RUNNING,
    SUCCEEDED,
    Ages,
    Observation,
    Over,
    Replicas,
    Source,
)
from simcost.plan.autoscaling.replay_samples import LONG_NS, Now, Pods, RecordedSamples, pods_of, samples_of, valid_for
from simcost.trace.metrics import Floats, Ints, Recording
from simcost.units import NS_PER_S, format_seconds

CURRENT = (
    "replicas",
    "kube_deployment_spec_replicas",
    "kube_statefulset_replicas",
    "kube_horizontalpodautoscaler_status_current_replicas",
)
"""Recorded metrics that say how many replicas are asked for; the first that is there counts."""
READY_COUNT = (
    "ready_replicas",
    "ready",
    "kube_deployment_status_replicas_ready",
    "kube_statefulset_status_replicas_ready",
)
_MOST_REPLICAS = 1_000_000
_TAKEN: dict[Over, Callable[[Floats], Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}


class UnrecordedMetricError(InputError):
    """A metric that a policy reads is not in the recording."""


@dataclass(frozen=True, slots=True)
class MetricComponent:
    """A recorded metric that makes up, with others, one that the policy reads."""

    over: Over
    adds_up: bool
    """True if a number of the whole pool is a sum over its replicas."""
    averages: bool
    """True if it is a mean over them of what adds up."""
    of_pods: RecordedSamples | None
    of_pool: RecordedSamples | None


class Value(NamedTuple):
    """A metric at an instant."""

    total: float
    by_pod: Floats | None
    """None = only the total is recorded."""
    request: Floats
    """By pod, or one number for each."""
    over: Over
    failed: bool
    sample_ns: Floats | None
    """Times of the pods' samples."""


@dataclass(slots=True)
class RecordedMetrics:
    """A recording, read on and on: ask for instants in rising order."""

    parts: Mapping[str, Sequence[MetricComponent]]
    """By the names that the policy reads."""
    pods: Pods | None
    """None = the recording has totals alone, or its pods do not matter."""
    counts: Mapping[str, RecordedSamples]
    """`current` and `ready` replicas, as far as they are recorded."""
    start_utc_s: float
    time_ns: Ints
    until_ns: Ints
    """Per row the time until which it or an earlier one counts."""
    changes_ns: Ints
    """Times at which a sample comes or goes: between two of them only ages change."""
    _last: tuple[tuple[int, int], int, Observation | None] = ((-1, -1), 0, None)

    def observe(self, now_ns: int, decided: int) -> Observation | None:
        """Observation at an instant; None where nothing is recorded.

        `decided` replicas are asked for where the recording does not say it.
        """
        same, then_ns, seen = self._last
        now = (int(np.searchsorted(self.changes_ns, now_ns, "right")), decided)
        if now != same:
            then_ns, seen = now_ns, self._observe(now_ns, decided)
            self._last = now, now_ns, seen
        return seen if seen is None or then_ns == now_ns else _later(seen, (now_ns - then_ns) / NS_PER_S)

    def _observe(self, now_ns: int, decided: int) -> Observation | None:
        row = int(np.searchsorted(self.time_ns, now_ns, "right")) - 1
        now = None if self.pods is None else self.pods.at(now_ns)
        if row < 0 or self.until_ns[row] <= now_ns:
            return None
        alive = decided if now is None else int((~now.deleting & (now.phase < SUCCEEDED)).sum())
        current = self._count("current", now_ns, alive)
        if now is None:
            ready = min(self._count("ready", now_ns, current), current)
        else:
            ready = int(((now.ready == READY) & (now.phase == RUNNING) & ~now.deleting).sum())
        values = {name: _value(parts, now_ns, ready) for name, parts in self.parts.items()}
        replicas = _spread(values, current, ready) if now is None else _of_pods(values, now, now_ns, alive)
        return Observation(
            current=current,
            ready=ready,
            starting=(current if now is None else alive) - ready,
            draining=0 if now is None else int(now.deleting.sum()),
            replicas=replicas,
            totals={name: value.total for name, value in values.items()},
            failed=frozenset(name for name, value in values.items() if value.failed),
            utc_s=self.start_utc_s + now_ns / NS_PER_S,
        )

    def _count(self, word: str, now_ns: int, otherwise: int) -> int:
        samples = self.counts.get(word)
        value = nan if samples is None else samples.value_at(now_ns)
        return otherwise if isnan(value) else max(round(value), 0)


def _later(seen: Observation, by_s: float) -> Observation:
    """The same some time later: all that is there is older."""
    pods = seen.replicas
    if pods is not None:
        ages = pods.ages()
        ages = replace(
            ages,
            age_s=ages.age_s + by_s,
            ready_age_s=ages.ready_age_s + by_s,
            sample_age_s=ages.sample_age_s + by_s,
        )
        pods = replace(pods, ages=lambda: ages)
    return replace(seen, replicas=pods, utc_s=seen.utc_s + by_s)


def pipeline_of(
    recording: Recording, reads: Mapping[str, Source], *, closed: bool = False, valid_s: float | None = None
) -> RecordedMetrics:
    """All that a policy reads.

    Args:
        recording: what was recorded.
        reads: the policy's metrics, and what they are made of.
        closed: the replicas are those decided, whatever is recorded.
        valid_s: time for which a sample counts; None = until the next is due.

    Raises:
        UnrecordedMetricError: the message says which are recorded.
    """
    made = {name: _made_of(name, source, recording.metrics) for name, source in reads.items()}
    missing = [_missing(name, reads[name], recording.metrics) for name, found in made.items() if not found]
    if missing:
        raise UnrecordedMetricError(f"{'; '.join(missing)}; recorded are {', '.join(recording.metrics)}")
    gap_ns, valid_ns = _gaps(recording, valid_s)
    parts = {name: [_part(recording, one, valid_ns) for one in found] for name, found in made.items()}
    counts = {} if closed else _counts(recording)
    return RecordedMetrics(
        parts=parts,
        pods=None if closed else pods_of(recording, valid_ns, gap_ns),
        counts=counts,
        start_utc_s=recording.start_utc_s,
        time_ns=recording.time_ns,
        until_ns=np.maximum.accumulate(recording.time_ns + valid_ns),
        changes_ns=np.unique(np.concatenate([recording.time_ns, recording.time_ns + valid_ns])),
    )


def recorded_for(reads: Mapping[str, Source], recorded: Sequence[str]) -> set[str]:
    """Recorded metrics that a replay of a policy takes: those that it reads, and the numbers of replicas."""
    taken = {one.metric for name, source in reads.items() for one in _made_of(name, source, recorded)}
    return taken | {name for name in (*CURRENT, *READY_COUNT) if name in recorded}


def _gaps(recording: Recording, valid_s: float | None) -> tuple[Ints, Ints]:
    """Per row the usual gap of its metric, and the time for which it counts."""
    gap_ns, valid_ns = (np.empty(len(recording), np.int64) for _ in range(2))
    for number in range(len(recording.metrics)):
        rows = recording.metric == number
        gap_ns[rows], valid_ns[rows] = valid_for(recording.time_ns[rows], recording.pod[rows])
    return gap_ns, valid_ns if valid_s is None else np.full(len(recording), round(valid_s * NS_PER_S))


def _made_of(name: str, source: Source, recorded: Sequence[str]) -> list[RecordedMetric]:
    """The metric as it is recorded itself, else the recorded metrics that its signals are."""
    if name in recorded and all(name not in (one.metric, one.name) for one in source):
        return [RecordedMetric(name, over=source[0].over if source else "sum")]
    found = [recorded_as(signal, recorded) for signal in source]
    return [part for parts in found for part in parts] if all(found) else []


def _missing(name: str, source: Source, recorded: Sequence[str]) -> str:
    """Message on what is not recorded, and what could replace it."""
    lacking = [same_as(signal) for signal in source if not recorded_as(signal, recorded)]
    of = [f"{first} (or {', '.join(others)})" if others else first for first, *others in lacking]
    if not of or of == [name]:
        return f"{name} is not recorded{did_you_mean(name, recorded)}"
    return f"{'' if lacking[0][0] == name else f'{name}: '}{' and '.join(of)} is not recorded"


def _part(recording: Recording, recorded_metric: RecordedMetric, valid_ns: Ints) -> MetricComponent:
    of_pods, of_pool = (samples_of(recording, recorded_metric, valid_ns, per_pod=per_pod) for per_pod in (True, False))
    return MetricComponent(
        over=recorded_metric.over,
        adds_up=recorded_metric.adds_up,
        averages=recorded_metric.averages,
        of_pods=of_pods,
        of_pool=of_pool,
    )


def _counts(recording: Recording) -> dict[str, RecordedSamples]:
    """Recorded numbers of replicas, each of which holds until the next."""
    result, always = {}, np.full(len(recording), LONG_NS)
    for word, names in (("current", CURRENT), ("ready", READY_COUNT)):
        known = [name for name in names if name in recording.metrics]
        _check_count(recording, known[:1])
        samples = samples_of(recording, RecordedMetric(known[0]), always, per_pod=False) if known else None
        if samples is not None:
            result[word] = samples
    return result


def _check_count(recording: Recording, names: Sequence[str]) -> None:
    """Raise InputError where a recorded number of replicas cannot be one."""
    for name in names:
        of_it = recording.metric == recording.metrics.index(name)
        for row in np.flatnonzero(of_it & ((recording.value < 0) | (recording.value > _MOST_REPLICAS)))[:1]:
            at, value = format_seconds(float(recording.time_ns[row] / NS_PER_S)), recording.value[row]
            raise InputError(f"{name} is {value:g} at {at}: not a number of replicas, from 0 to {_MOST_REPLICAS:,}")


def _value(parts: Sequence[MetricComponent], now_ns: int, ready: int) -> Value:
    """The sum of the parts."""
    found = [_part_value(part, now_ns, ready) for part in parts]
    by_pod = [one.by_pod for one in found if one.by_pod is not None]
    return found[0]._replace(
        total=fsum(one.total for one in found),
        failed=any(one.failed for one in found),
        by_pod=np.sum(by_pod, axis=0) if len(by_pod) == len(found) else None,
    )


def _part_value(part: MetricComponent, now_ns: int, ready: int) -> Value:
    """A value of the pool is what is recorded as one, where it adds up the even share of a ready replica unless the sum
    is asked for, which is as many times a recorded mean as replicas are ready; else it is made of the pods.
    """
    by_pod, request, sample_ns, failed, total = None, np.full((), nan), None, False, nan
    if (samples := part.of_pods) is not None:
        rows = samples.at(now_ns)
        by_pod, request, sample_ns = (
            np.where(rows >= 0, column[rows], nan) for column in (samples.value, samples.request, samples.time_ns)
        )
        there = by_pod[~np.isnan(by_pod)]
        total = float(_TAKEN[part.over](there)) if len(there) else nan
        failed = bool(samples.failed[rows[rows >= 0]].any())
    if (samples := part.of_pool) is not None:
        row = int(samples.at(now_ns)[0])
        total = float(samples.value[row]) if row >= 0 else nan
        if part.adds_up and part.over != "sum":
            total = total / ready if ready else nan
        if part.averages and part.over == "sum":
            total *= ready
        failed = failed or bool(row >= 0 and samples.failed[row])
        if by_pod is None and row >= 0:
            request = samples.request[row]
    return Value(total, by_pod, request, part.over, failed, sample_ns)


def _even(value: Value, pods: int) -> float:
    """Share of each pod in a total."""
    return value.total / pods if value.over == "sum" and pods else value.total


def _spread(values: Mapping[str, Value], current: int, ready: int) -> Replicas:
    """Pods of which nothing is known but totals: all alike, the first of them ready."""
    is_ready = np.arange(current) < ready
    signals = {name: np.where(is_ready, _even(value, ready), nan) for name, value in values.items()}
    asked = {
        name: np.full(current, float(value.request))
        for name, value in values.items()
        if value.by_pod is None and not np.isnan(value.request)
    }
    long, none = np.full(current, inf), np.zeros(current)
    ages = Ages(age_s=long, ready_age_s=long, sample_age_s=none, sample_window_s=none)
    return Replicas(
        phase=np.where(is_ready, RUNNING, PENDING).astype(np.int8),
        deleting=np.zeros(current, np.bool_),
        ready=np.where(is_ready, READY, NOT_READY).astype(np.int8),
        ages=lambda: ages,
        signals=signals,
        requests=asked,
    )


def _of_pods(values: Mapping[str, Value], now: Now, now_ns: int, alive: int) -> Replicas:
    """The pods that are recorded; of a total that is recorded alone each has the same."""
    signals = {
        name: np.full(len(now.pod), _even(value, alive)) if value.by_pod is None else value.by_pod[now.pod]
        for name, value in values.items()
    }
    asked = {
        name: np.broadcast_to(value.request, len(now.pod)) if value.by_pod is None else value.request[now.pod]
        for name, value in values.items()
        if not np.isnan(value.request).all()
    }
    taken = [values[name].sample_ns for name in sorted(values, key=lambda name: name != "cpu")]
    sample_ns = next((times[now.pod] for times in taken if times is not None), np.full(len(now.pod), nan))
    ages = Ages(
        age_s=now.age_s,
        ready_age_s=now.ready_age_s,
        sample_age_s=(now_ns - sample_ns) / NS_PER_S,
        sample_window_s=now.window_s,
    )
    return Replicas(
        phase=now.phase.astype(np.int8),
        deleting=now.deleting,
        ready=now.ready.astype(np.int8),
        ages=lambda: ages,
        signals=signals,
        requests=asked,
    )
