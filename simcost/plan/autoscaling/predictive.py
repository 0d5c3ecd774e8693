"""Replicas ahead of demand: those that a forecast asks for by the time they would be ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isnan
from typing import Annotated, Literal

from annotated_types import Ge, Gt, MinLen

from simcost.plan.autoscaling.policy import Decision, Observation
from simcost.plan.autoscaling.signals import SignalName, Source, own
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictive:
    """Enough replicas for a quantile of the forecast demand from now until replicas ordered now are ready, and on to
    the next decision; optionally also for what is there now.
    """

    kind: Literal["predictive"] = "predictive"
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
    """What the demand is counted in."""
    reactive: bool = False
    """Whether the demand that is seen counts too, so that a surprise is followed."""
    interval: PositiveSeconds = 60.0
    """Between two decisions."""

    def __post_init__(self) -> None:
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")

    def initial(self) -> int:
        """What the first moments need."""
        return self._bounded(self._ahead(0.0))

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
