"""Control plane in four layers: metrics, policy, replicas, nodes; and interruptions. Simpy processes."""

from simcost.sim.fleet.control_loop import control, keep_books, pulse, sample
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.interruptions import interrupt

__all__ = ["Fleet", "control", "interrupt", "keep_books", "pulse", "sample"]
