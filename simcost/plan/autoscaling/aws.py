"""AWS Application Auto Scaling: target tracking and step scaling, as SageMaker and ECS use them.

Source: awsdocs/application-auto-scaling-user-guide. What AWS does not publish is a field with a documented default:
the shape of the alarms, the margin below the target, the rounding of the proportional step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, gcd, inf, isfinite
from typing import Annotated, ClassVar, Literal, TypedDict

from annotated_types import Ge, Gt, Lt, MinLen

from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, Signal, Source, ns
from simcost.plan.replica_counts import StartingReplicas
from simcost.record import record
from simcost.units import NS_PER_S, ByKind, Count, PositiveCount, PositiveSeconds, Seconds

USUAL_PERIOD_S = 60.0
"""Between two datapoints of a metric of CloudWatch."""
ROUNDING = 1e-9
MOST_REPLICAS = 1e9
"""More than any `max`; a metric over a tiny target may be beyond all numbers."""
Points = list[float | None]
"""Datapoints of an alarm, the newest last; None = no data in that period."""


@record
class TargetTracking:
    """Capacity in proportion to a metric over its target; adds fast, removes late."""

    kind: Literal["target-tracking"] = "target-tracking"
    metric: str
    """Its name."""
    target: Annotated[float, Gt(0)]
    """Value that is aimed at."""
    source: Source = ()
    """The signals it is made of; empty = the signal of its name."""
    scale_in: bool = True
    """True if it removes capacity too."""
    out_cooldown: Seconds = 300.0
    """Within it only what exceeds the last addition is added."""
    in_cooldown: Seconds = 300.0
    """Within it nothing is removed; an addition ends it."""
    period: PositiveSeconds = USUAL_PERIOD_S
    """Period of the alarms (unpublished). High-resolution metrics have 10 s."""
    high_periods: PositiveCount = 3
    """Above the target, before capacity is added (unpublished)."""
    low_periods: PositiveCount = 15
    """Below the target less the margin, before capacity is removed (unpublished)."""
    low_margin: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Share of the target (documented as usual)."""

    @property
    def kept(self) -> int:
        """Datapoints that are needed."""
        return max(self.high_periods, self.low_periods)

    @property
    def from_zero(self) -> bool:
        """False: it multiplies the capacity that there is."""
        return False

    @property
    def of_all(self) -> bool:
        """True if it tracks a sum over replicas, which more of them do not lower."""
        source = self.source or (Signal(name=self.metric),)  # type: ignore[arg-type]
        return all(one.over == "sum" and not one.of_the_pool_alone for one in source)

    def out(self, points: Sequence[float | None], base: int) -> int | None:
        """Capacity while the high alarm is on."""
        latest = _lowest(points, self.high_periods)
        return None if latest is None or latest <= self.target else self._wanted(points, base)

    def inward(self, points: Sequence[float | None], current: int) -> int | None:
        """Capacity while the low alarm is on."""
        highest = _highest(points, self.low_periods)
        below = highest is not None and highest < self.target * (1 - self.low_margin)
        return self._wanted(points, current) if self.scale_in and below else None

    def _wanted(self, points: Sequence[float | None], base: int) -> int:
        wanted = base * (points[-1] or 0.0) / self.target
        return ceil(min(wanted, MOST_REPLICAS) - ROUNDING)


@record
class StepAdjustment:
    """A change for a range of the distance to the alarm's threshold."""

    lower: float | None = None
    """None = no bound."""
    upper: float | None = None
    """None = no bound."""
    adjustment: int
    """Replicas or percent, as `type` says."""

    def covers(self, distance: float, *, falling: bool = False) -> bool:
        """Above the threshold the lower bound belongs to it, below the upper one, which it does at the threshold itself
        for an alarm on values that fall to it.
        """
        lower, upper = -inf if self.lower is None else self.lower, inf if self.upper is None else self.upper
        above = distance > 0 or (distance == 0 and not falling)
        return lower <= distance < upper if above else lower < distance <= upper


@record
class StepScaling:
    """A change of capacity by how far a metric is from the threshold of an alarm."""

    kind: Literal["step-scaling"] = "step-scaling"
    metric: str
    """Its name."""
    threshold: float
    """Of the alarm."""
    comparison: Literal[">=", ">", "<=", "<"] = ">="
    """Comparison of a value with the threshold that raises the alarm."""
    source: Source = ()
    """The signals it is made of; empty = the signal of its name."""
    type: Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"] = "ChangeInCapacity"
    """Meaning of an adjustment: replicas more or fewer, percent of them, or a number of replicas."""
    steps: Annotated[tuple[StepAdjustment, ...], MinLen(1)]
    """Changes by distance to the threshold."""
    min_magnitude: Count = 0
    """Of a change in percent."""
    cooldown: Seconds = 300.0
    """After a change, before the next."""
    period: PositiveSeconds = USUAL_PERIOD_S
    """Of the alarm."""
    periods: PositiveCount = 1
    """In alarm, before it acts."""
    datapoints: PositiveCount | None = None
    """Periods of these that must be in alarm; None = all."""

    def __post_init__(self) -> None:
        if self.datapoints is not None and self.datapoints > self.periods:
            raise ValueError(f"datapoints ({self.datapoints}) are more than periods ({self.periods})")

    @property
    def from_zero(self) -> bool:
        """True if it adds capacity where there is none."""
        return any(adjusted(0, step.adjustment, self.type, self.min_magnitude) > 0 for step in self.steps)

    @property
    def out_cooldown(self) -> float:
        """As of target tracking."""
        return self.cooldown

    @property
    def in_cooldown(self) -> float:
        """As of target tracking."""
        return self.cooldown

    @property
    def kept(self) -> int:
        """Datapoints that are needed."""
        return self.periods

    def out(self, points: Sequence[float | None], base: int) -> int | None:
        """Capacity while the alarm is on, where that is more."""
        wanted = self._wanted(points, base)
        return wanted if wanted is not None and wanted > base else None

    def inward(self, points: Sequence[float | None], current: int) -> int | None:
        """Capacity while the alarm is on, where that is less."""
        wanted = self._wanted(points, current)
        return wanted if wanted is not None and wanted < current else None

    def _wanted(self, points: Sequence[float | None], capacity: int) -> int | None:
        recent = points[-self.periods :]
        breaching = [one for one in recent if one is not None and self._breaches(one)]
        if len(breaching) < (self.datapoints or self.periods) or recent[-1] is None:
            return None
        distance = breaching[-1] - self.threshold
        falling = self.comparison in ("<=", "<")
        step = next((one for one in self.steps if one.covers(distance, falling=falling)), None)
        return None if step is None else adjusted(capacity, step.adjustment, self.type, self.min_magnitude)

    def _breaches(self, value: float) -> bool:
        return {
            ">=": value >= self.threshold,
            ">": value > self.threshold,
            "<=": value <= self.threshold,
            "<": value < self.threshold,
        }[self.comparison]


def adjusted(capacity: int, adjustment: int, kind: str, min_magnitude: int = 0) -> int:
    """Capacity after a step.

    A change in percent is cut toward zero, but is at least one, and at least `min_magnitude`; percent of 0 is 0.

    >>> adjusted(127, 10, "PercentChangeInCapacity"), adjusted(58, -1, "PercentChangeInCapacity")
    (139, 57)
    >>> adjusted(0, 50, "PercentChangeInCapacity"), adjusted(0, 50, "PercentChangeInCapacity", 2)
    (0, 2)
    """
    if kind == "ExactCapacity":
        return adjustment
    size, sign = abs(adjustment), 1 if adjustment > 0 else -1
    if kind == "PercentChangeInCapacity" and adjustment:
        size = max(capacity * size // 100, min(capacity, 1), min_magnitude)
    return capacity + sign * size if adjustment else capacity


ScalingPolicy = TargetTracking | StepScaling


class AlarmSeries(TypedDict):
    """Datapoints of one policy's alarm."""

    points: Points
    sum: float
    count: int
    held: float | None
    """Value at the beginning of the period that is being filled."""
    sampled: bool
    """True if values between steps are in it."""
    due_ns: int | None
    """End of that period; None before the first step."""


class Addition(TypedDict):
    """The last scale-out: capacity before it, and until when its cooldown lasts."""

    base: int
    until_ns: int


class AwsState(TypedDict):
    """Alarms and cooldowns."""

    series: list[AlarmSeries]
    added: Addition | None
    in_until_ns: int


@record
class AwsScaling(StartingReplicas):
    """A scalable target with its policies: out if any asks, in if step scaling asks or all of target tracking agree;
    the largest capacity wins.
    """

    kind: Literal["aws"] = "aws"
    sample_s: ClassVar[float] = 1.0
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
    min: Count = 1
    """From 0 only step scaling leads up again."""
    max: PositiveCount
    """Most replicas."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = min."""
    policies: Annotated[tuple[Annotated[ScalingPolicy, ByKind()], ...], MinLen(1)]
    """Out if any asks; in if step scaling asks, or all of target tracking that scale in."""

    @property
    def interval(self) -> float:
        """So that all alarms are due at steps only."""
        return gcd(*(ns(policy.period) for policy in self.policies)) / NS_PER_S

    @property
    def never_wakes(self) -> bool:
        """True if it has no replicas at the start or may remove the last, and none of its policies adds one then."""
        removes = any(policy.scale_in for policy in self.policies if isinstance(policy, TargetTracking))
        return not any(policy.from_zero for policy in self.policies) and (removes or self.initial() == 0)

    @property
    def scrape_s(self) -> float:
        """A minute, or as often as a metric of high resolution is needed."""
        return min(USUAL_PERIOD_S, *(policy.period for policy in self.policies))

    def fresh(self) -> AwsState:
        """Alarms without data."""
        empty: list[AlarmSeries] = [
            {"points": [], "sum": 0.0, "count": 0, "held": None, "sampled": False, "due_ns": None}
            for _ in self.policies
        ]
        return {"series": empty, "added": None, "in_until_ns": 0}

    def reads(self) -> Mapping[str, Source]:
        """The metrics of the policies."""
        return {policy.metric: policy.source for policy in self.policies}

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: AwsState) -> Decision[AwsState]:
        """Take the datapoints that are complete, and act on the alarms they set off."""
        now_ns = ns(now_s)
        pairs = [
            _filled(one, policy, now_ns, seen.total(policy.metric))
            for one, policy in zip(state["series"], self.policies, strict=True)
        ]
        new: AwsState = {**state, "series": [one for one, _ in pairs]}
        due = [i for i, (_, complete) in enumerate(pairs) if complete]
        if not self.min <= seen.current <= self.max:
            return Decision(min(max(seen.current, self.min), self.max), "OutOfBounds", new)
        return self._out(now_ns, seen.current, due, new) or self._in(now_ns, seen.current, due, new)

    def sampled(self, now_s: float, seen: Observation, state: AwsState) -> AwsState:
        """One more value in the means of the periods, each of which begins with what was there at the last step."""
        pairs = zip(state["series"], self.policies, strict=True)
        return {**state, "series": [_sampled(one, seen.total(policy.metric)) for one, policy in pairs]}

    def _out(self, now_ns: int, current: int, due: Sequence[int], state: AwsState) -> Decision[AwsState] | None:
        added = state["added"]
        base = added["base"] if added is not None and now_ns < added["until_ns"] else current
        asks = [(i, self.policies[i].out(state["series"][i]["points"], base)) for i in due]
        wanted = [(min(capacity, self.max), -i) for i, capacity in asks if capacity is not None]
        if not wanted:
            return None
        capacity, i = max(wanted)
        policy = self.policies[-i]
        if capacity <= current:
            word = "AtMax" if current == self.max else "ScaleOutCooldown"
            return Decision(current, f"{word}: {_words(policy, state['series'][-i])}", state)
        until_ns = now_ns + ns(policy.out_cooldown)
        new: AwsState = {**state, "added": {"base": base, "until_ns": until_ns}, "in_until_ns": 0}
        return Decision(capacity, f"ScaleOut: {_words(policy, state['series'][-i])}", new)

    def _in(self, now_ns: int, current: int, due: Sequence[int], state: AwsState) -> Decision[AwsState]:
        """By target tracking only when all of its policies that scale in want it; it does not block step scaling."""
        asks = [one.inward(state["series"][i]["points"], current) for i, one in enumerate(self.policies)]
        tracking = {i for i, one in enumerate(self.policies) if isinstance(one, TargetTracking) and one.scale_in}
        agreed = all(asks[i] is not None for i in tracking)
        wanted = [
            (capacity, -i) for i, capacity in enumerate(asks) if capacity is not None and (agreed or i not in tracking)
        ]
        if not due or not wanted:
            return Decision(current, "NoAlarm", state)
        capacity, i = max(wanted)
        policy, words = self.policies[-i], _words(self.policies[-i], state["series"][-i])
        if now_ns < state["in_until_ns"]:
            return Decision(current, f"ScaleInCooldown: {words}", state)
        capacity = max(capacity, self.min)
        if capacity >= current:
            return Decision(current, f"AtMin: {words}" if current == self.min else f"Enough: {words}", state)
        until_ns = now_ns + ns(policy.in_cooldown)
        return Decision(capacity, f"ScaleIn: {words}", {**state, "in_until_ns": until_ns})


def _filled(series: AlarmSeries, policy: ScalingPolicy, now_ns: int, value: float) -> tuple[AlarmSeries, bool]:
    """The series with a sample, and whether that completes a datapoint: of the values between, or of this one."""
    if series["due_ns"] is not None and now_ns < series["due_ns"]:
        return _added(series, value), False
    new = series if series["sampled"] else _added(series, value)
    points: Points = [*new["points"], new["sum"] / new["count"] if new["count"] else None][-policy.kept :]
    held = value if isfinite(value) else None
    due_ns = now_ns + ns(policy.period)
    return {"points": points, "sum": 0.0, "count": 0, "held": held, "sampled": False, "due_ns": due_ns}, True


def _sampled(series: AlarmSeries, value: float) -> AlarmSeries:
    """The series with a value between two steps."""
    first = series["held"] is not None and not series["sampled"]
    return {**_added(_added(series, series["held"] or 0.0) if first else series, value), "sampled": True}


def _added(series: AlarmSeries, value: float) -> AlarmSeries:
    """The series with a value in the period that is being filled."""
    if not isfinite(value):
        return series
    return {**series, "sum": series["sum"] + value, "count": series["count"] + 1}


def _lowest(points: Sequence[float | None], periods: int) -> float | None:
    known = [point for point in points[-periods:] if point is not None]
    return min(known) if len(known) == periods else None


def _highest(points: Sequence[float | None], periods: int) -> float | None:
    known = [point for point in points[-periods:] if point is not None]
    return max(known) if len(known) == periods else None


def _words(policy: ScalingPolicy, series: AlarmSeries) -> str:
    level = policy.target if isinstance(policy, TargetTracking) else policy.threshold
    return f"{policy.metric} {series['points'][-1]:.4g}, target {level:g}"
