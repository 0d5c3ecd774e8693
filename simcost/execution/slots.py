"""Places at which one run at a time is performed: in this process, or in a worker process of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Timer
from typing import Protocol

from simcost.execution.cycles import freed_cycles
from simcost.execution.task import Assignment, LostWorkerError, StoppedError, TaskOutcome, Tell, too_long
from simcost.execution.task_file import TaskReference
from simcost.outputs import remove_drafts

_PATIENCE_S = 3.0
"""Time for a worker to remove its draft before it is killed."""
_SHORT_S = 0.005
"""CPU seconds of a run that was simulated before: it leaves too little behind to look for."""
_ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment of a worker: there is one for each core."""


class Slot(Protocol):
    """A place for one run at a time: one thread calls it, another may stop it."""

    def perform(self, assignment: Assignment, tell: Tell) -> TaskOutcome:
        """Outcome of a run.

        Raises:
            LostWorkerError: its worker has ended.
            StoppedError: it was stopped.
        """

    def stop(self) -> None:
        """End the run at once, so that it leaves no draft. Nothing is performed here any more."""

    def close(self) -> None:
        """Let go of the worker; no run is at work."""


class InProcess:
    """This process."""

    def __init__(self) -> None:
        self._stopped = Event()

    def perform(self, assignment: Assignment, tell: Tell) -> TaskOutcome:
        """Outcome of a run; its errors are raised."""

        def tell_unless_stopped(share: float) -> None:
            if self._stopped.is_set():
                raise StoppedError
            tell(share)

        with freed_cycles(from_s=_SHORT_S):
            return TaskOutcome(result=assignment.task(assignment.run, tell_unless_stopped))

    def stop(self) -> None:
        """Stop the run when it next tells how far it is."""
        self._stopped.set()

    def close(self) -> None:
        """Nothing to let go of."""


class WorkerProcess:
    """A worker process, started for its first run, or ahead of it, and again whenever it is lost.

    Args:
        folder: in which its runs have drafts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock, self._stopped = folder, Lock(), Event()
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, task: TaskReference) -> None:
        """Start the process, and let it open a task: its first run begins at once."""
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - a pipe
        with suppress(OSError):  # the first run tells that it was lost
            pickle.dump(task, process.stdin)
            process.stdin.flush()

    def perform(self, assignment: Assignment, tell: Tell) -> TaskOutcome:
        """Outcome of a run; one that takes too long is ended."""
        order, process = assignment.order(), self._started()
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        with _ended_in_time(process, assignment.time_limit_s) as late:
            try:
                pickle.dump(order, process.stdin)
                process.stdin.flush()
                while not isinstance(report := pickle.load(process.stdout), TaskOutcome):  # noqa: S301 - of our worker
                    tell(report)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                ending = self._ending(process)
                if self._stopped.is_set():
                    raise StoppedError from error
                if late.is_set():
                    return TaskOutcome(error=too_long(assignment.label, assignment.time_limit_s))
                raise LostWorkerError(ending) from error
        return report

    def stop(self) -> None:
        """Ask the worker to end, which removes its draft; kill it if it does not."""
        with self._lock:
            self._stopped.set()
            process = self._process
        if process is not None:
            process.terminate()
            _wait(process)
            remove_drafts(self._folder, process.pid)

    def close(self) -> None:
        """Close the stream of its orders, at whose end it ends."""
        if self._process is not None:
            _close(self._process)
            self._process.wait()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped.is_set():
                raise StoppedError
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "simcost.execution.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    process_group=0 if os.name == "posix" else None,  # Ctrl-C is for the command, which stops it then
                )
            return self._process

    def _ending(self, process: subprocess.Popen[bytes]) -> str:
        """Words for how a worker has ended, which is tidied up after."""
        _close(process)
        code = _wait(process)
        remove_drafts(self._folder, process.pid)
        with self._lock:
            self._process = None
        if code == -signal.SIGKILL:
            return "killed by signal 9, as the system does where memory is short"
        return f"ended by signal {-code}" if code < 0 else f"ended with status {code}"


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # orders that the worker has not taken
            if pipe is not None:
                pipe.close()


@contextmanager
def _ended_in_time(process: subprocess.Popen[bytes], limit_s: float | None) -> Iterator[Event]:
    """End a process that is still at work after a time, and set the event."""
    late = Event()
    if limit_s is None:
        yield late
        return

    def end() -> None:
        late.set()
        process.terminate()

    timer = Timer(limit_s, end)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
