"""Knative Pod Autoscaler: stable and panic mode, rates, scale-down delay, excess burst capacity.

Semantics: knative serving pkg/autoscaler/scaling/autoscaler.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import ceil, floor, isnan
from typing import Annotated, ClassVar, Literal, NamedTuple, Self, TypedDict

from annotated_types import Ge, Gt, Le

from simcost.plan.autoscaling import kpa_reconciler
from simcost.plan.autoscaling.kpa_reconciler import (
    Highest,
    RevisionLimits,
    Status,
    Window,
    average,
    highest,
    recorded,
    window,
)
from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Source, ns, own
from simcost.plan.replica_counts import ReplicaBounds
from simcost.record import record
from simcost.units import NS_PER_S, Count, PositiveSeconds, Seconds

TICK_S = 2
QUEUE_DEPTH = 10
"""Requests that wait at a replica, per one that it takes (queue-proxy); one more is answered by 503."""


@record
class Decider:
    """One revision's parameters, resolved."""

    target: float
    """Per replica, utilisation included."""
    total: float
    """Capacity of a replica."""
    window_s: float
    panic_threshold: float
    """Of panic pods to ready ones, as a ratio."""
    max_scale_up_rate: float
    max_scale_down_rate: float
    target_burst_capacity: float
    """0 = never through the activator, -1 = always."""
    activation_scale: int = 1
    scale_down_delay_s: float = 0.0
    reachable: bool = True


class Panic(TypedDict):
    """State of the panic mode between two ticks."""

    since_ns: int | None
    """Start of panic; None = stable."""
    most: int
    """Most replicas wanted in this panic."""
    delayed: Highest
    """Of the scale-down delay."""


def fresh(ready: int, now_ns: int) -> Panic:
    """A new autoscaler; of more than one replica it starts in panic, since it has no history."""
    return {"since_ns": now_ns if ready > 1 else None, "most": ready, "delayed": []}


class Wanted(NamedTuple):
    """The answer of one tick."""

    replicas: int
    excess_burst_capacity: int
    panic: Panic


def decide(decider: Decider, now_ns: int, stable: float, panic: float, ready: int, state: Panic) -> Wanted:
    """Replicas for the totals seen over the stable and the panic window."""
    counted = max(1, ready)
    wanted_panic = ceil(panic / decider.target)
    most = ceil(decider.max_scale_up_rate * counted)
    fewest = floor(counted / decider.max_scale_down_rate) if decider.reachable else 0
    desired_stable = _bounded(ceil(stable / decider.target), fewest, most, decider.activation_scale)
    desired_panic = _bounded(wanted_panic, fewest, most, decider.activation_scale)
    since_ns, in_panic = state["since_ns"], state["most"]
    if wanted_panic / counted >= decider.panic_threshold:
        since_ns = now_ns
    elif since_ns is not None and since_ns + ns(decider.window_s) < now_ns:
        since_ns, in_panic = None, 0
    desired = desired_stable
    if since_ns is not None:
        desired = in_panic = max(desired_stable, desired_panic, in_panic)
    delayed = state["delayed"]
    if decider.reachable and decider.scale_down_delay_s > 0:
        tick = now_ns // NS_PER_S // TICK_S
        delayed = highest(delayed, tick, desired, ceil(decider.scale_down_delay_s / TICK_S))
        desired = delayed[0][1]
    excess = _excess(decider, panic, ready)
    return Wanted(desired, excess, {"since_ns": since_ns, "most": in_panic, "delayed": delayed})


def _bounded(raw: int, fewest: int, most: int, activation_scale: int) -> int:
    """Within the rates; from the activation scale up where there is load."""
    bounded = min(max(raw, fewest), most)
    return max(bounded, activation_scale) if raw > 0 and activation_scale > 1 else bounded


def _excess(decider: Decider, panic: float, ready: int) -> int:
    """Room beyond the load and the burst that is to be taken at once; negative puts the activator in the path."""
    burst = decider.target_burst_capacity
    if burst <= 0:
        return int(burst)
    return floor(ready * decider.total - burst - panic)


__all__ = ["Decider", "Kpa", "KpaState"]

CONCURRENCY, RPS = 100.0, 200.0
MIN_TARGET = 0.01


class KpaState(TypedDict):
    """State of autoscaler and reconciler; None before the first step."""

    stable: Window
    panic_window: Window
    looked: int | None
    """Second of the last sample."""
    ticked: int | None
    """Second of the last tick."""
    panic: Panic | None
    status: Status | None
    desired: int
    """Last valid wish; -1 = none yet."""
    excess: int


@record
class Kpa(ReplicaBounds):
    """Concurrency or requests per second per replica near a target, over a stable window and a panic window, down to
    zero replicas with the activator holding requests meanwhile. Decides as Knative Serving does.

    Called every tick (2 s) with the mean since the last one, which stands for each second of it; or every second; or
    with samples in between.
    """

    kind: Literal["kpa"] = "kpa"
    scrape_s: ClassVar[float | None] = None
    sample_s: ClassVar[float] = 1.0
    scale_down_order: ClassVar[ScaleDownOrder] = "replica-set"
    metric: Literal["concurrency", "rps"] = "concurrency"
    """Requests in flight, or requests per second."""
    target: Annotated[float, Ge(MIN_TARGET)] | None = None
    """Per replica; None = `container_concurrency`, else 100 concurrent requests or 200 requests per second."""
    utilization: Annotated[float, Gt(0), Le(1)] = 0.7
    """Share of the target that is aimed at."""
    container_concurrency: Count = 0
    """Requests that a replica takes at a time, and ten times as many may wait for each ready one, where `admission` of
    the plan says nothing else; 0 = no limit."""
    min: Count = 0
    """Fewest replicas."""
    max: Count = 0
    """0 = no limit."""
    initial_scale: Count = 1
    """Replicas at time 0, already warm."""
    activation_scale: Count = 1
    """Replicas, at least, while there is any load."""
    window: Annotated[PositiveSeconds, Ge(1), Le(3600)] = 60.0
    """Length of the stable window."""
    panic_window: Annotated[float, Ge(1), Le(100)] = 10.0
    """Percent of the window."""
    panic_threshold: Annotated[float, Gt(0)] = 200.0
    """Percent of the ready replicas that the panic window must ask for."""
    scale_down_delay: Annotated[Seconds, Le(3600)] = 0.0
    """Time for which a higher desired number holds."""
    target_burst_capacity: Annotated[float, Ge(-1)] = 211.0
    """Burst to be taken at once; less room puts the activator in the path. 0 = never in the path, -1 = always."""
    max_scale_up_rate: Annotated[float, Gt(1)] = 1000.0
    """Most replicas per ready one in a tick."""
    max_scale_down_rate: Annotated[float, Gt(1)] = 2.0
    """Most by which the ready ones are divided in a tick."""
    to_zero: bool = True
    """True if the last replica may be removed."""
    grace: Seconds = 30.0
    """Time behind the activator before the last replica goes."""
    retention: Seconds = 0.0
    """Time for which the last replica is kept after the revision became inactive."""
    progress_deadline: PositiveSeconds = 600.0
    """Time after which an activation has failed."""

    def __post_init__(self) -> None:
        if self.max and self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")

    @property
    def interval(self) -> float:
        """A tick."""
        return float(TICK_S)

    @property
    def total(self) -> float:
        """Capacity of a replica."""
        concurrent = self.metric == "concurrency"
        if self.target is None:
            return float(self.container_concurrency or CONCURRENCY) if concurrent else RPS
        capped = concurrent and self.container_concurrency
        return min(self.target, float(self.container_concurrency)) if capped else self.target

    @property
    def signal(self) -> str:
        """Signal that is read."""
        return "in_flight" if self.metric == "concurrency" else "requests_per_s"

    def decider(self) -> Decider:
        """The autoscaler's parameters."""
        return Decider(
            target=max(MIN_TARGET, self.total * self.utilization),
            total=self.total,
            window_s=self.window,
            panic_threshold=self.panic_threshold / 100,
            max_scale_up_rate=self.max_scale_up_rate,
            max_scale_down_rate=self.max_scale_down_rate,
            target_burst_capacity=self.target_burst_capacity,
            activation_scale=self.activation_scale,
            scale_down_delay_s=self.scale_down_delay,
        )

    def bounds(self) -> RevisionLimits:
        """The reconciler's parameters."""
        return RevisionLimits(
            min_scale=self.min,
            max_scale=self.max,
            initial_scale=self.initial_scale,
            to_zero=self.to_zero,
            window_s=self.window,
            grace_s=self.grace,
            retention_s=self.retention,
            progress_deadline_s=self.progress_deadline,
            always_proxied=self.target_burst_capacity == -1,
        )

    @property
    def panic_window_s(self) -> float:
        """Length of the panic window, a second at least."""
        return max(self.window * self.panic_window / 100, 1.0)

    def initial(self) -> int:
        """Replicas at the start."""
        return max(self.min, min(self.initial_scale, self.max or self.initial_scale))

    def starting_with(self, replicas: int) -> Self:
        """Itself: Knative starts from `initial_scale`."""
        return self

    def smallest(self) -> int:
        """`min`, at the start too."""
        return self.min

    def fresh(self) -> KpaState:
        """An autoscaler that has seen nothing."""
        return {
            "stable": window(self.window),
            "panic_window": window(self.panic_window_s),
            "looked": None,
            "ticked": None,
            "panic": None,
            "status": None,
            "desired": -1,
            "excess": -1,
        }

    def reads(self) -> Mapping[str, Source]:
        """Requests in flight, or arrivals."""
        return own("in_flight" if self.metric == "concurrency" else "requests_per_s")

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: KpaState) -> Decision[KpaState]:
        """Record what was seen; at a tick, or with the first load at zero replicas, decide."""
        now_ns = ns(now_s)
        second, ticked, value = now_ns // NS_PER_S, state["ticked"], seen.total(self.signal)
        new = self._recording(second, value, state)
        poked = state["desired"] == 0 and value > 0
        if ticked is not None and second // TICK_S == ticked // TICK_S and not poked:
            return Decision(seen.current, "BetweenTicks", new)
        new["ticked"] = second
        return self._tick(now_ns, second, seen, new)

    def sampled(self, now_s: float, seen: Observation, state: KpaState) -> KpaState:
        """The value in each second since the last sample."""
        return self._recording(ns(now_s) // NS_PER_S, seen.total(self.signal), state)

    def _recording(self, second: int, value: float, state: KpaState) -> KpaState:
        """A state of its own, with a value in each second since the last sample."""
        new: KpaState = {**state, "looked": second}
        if isnan(value):
            return new
        since = second if state["looked"] is None else min(state["looked"] + 1, second)
        seconds = range(max(since, second - int(self.window)), second + 1)
        new["stable"] = recorded(state["stable"], seconds, value, self.window)
        new["panic_window"] = recorded(state["panic_window"], seconds, value, self.panic_window_s)
        return new

    def _tick(self, now_ns: int, second: int, seen: Observation, new: KpaState) -> Decision[KpaState]:
        """Decide, on a state that holds what was seen; what else a tick changes is put into it."""
        rules, bounds = _parameters(self)
        panic = new["panic"] or fresh(seen.ready, now_ns)
        status = new["status"] or kpa_reconciler.fresh(now_ns)
        stable = average(new["stable"], second, self.window)
        desired, excess, words = new["desired"], new["excess"], "no data"
        if stable is not None:
            short = average(new["panic_window"], second, self.panic_window_s) or 0.0
            desired, excess, panic = decide(rules, now_ns, stable, short, seen.ready, panic)
            mode = "stable" if panic["since_ns"] is None else "panic"
            words = f"{mode} mode, {stable:.4g} and {short:.4g} {self.metric}, {rules.target:.4g} a replica"
        want, applied, reason = kpa_reconciler.apply(bounds, now_ns, desired, status)
        new["status"] = kpa_reconciler.reconciled(bounds, now_ns, want, excess, seen.ready, status)
        new["panic"], new["desired"], new["excess"] = panic, desired, excess
        return Decision(want if applied else seen.current, f"{reason}: {words}", new)


@lru_cache(maxsize=64)
def _parameters(kpa: Kpa) -> tuple[Decider, RevisionLimits]:
    """Parameters of autoscaler and reconciler, made once."""
    return kpa.decider(), kpa.bounds()


def queue_limit(container_concurrency: int) -> int | None:
    """Requests that may wait for each ready replica, of the number that it takes at a time; 0 = no limit."""
    return QUEUE_DEPTH * container_concurrency or None
