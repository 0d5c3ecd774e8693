"""Sharing GPUs: several lightly used ones are packed on one, by time slices or MIG."""

from dataclasses import dataclass

import numpy as np

from simcost.studies.waste.action import Action, ordered
from simcost.studies.waste.buckets import Waste
from simcost.studies.waste.clock import spread
from simcost.studies.waste.sweep import Flags, Floats, Ints

MOST_DUTY = 0.8
QUANTILE = 0.95
CELLS = 1440
CANDIDATES = 16
"""GPUs that a unit is tried on: the last of those with room, which hold the lightest units."""
PER_GPU = (2, 4, 7)
"""Units per GPU: low, expected, high."""
MEMORY = 0.95
MOST_UNITS = 3000


@dataclass(slots=True, eq=False)
class _Shared:
    """One GPU that several units share."""

    duty_s: Floats
    """Seconds of work per cell."""
    held_s: Floats
    memory: float
    units: int = 1

    def takes(self, duty_s: Floats, held_s: Floats, memory: float, cell_s: float) -> bool:
        """Whether mean and p95 of the summed duty, and the memory, leave room."""
        if self.memory + memory > MEMORY:
            return False
        work = self.duty_s + duty_s
        held = np.minimum(self.held_s + held_s, cell_s)
        if work.sum() > MOST_DUTY * held.sum():
            return False
        there = held > 0
        return bool(np.quantile(work[there] / held[there], QUANTILE) <= MOST_DUTY)

    def add(self, duty_s: Floats, held_s: Floats, memory: float) -> None:
        self.duty_s = self.duty_s + duty_s
        self.held_s = self.held_s + held_s
        self.memory += memory
        self.units += 1


def share_gpus(waste: Waste) -> list[Action]:
    """Pack the units of each pool that hold one GPU, first-fit by falling duty, on shared GPUs.

    A GPU takes a unit while the mean and the 95th percentile of the summed duty stay at 80 % and the memory
    fits, where it was measured. Saved is the time held before, less the time in which any of the sharers of a
    GPU holds it after.
    """
    samples = waste.samples
    mine = ~np.isnan(samples.duty) & (samples.gpus == 1) & (samples.allocated == 1)
    units = np.unique(samples.unit[mine])
    if len(units) < 2:
        return []
    if len(units) > MOST_UNITS:
        held = np.bincount(samples.unit[mine], samples.hold_s[mine], len(samples.units))
        mine &= np.isin(samples.unit, np.argsort(-held, kind="stable")[:MOST_UNITS])
    cell_s = max(samples.step_s, samples.span_s / CELLS)
    duty_s, held_s = _grid(waste, mine, cell_s)
    memory = _memory(waste, mine)
    pool = np.zeros(len(samples.units), np.int64)
    pool[samples.unit] = samples.pool
    saved = [sum(_saved(duty_s, held_s, memory, np.flatnonzero((pool == one) & (held_s.sum(axis=1) > 0)), most,
                        cell_s) for one in np.unique(pool).tolist()) for most in PER_GPU]  # fmt: skip
    if not saved[-1] > 0:
        return []
    part = f"; of {len(units):,} units the {MOST_UNITS:,} held longest" if len(units) > MOST_UNITS else ""
    known = "and their memory fits" if memory.any() else "(memory was not measured)"
    rule = (f"units of a pool share a GPU, up to {PER_GPU[1]} ({PER_GPU[0]} to {PER_GPU[2]}), while mean and p95 of "
            f"their summed duty over {cell_s:.0f} s stay at {100 * MOST_DUTY:.0f} % {known}; assumes that duty adds "
            f"up and that they bear each other's delays{part}")  # fmt: skip
    return [Action(action="share GPUs", where="all", buckets=("allocated_idle",), effect="release",
                   saves_gpu_s=ordered(saved[0], saved[1], saved[2]), rule=rule)]  # fmt: skip


def _grid(waste: Waste, mine: Flags, cell_s: float) -> tuple[Floats, Floats]:
    """Seconds of work and seconds held, by unit and cell."""
    samples = waste.samples
    rows = np.flatnonzero(mine)
    row, cell, seconds = spread(samples.start_s[rows], samples.end_s[rows], cell_s)
    shape = (len(samples.units), int(cell.max()) + 1)
    place = samples.unit[rows][row] * shape[1] + cell
    size = shape[0] * shape[1]
    held = np.bincount(place, seconds, size).astype(np.float64).reshape(shape)
    work = np.bincount(place, seconds * samples.duty[rows][row], size).astype(np.float64).reshape(shape)
    return work, held


def _memory(waste: Waste, mine: Flags) -> Floats:
    """Largest share of the GPU's memory that each unit used; 0 where it was not measured."""
    samples = waste.samples
    most = np.zeros(len(samples.units))
    used, total = samples.memory_used_bytes, samples.memory_total_bytes
    share = np.nan_to_num(np.divide(used, total, out=np.zeros(len(used)), where=total > 0))
    np.maximum.at(most, samples.unit[mine], share[mine])
    return most


def _saved(duty_s: Floats, held_s: Floats, memory: Floats, units: Ints, most: int, cell_s: float) -> float:
    """GPU-seconds that packing the units saves."""
    ranked = units[np.argsort(-duty_s[units].sum(axis=1), kind="stable")]
    shared: list[_Shared] = []
    open_: list[_Shared] = []
    for unit in ranked.tolist():
        load = (duty_s[unit], held_s[unit], float(memory[unit]))
        fits = next((gpu for gpu in open_[-CANDIDATES:] if gpu.takes(*load, cell_s)), None)
        if fits is None:
            shared.append(_Shared(*load))
            open_.append(shared[-1])
            continue
        fits.add(*load)
        if fits.units == most:
            open_.remove(fits)
    after = sum(
        float((gpu.held_s if gpu.units == 1 else np.minimum(gpu.held_s, cell_s)).sum()) for gpu in shared
    )
    return max(float(held_s[units].sum()) - after, 0.0)
