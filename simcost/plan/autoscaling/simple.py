"""Replicas that the plan states: a constant, a timetable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MinLen

from simcost.plan.autoscaling.policy import Decision, Observation
from simcost.plan.autoscaling.signals import Source
from simcost.units import SECONDS_PER_DAY, Count, PositiveCount, PositiveSeconds, TimeOfDay


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
        return self._at(0.0).replicas

    def fresh(self) -> None:
        """Nothing to remember."""

    def reads(self) -> Mapping[str, Source]:
        """Nothing."""
        return {}

    def by_replica(self) -> frozenset[str]:
        """None: it reads totals of the pool."""
        return frozenset()

    def step(self, now_s: float, seen: Observation, state: None) -> Decision[None]:
        """What the timetable says now."""
        step = self._at(now_s % SECONDS_PER_DAY)
        return Decision(step.replicas, f"Timetable: since {_clock(step.at)}", state)

    def _at(self, time_of_day_s: float) -> Step:
        steps = sorted(self.steps, key=lambda step: step.at)
        past = [step for step in steps if step.at <= time_of_day_s]
        return (past or steps)[-1]


def _clock(time_of_day_s: float) -> str:
    return f"{int(time_of_day_s) // 3600:02d}:{int(time_of_day_s) // 60 % 60:02d}"
