"""Capacity that changes with time: spot nodes that come and go, or what serving leaves of a shared fleet."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simcost.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LONGEST_S = 1e9
"""32 years: without a horizon, jobs that have not ended by then never will."""
_FINEST = 9
"""Decimals of a second that a clock has at most: serving counts nanoseconds."""
_LARGEST = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GpuCapacity:
    """GPUs that jobs may use, constant between changes."""

    since_s: Floats
    """Times of the changes, the first 0."""
    gpus: Ints
    """From each of them on."""
    period_s: float | None = None
    """After it all starts again; None = the last value holds."""

    @classmethod
    def constant(cls, gpus: int) -> "GpuCapacity":
        """A capacity that does not change."""
        return cls(since_s=np.zeros(1), gpus=np.array([gpus], np.int64))

    @property
    def times_s(self) -> Floats:
        """All times that it is made of."""
        return self.since_s if self.period_s is None else np.append(self.since_s, self.period_s)

    @property
    def most(self) -> int:
        """The most GPUs there are at a time."""
        return int(self.gpus.max())

    def check(self) -> None:
        """Raise InputError for a capacity that does not begin at 0, does not go forward, or falls below 0."""
        if self.since_s[0] != 0 or (np.diff(self.times_s) <= 0).any() or self.gpus.min() < 0:
            raise InputError("capacity must begin at 0 s, change at rising times, and never be below 0 GPUs")


def ticks_per_s(times_s: Floats, longest: float) -> int:
    """Ticks of the coarsest decimal clock on which all times are whole numbers, or of the finest that cannot overflow.

    Args:
        times_s: of all that happens, seconds.
        longest: seconds to the last event x number of jobs, whose product with the ticks must fit into a word.

    >>> ticks_per_s(np.array([0.0, 600.0]), 1e12), ticks_per_s(np.array([0.25]), 1e12)
    (1, 100)
    >>> ticks_per_s(np.array([0.1234567]), 1e14)
    10000
    """
    ticks = 1
    for ticks in (10**decimals for decimals in range(_FINEST + 1)):
        if (np.rint(times_s * ticks) / ticks == times_s).all() or 10 * ticks * longest >= _LARGEST:
            break
    return ticks
