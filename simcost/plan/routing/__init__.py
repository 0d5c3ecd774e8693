"""Routing policies: the replica that serves the next request."""

from simcost.plan.routing.endpoint_picker import EndpointPicker, Weighted
from simcost.plan.routing.routers import LeastOutstanding, PowerOfTwo, RoundRobin, Router

__all__ = [
    "EndpointPicker",
    "LeastOutstanding",
    "PowerOfTwo",
    "RoundRobin",
    "Router",
    "Weighted",
]
