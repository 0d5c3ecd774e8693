"""KEDA: an activation loop, from zero or idle to active and back, over the HPA that it makes.

Above one replica the HPA alone decides.

Semantics: kedacore/keda pkg/scaling/scale_handler.go and pkg/fallback/fallback.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from math import gcd, isnan, nan
from typing import Annotated, ClassVar, Literal, TypedDict

from annotated_types import Ge, Gt, MinLen

from simcost.errors import InputError
from simcost.plan.autoscaling.cron import next_after, parse_cron
from simcost.plan.autoscaling.hpa import Behavior, Direction, Hpa, HpaState
from simcost.plan.autoscaling.hpa_metrics import Metric
from simcost.plan.autoscaling.keda_executor import Activity, ScaleLimits, execute
from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Source, ns
from simcost.plan.replica_counts import StartingReplicas
from simcost.record import record
from simcost.units import NS_PER_S, ByKind, Count, PositiveCount, PositiveSeconds, Seconds

__all__ = ["CronTrigger", "Fallback", "Keda", "KedaState", "MetricTrigger"]


@record
class MetricTrigger:
    """Replicas for the value of a metric: value / threshold."""

    kind: Literal["metric"] = "metric"
    name: str
    """Of the metric."""
    threshold: Annotated[float, Gt(0)]
    """Value per replica (`AverageValue`), or of the pool (`Value`)."""
    activation_threshold: float = 0.0
    """Values above it, not equal to it, make the trigger active."""
    target_type: Literal["AverageValue", "Value", "Utilization"] = "AverageValue"
    """Type of the threshold."""
    resource: bool = False
    """True if it is CPU or memory of the replicas, which the HPA alone reads."""
    ignore_null: bool = True
    """No value counts as 0, not as an error."""
    cached: bool = False
    """The HPA sees the value of the last poll."""
    source: Source = ()
    """The signals it is made of; empty = recorded metrics only."""


@record
class CronTrigger:
    """Replicas between two times; a floor under what other triggers ask for."""

    kind: Literal["cron"] = "cron"
    start: str
    """Cron expression of five fields, as `0 7 * * 1-5`."""
    end: str
    """Cron expression of five fields."""
    timezone: str
    """Of both expressions, as `Europe/Berlin`."""
    replicas: PositiveCount
    """Fewest between start and end."""

    def __post_init__(self) -> None:
        parse_cron(self.start), parse_cron(self.end)
        if self.start == self.end:
            raise ValueError(f"start and end are both {self.start!r}; write two times")

    @property
    def name(self) -> str:
        """Name of its metric."""
        counted = "1 replica" if self.replicas == 1 else f"{self.replicas} replicas"
        return f"cron {self.start} to {self.end} {self.timezone}, {counted}"

    def value(self, utc_s: float) -> int:
        """Replicas at an instant: inside if it ends before it starts again."""
        if isnan(utc_s):
            raise InputError(f"{self.name}: needs the date of time 0; write `starts`, or dates in the metrics")
        at_s = int(utc_s)
        inside = next_after(self.end, self.timezone, at_s) < next_after(self.start, self.timezone, at_s)
        return self.replicas if inside else 0


Trigger = MetricTrigger | CronTrigger


@record
class Fallback:
    """Replicas while a metric cannot be had."""

    failures: Count
    """Consecutive ones, after which it begins."""
    replicas: Count
    """Number of replicas meanwhile."""
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] = "static"
    """Replicas meanwhile: that number, those that there are, or the higher or lower of both."""

    def wanted(self, current: int) -> int:
        """Replicas to ask for where there are `current` ones."""
        return {
            "static": self.replicas,
            "currentReplicas": current,
            "currentReplicasIfHigher": max(current, self.replicas),
            "currentReplicasIfLower": min(current, self.replicas),
        }[self.behavior]


class KedaState(TypedDict):
    """Of both loops; instants in nanoseconds, None before the first step."""

    activity: Activity | None
    next_poll_ns: int
    next_sync_ns: int
    cached: dict[str, float | None]
    """Values that the last poll found; None = it could not ask."""
    failures: dict[str, int]
    wanted: int | None
    """Replicas that were asked for last, which stands until either loop asks for others."""
    hpa: HpaState


@record
class Keda(StartingReplicas):
    """Scales from zero and to zero by whether a trigger is active, and above by an HPA. Decides as KEDA does."""

    kind: Literal["keda"] = "keda"
    scrape_s: ClassVar[float | None] = 15.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    min: Count = 0
    """The HPA keeps at least one. From 1 on `cooldown` does nothing, unless `idle` is given."""
    max: PositiveCount = 100
    """Most replicas."""
    idle: Count | None = None
    """Replicas while no trigger is active, below min."""
    triggers: Annotated[tuple[Annotated[Trigger, ByKind()], ...], MinLen(1)]
    """Each asks for replicas; the most counts. Any active one keeps the pool from zero."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min."""
    polling: PositiveSeconds = 30.0
    """Between two looks at the triggers."""
    cooldown: Seconds = 300.0
    """After the last active trigger, before the last replica goes."""
    initial_cooldown: Seconds = 0.0
    """As `cooldown`, for a pool that was never active."""
    fallback: Fallback | None = None
    """Replicas while a metric cannot be had; 0 replicas do not protect from scaling to zero."""
    behavior: Behavior | None = None
    """Of the HPA."""
    paused: bool = False
    """Held at the replicas there are."""
    paused_replicas: Count | None = None
    """Held at this number."""
    paused_scale_in: bool = False
    """True if no replica is removed."""
    paused_scale_out: bool = False
    """True if no replica is added."""
    force_activation: bool = False
    """True if it counts as active whatever the triggers say."""
    sync: PositiveSeconds = 15.0
    """Between two syncs of the HPA."""
    stabilization: Seconds = 300.0
    """Of the HPA controller."""
    tolerance: Annotated[float, Ge(0)] = 0.1
    """Of the HPA controller."""

    def __post_init__(self) -> None:
        if max(self.min, 1) > self.max:
            raise ValueError(f"min ({max(self.min, 1)}) is above max ({self.max})")
        if self.idle is not None and self.idle >= self.min:
            raise ValueError(f"idle ({self.idle}) must be below min ({self.min})")

    @property
    def interval(self) -> float:
        """So that both loops are due at steps only."""
        return gcd(ns(self.polling), ns(self.sync)) / NS_PER_S

    def smallest(self) -> int:
        """`min`, or those at the start, while idle or while it is paused at a number, where they are fewer."""
        others = self.idle, self.paused_replicas
        return min(self.min, self.initial(), *(count for count in others if count is not None))

    def fresh(self) -> KedaState:
        """Both loops before anything happened."""
        return {
            "activity": None,
            "next_poll_ns": 0,
            "next_sync_ns": 0,
            "cached": {},
            "failures": {},
            "wanted": None,
            "hpa": _parameters(self)[0].fresh(),
        }

    def reads(self) -> Mapping[str, Source]:
        """The metrics of the triggers."""
        return {trigger.name: trigger.source for trigger in self.triggers if isinstance(trigger, MetricTrigger)}

    def by_replica(self) -> frozenset[str]:
        """CPU and memory, which the HPA takes from the pods."""
        return frozenset(
            trigger.name for trigger in self.triggers if isinstance(trigger, MetricTrigger) and trigger.resource
        )

    def step(self, now_s: float, seen: Observation, state: KedaState) -> Decision[KedaState]:
        """The loops that are due: first the HPA, then the activation loop on what it left."""
        now_ns = ns(now_s)
        if state["activity"] is None:
            state = {**state, "activity": {"created_ns": now_ns, "last_active_ns": None}}
        if self.paused_replicas is not None:
            return Decision(self.paused_replicas, "Paused: at a number of replicas", state)
        if self.paused:
            return Decision(seen.current, "Paused: by annotation", state)
        there, wanted, reasons = seen.current, state["wanted"], []
        desired = there if wanted is None else wanted
        if now_ns >= state["next_sync_ns"]:
            desired, reason, state = self._sync(now_s, seen, state)
            there = desired
            reasons.append(f"HPA {reason}")
        if now_ns >= state["next_poll_ns"]:
            left, reason, state = self._poll(now_ns, seen.asked(there), state)
            desired = desired if left == there else left
            reasons.append(f"KEDA {reason}")
        return Decision(desired, "; ".join(reasons) or "BetweenPolls", {**state, "wanted": desired})

    def _sync(self, now_s: float, seen: Observation, state: KedaState) -> Decision[KedaState]:
        """A sync of the HPA on the values of the triggers."""
        failures, totals = {**state["failures"]}, dict[str, float]()
        for trigger in self._asked():
            value = self._value(trigger, seen)
            if isinstance(trigger, MetricTrigger) and trigger.cached and trigger.name in state["cached"]:
                polled = state["cached"][trigger.name]
                value = nan if polled is None else polled
            failures[trigger.name] = failures.get(trigger.name, 0) + 1 if isnan(value) else 0
            if isnan(value) and self.fallback is not None and failures[trigger.name] > self.fallback.failures:
                value = _on_fallback(trigger, self.fallback.wanted(seen.current), seen.ready)
            totals[trigger.name] = value
        hpa_sees = replace(seen, totals=totals, failed=seen.failed & {"cpu", "memory"})
        desired, reason, hpa = _parameters(self)[0].step(now_s, hpa_sees, state["hpa"])
        due = ns(now_s) + ns(self.sync)
        return Decision(desired, reason, {**state, "hpa": hpa, "failures": failures, "next_sync_ns": due})

    def _poll(self, now_ns: int, seen: Observation, state: KedaState) -> Decision[KedaState]:
        """A pass of the activation loop."""
        values = {trigger.name: self._value(trigger, seen) for trigger in self._asked()}
        active = [one.name for one in self._asked() if values[one.name] > _activation(one)]
        active = active if values else [one.name for one in self.triggers]  # CPU and memory alone are always active
        error = any(map(isnan, values.values()))
        activity = state["activity"] or {"created_ns": now_ns, "last_active_ns": None}
        done = execute(_parameters(self)[1], now_ns, seen.current, bool(active), error, activity)
        cached = {name: None if isnan(value) else value for name, value in values.items()}
        words = f"{done.reason}: {active[0]} is active" if active else f"{done.reason}: no trigger is active"
        due = now_ns + ns(self.polling)
        new: KedaState = {
            **state,
            "activity": done.activity,
            "next_poll_ns": due,
            "cached": cached,
        }
        return Decision(done.replicas, words, new)

    def _asked(self) -> list[Trigger]:
        """Triggers that KEDA itself asks."""
        return [trigger for trigger in self.triggers if isinstance(trigger, CronTrigger) or not trigger.resource]

    def _value(self, trigger: Trigger, seen: Observation) -> float:
        """NaN = the source cannot be asked."""
        if isinstance(trigger, CronTrigger):
            return float(trigger.value(seen.utc_s))
        if trigger.name in seen.failed:
            return nan
        value = seen.total(trigger.name)
        return 0.0 if isnan(value) and trigger.ignore_null else value


@lru_cache(maxsize=64)
def _parameters(keda: Keda) -> tuple[Hpa, ScaleLimits]:
    """Parameters of both loops, made once."""
    limits = ScaleLimits(
        least=keda.min,
        idle=keda.idle,
        cooldown_s=keda.cooldown,
        initial_cooldown_s=keda.initial_cooldown,
        fallback=None if keda.fallback is None else keda.fallback.replicas,
        no_scale_in=keda.paused_scale_in,
        no_scale_out=keda.paused_scale_out,
        forced=keda.force_activation,
    )
    return _hpa(keda), limits


def _hpa(keda: Keda) -> Hpa:
    """HPA that KEDA makes: one External metric per trigger."""
    behavior = keda.behavior
    if keda.paused_scale_in or keda.paused_scale_out:
        behavior = behavior or Behavior()
        up, down = behavior.scale_up, behavior.scale_down
        behavior = Behavior(
            scale_up=_disabled(up) if keda.paused_scale_out else up,
            scale_down=_disabled(down) if keda.paused_scale_in else down,
        )
    return Hpa(
        min=max(1, keda.min),
        max=keda.max,
        metrics=tuple(map(_metric, keda.triggers)),
        behavior=behavior,
        stabilization=keda.stabilization,
        tolerance=keda.tolerance,
        interval=keda.sync,
    )


def _on_fallback(trigger: Trigger, replicas: int, ready: int) -> float:
    """Value that makes the HPA ask for the fallback; NaN where it cannot: of type Value without a ready replica."""
    if isinstance(trigger, CronTrigger) or (trigger.target_type == "Value" and not ready):
        return nan
    return trigger.threshold * replicas / (ready if trigger.target_type == "Value" else 1)


def _activation(trigger: Trigger) -> float:
    return trigger.activation_threshold if isinstance(trigger, MetricTrigger) else 0.0


def _disabled(direction: Direction) -> Direction:
    return replace(direction, select="Disabled")


def _metric(trigger: Trigger) -> Metric:
    if isinstance(trigger, CronTrigger):
        return Metric(type="External", name=trigger.name, target_type="AverageValue", target=1)
    return Metric(
        type="Resource" if trigger.resource else "External",
        name=trigger.name,
        target_type=trigger.target_type,
        target=trigger.threshold,
    )
