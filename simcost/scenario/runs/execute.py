"""Runs in parallel: each simulated once, stored, reused; the result does not depend on the order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Protocol, TypeVar


class Run(Protocol):
    """Something that takes a while."""

    share: float
    """How much of it is done."""


class StoppedError(Exception):
    """The run was asked to stop."""


R = TypeVar("R", bound=Run)
T = TypeVar("T")


def execute(
    runs: Sequence[R],
    work: Callable[[R, Callable[[float], None]], T],
    *,
    jobs: int,
    note: Callable[[], None],
) -> list[T]:
    """What `work` makes of each run, in their order.

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
