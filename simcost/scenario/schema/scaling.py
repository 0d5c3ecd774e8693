"""Scaling of a plan where it is not written in place: a manifest that runs already, a forecast of its load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Gt

from simcost.plan import Scaling
from simcost.plan.autoscaling import Signal
from simcost.plan.autoscaling.wva import PUBLISHED, Recommender
from simcost.plan.replica_counts import ReplicaBounds, ordered
from simcost.record import record
from simcost.units import Count, PositiveCount, PositiveSeconds, Seconds, Share


@record
class FromManifest(ReplicaBounds):
    """Reference to a manifest: a HorizontalPodAutoscaler, a ScaledObject, a Knative Service, a Ray Serve config, an
    Application Auto Scaling target, a Dynamo planner; a Karpenter NodePool for nodes; an EndpointPickerConfig of llm-d
    for the router. Written `{from: hpa.yaml}`.
    """

    kind: Literal["manifest"] = "manifest"
    path: str
    """The file, relative to the scenario; `from` in short."""
    name: str | None = None
    """Of the object, where the file holds several."""
    start: Count | None = None
    """Replicas at time 0, already warm; None = the fewest that the manifest allows."""
    min: Count | None = None
    """Fewest replicas, where the file says nothing of them: policies of AWS without their scalable target."""
    max: PositiveCount | None = None
    """Most replicas, where the file says nothing of them."""
    first: Recommender | None = None
    """Policy that recommends a number of replicas, where the autoscaler of the file follows a metric that another
    publishes; in short `{kind: chain, first: {kind: wva, ...}, then: {from: hpa.yaml}}`.
    """
    publishes: str = PUBLISHED
    """Name of that metric."""
    signals: Mapping[str, tuple[Signal, ...]] = field(default_factory=dict)
    """Signals of metrics that are not known by their names: `{my_metric: {from: output_tokens_per_s, window: 60s}}`."""


@record
class FollowForecast(ReplicaBounds):
    """Replicas ahead of demand: enough for a quantile of the load to be expected until those ordered now are ready.

    Expected at a time of a recorded or drawn workload is what was there one season before, give or take `around`;
    in the first season nothing is known ahead, and what is seen is followed.
    """

    kind: Literal["forecast"] = "forecast"
    per_replica: Annotated[float, Gt(0)]
    """Requests per second that one replica takes."""
    quantile: Share = 0.9
    """Of the rates that are expected; higher is safer and more expensive."""
    season: PositiveSeconds = 86400.0
    """After which the load is expected to be alike."""
    around: Seconds = 1800.0
    """Of the same time a season before, whose rates count."""
    step: PositiveSeconds = 300.0
    """Over which a rate is taken."""
    lead: Seconds | None = None
    """From the decision to ready; None = the cold start of the plan on a new node."""
    min: Count = 1
    """Fewest replicas."""
    max: PositiveCount
    """Most replicas."""
    interval: PositiveSeconds = 60.0
    """Between two decisions."""

    def __post_init__(self) -> None:
        ordered(self.min, self.max)


PlanScaling = Scaling | FromManifest | FollowForecast
