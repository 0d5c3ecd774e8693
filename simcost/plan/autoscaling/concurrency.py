"""Requests in flight per replica near a target: the shape that all of the production autoscalers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isnan
from typing import Annotated, Literal, TypedDict

from annotated_types import Gt

from simcost.plan.autoscaling.policy import Decision, Observation, ns
from simcost.plan.autoscaling.signals import Source, own
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds


class ConcurrencyState(TypedDict):
    """What was seen and wanted, each after its instant in nanoseconds."""

    in_flight: list[list[float]]
    wanted: list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConcurrency:
    """Keep the requests in flight per replica near a target.

    desired = ceil(mean in-flight over `window` / target), held between min and max; it falls only to the
    highest value wanted within `scale_down_delay`, so that a short lull does not stop replicas.
    The start counts as wanted at time 0.
    """

    kind: Literal["target-concurrency"] = "target-concurrency"
    target: Annotated[float, Gt(0)]
    """Requests in flight per replica."""
    min: PositiveCount = 1
    """Fewest replicas."""
    max: PositiveCount
    """Most replicas."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min."""
    interval: PositiveSeconds = 15.0
    """Time between two decisions."""
    window: PositiveSeconds = 60.0
    """Length of the mean of the requests in flight (Knative: `stable-window`)."""
    scale_down_delay: Seconds = 300.0
    """How long fewer replicas must have been enough before any is stopped (HPA: `stabilizationWindowSeconds`)."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        if self.start is not None and self.start > self.max:
            raise ValueError(f"start ({self.start}) is above max ({self.max})")

    def initial(self) -> int:
        """Replicas at the start."""
        return self.min if self.start is None else self.start

    def fresh(self) -> ConcurrencyState:
        """The start is wanted at time 0."""
        return {"in_flight": [], "wanted": [[0, self.initial()]]}

    def reads(self) -> Mapping[str, Source]:
        """Requests in flight."""
        return own("in_flight")

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: ConcurrencyState) -> Decision[ConcurrencyState]:
        """Window mean over the target, with a delayed fall."""
        now_ns, in_flight = ns(now_s), seen.total("in_flight")
        if isnan(in_flight):
            return Decision(seen.current, "NoData: in_flight is unknown", state)
        before_ns = now_ns - ns(self.window)
        recent = [look for look in state["in_flight"] if look[0] > before_ns]
        looks = [*recent, [now_ns, in_flight]]
        mean = sum(value for _, value in looks) / len(looks)
        wanted = min(max(ceil(mean / self.target), self.min), self.max)
        # Only a look higher than all later ones can still be the highest: the first of them is.
        since_ns = now_ns - ns(self.scale_down_delay)
        higher = [look for look in state["wanted"] if look[0] > since_ns and look[1] > wanted]
        new: ConcurrencyState = {"in_flight": looks, "wanted": [*higher, [now_ns, wanted]]}
        desired = new["wanted"][0][1]
        word = "ScaleDownDelayed" if desired > wanted else "Target"
        return Decision(desired, f"{word}: {mean:.4g} in flight of {self.target:g} asks for {wanted}", new)
