"""Ray: runs as tasks of a cluster, of its own on this machine or of an address."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_connection
from threading import current_thread, main_thread
from typing import Any

from simcost.errors import InputError, RunError
from simcost.execution.task import Assignment, LostWorkerError, TaskOutcome, perform_untold

_CONNECT_S = 30


class RayCluster:
    """A cluster of Ray; where this process has joined one already, that one.

    Args:
        address: of its head; None = a cluster on this machine, which ends with the command.
        jobs: worker processes of the latter.

    Raises:
        InputError: Ray is not installed, or no cluster answers.
        RunError: its own cluster does not start.
    """

    def __init__(self, address: str | None, jobs: int) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of each use
        os.environ.setdefault("RAY_worker_niceness", "0")  # else whatever else runs here goes first
        try:
            import ray
        except ImportError as error:
            raise InputError("--engine ray: Ray is not installed; pip install 'simcost[ray]'") from error
        self._ray: Any = ray
        own = {
            "address": "local",
            "num_cpus": jobs,
            "include_dashboard": False,
            "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},
        }
        self._joined = not ray.is_initialized()
        try:
            _check_reachable(address)
            with _signals_kept():
                if self._joined:
                    ray.init(
                        **(own if address is None else {"address": address}),
                        logging_level="ERROR",
                        log_to_driver=False,
                    )
        except Exception as error:
            if address is None:
                raise RunError(
                    f"--engine ray: Ray did not start here ({_first_line(error)}); run again, or use --engine local"
                ) from error
            raise InputError(
                f"--address {address}: no Ray cluster answers ({_first_line(error)}); start one, or correct it"
            ) from error
        self._perform = ray.remote(perform_untold).options(max_retries=0, num_cpus=1)

    def cores(self) -> int:
        """CPUs of all nodes."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def submit(self, assignment: Assignment) -> RayRun:
        """Queue a run."""
        return RayRun(self._ray, self._perform.remote(assignment.order()), assignment.label)

    def close(self) -> None:
        """Leave it."""
        if self._joined:
            with _signals_kept():
                self._ray.shutdown()


class RayRun:
    """A run as a task of Ray."""

    def __init__(self, ray: Any, reference: Any, label: str) -> None:
        self._ray, self._reference, self._label = ray, reference, label

    def wait(self, timeout_s: float) -> bool:
        """True once it has ended."""
        ready, _ = self._ray.wait([self._reference], timeout=timeout_s)
        return bool(ready)

    def outcome(self) -> TaskOutcome:
        """Its outcome."""
        errors = self._ray.exceptions
        try:
            outcome: TaskOutcome = self._ray.get(self._reference)
        except (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        ) as error:
            raise LostWorkerError(str(error).splitlines()[0]) from error
        except errors.RayError as error:
            raise RunError(f"{self._label}: Ray could not run it ({str(error).splitlines()[-1]})") from error
        return outcome

    def cancel(self) -> None:
        """End its worker."""
        self._ray.cancel(self._reference, force=True)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _check_reachable(address: str | None) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself tries for minutes."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the handlers of signals that end the command, which Ray would replace."""
    if current_thread() is not main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
