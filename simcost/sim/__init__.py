"""Discrete-event simulator: simpy control plane, compiled data plane. It knows time, not money."""

from simcost.sim.serving.pool import Pool
from simcost.sim.serving.simulate import simulate

__all__ = ["Pool", "simulate"]
