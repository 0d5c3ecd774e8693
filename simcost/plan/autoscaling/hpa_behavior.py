"""`spec.behavior` of an HPA: how fast it may scale, and the log of what it did.

Semantics: kubernetes pkg/controller/podautoscaler/horizontal.go and pkg/apis/autoscaling/v2/defaults.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from simcost.plan.autoscaling.policy import ns
from simcost.record import record
from simcost.units import PositiveCount, Seconds

Logged = list[int]
"""A count of replicas, and the instant in nanoseconds at which it was noted."""
MAX_INT32 = 2**31 - 1


@record
class ScalingRule:
    """A change allowed within any stretch of time of this length."""

    type: Literal["Pods", "Percent"]
    """Replicas, or percent of those there are."""
    value: PositiveCount
    """Number of replicas that may be added or removed within the period."""
    period: Annotated[Seconds, Ge(1), Le(1800)]
    """Time over which they are counted."""

    def most(self, start: int) -> int:
        """Replicas to which `start` may grow."""
        return start + self.value if self.type == "Pods" else ceil(start * (1 + self.value / 100))

    def fewest(self, start: int) -> int:
        """Replicas to which `start` may shrink."""
        return start - self.value if self.type == "Pods" else int(start * (1 - self.value / 100))


@record
class Direction:
    """Scaling in one direction; what is left out has the controller's default."""

    policies: Annotated[tuple[ScalingRule, ...], MinLen(1)] | None = None
    """None = for up 4 pods or 100 % in 15 s, for down 100 % in 15 s; a list replaces that as a whole."""
    select: Literal["Max", "Min", "Disabled"] = "Max"
    """Policy that counts: the one that allows the largest change, the smallest, or none."""
    window: Annotated[Seconds, Le(3600)] | None = None
    """Stabilization: time over which recommendations count; None = 0 for up, the controller's for down."""
    tolerance: Annotated[float, Ge(0)] | None = None
    """Distance of the ratio from 1 that is ignored; None = the controller's."""


@record
class Behavior:
    """Both directions. Even an empty one differs from none: 3 replicas may become 7 in one sync instead of 6."""

    scale_up: Direction = Direction()
    """Rules for more replicas."""
    scale_down: Direction = Direction()
    """Rules for fewer replicas."""


UP = (ScalingRule(type="Pods", value=4, period=15), ScalingRule(type="Percent", value=100, period=15))
DOWN = (ScalingRule(type="Percent", value=100, period=15),)


def changed_within(events: Sequence[Logged], period_s: float, now_ns: int) -> int:
    """Replicas changed by events younger than the period."""
    since = now_ns - ns(period_s)
    return sum(change for change, at in events if at > since)


def up_limit(current: int, added: Sequence[Logged], removed: Sequence[Logged], allowed: Direction, now_ns: int) -> int:
    """Replicas to which the policies let `current` grow."""
    if allowed.select == "Disabled":
        return current
    limits = [rule.most(_at_start(current, added, removed, rule, now_ns)) for rule in allowed.policies or UP]
    return min(limits) if allowed.select == "Min" else max(limits)


def down_limit(
    current: int, added: Sequence[Logged], removed: Sequence[Logged], allowed: Direction, now_ns: int
) -> int:
    """Replicas to which the policies let `current` shrink."""
    if allowed.select == "Disabled":
        return current
    limits = [rule.fewest(_at_start(current, added, removed, rule, now_ns)) for rule in allowed.policies or DOWN]
    return max(limits) if allowed.select == "Min" else min(limits)


def _at_start(current: int, added: Sequence[Logged], removed: Sequence[Logged], rule: ScalingRule, now_ns: int) -> int:
    """Replicas when the period began."""
    period = rule.period
    return current - changed_within(added, period, now_ns) + changed_within(removed, period, now_ns)


def noted(events: Sequence[Logged], change: int, policies: Sequence[ScalingRule], now_ns: int) -> list[Logged]:
    """The events with a new one, which takes the place of the last one older than the longest period."""
    return _put(events, change, now_ns, now_ns - ns(max(rule.period for rule in policies)))


def _put(log: Sequence[Logged], value: int, now_ns: int, obsolete_ns: int) -> list[Logged]:
    place = len(log)
    for _, at in reversed(log):
        place -= 1
        if at < obsolete_ns:
            return [*log[:place], [value, now_ns], *log[place + 1 :]]
    return [*log, [value, now_ns]]


def stabilized(
    log: Sequence[Logged], current: int, wanted: int, windows_s: tuple[float, float], now_ns: int
) -> tuple[int, list[Logged]]:
    """With behavior: `current` moved into what was wanted throughout the windows (up, down), and the new log.

    An entry counts while it is younger than the window.
    """
    up_s, down_s = windows_s
    up_ns, down_ns = now_ns - (ns(up_s) if up_s else 0), now_ns - ns(down_s)
    held = wanted
    if wanted > current:
        held = max(current, min([wanted] + [count for count, at in log if at > up_ns]))
    elif wanted < current:
        for count, at in log:
            if count > held and at > down_ns:
                held = min(count, current)
                if held == current:
                    break
    return held, _put(log, wanted, now_ns, min(up_ns, down_ns))


def stabilized_plainly(log: Sequence[Logged], wanted: int, window_s: float, now_ns: int) -> tuple[int, list[Logged]]:
    """Without behavior: the highest recommendation not older than the window, and the new log."""
    since = now_ns - ns(window_s)
    held = max([count for count, at in log if at >= since] + [wanted])
    return held, _put(log, wanted, now_ns, since)


def limited(current: int, wanted: int, bounds: tuple[int, int], allowed: tuple[int, int]) -> tuple[int, str]:
    """With behavior: `wanted` within bounds (min, max) and what the policies allow (up, down), and why."""
    if wanted > current:
        limit = max(allowed[0], current)
        most, reason = (limit, "ScaleUpLimit") if bounds[1] > limit else (bounds[1], "TooManyReplicas")
        if wanted > most:
            return most, reason
    elif wanted < current:
        limit = min(allowed[1], current)
        fewest, reason = (limit, "ScaleDownLimit") if bounds[0] < limit else (bounds[0], "TooFewReplicas")
        if wanted < fewest:
            return fewest, reason
    return wanted, "DesiredWithinRange"


def limited_plainly(current: int, wanted: int, bounds: tuple[int, int]) -> tuple[int, str]:
    """Without behavior: `wanted` within bounds (min, max) and twice `current` or 4, and why."""
    limit = max(2 * current, 4)
    most, reason = (limit, "ScaleUpLimit") if bounds[1] > limit else (bounds[1], "TooManyReplicas")
    if wanted < bounds[0]:
        return bounds[0], "TooFewReplicas"
    return (most, reason) if wanted > most else (wanted, "DesiredWithinRange")
