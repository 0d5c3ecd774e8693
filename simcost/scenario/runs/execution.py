"""Simulations at a time: in threads, watched, and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol, TypeVar

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of the simulations of a question; its result depends on none of them."""

    folder: Path
    """Folder of stored ledgers."""
    jobs: int
    """Simulations at a time."""
    fresh: bool
    """Simulate again what is stored."""
    progress: Progress
    """Called with the share done and what is done."""


class TrackedRun(Protocol):
    """Something that takes a while."""

    share: float
    """Share of it that is done."""


class StoppedError(Exception):
    """The run was asked to stop."""


R = TypeVar("R", bound=TrackedRun)
T = TypeVar("T")


def execute(
    runs: Sequence[R],
    work: Callable[[R, Callable[[float], None]], T],
    *,
    jobs: int,
    note: Callable[[], None],
) -> list[T]:
    """Return the results of `work` for each run, in their order.

    Args:
        runs: the runs.
        work: called in a thread for each run, with a function to tell the share done, which raises StoppedError to
            stop it. No more than `jobs` are at work at a time.
        jobs: threads; compiled code frees the interpreter.
        note: called in this thread now and then.

    Raises:
        KeyboardInterrupt: finished runs stay stored, the others leave nothing.
    """
    stop = Event()

    def one(run: R) -> T:
        def tell(share: float) -> None:
            run.share = 0.99 * share
            if stop.is_set():
                raise StoppedError

        found = work(run, tell)
        run.share = 1.0
        return found

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        futures = [threads.submit(one, run) for run in runs]
        try:
            _watch(futures, note)
            return [future.result() for future in futures]
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)


def _watch(futures: Sequence[Future[T]], note: Callable[[], None]) -> None:
    """Report until all are done or one has failed; then raise its error."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.2, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        note()


def watched(every: Sequence[TrackedRun], progress: Progress) -> Callable[[], None]:
    """A note that reports the runs that are done, and their share of the work."""

    def note() -> None:
        done, share = sum(run.share == 1.0 for run in every), sum(run.share for run in every) / len(every)
        first = "" if share else "; once per machine the simulator is compiled, some 10 s"
        progress(share, f"{done} of {len(every)} runs{first}")

    return note
