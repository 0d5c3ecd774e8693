"""Tasks: what is done with each run, how a worker performs it, and what it hands back."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging import Handler, LogRecord, getLogger
from time import monotonic
from typing import Any, Protocol, TypeVar

from simcost.errors import RunError, SimcostError
from simcost.execution.cycles import freed_cycles
from simcost.execution.task_file import TaskFile, TaskReference

Tell = Callable[[float], None]
"""Called with the share of a run that is done; raises StoppedError where the run shall stop."""


class StoppedError(Exception):
    """The run was asked to stop."""


class LostWorkerError(Exception):
    """The worker of a run has ended; the message says how."""


class Runnable(Protocol):
    """Something that takes a while."""

    share: float
    """Share of it that is done."""

    @property
    def label(self) -> str:
        """Name of it in messages."""


Run_contra = TypeVar("Run_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Task(Protocol[Run_contra, Result_co]):
    """Work on runs of one kind, as plain data: it is written to a file once, and opened once in each worker."""

    def __call__(self, run: Run_contra, tell: Tell) -> Result_co:
        """Result of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run for a worker elsewhere."""

    task: TaskReference
    run: Runnable
    time_limit_s: float | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A run for a worker."""

    task: Task[Any, Any]
    file: TaskFile
    run: Runnable
    time_limit_s: float | None = None

    @property
    def label(self) -> str:
        """Name of the run."""
        return self.run.label

    def order(self) -> bytes:
        """The same for another process, pickled: what cannot be read there is an error of the run."""
        order = Order(task=self.file.reference(), run=self.run, time_limit_s=self.time_limit_s, label=self.label)
        return pickle.dumps(order, protocol=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """Outcome of an order."""

    result: Any = None
    error: Exception | None = None
    """Reason why there is no result."""
    logged: tuple[tuple[str, int, str], ...] = ()
    """Name of the logger, level and message of what was logged."""
    peak_bytes: int = 0
    """Most memory that the worker has taken so far."""


def open_ahead(task: TaskReference) -> None:
    """Open a task before its first run, which meets what is wrong with it again."""
    with suppress(Exception):
        task.opened()


def perform(pickled: bytes, tell: Tell) -> TaskOutcome:
    """Perform an order; errors become a part of the outcome."""
    with _collected_log() as logged:
        result, error = None, None
        try:
            order: Order = pickle.loads(pickled)  # noqa: S301 - of the command
            task = order.task.opened()
            with freed_cycles():
                result = task(order.run, _limited(tell, order))
        except Exception as failure:  # noqa: BLE001 - raised again where the command runs
            error = _portable(failure)
    return TaskOutcome(result=result, error=error, logged=tuple(logged), peak_bytes=peak_bytes())


def perform_untold(pickled: bytes) -> TaskOutcome:
    """The same, where the share done is not asked for."""
    return perform(pickled, lambda _share: None)


def _limited(tell: Tell, order: Order) -> Tell:
    """The same, which also keeps the time limit of an order."""
    limit_s, begun_s = order.time_limit_s, monotonic()

    def tell_in_time(share: float) -> None:
        tell(share)
        if limit_s is not None and monotonic() - begun_s > limit_s:
            raise too_long(order.label, limit_s)

    return tell_in_time


def too_long(label: str, limit_s: float | None) -> RunError:
    """The error of a run that takes longer than it may."""
    return RunError(f"{label}: takes longer than the limit of {limit_s:g} s; raise --time-limit")


def peak_bytes() -> int:
    """Most memory that this process has taken so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class _Collector(Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[str, int, str]] = []

    def emit(self, record: LogRecord) -> None:
        self.records.append((record.name, record.levelno, record.getMessage()))


@contextmanager
def _collected_log() -> Iterator[list[tuple[str, int, str]]]:
    """Log records of the package meanwhile, kept from other handlers."""
    logger, collector = getLogger("simcost"), _Collector()
    propagated = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield collector.records
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagated


def _portable(error: Exception) -> Exception:
    """An error that can be pickled; one that was not raised on purpose has the traceback of the worker as a note."""
    if not isinstance(error, SimcostError):
        error.add_note("In the worker:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - any class may fail in any way
        return RunError(f"{type(error).__name__}: {error}")
    return error
