"""Performance of a replica: step time and memory, from model, accelerator, precision and tensor parallelism."""

from simcost.perf.memory import MemoryFit, fit_memory
from simcost.perf.replica import GivenStep, Knot, ReplicaSpec
from simcost.perf.step_time import StepTime, step_source, step_time

__all__ = ["GivenStep", "Knot", "MemoryFit", "ReplicaSpec", "StepTime", "fit_memory", "step_source", "step_time"]
