"""Which replica gets the next request."""

from simcost.plan.routing.basic import LeastOutstanding, PowerOfTwo, RoundRobin
from simcost.plan.routing.endpoint_picker import EndpointPicker, Weighted
from simcost.plan.routing.endpoints import Endpoints, pick
from simcost.plan.routing.routers import Router, ScoringRouter

__all__ = ["EndpointPicker", "Endpoints", "LeastOutstanding", "PowerOfTwo", "RoundRobin", "Router",
           "ScoringRouter", "Weighted", "pick"]  # fmt: skip
