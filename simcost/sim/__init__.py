"""Discrete-event simulator: simpy control plane, compiled data plane. It knows time, not money."""

from simcost.sim.serving.pool import Pool
from simcost.sim.serving.service_run import Service
from simcost.sim.serving.simulate import check_times, simulate
from simcost.sim.serving.simulate_pools import simulate_pools
from simcost.sim.serving.simulate_services import simulate_services

__all__ = ["Pool", "Service", "check_times", "simulate", "simulate_pools", "simulate_services"]
