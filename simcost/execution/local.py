"""Local engine: the first runs in this process, further ones in worker processes as soon as these pay."""

from __future__ import annotations

from logging import getLogger
from pathlib import Path
from threading import Lock

from simcost.execution import memory
from simcost.execution.assignments import Assignments
from simcost.execution.slots import InProcess, Slot, WorkerProcess
from simcost.execution.task import peak_bytes
from simcost.units import format_bytes, plural

WORTH_S = 4.0
"""CPU seconds of work from which worker processes pay: each takes one or two to start."""
_MANY = 20
"""Runs, of which the first takes a while, for which a worker starts before it is known that workers pay."""
_SHORT = 0.25
"""Of the peak of a worker: where less memory is left, there is one worker less."""
_LOG = getLogger(__name__)


class LocalEngine:
    """Processes of this machine.

    A first run in this process compiles what is not compiled yet, and shows how long runs take and how much memory.

    Args:
        folder: in which runs have drafts.
        jobs: runs at a time.
        apart: all in worker processes, which can be ended at any time.
        ahead: runs that come after the first ones, as far as that is known.
    """

    def __init__(self, folder: Path, *, jobs: int, apart: bool, ahead: int = 0) -> None:
        self._folder, self._jobs, self._apart, self._ahead = folder, jobs, apart, ahead
        self._slots: list[Slot] = []
        self._early: list[WorkerProcess] = []
        """Started ahead of its first run; at most one."""
        self._alone_s = 0.0
        """CPU seconds in which runs waited for others in this process."""
        self._lock = Lock()

    def slots(self) -> list[Slot]:
        """The places that there are."""
        if not self._slots:
            self._slots = [WorkerProcess(self._folder) if self._apart else InProcess()]
        return list(self._slots)

    def more(self, todo: Assignments) -> list[Slot]:
        """New places, once there is enough to do; before that one may start."""
        wanted = min(self._jobs - len(self._slots), todo.waiting)
        if wanted <= 0 or not (self._apart or (self._early and todo.any_done) or self._worth(todo)):
            self._begin_early(todo)
            return []
        fitting = self._fitting(wanted, todo)
        early, self._early = self._early[:fitting], self._early[fitting:]
        added: list[Slot] = [*early, *(WorkerProcess(self._folder) for _ in range(fitting - len(early)))]
        self._slots += added
        return added

    def keeps(self, slot: Slot, todo: Assignments) -> bool:
        """True if memory suffices for a further run there; else the place is given up, unless it is the last."""
        if not isinstance(slot, WorkerProcess) or len(self._slots) < 2:
            return True
        left = memory.available_bytes()
        if left is None or left > _SHORT * todo.peak_bytes:
            return True
        with self._lock:
            if len(self._slots) < 2:
                return True
            self._slots.remove(slot)
            self._jobs = len(self._slots)
        slot.close()
        _LOG.warning("memory is short (%s left): from now on %s at a time", format_bytes(left), _runs(self._jobs))
        return False

    def ended(self, todo: Assignments) -> None:
        """Remember the time of runs that were alone; let go of places that were stopped."""
        if not todo.complete:
            self.close()
        elif len(self._slots) == 1 and len(todo.runs) > 1:
            self._alone_s += todo.elapsed_s

    def close(self) -> None:
        """Let the worker processes end."""
        for slot in (*self._slots, *self._early):
            slot.close()
        self._slots, self._early = [], []

    def _begin_early(self, todo: Assignments) -> None:
        """Start a worker while the first of many runs is at work, where it does not come out of the store at once."""
        free = len(self._slots) < self._jobs and not self._early
        if free and not todo.any_done and todo.waiting + self._ahead >= _MANY:
            self._early = [WorkerProcess(self._folder)]
            self._early[0].begin(todo.files[0].reference())

    def _worth(self, todo: Assignments) -> bool:
        left_s = todo.left_s(self._ahead)
        return left_s > 0 and self._alone_s + todo.elapsed_s + left_s > WORTH_S

    def _fitting(self, wanted: int, todo: Assignments) -> int:
        """So many places as memory suffices for."""
        peak = max(todo.peak_bytes, peak_bytes())
        fitting = memory.fitting(peak)
        if fitting is None or fitting >= wanted:
            return wanted
        self._jobs = len(self._slots) + fitting
        _LOG.warning("memory suffices for %s at a time: each takes up to %s", _runs(self._jobs), format_bytes(peak))
        return fitting


def _runs(count: int) -> str:
    return plural(count, "run")
