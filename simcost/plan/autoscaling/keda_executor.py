"""One pass of KEDA's activation loop: from zero or idle to active and back.

Semantics: kedacore/keda pkg/scaling/executor/scale_scaledobjects.go.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict

from simcost.plan.autoscaling.policy import ns
from simcost.record import record


@record
class ScaleLimits:
    """Limits of the loop."""

    least: int
    idle: int | None
    fallback: int | None
    """None = without a fallback."""
    cooldown_s: float
    initial_cooldown_s: float
    paused: bool = False
    no_scale_in: bool = False
    no_scale_out: bool = False
    forced: bool = False


class Activity(TypedDict):
    """Times at which the loop was made, and a trigger was last active; None = never."""

    created_ns: int
    last_active_ns: int | None


class Pass(NamedTuple):
    """Result of one pass."""

    replicas: int
    reason: str
    activity: Activity
    active: bool


def execute(limits: ScaleLimits, now_ns: int, current: int, active: bool, error: bool, state: Activity) -> Pass:
    """One pass: whether any trigger is active, whether any could not be asked."""
    active = active or limits.forced
    if limits.paused:
        return Pass(current, "Paused", state, active)
    if active:
        return _active(limits, now_ns, current, error, state)
    waits = limits.fallback is None or limits.fallback != 0
    if error and waits:
        return Pass(current, "TriggerError" if limits.fallback is None else "Fallback", state, active=False)
    above_idle = limits.idle is not None and current > limits.idle
    if above_idle or (current > 0 and limits.least == 0):
        return _inactive(limits, now_ns, current, state)
    if limits.idle is None and current < limits.least:
        return Pass(limits.least, "BelowMin", state, active=False)
    return Pass(current, "Inactive", state, active=False)


def _active(limits: ScaleLimits, now_ns: int, current: int, error: bool, state: Activity) -> Pass:
    refreshed: Activity = {**state, "last_active_ns": now_ns}
    if current == 0 or (limits.idle is not None and current < limits.least):
        if limits.no_scale_out:
            return Pass(current, "PausedScaleOut", state, active=True)
        return Pass(max(limits.least, 1), "Activated", refreshed, active=True)
    if error:
        return Pass(current, "PartialTriggerError", state, active=True)
    return Pass(current, "Active", refreshed, active=True)


def _inactive(limits: ScaleLimits, now_ns: int, current: int, state: Activity) -> Pass:
    last_ns = state["last_active_ns"]
    since_ns, wait_s = (
        (state["created_ns"], limits.initial_cooldown_s) if last_ns is None else (last_ns, limits.cooldown_s)
    )
    if now_ns <= since_ns + ns(wait_s):
        return Pass(current, "Cooldown", state, active=False)
    if limits.no_scale_in:
        return Pass(current, "PausedScaleIn", state, active=False)
    down = limits.least if limits.idle is None else limits.idle
    return Pass(down, "Deactivated", state, active=False)
