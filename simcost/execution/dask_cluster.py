"""Dask: runs as tasks of a distributed cluster, of its own on this machine or of an address."""

from __future__ import annotations

from logging import getLogger
from multiprocessing import current_process
from threading import Event
from typing import Any

from simcost.errors import InputError, RunError
from simcost.execution.task import Assignment, LostWorkerError, TaskOutcome, perform_untold

_CONNECT_S = 30
_LOG = getLogger(__name__)


class DaskCluster:
    """A cluster of Dask.

    Args:
        address: of its scheduler; None = a cluster on this machine, which ends with the command.
        jobs: worker processes of the latter.

    Raises:
        InputError: Dask is not installed, or no scheduler answers.
        RunError: its own cluster does not start.
    """

    def __init__(self, address: str | None, jobs: int) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError("--engine dask: Dask is not installed; pip install 'simcost[dask]'") from error
        own = _own_cluster(jobs) if address is None else None
        try:
            self._client: Any = Client(own or address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--address {address}: no Dask scheduler answers ({error}); start one, or correct it"
            ) from error
        self._own = own

    def cores(self) -> int:
        """Threads of all workers."""
        return sum(self._client.nthreads().values())

    def submit(self, assignment: Assignment) -> DaskRun:
        """Queue a run."""
        return DaskRun(self._client.submit(perform_untold, assignment.order(), pure=False), assignment.label)

    def close(self) -> None:
        """Leave it."""
        self._client.close()
        if self._own is not None:
            self._own.close()


def _own_cluster(jobs: int) -> Any:
    """A cluster on this machine, started again where one of its workers is lost meanwhile."""
    import dask
    from distributed import LocalCluster

    if getattr(current_process(), "_inheriting", False):
        raise InputError(
            "--engine dask: Dask starts its workers by importing this script again, which asked for workers in turn; "
            'call it under `if __name__ == "__main__":`'
        )
    dask.config.set({"distributed.scheduler.allowed-failures": 0})  # each loss is told, and counted here
    starts = 3
    while True:
        try:
            return LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                memory_limit=0,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs="CRITICAL",
            )
        except Exception as error:
            starts -= 1
            if not starts:
                raise RunError(
                    f"--engine dask: Dask did not start here ({error}); run again, or use --engine local"
                ) from error
            _LOG.warning("Dask did not start here (%s); starting it again", error)


class DaskRun:
    """A run as a future of Dask."""

    def __init__(self, future: Any, label: str) -> None:
        self._future, self._label, self._ended = future, label, Event()
        future.add_done_callback(lambda _: self._ended.set())

    def wait(self, timeout_s: float) -> bool:
        """True once it has ended."""
        return self._ended.wait(timeout_s)

    def outcome(self) -> TaskOutcome:
        """Its outcome."""
        from distributed import CancelledError, KilledWorker

        try:
            outcome: TaskOutcome = self._future.result()
        except KilledWorker as error:
            raise LostWorkerError(f"on {getattr(error.last_worker, 'address', 'a worker')}") from error
        except CancelledError as error:
            raise RunError(
                f"{self._label}: the Dask scheduler has gone or dropped it; finished runs are kept"
            ) from error
        except Exception as error:
            raise RunError(f"{self._label}: Dask could not run it ({type(error).__name__}: {error})") from error
        return outcome

    def cancel(self) -> None:
        """Drop it; a worker that is at it ends it, and keeps its result in the store."""
        self._future.cancel(force=True)
