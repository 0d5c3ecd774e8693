"""Reference cycles: what a piece of work leaves in them is freed as it ends, not at Python's next full collection."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_LOCK = Lock()
_AT_WORK: list[None] = []
"""One for each piece of work that is being done, within others or beside them: what is older stays set aside."""


def set_aside() -> None:
    """Set all that there is aside for good: looks for cycles, those of others too, take the time of newer objects."""
    with _LOCK:
        gc.collect()
        gc.freeze()
        _AT_WORK.append(None)


@contextmanager
def freed_cycles(*, from_s: float = 0.0) -> Iterator[None]:
    """Free what the work within has made and left in reference cycles, such as a played simulation with its arrays.

    Python looks for cycles by the number of objects, not by their bytes: those of many runs would wait for each other.
    What is older than the work is set aside meanwhile, so that the look takes the time of the new objects alone.

    Args:
        from_s: CPU seconds of work from which it is worth a look; shorter work leaves its cycles to Python.
    """
    with _LOCK:
        if not _AT_WORK:
            gc.freeze()
        _AT_WORK.append(None)
    begun_s = time.thread_time()
    try:
        yield
    finally:
        if time.thread_time() - begun_s >= from_s:
            gc.collect()
        with _LOCK:
            _AT_WORK.pop()
            if not _AT_WORK:
                gc.unfreeze()
