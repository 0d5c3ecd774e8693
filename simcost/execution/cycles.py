"""Reference cycles: what a piece of work leaves in them is freed as it ends, not at Python's next full collection."""

import gc
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
def freed_cycles() -> Iterator[None]:
    """Free what the work within has made and left in reference cycles, such as a played simulation with its arrays.

    Python looks for cycles by the number of objects, not by their bytes: those of many runs would wait for each other.
    What is older than the work is set aside meanwhile, so that the look takes the time of the new objects alone.
    """
    with _LOCK:
        if not _AT_WORK:
            gc.freeze()
        _AT_WORK.append(None)
    try:
        yield
    finally:
        gc.collect()
        with _LOCK:
            _AT_WORK.pop()
            if not _AT_WORK:
                gc.unfreeze()
