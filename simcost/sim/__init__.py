"""The discrete-event simulator: simpy control plane, compiled data plane. It knows time, not money."""

from simcost.sim.pool import Pool
from simcost.sim.run import simulate

__all__ = ["Pool", "simulate"]
