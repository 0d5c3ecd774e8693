"""Kubernetes Horizontal Pod Autoscaler, autoscaling/v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypedDict

from annotated_types import Ge, MinLen

from simcost.plan.autoscaling.hpa_behavior import (
    DOWN,
    UP,
    Behavior,
    Direction,
    Logged,
    ScalingRule,
    down_limit,
    limited,
    limited_plainly,
    noted,
    stabilized,
    stabilized_plainly,
    up_limit,
)
from simcost.plan.autoscaling.hpa_metrics import Metric, Proposal, patience, propose, tolerated
from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Source, ns
from simcost.plan.replica_counts import StartingReplicas
from simcost.record import record
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds

_NO_BEHAVIOR = Behavior()

__all__ = ["Behavior", "Direction", "Hpa", "HpaState", "Metric", "ScalingRule"]


class HpaState(TypedDict):
    """State of the controller for one HPA."""

    recommendations: list[Logged] | None
    """Not stabilized, with their instants; None before the first sync."""
    added: list[Logged]
    """Replicas added, with their instants; kept with `behavior` only."""
    removed: list[Logged]


@record
class Hpa(StartingReplicas):
    """Replicas such that each metric meets its target: the most that any metric asks for, held back by the
    stabilization windows and limited in speed. Decides exactly as the controller of Kubernetes does.
    """

    kind: Literal["hpa"] = "hpa"
    scrape_s: ClassVar[float | None] = 15.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    min: Count = 1
    """Fewest replicas; 0 needs the feature gate HPAScaleToZero and an Object or External metric."""
    max: PositiveCount
    """Most replicas."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min."""
    metrics: Annotated[tuple[Metric, ...], MinLen(1)]
    """Each asks for replicas; the most counts."""
    behavior: Behavior | None = None
    """Rules of scaling up and down. None differs from an empty one: at most twice the replicas (or 4) per sync, no
    limit down."""
    interval: PositiveSeconds = 15.0
    """Between two syncs."""
    stabilization: Seconds = 300.0
    """Time for which a higher recommendation holds, of the controller."""
    tolerance: Annotated[float, Ge(0)] = 0.1
    """Distance of a ratio from 1 that is ignored, of the controller."""
    cpu_initialization: Seconds = 300.0
    """Time after the start in which CPU usage counts only if it was sampled since the pod became ready."""
    readiness_delay: Seconds = 30.0
    """Time after the start in which becoming unready counts as never having been ready."""

    def fresh(self) -> HpaState:
        """A controller that has seen nothing."""
        return {"recommendations": None, "added": [], "removed": []}

    def reads(self) -> Mapping[str, Source]:
        """The metrics by name."""
        return {metric.key: metric.source for metric in self.metrics}

    def by_replica(self) -> frozenset[str]:
        """Those of pods: all but Object and External ones."""
        return frozenset(metric.key for metric in self.metrics if metric.of_pods)

    def step(self, now_s: float, seen: Observation, state: HpaState) -> Decision[HpaState]:
        """One sync."""
        now_ns, current = ns(now_s), seen.current
        if state["recommendations"] is None:
            state = {**state, "recommendations": [[current, now_ns]]}
        if current == 0 and self.min != 0:
            return Decision(0, "ScalingDisabled: 0 replicas, and min is not 0", state)
        if not self.min <= current <= self.max:
            desired = min(max(current, self.min), self.max)
            reason = "TooManyReplicas: above max" if current > self.max else "TooFewReplicas: below min"
            return Decision(desired, reason, self._noting(state, current, desired, now_ns))
        proposals = self._proposals(seen)
        wanted, words = proposals[0] if len(proposals) == 1 else _combined(proposals, current)
        if wanted is None:
            return Decision(current, words, state)
        return self._normalized(now_ns, current, wanted, words, state)

    def _proposals(self, seen: Observation) -> list[Proposal]:
        rules = self.behavior or _NO_BEHAVIOR
        tolerance = tolerated(self.tolerance, rules.scale_down.tolerance, rules.scale_up.tolerance)
        cpu = patience(self.cpu_initialization, self.readiness_delay)
        return [propose(metric, seen, tolerance, cpu) for metric in self.metrics]

    def _normalized(self, now_ns: int, current: int, wanted: int, words: str, state: HpaState) -> Decision[HpaState]:
        """Stabilized, limited in speed, within min and max."""
        log, bounds = state["recommendations"] or [], (self.min, self.max)
        if self.behavior is None:
            held, log = stabilized_plainly(log, wanted, self.stabilization, now_ns)
            desired, reason = limited_plainly(current, held, bounds)
        else:
            up, down = self.behavior.scale_up, self.behavior.scale_down
            windows_s = up.window or 0.0, self.stabilization if down.window is None else down.window
            held, log = stabilized(log, current, wanted, windows_s, now_ns)
            added, removed = state["added"], state["removed"]
            if held == current:
                desired, reason = current, "DesiredWithinRange"
            else:
                allowed = (
                    up_limit(current, added, removed, up, now_ns) if held > current else current,
                    down_limit(current, added, removed, down, now_ns) if held < current else current,
                )
                desired, reason = limited(current, held, bounds, allowed)
        if desired == held != wanted:
            rising = self.behavior is not None and wanted >= current
            reason = "ScaleUpStabilized" if rising else "ScaleDownStabilized"
        state = {"recommendations": log, "added": state["added"], "removed": state["removed"]}
        if desired != current:
            state = self._noting(state, current, desired, now_ns)
        return Decision(desired, f"{reason}: {words}: desired {wanted}", state)

    def _noting(self, state: HpaState, current: int, desired: int, now_ns: int) -> HpaState:
        """The state with the event of a change of replicas."""
        if self.behavior is None:
            return state
        if desired > current:
            rules = self.behavior.scale_up.policies or UP
            return {**state, "added": noted(state["added"], desired - current, rules, now_ns)}
        rules = self.behavior.scale_down.policies or DOWN
        return {**state, "removed": noted(state["removed"], current - desired, rules, now_ns)}


def _combined(proposals: Sequence[Proposal], current: int) -> tuple[int | None, str]:
    """The most that a metric asks for; nothing if none can be used, or one cannot and the others ask for fewer."""
    wanted: int | None = None
    words = fault = ""
    for proposal in proposals:
        if proposal.replicas is None:
            fault = fault or proposal.words
        elif wanted is None or proposal.replicas > wanted:
            wanted, words = proposal.replicas, proposal.words
    if wanted is None or (fault and wanted < current):
        return None, fault
    return wanted, words
