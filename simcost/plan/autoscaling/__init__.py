"""Scaling policies. One interface: `step`, from an observation and the policy's own state to desired replicas."""

from simcost.plan.autoscaling.aws import AwsScaling
from simcost.plan.autoscaling.dynamo import DynamoPlanner
from simcost.plan.autoscaling.hpa import Hpa
from simcost.plan.autoscaling.keda import Keda
from simcost.plan.autoscaling.kpa import Kpa
from simcost.plan.autoscaling.policy import Decision, Observation, Policy, Replicas, Signal, Source
from simcost.plan.autoscaling.ray import RayServe
from simcost.plan.autoscaling.simple import Fixed, Predictive, Schedule, Step, TargetConcurrency
from simcost.plan.autoscaling.wva import Chain, Wva

__all__ = [
    "Autoscaler",
    "AwsScaling",
    "Chain",
    "Decision",
    "DynamoPlanner",
    "Fixed",
    "Hpa",
    "Keda",
    "Kpa",
    "Observation",
    "Policy",
    "Predictive",
    "RayServe",
    "Replicas",
    "Scaling",
    "Schedule",
    "Signal",
    "Source",
    "Step",
    "TargetConcurrency",
    "Wva",
]

Scaling = (
    Fixed
    | Schedule
    | TargetConcurrency
    | Hpa
    | Keda
    | Kpa
    | RayServe
    | AwsScaling
    | DynamoPlanner
    | Wva
    | Chain
    | Predictive
)
"""All policies."""
Autoscaler = Scaling
