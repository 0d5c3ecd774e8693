"""The replicas as arrays, for policies that look at them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from simcost.plan.autoscaling import Replicas
from simcost.plan.autoscaling.policy import NOT_READY, PENDING, READY, RUNNING
from simcost.sim.fleet.scrape_samples import Floats, Ints
from simcost.sim.serving.engine.layout import NEVER
from simcost.units import NS_PER_S

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet


class Roster:
    """Values of the fleet that do not change between two of its events, as arrays."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._version = -1

    def refresh(self) -> None:
        """Read the fleet again, where it has changed."""
        if self._version == self.fleet.version:
            return
        self._version, replicas = self.fleet.version, self.fleet.replicas
        self.numbers = np.array([one.number for one in replicas], np.int64)
        self.slots = np.array([one.slot for one in replicas], np.int64)
        self.ready = np.array([one.state != "starting" for one in replicas], np.bool_)
        self.deleting = np.array([one.state == "draining" for one in replicas], np.bool_)
        self.nodes = [one.node for one in replicas]
        self.ready_ns = np.array([one.ready_ns for one in replicas], np.int64)
        self._ones = np.ones(len(replicas))
        self._running = np.full(len(replicas), RUNNING, np.int8)
        self._condition = np.where(self.ready, READY, NOT_READY).astype(np.int8)
        self._up_ns = self._nodes_up_ns()
        self._settled = bool(self.ready.all()) and bool((self._up_ns <= self.fleet.now).all())
        self._serving = (
            (self.numbers, self.slots) if self._settled else (self.numbers[self.ready], self.slots[self.ready])
        )

    def serving(self) -> tuple[Ints, Ints]:
        """Numbers and slots of the replicas that answer a scrape."""
        self.refresh()
        return self._serving

    def replicas(self, signals: Mapping[str, Floats], now: int, sample_age_s: float, window_s: float) -> Replicas:
        """As policies see them."""
        if self._settled:
            phase, age_s, ready_age_s = self._running, (now - self._up_ns) / NS_PER_S, (now - self.ready_ns) / NS_PER_S
        else:
            up_ns = self._nodes_up_ns()
            started, began_ns = self.ready | (up_ns <= now), np.where(self.ready & (up_ns > now), now, up_ns)
            phase = np.where(started, RUNNING, PENDING).astype(np.int8)
            age_s = np.where(started, (now - began_ns) / NS_PER_S, nan)
            ready_age_s = np.where(self.ready, (now - self.ready_ns) / NS_PER_S, age_s)
        ones = self._ones
        return Replicas(
            phase=phase,
            deleting=self.deleting,
            ready=self._condition,
            age_s=age_s,
            ready_age_s=ready_age_s,
            sample_age_s=sample_age_s * ones,
            sample_window_s=window_s * ones,
            signals=signals,
            requests=dict.fromkeys(signals, ones),
        )

    def _nodes_up_ns(self) -> Ints:
        """Instants at which the nodes have their images; fixed where all replicas are ready."""
        return np.array([NEVER if node is None else node.ready_ns for node in self.nodes], np.int64)
