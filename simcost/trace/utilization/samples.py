"""Monitored utilisation: what GPUs or pools of them did, sample by sample; each stands until the next."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """One row per unit and time, sorted by unit, then time; arrays of equal length.

    A unit is what one row measures: a GPU, a pod that holds one, or a whole pool of GPUs.
    """

    unit: Ints
    """Index into `units`."""
    pool: Ints
    """Index into `pools`."""
    owner: Ints
    """Index into `owners`: who holds the GPU at that time."""
    start_s: Floats
    """From the first sample of the file."""
    hold_s: Floats
    """How long the sample stands."""
    gpus: Floats
    """Capacity."""
    allocated: Floats
    """GPUs held by somebody, busy or not."""
    down: Floats
    """GPUs broken or withdrawn."""
    duty: Floats
    """Mean share of time, 0 to 1, in which the allocated GPUs worked; NaN where it was not measured."""
    pending: Floats
    """GPUs that waiting jobs of this pool ask for."""
    waiting_jobs: Floats
    memory_used_bytes: Floats
    """Of the unit; NaN where not measured."""
    memory_total_bytes: Floats
    units: tuple[str, ...]
    pools: tuple[str, ...]
    owners: tuple[str, ...]
    """The empty name where the file says none."""
    step_s: float
    """Median time between samples of a unit."""
    start_utc_s: float | None
    """Seconds since 1970 of the first sample; None = the clock is unknown."""
    queues: bool
    """Whether the file says how many GPUs or jobs wait."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def end_s(self) -> Floats:
        """When each sample ceases to stand."""
        return self.start_s + self.hold_s

    @property
    def span_s(self) -> float:
        """From the first sample to the end of the last."""
        return float(self.end_s.max())

    @property
    def capacity_gpu_s(self) -> float:
        """GPU-seconds of capacity that were observed."""
        return float(self.gpus @ self.hold_s)
