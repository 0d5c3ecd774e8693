"""Observed serving: logs and benchmark outputs with the latencies that a real engine had."""

from simcost.trace.observed.observation import Configuration, Observation, ObservedPoint, ObservedRun
from simcost.trace.observed.reader import read_observation

__all__ = ["Configuration", "Observation", "ObservedPoint", "ObservedRun", "read_observation"]
