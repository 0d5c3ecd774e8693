"""Simple scaling policies: fixed, timetable, target concurrency, and ahead of a forecast.

Target concurrency keeps requests in flight per replica near a target, the shape that all production autoscalers share;
a forecast asks for replicas by the time they would be ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, fsum, isnan
from operator import itemgetter
from typing import Annotated, ClassVar, Literal, Self, TypedDict

from annotated_types import Ge, Gt, MinLen

from simcost.plan.autoscaling.policy import Decision, Observation, ScaleDownOrder, SignalName, Source, ns, own
from simcost.plan.replica_counts import ReplicaBounds, StartingReplicas, ordered, times
from simcost.record import record
from simcost.units import SECONDS_PER_DAY, Count, PositiveCount, PositiveSeconds, Seconds, TimeOfDay


@record
class Fixed:
    """Always the same number of replicas."""

    kind: Literal["fixed"] = "fixed"
    scrape_s: ClassVar[float | None] = None
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
    replicas: PositiveCount
    """Replicas, warm from time 0 to the end."""

    @property
    def interval(self) -> float:
        """Seldom: nothing changes."""
        return SECONDS_PER_DAY

    def initial(self) -> int:
        """Replicas at the start."""
        return self.replicas

    def starting_with(self, replicas: int) -> Self:
        """Itself: it has the same number throughout."""
        return self

    def largest(self) -> int:
        """The constant."""
        return self.replicas

    def smallest(self) -> int:
        """The constant."""
        return self.replicas

    def sized(self, most: int) -> Self:
        """The same with another constant."""
        return replace(self, replicas=most)

    def fresh(self) -> None:
        """Nothing to remember."""

    def reads(self) -> Mapping[str, Source]:
        """Nothing."""
        return {}

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: None) -> Decision[None]:
        """The constant."""
        return Decision(self.replicas, "Fixed", state)


@record
class Step:
    """From this time of day on, this many replicas."""

    at: TimeOfDay
    """Time of day, as `08:30`, `8.5h` or seconds."""
    replicas: Count
    """Desired replicas from then on; with 0 requests wait at the gateway."""


@record
class Schedule:
    """A daily timetable; time 0 of the run is midnight. Before the first step the last one of the day holds."""

    kind: Literal["schedule"] = "schedule"
    scrape_s: ClassVar[float | None] = None
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
    steps: Annotated[tuple[Step, ...], MinLen(1)]
    """The timetable, in any order."""
    interval: PositiveSeconds = 60.0
    """Time between two looks at the timetable; a step takes effect at the first look after it."""

    def __post_init__(self) -> None:
        times_of_day = [step.at for step in self.steps]
        twice = next((at for at in times_of_day if times_of_day.count(at) > 1), None)
        if twice is not None:
            raise ValueError(f"{_clock(twice)} appears twice; write one number of replicas for it")

    def initial(self) -> int:
        """Replicas of the timetable at midnight."""
        return self._at(0.0).replicas

    def starting_with(self, replicas: int) -> Self:
        """Itself: the timetable holds from time 0 on."""
        return self

    def largest(self) -> int:
        """The most of the timetable."""
        return max(1, *(step.replicas for step in self.steps))

    def smallest(self) -> int:
        """The fewest of the timetable."""
        return min(step.replicas for step in self.steps)

    def sized(self, most: int) -> Self:
        """The timetable in proportion."""
        factor = most / self.largest()
        return replace(self, steps=tuple(replace(step, replicas=times(step.replicas, factor)) for step in self.steps))

    def fresh(self) -> None:
        """Nothing to remember."""

    def reads(self) -> Mapping[str, Source]:
        """Nothing."""
        return {}

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: None) -> Decision[None]:
        """Replicas of the timetable now."""
        step = self._at(now_s % SECONDS_PER_DAY)
        return Decision(step.replicas, f"Timetable: since {_clock(step.at)}", state)

    def _at(self, time_of_day_s: float) -> Step:
        steps = sorted(self.steps, key=lambda step: step.at)
        past = [step for step in steps if step.at <= time_of_day_s]
        return (past or steps)[-1]


def _clock(time_of_day_s: float) -> str:
    return f"{int(time_of_day_s) // 3600:02d}:{int(time_of_day_s) // 60 % 60:02d}"


class ConcurrencyState(TypedDict):
    """Observed and desired values, each after its instant in nanoseconds."""

    in_flight: list[list[float]]
    wanted: list[list[int]]


_value = itemgetter(1)
"""Of a look at an instant."""


@record
class TargetConcurrency(StartingReplicas):
    """Keep the requests in flight per replica near a target.

    desired = ceil(mean in-flight over `window` / target), held between min and max; it falls only to the
    highest value wanted within `scale_down_delay`, so that a short lull does not stop replicas.
    The start counts as wanted at time 0.
    """

    kind: Literal["target-concurrency"] = "target-concurrency"
    scrape_s: ClassVar[float | None] = None
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
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
    """Time for which fewer replicas must have been enough before any is stopped (HPA: `stabilizationWindowSeconds`)."""

    def __post_init__(self) -> None:
        ordered(self.min, self.max)
        if self.start is not None and self.start > self.max:
            raise ValueError(f"start ({self.start}) is above max ({self.max})")

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
        looks = [*state["in_flight"], [now_ns, in_flight]]
        before_ns = now_ns - ns(self.window)
        while looks[0][0] <= before_ns:
            del looks[0]
        mean = fsum(map(_value, looks)) / len(looks)
        wanted = min(max(ceil(mean / self.target), self.min), self.max)
        # Only a look higher than all later ones can still be the highest: the first of them is.
        higher = state["wanted"].copy()
        while higher and higher[-1][1] <= wanted:
            del higher[-1]
        since_ns = now_ns - ns(self.scale_down_delay)
        while higher and higher[0][0] <= since_ns:
            del higher[0]
        new: ConcurrencyState = {"in_flight": looks, "wanted": [*higher, [now_ns, wanted]]}
        desired = new["wanted"][0][1]
        word = "ScaleDownDelayed" if desired > wanted else "Target"
        return Decision(desired, f"{word}: in flight {mean:.4g}, target {self.target:g}: desired {wanted}", new)


@record
class Predictive(ReplicaBounds):
    """Enough replicas for a quantile of the forecast demand from now until replicas ordered now are ready, and on to
    the next decision; optionally also for what is there now.
    """

    kind: Literal["predictive"] = "predictive"
    scrape_s: ClassVar[float | None] = None
    scale_down_order: ClassVar[ScaleDownOrder] = "youngest"
    demand: Annotated[tuple[Annotated[float, Ge(0)], ...], MinLen(1)]
    """The quantile of the demand in each step of the forecast, from time 0; the last holds on."""
    step_length: PositiveSeconds
    """Of the forecast."""
    per_replica: Annotated[float, Gt(0)]
    """Demand that one replica takes."""
    lead: Seconds
    """From the decision to ready: the cold start."""
    min: Count = 1
    """Fewest replicas."""
    max: PositiveCount
    """Most replicas."""
    signal: SignalName = "requests_per_s"
    """Signal in which the demand is counted."""
    reactive: bool = False
    """True if the observed demand counts too, so that a surprise is followed."""
    interval: PositiveSeconds = 60.0
    """Between two decisions."""

    def __post_init__(self) -> None:
        ordered(self.min, self.max)

    def initial(self) -> int:
        """Replicas that the first moments need."""
        return self._bounded(self._ahead(0.0))

    def starting_with(self, replicas: int) -> Self:
        """Itself: the forecast holds from time 0 on."""
        return self

    def smallest(self) -> int:
        """`min`, at the start too."""
        return self.min

    def fresh(self) -> None:
        """Nothing to remember."""

    def reads(self) -> Mapping[str, Source]:
        """The demand, where it counts."""
        return own(self.signal) if self.reactive else {}

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: None) -> Decision[None]:
        """The most that is needed until the replicas ordered at the next decision are ready."""
        ahead, now = self._ahead(now_s), seen.total(self.signal) if self.reactive else 0.0
        most = ahead if isnan(now) else max(ahead, now)
        word = "Demand" if most > ahead else "Forecast"
        until_s = now_s + self.lead + self.interval
        words = f"{most:.4g} {self.signal} until {until_s:.0f} s, {self.per_replica:g} a replica"
        return Decision(self._bounded(most), f"{word}: {words}", state)

    def _ahead(self, now_s: float) -> float:
        """The highest demand from now to the end of the lead and one interval."""
        last = len(self.demand) - 1
        first = min(int(now_s / self.step_length), last)
        end = min(ceil((now_s + self.lead + self.interval) / self.step_length), last + 1)
        return max(self.demand[first : max(end, first + 1)])

    def _bounded(self, demand: float) -> int:
        return min(max(ceil(demand / self.per_replica), self.min), self.max)
