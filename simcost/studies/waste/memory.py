"""Oversized memory: what units use against what they hold, and the slice of a GPU that would do."""

from dataclasses import dataclass

import numpy as np

from simcost.studies.waste.action import Action, ordered
from simcost.studies.waste.buckets import Waste
from simcost.studies.waste.sweep import Floats, Ints, quantile

MIG = ((1, 1, 7), (1, 2, 4), (2, 2, 3), (3, 4, 2))
"""Slices of a seven-slice GPU (A100, H100, H200, B200): compute in sevenths, memory in eighths, instances per GPU.
Source: NVIDIA MIG User Guide, supported profiles."""
SLICED = ("a100", "h100", "h200", "b200", "gb200", "b300", "gb300")
"""Beginnings of the names of accelerators with seven such slices."""
HEADROOM = 1.1
"""Memory asked for over the p99 used."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Use of memory by unit, of those for which it was measured."""

    unit: Ints
    held_s: Floats
    """GPU-seconds for which the unit was allocated."""
    total_bytes: Floats
    p99_bytes: Floats
    most_bytes: Floats
    duty: Floats
    """Shape (3, units): mean, p95 and largest duty; NaN where not measured."""

    @property
    def unused_gpu_s(self) -> Floats:
        """Requested - p99 used, as GPUs x time."""
        return self.held_s * np.maximum(1 - self.p99_bytes / self.total_bytes, 0.0)


def measure(waste: Waste) -> Memory | None:
    """Quantiles over time held by unit; None where no memory was measured."""
    samples = waste.samples
    known = (samples.memory_total_bytes > 0) & ~np.isnan(samples.memory_used_bytes) & (samples.allocated > 0)
    rows = np.flatnonzero(known & (samples.gpus == 1))
    if not len(rows):
        return None
    first = np.flatnonzero(np.append(True, np.diff(samples.unit[rows]) != 0))
    groups = np.split(rows, first[1:])
    used, weight = samples.memory_used_bytes, samples.hold_s * samples.allocated
    duty = [(float(np.average(samples.duty[g], weights=weight[g])), quantile(samples.duty[g], weight[g], 0.95),
             float(samples.duty[g].max())) for g in groups]  # fmt: skip
    return Memory(
        unit=samples.unit[rows][first],
        held_s=np.array([weight[g].sum() for g in groups]),
        total_bytes=np.array([samples.memory_total_bytes[g].max() for g in groups]),
        p99_bytes=np.array([quantile(used[g], weight[g], 0.99) for g in groups]),
        most_bytes=np.array([used[g].max() for g in groups]),
        duty=np.array(duty).T,
    )


def right_size(memory: Memory | None, accelerator: str | None = None) -> list[Action]:
    """Give each unit the smallest MIG slice that holds its memory and its duty, unless the accelerator has none."""
    sliced = accelerator is None or accelerator.startswith(SLICED)
    if memory is None or not sliced or np.isnan(memory.duty).any():
        return []
    mean, p95, most = memory.duty
    cases = [(memory.most_bytes, most), (memory.p99_bytes, np.maximum(p95, mean)), (memory.p99_bytes, mean)]
    lo, expected, hi = (_saved(memory, used, duty) for used, duty in cases)
    if not hi > 0:
        return []
    rule = (f"each unit gets the smallest MIG slice with {HEADROOM:g} x its p99 memory and a share of compute of at "
            "least its p95 duty (low: the largest of both; high: mean duty), slices filling whole GPUs; assumes a GPU "
            "of seven slices and that a unit at duty d needs the share d of its compute")  # fmt: skip
    return [Action(action="right-size memory (MIG)", where="all", buckets=("allocated_idle",), effect="release",
                   saves_gpu_s=ordered(lo, expected, hi), rule=rule)]  # fmt: skip


def _saved(memory: Memory, used_bytes: Floats, duty: Floats) -> float:
    """GPU-seconds saved if each unit pays for its slice only; a unit that fits none keeps its GPU."""
    part = np.ones(len(memory.unit))
    for compute, eighths, count in reversed(MIG):
        fits = (HEADROOM * used_bytes <= memory.total_bytes * eighths / 8) & (duty <= compute / 7)
        part[fits] = 1 / count
    return float(memory.held_s @ (1 - part))
