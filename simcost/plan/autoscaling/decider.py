"""What Knative's autoscaler wants: stable and panic mode, rates, scale-down delay, excess burst capacity.

Semantics: knative serving pkg/autoscaler/scaling/autoscaler.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple, TypedDict

from simcost.plan.autoscaling.policy import ns
from simcost.plan.autoscaling.windows import Highest, highest
from simcost.units import NS_PER_S

TICK_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """What the autoscaler remembers between two ticks."""

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
    desired_stable = _bounded(decider, ceil(stable / decider.target), counted)
    desired_panic = _bounded(decider, wanted_panic, counted)
    since_ns, most = state["since_ns"], state["most"]
    if wanted_panic / counted >= decider.panic_threshold:
        since_ns = now_ns
    elif since_ns is not None and since_ns + ns(decider.window_s) < now_ns:
        since_ns, most = None, 0
    desired = desired_stable
    if since_ns is not None:
        desired = most = max(desired_stable, desired_panic, most)
    delayed = state["delayed"]
    if decider.reachable and decider.scale_down_delay_s > 0:
        tick = now_ns // NS_PER_S // TICK_S
        delayed = highest(delayed, tick, desired, ceil(decider.scale_down_delay_s / TICK_S))
        desired = delayed[0][1]
    excess = _excess(decider, panic, ready)
    return Wanted(desired, excess, {"since_ns": since_ns, "most": most, "delayed": delayed})


def _bounded(decider: Decider, raw: int, counted: int) -> int:
    """Within the rates; from the activation scale up where there is load."""
    most = ceil(decider.max_scale_up_rate * counted)
    fewest = floor(counted / decider.max_scale_down_rate) if decider.reachable else 0
    bounded = min(max(raw, fewest), most)
    return max(bounded, decider.activation_scale) if raw > 0 and decider.activation_scale > 1 else bounded


def _excess(decider: Decider, panic: float, ready: int) -> int:
    """Room beyond the load and the burst that is to be taken at once; negative puts the activator in the path."""
    burst = decider.target_burst_capacity
    if burst <= 0:
        return int(burst)
    return floor(ready * decider.total - burst - panic)
