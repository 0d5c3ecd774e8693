"""Reconciler of Knative: bounds, activity, the activator, scale to zero; bucketed averages.

Semantics: knative serving pkg/reconciler/autoscaling/kpa/{kpa,scaler}.go, pkg/autoscaler/aggregation/bucketing.go and
max/window.go.

Nothing here is changed in place; all values are plain JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor
from typing import Literal, NamedTuple, TypedDict

from simcost.plan.autoscaling.policy import ns
from simcost.record import record

TIMEOUT_BUFFER_S = 10.0


@record
class RevisionLimits:
    """Limits of a revision."""

    min_scale: int
    max_scale: int
    """0 = unlimited."""
    initial_scale: int
    to_zero: bool
    window_s: float
    grace_s: float
    retention_s: float
    progress_deadline_s: float
    always_proxied: bool
    """The target burst capacity is -1."""


class Status(TypedDict):
    """The revision as its PodAutoscaler shows it."""

    activity: Literal["activating", "active", "inactive"]
    since_ns: int
    initialized: bool
    """True if its initial scale has been reached."""
    proxied_since_ns: int | None
    """Since when the activator is in the request path; None = it is not."""


class Applied(NamedTuple):
    """Result of applying a desired number."""

    want: int
    """As shown; -1 = unknown, 0 marks the revision inactive."""
    applied: bool
    """True if replicas are set to it."""
    reason: str


def fresh(now_ns: int) -> Status:
    """A revision that was just made."""
    return {"activity": "activating", "since_ns": now_ns, "initialized": False, "proxied_since_ns": now_ns}


def apply(bounds: RevisionLimits, now_ns: int, desired: int, status: Status) -> Applied:
    """The wish within the bounds, and what of it may be done now; `desired` is -1 where nothing is known."""
    if desired < 0 and status["activity"] != "activating":
        return Applied(desired, applied=False, reason="NoData")
    least = bounds.min_scale
    if bounds.initial_scale > 1 and not status["initialized"]:
        least = max(least, bounds.initial_scale)
    scale = max(desired, least)
    if bounds.max_scale and scale > bounds.max_scale:
        return Applied(bounds.max_scale, applied=True, reason="MaxScale")
    if scale:
        return Applied(scale, applied=True, reason="MinScale" if scale > desired else "Target")
    return _to_zero(bounds, now_ns, status)


def _to_zero(bounds: RevisionLimits, now_ns: int, status: Status) -> Applied:
    """0 replicas, now or later: inactive first, then behind the activator for the grace period."""
    if not bounds.to_zero:
        return Applied(1, applied=True, reason="ScaleToZeroDisabled")
    for_ns = now_ns - status["since_ns"]
    if status["activity"] == "activating":
        if for_ns > ns(bounds.progress_deadline_s + TIMEOUT_BUFFER_S):
            return Applied(0, applied=True, reason="ActivationTimedOut")
        return Applied(-1, applied=False, reason="Activating")
    if status["activity"] == "active":
        if for_ns >= ns(bounds.window_s):
            return Applied(0, applied=False, reason="Inactive")
        return Applied(1, applied=True, reason="ActiveForLessThanTheWindow")
    return _after_grace(bounds, now_ns, for_ns, status)


def _after_grace(bounds: RevisionLimits, now_ns: int, inactive_ns: int, status: Status) -> Applied:
    proxied_since_ns = status["proxied_since_ns"]
    if proxied_since_ns is None and not bounds.always_proxied:
        return Applied(0, applied=False, reason="WaitingForActivator")
    if inactive_ns >= ns(max(bounds.grace_s, bounds.retention_s)):
        return Applied(0, applied=True, reason="ScaleToZero")
    if inactive_ns < ns(bounds.retention_s):
        return Applied(0, applied=False, reason="PodRetention")
    if proxied_since_ns is not None and now_ns - proxied_since_ns >= ns(bounds.grace_s):
        return Applied(0, applied=True, reason="ScaleToZero")
    return Applied(0, applied=False, reason="GracePeriod")


def reconciled(bounds: RevisionLimits, now_ns: int, want: int, excess: int, ready: int, status: Status) -> Status:
    """The status after a wish: is the activator in the path, is the revision active."""
    proxied = not (want > 0 and excess >= 0)
    since_ns = status["proxied_since_ns"]
    least = max(bounds.min_scale, 1 if status["initialized"] else bounds.initial_scale)
    activity = _activity(status["activity"], want, ready, least)
    return {
        "activity": activity,
        "since_ns": status["since_ns"] if activity == status["activity"] else now_ns,
        "initialized": status["initialized"] or ready >= least,
        "proxied_since_ns": None if not proxied else now_ns if since_ns is None else since_ns,
    }


def _activity(
    now: Literal["activating", "active", "inactive"], want: int, ready: int, least: int
) -> Literal["activating", "active", "inactive"]:
    if want == 0 or least == 0:
        return "inactive"
    if want < 0 and now == "inactive":
        return "inactive"
    return "activating" if ready < least else "active"


PRECISION = 1e6


class Window(TypedDict):
    """Sums by second, in a ring."""

    buckets: list[float]
    first: int | None
    """The second of the first write, or of the first after a gap as long as the window."""
    last: int | None
    total: float


def window(length_s: float) -> Window:
    """An empty window; its length is rounded up to whole seconds."""
    return {"buckets": [0.0] * ceil(length_s), "first": None, "last": None, "total": 0.0}


def recorded(old: Window, seconds: Iterable[int], value: float, length_s: float) -> Window:
    """The window with a value added to the bucket of each of some seconds.

    Seconds that are passed over count as 0; after a gap of the whole length the series starts again; a value older
    than that is ignored.
    """
    buckets, first, last, total = [*old["buckets"]], old["first"], old["last"], old["total"]
    size = len(buckets)
    for second in seconds:
        if last is None or second - last >= length_s:
            buckets, first, last, total = [0.0] * size, second, second, 0.0
        elif second + length_s <= last:
            continue
        elif second > last:
            for passed in range(last + 1, second + 1):
                total -= buckets[passed % size]
                buckets[passed % size] = 0.0
            last = second
        elif first is not None and second < first:
            first = second
        buckets[second % size] += value
        total += value
    return {"buckets": buckets, "first": first, "last": last, "total": total}


def average(of: Window, second: int, length_s: float) -> float | None:
    """The mean per second over what the window holds, rounded down to six digits; None = nothing for too long.

    Divides by the seconds since the first write, at most the length; if nothing came lately, by the part of the
    window that has data.
    """
    last, first, size = of["last"], of["first"], len(of["buckets"])
    if last is None or first is None or second - last > length_s:
        return None
    late = second - last
    if late >= length_s:
        return 0.0
    total = of["total"]
    for i in range(last + 1, second + 1):
        total -= of["buckets"][i % size]
    held = min(last - first + 1, size - max(late, 0))
    return floor(max(total, 0.0) / held * PRECISION) / PRECISION  # sums and differences of floats may end below 0


Highest = list[list[int]]
"""Falling maxima, each with the index of its bucket before it."""


def highest(old: Highest, bucket: int, value: int, buckets: int) -> Highest:
    """The maxima with a new value; the first is the highest of the last `buckets` buckets."""
    kept = [entry for entry in old if bucket - entry[0] < buckets and entry[1] > value]
    return kept if kept and kept[-1][0] == bucket else [*kept, [bucket, value]]
