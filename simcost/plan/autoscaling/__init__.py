"""How many replicas there should be. One interface: `step`, from what was seen and the policy's own state."""

from simcost.plan.autoscaling.concurrency import TargetConcurrency
from simcost.plan.autoscaling.hpa import Hpa
from simcost.plan.autoscaling.observation import Decision, Observation, Policy, Replicas
from simcost.plan.autoscaling.stated import Fixed, Schedule, Step

__all__ = ["Autoscaler", "Decision", "Fixed", "Hpa", "Observation", "Policy", "Replicas", "Scaling", "Schedule",
           "Step", "TargetConcurrency"]  # fmt: skip

Scaling = Fixed | Schedule | TargetConcurrency
"""What a plan of a scenario may say."""
Autoscaler = Scaling | Hpa
"""All policies."""
