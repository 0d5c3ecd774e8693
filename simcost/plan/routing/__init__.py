"""Routing policies: the replica that serves the next request."""

from simcost.plan.routing.endpoint_picker import EndpointPicker, Weighted
from simcost.plan.routing.routers import LeastOutstanding, PowerOfTwo, RoundRobin, Router, ScoringRouter
from simcost.plan.routing.scorers import Endpoints, pick

__all__ = [
    "EndpointPicker",
    "Endpoints",
    "LeastOutstanding",
    "PowerOfTwo",
    "RoundRobin",
    "Router",
    "ScoringRouter",
    "Weighted",
    "pick",
]
