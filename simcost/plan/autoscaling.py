"""How many replicas there should be. One method: `desired`, from what was seen and the policy's own memory."""

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Literal

from annotated_types import Gt, MinLen

from simcost.units import SECONDS_PER_DAY, Count, PositiveCount, PositiveSeconds, Seconds, TimeOfDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a controller sees of one pool at one instant."""

    ready: int
    starting: int
    draining: int
    in_flight: float
    """Requests in the system, the gateway's queue included; mean over the interval since the last look."""
    waiting: int
    """Requests at the gateway or in a replica's queue, now."""


Memory = dict[str, list[tuple[float, float]]]
"""What a policy remembers between two looks; it starts empty and belongs to one policy and run alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always the same number of replicas."""

    kind: Literal["fixed"] = "fixed"
    replicas: PositiveCount
    """Replicas, warm from time 0 to the end."""

    @property
    def interval(self) -> float:
        """Seldom: nothing changes."""
        return SECONDS_PER_DAY

    def initial(self) -> int:
        """Replicas at the start."""
        return self.replicas

    def desired(self, now_s: float, seen: Observation, memory: Memory) -> int:
        """The constant."""
        return self.replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From this time of day on, this many replicas."""

    at: TimeOfDay
    """Time of day, as `08:30`, `8.5h` or seconds."""
    replicas: Count
    """Desired replicas from then on; with 0 requests wait at the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A daily timetable; time 0 of the run is midnight. Before the first step the last one of the day holds."""

    kind: Literal["schedule"] = "schedule"
    steps: Annotated[tuple[Step, ...], MinLen(1)]
    """The timetable, in any order."""
    interval: PositiveSeconds = 60.0
    """Time between two looks at the timetable; a step takes effect at the first look after it."""

    def initial(self) -> int:
        """What the timetable says at midnight."""
        return self._at(0.0)

    def desired(self, now_s: float, seen: Observation, memory: Memory) -> int:
        """What the timetable says now."""
        return self._at(now_s % SECONDS_PER_DAY)

    def _at(self, time_of_day_s: float) -> int:
        steps = sorted(self.steps, key=lambda step: step.at)
        past = [step for step in steps if step.at <= time_of_day_s]
        return (past or steps)[-1].replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConcurrency:
    """Keep the requests in flight per replica near a target.

    desired = ceil(mean in-flight over `window` / target), held between min and max; it falls only to the
    highest value wanted within `scale_down_delay`, so that a short lull does not stop replicas.
    The start counts as wanted at time 0.
    """

    kind: Literal["target-concurrency"] = "target-concurrency"
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
    """How long fewer replicas must have been enough before any is stopped (HPA: `stabilizationWindowSeconds`)."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        if self.start is not None and self.start > self.max:
            raise ValueError(f"start ({self.start}) is above max ({self.max})")

    def initial(self) -> int:
        """Replicas at the start."""
        return self.min if self.start is None else self.start

    def desired(self, now_s: float, seen: Observation, memory: Memory) -> int:
        """Window mean over the target, with a delayed fall."""
        recent = [look for look in memory.get("in_flight", []) if look[0] > now_s - self.window]
        memory["in_flight"] = [*recent, (now_s, seen.in_flight)]
        mean = sum(value for _, value in memory["in_flight"]) / len(memory["in_flight"])
        wanted = min(max(ceil(mean / self.target), self.min), self.max)
        # Only a look higher than all later ones can still be the highest: the first of them is.
        higher = [
            look
            for look in memory.get("wanted", [(0.0, self.initial())])
            if look[0] > now_s - self.scale_down_delay and look[1] > wanted
        ]
        memory["wanted"] = [*higher, (now_s, wanted)]
        return int(memory["wanted"][0][1])


Scaling = Fixed | Schedule | TargetConcurrency
