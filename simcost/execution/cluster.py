"""Clusters as engines: places for as many runs as keep their cores busy, submitted, awaited, and cancelled together."""

from __future__ import annotations

from threading import Event
from time import monotonic
from typing import Protocol

from simcost.execution.assignments import Assignments
from simcost.execution.slots import Slot
from simcost.execution.task import Assignment, StoppedError, TaskOutcome, Tell

_WAIT_S = 0.2
_A_CORE = 2
"""Runs that are submitted for each core: one is at work, one is at hand when it ends."""
_GROWTH_S = 5.0
"""Between two looks for workers that have joined."""


class Submitted(Protocol):
    """A run on a cluster."""

    def wait(self, timeout_s: float) -> bool:
        """True once it has ended."""

    def outcome(self) -> TaskOutcome:
        """Its outcome. Raises LostWorkerError."""

    def cancel(self) -> None:
        """End it, or keep it from beginning."""


class RunCluster(Protocol):
    """A cluster with workers that perform orders."""

    def cores(self) -> int:
        """Runs at a time, of all workers."""

    def submit(self, assignment: Assignment) -> Submitted:
        """Queue a run."""

    def close(self) -> None:
        """Leave it; end what was started for this command."""


class ClusterEngine:
    """A cluster, and the places on it."""

    def __init__(self, cluster: RunCluster) -> None:
        self._cluster = cluster
        self._slots: list[Slot] = []
        self._observed_s = 0.0

    def slots(self) -> list[Slot]:
        """Places for all cores, and for one where there are none yet, so that a cluster that grows sees work."""
        self._grow(max(self._cluster.cores(), 1))
        return list(self._slots)

    def more(self, todo: Assignments) -> list[Slot]:
        """Places on workers that have joined since."""
        known = len(self._slots)
        if todo.waiting and monotonic() - self._observed_s > _GROWTH_S:
            self._grow(self._cluster.cores())
        return self._slots[known:]

    def keeps(self, slot: Slot, todo: Assignments) -> bool:
        """Always: a cluster watches over its memory itself."""
        del slot, todo
        return True

    def ended(self, todo: Assignments) -> None:
        """Forget places that were stopped."""
        if not todo.complete:
            self._slots = []

    def close(self) -> None:
        """Leave the cluster."""
        self._cluster.close()

    def _grow(self, cores: int) -> None:
        self._observed_s = monotonic()
        self._slots += [ClusterSlot(self._cluster) for _ in range(_A_CORE * cores - len(self._slots))]


class ClusterSlot:
    """A place for one run at a time on a cluster."""

    def __init__(self, cluster: RunCluster) -> None:
        self._cluster, self._stopped = cluster, Event()

    def perform(self, assignment: Assignment, tell: Tell) -> TaskOutcome:
        """Outcome of a run; the share done is not told."""
        del tell
        submitted = self._cluster.submit(assignment)
        while not submitted.wait(_WAIT_S):
            if self._stopped.is_set():
                submitted.cancel()
                raise StoppedError
        return submitted.outcome()

    def stop(self) -> None:
        """Cancel the run."""
        self._stopped.set()

    def close(self) -> None:
        """Nothing to let go of."""
