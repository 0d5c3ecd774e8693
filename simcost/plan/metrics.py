"""What controllers see of the replicas: samples, taken now and then, shown late."""

from dataclasses import dataclass

from simcost.units import PositiveSeconds, Seconds, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The way from a replica to its autoscaler, as Prometheus and a metrics adapter are one."""

    scrape: Seconds = 15.0
    """Between two samples of all replicas. 0 = at each step of the policy, with gauges as exact means since the last
    step: what a proxy in the path of the requests knows."""
    lag: Seconds = 0.0
    """From a sample until the controller can read it."""
    staleness: PositiveSeconds = 300.0
    """Age from which on a sample counts as no data."""
    missed: Share = 0.0
    """Share of the scrapes that fail; the last sample before stays until it is stale."""
    gateway: bool = True
    """Whether requests at the gateway count in totals of `waiting` and `in_flight`, and arrivals there as requests, as
    a gateway counts them. false = replicas are all that is measured, as with `vllm:` metrics: at zero replicas there
    is no data then, and nothing wakes the pool."""
    phase: bool = True
    """Whether scrapes and steps of the controller begin at random instants of their intervals, which differ by
    replication. false = both at time 0, on one grid."""


EXACT = Metrics(scrape=0.0, phase=False)
"""Fresh, and exact between two steps."""
