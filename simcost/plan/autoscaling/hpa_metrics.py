"""Metrics of an HPA: the pods that count, the ratio to the target, and the desired replicas of each metric.

Amounts are whole thousandths, as in the controller. Semantics: kubernetes replica_calculator.go (groupPods,
calcPlainMetricReplicas, GetResourceReplicas).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, fsum, inf, isfinite, isnan
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from annotated_types import Gt

from simcost.plan.autoscaling.hpa_behavior import MAX_INT32
from simcost.plan.autoscaling.policy import (
    FAILED,
    NOT_READY,
    PENDING,
    RUNNING,
    SUCCEEDED,
    UNKNOWN,
    Observation,
    Replicas,
    Source,
    ns,
)

if TYPE_CHECKING:
    from simcost.plan.autoscaling.policy import Floats

SLACK = 1e-6
"""Of a thousandth: what decimal fractions lose in binary."""


class Patience(NamedTuple):
    """Time for which the CPU of a young pod is ignored."""

    initialization_s: float
    readiness_s: float


patience = lru_cache(Patience)
"""Patience of an HPA, made once."""


class Groups(NamedTuple):
    """Positions of the pods by class; those that are over or being deleted are in none."""

    ready: list[int]
    unready: list[int]
    missing: list[int]


def milli(amounts: Floats) -> list[float]:
    """Whole thousandths, rounded down; NaN stays."""
    return [(amount * 1000 + SLACK) // 1 for amount in amounts.tolist()]


def grouped(replicas: Replicas, samples: Sequence[float], cpu: Patience | None) -> Groups:
    """The class of each pod; the first that fits. `cpu`: readiness counts, as it does for the resource cpu alone."""
    phases, deleting = replicas.phase.tolist(), replicas.deleting.tolist()
    if cpu is None and not any(deleting) and phases.count(RUNNING) == len(phases):
        known = [i for i, sample in enumerate(samples) if not isnan(sample)]
        return Groups(known, [], [i for i, sample in enumerate(samples) if isnan(sample)])
    groups = Groups([], [], [])
    young = [] if cpu is None else _ages(replicas)
    for i, (phase, gone, sample) in enumerate(zip(phases, deleting, samples, strict=True)):
        if gone or phase in (SUCCEEDED, FAILED):
            continue
        if phase == PENDING:
            groups.unready.append(i)
        elif isnan(sample):
            groups.missing.append(i)
        elif cpu is not None and _is_doubtful(young[i], cpu):
            groups.unready.append(i)
        else:
            groups.ready.append(i)
    return groups


def _ages(replicas: Replicas) -> list[tuple[float, ...]]:
    ages = replicas.ages()
    columns = replicas.ready, ages.age_s, ages.ready_age_s, ages.sample_age_s, ages.sample_window_s
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _is_doubtful(ages: tuple[float, ...], cpu: Patience) -> bool:
    """No Ready condition or start; young and not ready, or its sample began before it was; never became ready."""
    ready, age_s, ready_age_s, sample_age_s, window_s = ages
    if ready == UNKNOWN or isnan(age_s):
        return True
    if age_s < cpu.initialization_s:
        return ready == NOT_READY or _exceeds(sample_age_s + window_s, ready_age_s)
    return ready == NOT_READY and _exceeds(ready_age_s + cpu.readiness_s, age_s)


def _exceeds(one_s: float, other_s: float) -> bool:
    """One age is the greater, by a nanosecond at least."""
    return ns(one_s) > ns(other_s) if isfinite(one_s) and isfinite(other_s) else one_s > other_s


class AverageTarget(NamedTuple):
    """Target of an average over pods."""

    value: int
    """Thousandths, or percent of the request."""
    requests: Sequence[float] | None
    """Thousandths by pod; None where the average itself is the target."""

    def ratio(self, used: dict[int, float]) -> tuple[float, float]:
        """Ratio to the target, and what is compared with it; whole numbers as the controller has them."""
        total = fsum(used.values())
        if self.requests is None:
            average = total // len(used)
            return average / self.value, average
        percent = total * 100 // fsum(self.requests[i] for i in used)
        return percent / self.value, percent

    def assumed(self, pod: int) -> float:
        """Assumed usage of a pod without a sample, where that prevents a removal."""
        if self.requests is None:
            return float(self.value)
        return self.requests[pod] * max(100, self.value) // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One entry of `spec.metrics`."""

    type: Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
    """Usage of a resource by pod or container, a metric of each pod, or one of something else."""
    name: str
    """Of the metric or resource."""
    target_type: Literal["Utilization", "AverageValue", "Value"]
    """Percent of the request; an amount per pod; an amount."""
    target: Annotated[float, Gt(0)]
    """Percent for `Utilization`, else an amount in the unit of the metric."""
    source: Source = ()
    """The signals it is made of; empty = recorded metrics only."""
    of: str = ""
    """Container, object or labels that it is of, where another metric has the same name."""

    @property
    def key(self) -> str:
        """Name under which it is read, each metric under its own."""
        return f"{self.name} of {self.of}" if self.of else self.name

    def __post_init__(self) -> None:
        allowed = {
            "Resource": ("Utilization", "AverageValue"),
            "Pods": ("AverageValue",),
            "Object": ("Value", "AverageValue"),
        }
        allowed |= {"ContainerResource": allowed["Resource"], "External": allowed["Object"]}
        if self.target_type not in allowed[self.type]:
            words = " or ".join(allowed[self.type])
            raise ValueError(f"a {self.type} metric has a target of {words}, not {self.target_type}")

    @property
    def of_pods(self) -> bool:
        """True if each pod has its own value."""
        return self.type not in ("Object", "External")

    @property
    def whole(self) -> int:
        """The target in percent or in thousandths."""
        return round(self.target) if self.target_type == "Utilization" else _thousandths(self.target)


class Proposal(NamedTuple):
    """Desired replicas by one metric."""

    replicas: int | None
    """None = the metric is not usable now."""
    words: str
    """Reason: the comparison made, or the fault."""


class Tolerance(NamedTuple):
    """Distances of a ratio from 1 that are ignored."""

    down: float
    up: float

    def covers(self, ratio: float) -> bool:
        """True if the ratio is near enough to 1, bounds included."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@lru_cache
def tolerated(of_controller: float, down: float | None, up: float | None) -> Tolerance:
    """Tolerance of an HPA: that of the controller where the behavior has none."""
    return Tolerance(of_controller if down is None else down, of_controller if up is None else up)


def propose(metric: Metric, seen: Observation, tolerance: Tolerance, cpu: Patience) -> Proposal:
    """Replicas that the metric asks for; the target says whether the pool as a whole counts or each pod."""
    if metric.key in seen.failed:
        return _unusable(metric, "its source failed")
    if metric.of_pods:
        return _from_pods(metric, seen, tolerance, cpu)
    value = seen.total(metric.key)
    if not isfinite(value):
        return _unusable(metric, "there is no value")
    whole = int(value * 1000 + SLACK)
    if metric.target_type == "Value":
        return _from_value(metric, whole, seen, tolerance)
    return _from_average_value(metric, whole, seen, tolerance)


def _from_value(metric: Metric, value: int, seen: Observation, tolerance: Tolerance) -> Proposal:
    ratio = value / metric.whole
    words = _compared(metric, value / 1000, metric.target)
    if seen.current == 0:
        return Proposal(_capped(ratio), words)
    if tolerance.covers(ratio):
        return Proposal(seen.current, words)
    if seen.existing + seen.draining == 0:
        return _unusable(metric, "there are no pods")
    return Proposal(_capped(ratio * seen.ready), words)


def _from_average_value(metric: Metric, value: int, seen: Observation, tolerance: Tolerance) -> Proposal:
    words = _compared(metric, value / 1000, metric.target, f" x {seen.existing}")
    expected = metric.whole * seen.existing
    if expected and tolerance.covers(value / expected):
        return Proposal(seen.existing, words)
    return Proposal(_capped(value / metric.whole), words)


def _from_pods(metric: Metric, seen: Observation, tolerance: Tolerance, cpu: Patience) -> Proposal:
    replicas = seen.replicas
    if replicas is not None and not len(replicas.phase):
        return _unusable(metric, "there are no pods")
    if replicas is None or metric.key not in replicas.signals:
        return _unusable(metric, "no pod has a sample")
    samples = milli(replicas.signals[metric.key])
    by_readiness = metric.name == "cpu" and metric.type != "Pods"
    if replicas.steady and not by_readiness and metric.target_type == "AverageValue":
        average = fsum(samples) // len(samples)
        if not isnan(average):
            return _from_all(metric.key, metric.target, average, len(samples), seen.current, tolerance)
    groups = grouped(replicas, samples, cpu if by_readiness else None)
    if not groups.ready:
        return _unusable(metric, "no pod that counts has a sample")
    requests = None
    if metric.target_type == "Utilization":
        requests = _requests(replicas, metric.key)
        if requests is None or not fsum(requests[i] for i in groups.ready):
            return _unusable(metric, f"a pod requests no {metric.name}")
    used = {i: samples[i] for i in groups.ready}
    return _balanced(metric, used, groups, AverageTarget(metric.whole, requests), seen.current, tolerance)


@lru_cache(maxsize=1 << 12)
def _from_all(name: str, target: float, average: float, pods: int, current: int, tolerance: Tolerance) -> Proposal:
    """From the average of pods that all count; kept, since small pools have the same ones again and again."""
    ratio = average / _thousandths(target)
    replicas = current if tolerance.covers(ratio) else _capped(ratio * pods)
    return Proposal(replicas, f"{name} {average / 1000:g}, target {target:g}")


def _balanced(
    metric: Metric, used: dict[int, float], groups: Groups, target: AverageTarget, current: int, tolerance: Tolerance
) -> Proposal:
    """From the pods that count; others are filled in with what makes the smaller change."""
    ratio, compared = target.ratio(used)
    unit = 1000 if target.requests is None else 1
    words = _compared(metric, compared / unit, metric.target)
    filled = groups.unready if groups.unready and ratio > 1.0 else []
    if not filled and not groups.missing:
        return Proposal(current if tolerance.covers(ratio) else _capped(ratio * len(groups.ready)), words)
    if ratio != 1.0:
        used |= {i: 0.0 if ratio > 1.0 else target.assumed(i) for i in groups.missing}
    used |= dict.fromkeys(filled, 0.0)
    again, _ = target.ratio(used)
    words += f", with {len(filled)} unready and {len(groups.missing)} without a sample filled in"
    turned = (ratio < 1.0 < again) or (again < 1.0 < ratio)
    if turned or tolerance.covers(again):
        return Proposal(current, words)
    replicas = _capped(again * len(used))
    against = (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current)
    return Proposal(current if against else replicas, words)


def _requests(replicas: Replicas, name: str) -> list[float] | None:
    """Thousandths by pod; None where one requests nothing."""
    if name not in replicas.requests:
        return None
    requests = milli(replicas.requests[name])
    return None if any(map(isnan, requests)) else requests


def _thousandths(target: float) -> int:
    """A target in whole thousandths, rounded up."""
    return ceil(target * 1000 - SLACK)


def _capped(replicas: float) -> int:
    return MAX_INT32 if replicas == inf or replicas > MAX_INT32 else ceil(replicas)


def _compared(metric: Metric, value: float, target: float, times: str = "") -> str:
    unit = " %" if metric.target_type == "Utilization" else ""
    return f"{metric.key} {value:g}{unit}, target {target:g}{unit}{times}"


def _unusable(metric: Metric, words: str) -> Proposal:
    return Proposal(None, f"FailedGet{metric.type}Metric: {metric.key}: {words}")
