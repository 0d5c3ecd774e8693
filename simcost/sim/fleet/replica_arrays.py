"""The replicas as arrays, for policies that look at them one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from simcost.plan.autoscaling import Replicas
from simcost.plan.autoscaling.policy import NOT_READY, PENDING, READY, RUNNING, Ages
from simcost.sim.fleet.scrape_samples import Floats
from simcost.sim.serving.engine.layout import NEVER
from simcost.units import NS_PER_S

if TYPE_CHECKING:
    from simcost.sim.fleet.fleet import Fleet


class Roster:
    """Values of the fleet that do not change between two of its events, as arrays."""

    def __init__(self, fleet: Fleet, names: Iterable[str]) -> None:
        self.fleet, self._names = fleet, tuple(names)
        self._version = -1

    def refresh(self) -> None:
        """Read the fleet again, where it has changed."""
        if self._version == self.fleet.version:
            return
        self._version, replicas = self.fleet.version, self.fleet.replicas
        count = self.fleet.count
        self.numbers = np.array([replica.number for replica in replicas], np.int64)
        self.slots = np.array([replica.slot for replica in replicas], np.int64)
        self._begun = [replica.state != "starting" for replica in replicas]
        self.ready = np.array(self._begun, np.bool_)
        self.deleting = np.array([replica.state == "draining" for replica in replicas], np.bool_)
        self._nodes = [replica.node for replica in replicas]
        self._ready_ns = [replica.ready_ns for replica in replicas]
        self._requests = dict.fromkeys(self._names, np.ones(len(replicas)))
        self._running = np.full(len(replicas), RUNNING, np.int8)
        self._condition = np.array([READY if begun else NOT_READY for begun in self._begun], np.int8)
        self._up_ns = self._nodes_up_ns()
        self._settled = not count["starting"] and max(self._up_ns, default=0) <= self.fleet.now
        self._steady = self._settled and not count["draining"]
        self.serving = (
            (self.numbers, self.slots) if self._settled else (self.numbers[self.ready], self.slots[self.ready])
        )
        """Numbers and slots of the replicas that answer a scrape."""

    def replicas(self, signals: Mapping[str, Floats], now: int, sample_age_s: float, window_s: float) -> Replicas:
        """As policies see them."""
        phase, up_ns = self._running, self._up_ns
        if not self._settled:
            up_ns = self._nodes_up_ns()
            phases = [RUNNING if begun or up <= now else PENDING for begun, up in zip(self._begun, up_ns, strict=True)]
            phase = np.array(phases, np.int8)
        return Replicas(
            phase=phase,
            deleting=self.deleting,
            ready=self._condition,
            ages=partial(_ages, now, self.ready, up_ns, self._ready_ns, sample_age_s, window_s),
            signals=signals,
            requests=self._requests,
            steady=self._steady,
        )

    def _nodes_up_ns(self) -> list[int]:
        """Instants at which the nodes have their images; fixed where all replicas are ready."""
        return [NEVER if node is None else node.ready_ns for node in self._nodes]


def _ages(
    now: int,
    ready: npt.NDArray[np.bool_],
    up: Sequence[int],
    became: Sequence[int],
    sample_age_s: float,
    window_s: float,
) -> Ages:
    """Ages at `now` of replicas whose nodes were up at `up`, and which `became` ready at some."""
    up_ns, ready_ns = np.array(up, np.int64), np.array(became, np.int64)
    started, began_ns = ready | (up_ns <= now), np.where(ready & (up_ns > now), now, up_ns)
    age_s = np.where(started, (now - began_ns) / NS_PER_S, nan)
    return Ages(
        age_s=age_s,
        ready_age_s=np.where(ready, (now - ready_ns) / NS_PER_S, age_s),
        sample_age_s=np.full(len(ready), sample_age_s),
        sample_window_s=np.full(len(ready), window_s),
    )
