"""Which pods count for an HPA metric, and the ratio of what they use to the target.

Amounts are whole thousandths, as in the controller. Semantics: kubernetes replica_calculator.go (groupPods,
calcPlainMetricReplicas, GetResourceReplicas).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import TYPE_CHECKING, NamedTuple

from simcost.plan.autoscaling.policy import FAILED, NOT_READY, PENDING, SUCCEEDED, UNKNOWN, Replicas, ns

if TYPE_CHECKING:
    from simcost.plan.autoscaling.policy import Floats

SLACK = 1e-6
"""Of a thousandth: what decimal fractions lose in binary."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the CPU of a young pod is not believed."""

    initialization_s: float
    readiness_s: float


class Groups(NamedTuple):
    """Positions of the pods by class; those that are over or being deleted are in none."""

    ready: list[int]
    unready: list[int]
    missing: list[int]


def milli(amounts: Floats) -> list[float]:
    """Whole thousandths, rounded down; NaN stays."""
    import numpy as np

    thousandths: list[float] = np.floor(amounts * 1000 + SLACK).tolist()
    return thousandths


def grouped(replicas: Replicas, samples: Sequence[float], cpu: Patience | None) -> Groups:
    """The class of each pod; the first that fits. `cpu`: readiness counts, as it does for the resource cpu alone."""
    groups = Groups([], [], [])
    phases, deleting = replicas.phase.tolist(), replicas.deleting.tolist()
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
    columns = (
        replicas.ready,
        replicas.age_s,
        replicas.ready_age_s,
        replicas.sample_age_s,
        replicas.sample_window_s,
    )
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


class Target(NamedTuple):
    """What an average over pods is measured against."""

    value: int
    """Thousandths, or percent of the request."""
    requests: Sequence[float] | None
    """Thousandths by pod; None where the average itself is the target."""

    def ratio(self, used: dict[int, float]) -> tuple[float, float]:
        """Ratio to the target, and what is compared with it; whole numbers as the controller has them."""
        total = sum(used.values())
        if self.requests is None:
            average = total // len(used)
            return average / self.value, average
        percent = total * 100 // sum(self.requests[i] for i in used)
        return percent / self.value, percent

    def assumed(self, pod: int) -> float:
        """What a pod without a sample is taken to use when that keeps it."""
        if self.requests is None:
            return float(self.value)
        return self.requests[pod] * max(100, self.value) // 100
