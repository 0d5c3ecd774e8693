"""Observed serving: logs and benchmark outputs with the latencies that a real engine had."""

from simcost.trace.observed.observation import Configuration, ObservedEngine, ObservedPoint, ObservedRun
from simcost.trace.observed.reader import read_observation

__all__ = ["Configuration", "ObservedEngine", "ObservedPoint", "ObservedRun", "read_observation"]
