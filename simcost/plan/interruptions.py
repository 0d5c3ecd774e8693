"""Disruptions of nodes and replicas: spot that is taken back, failures, zone outages, refused orders."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, MinLen

from simcost.plan.failures import Exponential, FailureModel, RecordedFailures
from simcost.record import record
from simcost.units import ByKind, Count, PositiveCount, PositiveSeconds, Seconds, Share, UsdPerH


@record
class SpotHazard:
    """Each node is taken back at a random instant, without memory."""

    kind: Literal["hazard"] = "hazard"
    per_node_h: Annotated[float, Ge(0)]
    """Interruptions per node and hour: 0.05 is once in 20 hours in the mean."""
    whole_zone: Share = 0.0
    """Share of the interruptions that take all nodes of the zone with them."""


@record
class SpotTrace:
    """A recorded availability: nodes above what could be had are taken back, and no others are given meanwhile. It
    repeats, and each run begins at a random instant of it.
    """

    kind: Literal["trace"] = "trace"
    path: str
    """Availability trace (CSV), relative to this file."""
    zones: Annotated[tuple[str, ...], MinLen(1)]
    """Traces of the file, one per zone."""
    prices: str | None = None
    """Price trace (CSV) of the same zones, for the bid; None = the prices in the availability trace, if any. What is
    paid is the price of `buy`.
    """
    bid: UsdPerH | None = None
    """Most that is paid per node and hour: above it all nodes of the zone are taken back."""
    scale: PositiveCount = 1
    """Nodes that one of the trace stands for."""

    def __post_init__(self) -> None:
        if self.prices is not None and self.bid is None:
            raise ValueError("prices have no effect without a bid; write one, or take them out")


@record
class ZoneCapacity:
    """Spot nodes that a zone has along time."""

    since: Annotated[tuple[Seconds, ...], MinLen(1)]
    """Times of the changes, rising from 0."""
    nodes: Annotated[tuple[Count, ...], MinLen(1)]
    """Number of nodes from each of these times on."""

    def __post_init__(self) -> None:
        if len(self.since) != len(self.nodes):
            raise ValueError(f"since has {len(self.since)} times, nodes {len(self.nodes)} numbers; give one for each")
        if self.since[0] != 0 or list(self.since) != sorted(set(self.since)):
            raise ValueError("since must rise from 0")


@record
class SpotCapacity:
    """Nodes that can be had in each zone along time; it repeats, and each run begins at a random instant of it."""

    kind: Literal["capacity"] = "capacity"
    zones: Annotated[tuple[ZoneCapacity, ...], MinLen(1)]
    """One each."""
    span: PositiveSeconds
    """Time that it covers."""

    def __post_init__(self) -> None:
        for number, zone in enumerate(self.zones):
            if zone.since[-1] >= self.span:
                raise ValueError(f"zone {number} changes at {zone.since[-1]:g} s, and span ends at {self.span:g} s")


@record
class NodeFailures:
    """Nodes that break without notice."""

    per_node_day: Annotated[float, Ge(0)]
    """Failures per node and day."""
    model: Annotated[FailureModel, ByKind()] = field(default_factory=Exponential)
    """Distribution of the time to failure of a node; a recorded log strikes a random node at each of its times."""

    def __post_init__(self) -> None:
        log = self.model
        if isinstance(log, RecordedFailures) and max(log.times_s) > log.span_s:
            raise ValueError(f"a failure at {max(log.times_s):g} s is after the {log.span_s:g} s that its log covers")


@record
class ZoneOutage:
    """All nodes of a zone are lost at once, and it gives no others meanwhile."""

    at: Seconds | None = None
    """Of the run; None = at random instants."""
    per_day: Annotated[float, Ge(0)] = 0.0
    """Such outages in the whole region, where they are random."""
    zone: Annotated[int, Ge(0)] = 0
    """Number of the zone, where the time is stated; else a random one."""
    lasting: PositiveSeconds = 3600.0
    """Time for which the zone gives no nodes."""

    def __post_init__(self) -> None:
        if (self.at is None) == (self.per_day == 0):
            raise ValueError("give either at or per_day")


Spot = SpotHazard | SpotTrace | SpotCapacity


@record
class Interruptions:
    """All that removes replicas against the plan."""

    zones: PositiveCount = 1
    """Nodes are spread evenly over so many; of a spot trace: as many as it names."""
    spot: Annotated[Spot | None, ByKind()] = None
    """Interruptions of nodes that are bought on spot; None = they are never taken back."""
    notice: Seconds = 120.0
    """From the notice of an interruption until the node is gone (AWS 2 min, Google and Azure 30 s). Its replicas take
    no new requests then, and others are ordered at once."""
    nodes: NodeFailures | None = None
    """Failures of nodes."""
    replicas_per_day: Annotated[float, Ge(0)] = 0.0
    """Crashes per ready replica and day; it starts again on its node."""
    outages: tuple[ZoneOutage, ...] = ()
    """Of zones."""
    refused: Share = 0.0
    """Share of the orders of a node that fail for want of capacity."""

    def __post_init__(self) -> None:
        for outage in self.outages:
            if outage.zone >= self.zone_count:
                raise ValueError(f"there is no zone {outage.zone}: zones count from 0 to {self.zone_count - 1}")
        if self.refused == 1:
            raise ValueError("refused is 1: no node would ever come")

    @property
    def zone_count(self) -> int:
        """Number of zones."""
        if isinstance(self.spot, SpotTrace | SpotCapacity):
            return len(self.spot.zones)
        return self.zones
