"""An HPA that remembers everything and forgets nothing: slow, and obvious from the documentation of Kubernetes."""

from dataclasses import dataclass, field
from math import ceil

from simcost.plan.autoscaling.hpa import Direction, Hpa
from simcost.plan.autoscaling.hpa_behavior import DOWN, UP


@dataclass
class NaiveHpa:
    """Decides from the whole history, given what the metrics ask for."""

    policy: Hpa
    wanted: list[tuple[float, int]] = field(default_factory=list)
    """Recommendations with their times, before stabilization."""
    counts: list[tuple[float, int]] = field(default_factory=list)
    """Replicas from each time on."""

    def decide(self, now_s: float, current: int, asked: int) -> int:
        """Replicas from now on."""
        if not self.wanted:
            self.wanted.append((now_s, current))
            self.counts.append((float("-inf"), current))
        desired = self._desired(now_s, current, asked)
        self.wanted.append((now_s, asked))
        self.counts.append((now_s, desired))
        return desired

    def _desired(self, now_s: float, current: int, asked: int) -> int:
        low, high = self.policy.min, self.policy.max
        if self.policy.behavior is None:
            recent = [count for at, count in self.wanted if now_s - at <= self.policy.stabilization]
            held = max([*recent, asked])
            return min(max(held, low), min(high, max(2 * current, 4)))
        up, down = self.policy.behavior.scale_up, self.policy.behavior.scale_down
        up_s, down_s = up.window or 0, self.policy.stabilization if down.window is None else down.window
        floor = min([count for at, count in self.wanted if now_s - at < up_s] + [asked])
        ceiling = max([count for at, count in self.wanted if now_s - at < down_s] + [asked])
        held = min(max(current, floor), ceiling)
        if held > current:
            return min(held, max(current, self._most(now_s, current, up)), high)
        if held < current:
            return max(held, min(current, self._fewest(now_s, current, down)), low)
        return current

    def _most(self, now_s: float, current: int, allowed: Direction) -> int:
        if allowed.select == "Disabled":
            return current
        limits = []
        for rule in allowed.policies or UP:
            start = self._replicas_before(now_s, rule.period)
            limits.append(start + rule.value if rule.type == "Pods" else ceil(start * (1 + rule.value / 100)))
        return max(limits) if allowed.select == "Max" else min(limits)

    def _fewest(self, now_s: float, current: int, allowed: Direction) -> int:
        if allowed.select == "Disabled":
            return current
        limits = []
        for rule in allowed.policies or DOWN:
            start = self._replicas_before(now_s, rule.period)
            limits.append(start - rule.value if rule.type == "Pods" else int(start * (1 - rule.value / 100)))
        return min(limits) if allowed.select == "Max" else max(limits)

    def _replicas_before(self, now_s: float, period_s: float) -> int:
        """Replicas when a period of this length began: after the last change that is not younger than it."""
        return [count for at, count in self.counts if now_s - at >= period_s][-1]
