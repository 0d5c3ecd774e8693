"""Samples cut at the borders of cells of time: hours of the wall clock, or the steps of a grid."""

import numpy as np

from simcost.studies.waste.sweep import Floats, Ints
from simcost.trace.series.local_time import offsets
from simcost.trace.utilization.samples import Samples


def spread(start_s: Floats, end_s: Floats, cell_s: float) -> tuple[Ints, Ints, Floats]:
    """For each part of a row within one cell: the row, the number of the cell, and the seconds."""
    first = np.floor(start_s / cell_s).astype(np.int64)
    last = np.maximum(np.ceil(end_s / cell_s).astype(np.int64) - 1, first)
    count = last - first + 1
    row = np.repeat(np.arange(len(start_s)), count)
    cell = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + first[row]
    begin = np.maximum(start_s[row], cell * cell_s)
    seconds = np.maximum(np.minimum(end_s[row], (cell + 1) * cell_s) - begin, 0.0)
    return row, cell, seconds


def local_start_s(samples: Samples, timezone: str) -> Floats:
    """Start of each sample by the wall clock, seconds since 1970; from the first sample where that is unknown."""
    if samples.start_utc_s is None:
        return samples.start_s
    utc_s = samples.start_s + samples.start_utc_s
    local: Floats = utc_s + offsets_of(utc_s, timezone)
    return local


def offsets_of(utc_s: Floats, timezone: str) -> Ints:
    """Offset of the wall clock from UTC at each time, seconds. Raises InputError for an unknown zone."""
    whole = np.floor(utc_s).astype(np.int64)
    found: Ints = offsets(timezone, whole).local(whole) - whole
    return found
