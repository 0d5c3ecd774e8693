"""A policy that publishes replicas as a metric, and the HPA that follows it with its own behavior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from typing import Any, Literal, TypedDict

from simcost.plan.autoscaling.dynamo import DynamoPlanner
from simcost.plan.autoscaling.hpa import Hpa, HpaState
from simcost.plan.autoscaling.keda import Keda, KedaState
from simcost.plan.autoscaling.policy import Decision, Observation, ns
from simcost.plan.autoscaling.signals import Source
from simcost.plan.autoscaling.wva import PUBLISHED, Wva
from simcost.units import NS_PER_S


class ChainState(TypedDict):
    """Of both, what was published last, and when each is due."""

    first: Any
    then: HpaState | KedaState
    published: int | None
    next_first_ns: int
    next_then_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """`first` says how many replicas it wants; `then` reads that as one of its metrics, and scales."""

    kind: Literal["chain"] = "chain"
    first: Wva | DynamoPlanner
    """Who says how many."""
    then: Hpa | Keda
    """Who scales."""
    publishes: str = PUBLISHED
    """Name of the metric."""

    def __post_init__(self) -> None:
        if self.publishes not in self.then.reads():
            raise ValueError(
                f"the {self.then.kind} reads no metric {self.publishes}; it reads {', '.join(self.then.reads())}"
            )

    @property
    def interval(self) -> float:
        """So that both are due at steps only."""
        return gcd(ns(self.first.interval), ns(self.then.interval)) / NS_PER_S

    def initial(self) -> int:
        """Replicas at the start."""
        return self.then.initial()

    def fresh(self) -> ChainState:
        """Nothing published."""
        return {"first": self.first.fresh(), "then": self.then.fresh(), "published": None, "next_first_ns": 0,
                "next_then_ns": 0}  # fmt: skip

    def reads(self) -> Mapping[str, Source]:
        """What both read, without what is published."""
        others = {name: source for name, source in self.then.reads().items() if name != self.publishes}
        return {**self.first.reads(), **others}

    def by_replica(self) -> frozenset[str]:
        """Those of either."""
        return self.first.by_replica() | (self.then.by_replica() - {self.publishes})

    def step(self, now_s: float, seen: Observation, state: ChainState) -> Decision[ChainState]:
        """Those that are due, in this order."""
        now_ns, words = ns(now_s), ""
        if now_ns >= state["next_first_ns"]:
            wanted, words, first = self.first.step(now_s, seen, state["first"])
            due_ns = now_ns + ns(self.first.interval)
            state = {**state, "first": first, "published": wanted, "next_first_ns": due_ns}
        if now_ns < state["next_then_ns"]:
            return Decision(seen.current, f"BetweenSyncs: {words}", state)
        published = state["published"]
        shown = seen if published is None else seen.publishing(self.publishes, float(published))
        desired, reason, then = self.then.step(now_s, shown, state["then"])  # type: ignore[arg-type]
        due_ns = now_ns + ns(self.then.interval)
        return Decision(desired, f"{reason}; {words}", {**state, "then": then, "next_then_ns": due_ns})
