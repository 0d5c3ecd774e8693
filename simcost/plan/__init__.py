"""Decisions, pure, one class each: schema, documentation and behaviour in one place."""

from simcost.plan.autoscaling import Fixed, Observation, Scaling, Schedule, TargetConcurrency
from simcost.plan.routing import LeastOutstanding, PowerOfTwo, RoundRobin, Router
from simcost.plan.serving import Admission, Batching
from simcost.plan.startup import Startup

__all__ = [
    "Admission",
    "Batching",
    "Fixed",
    "LeastOutstanding",
    "Observation",
    "PowerOfTwo",
    "RoundRobin",
    "Router",
    "Scaling",
    "Schedule",
    "Startup",
    "TargetConcurrency",
]
