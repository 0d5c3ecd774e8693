"""Control plane in four layers: metrics, policy, replicas, nodes; and interruptions. Simpy processes."""

from simcost.sim.fleet.control_loop import control, control_both, pulse, record_usage, sample, write_pulse
from simcost.sim.fleet.fleet import Fleet
from simcost.sim.fleet.interruptions import interrupt
from simcost.sim.fleet.scheduler import NodeScheduler, nodes_of

__all__ = [
    "Fleet",
    "NodeScheduler",
    "control",
    "control_both",
    "interrupt",
    "nodes_of",
    "pulse",
    "record_usage",
    "sample",
    "write_pulse",
]
