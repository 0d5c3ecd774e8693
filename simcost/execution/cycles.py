"""Reference cycles: what a piece of work leaves in them is freed as it ends, not at Python's next full collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def freed_cycles() -> Iterator[None]:
    """Free what the work within has made and left in reference cycles, such as a played simulation with its arrays.

    Python looks for cycles by the number of objects, not by their bytes: those of many runs would wait for each other.
    What is older than the work is set aside meanwhile, so that the look takes the time of the new objects alone.
    """
    outermost = gc.get_freeze_count() == 0
    if outermost:
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        if outermost:
            gc.unfreeze()
