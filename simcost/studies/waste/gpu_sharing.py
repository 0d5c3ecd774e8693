"""Sharing of GPUs: several lightly used ones packed on one, by time slices or MIG."""

from dataclasses import dataclass
from math import ceil, floor, fsum

import numpy as np

from simcost.studies.waste.actions import Action, ordered
from simcost.studies.waste.buckets import Flags, Floats, Ints, Waste, pieces, spread
from simcost.trace.utilization.samples import UtilizationSamples

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
        """True if mean and p95 of the summed duty, and the memory, leave room."""
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
    held_s, last_start_s, last_end_s = _held_s(waste)
    units = np.flatnonzero(~np.isnan(held_s))
    if len(units) < 2:
        return []
    count = len(units)
    if count > MOST_UNITS:
        units = np.sort(np.argsort(-np.nan_to_num(held_s), kind="stable")[:MOST_UNITS])
    cell_s = max(waste.samples.step_s, waste.samples.span_s / CELLS)
    cells = max(ceil(last_end_s / cell_s), floor(last_start_s / cell_s) + 1)
    loads = _loads(waste, units, cell_s, cells)
    saved = [fsum(_saved(loads, pool, most, cell_s) for pool in np.unique(loads.pool).tolist()) for most in PER_GPU]
    if not saved[-1] > 0:
        return []
    part = f"; of {count:,} units the {MOST_UNITS:,} held longest" if count > MOST_UNITS else ""
    known = "and their memory fits" if loads.memory.any() else "(memory was not measured)"
    rule = (
        f"units of a pool share a GPU, up to {PER_GPU[1]} ({PER_GPU[0]} to {PER_GPU[2]}), while mean and p95 of "
        f"their summed duty over {cell_s:.0f} s stay at {100 * MOST_DUTY:.0f} % {known}; assumes that duty adds "
        f"up and that they bear each other's delays{part}"
    )
    return [
        Action(
            action="share GPUs",
            where="all",
            buckets=("allocated_idle",),
            effect="release",
            saves_gpu_s=ordered(saved[0], saved[1], saved[2]),
            rule=rule,
        )
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Loads:
    """Units that hold one GPU."""

    duty_s: Floats
    """Seconds of work; shape (units, cells)."""
    held_s: Floats
    """Seconds held; shape (units, cells)."""
    memory: Floats
    """Largest share of the GPU's memory that each unit used; 0 where it was not measured."""
    pool: Ints
    """Pool of each unit; the last one, if it moved."""


def _of_one(samples: UtilizationSamples) -> Flags:
    """Samples of units that hold one GPU, and whose duty was measured."""
    found: Flags = ~np.isnan(samples.duty) & (samples.gpus == 1) & (samples.allocated == 1)
    return found


def _held_s(waste: Waste) -> tuple[Floats, float, float]:
    """Time for which each unit holds one GPU, NaN of those that never do; last start and last end of such a sample."""
    held_s = np.full(len(waste.samples.units), np.nan)
    start_s = end_s = 0.0
    for samples in waste.samples.parts():
        mine = _of_one(samples)
        unit = samples.unit[mine]
        held_s[unit] = 0.0
        np.add.at(held_s, unit, samples.hold_s[mine])
        start_s = max(start_s, float(samples.start_s[mine].max(initial=0.0)))
        end_s = max(end_s, float(samples.end_s[mine].max(initial=0.0)))
    return held_s, start_s, end_s


def _loads(waste: Waste, units: Ints, cell_s: float, cells: int) -> _Loads:
    """Loads of some units, in the order of `units`, by cells of time."""
    count, rank = len(units), np.full(len(waste.samples.units), -1)
    rank[units] = np.arange(count)
    work, held = np.zeros((2, count * cells))
    memory, pool = np.zeros(count), np.zeros(count, np.int64)
    for samples in waste.samples.parts():
        ranks = rank[samples.unit]
        pool[ranks[ranks >= 0]] = samples.pool[ranks >= 0]
        mine = _of_one(samples) & (ranks >= 0)
        np.maximum.at(memory, ranks[mine], _memory_share(samples)[mine])
        for piece in pieces(len(samples)):
            rows = np.flatnonzero(mine[piece]) + piece.start
            row, cell, seconds = spread(samples.start_s[rows], samples.end_s[rows], cell_s)
            place = ranks[rows][row] * cells + cell
            np.add.at(held, place, seconds)
            np.add.at(work, place, seconds * samples.duty[rows][row])
    return _Loads(work.reshape(count, cells), held.reshape(count, cells), memory, pool)


def _memory_share(samples: UtilizationSamples) -> Floats:
    """Share of the GPU's memory that is used; 0 where it was not measured."""
    used, total = samples.memory_used_bytes, samples.memory_total_bytes
    found: Floats = np.nan_to_num(np.divide(used, total, out=np.zeros(len(used)), where=total > 0))
    return found


def _saved(loads: _Loads, pool: int, most: int, cell_s: float) -> float:
    """GPU-seconds that packing the units of a pool saves."""
    units = np.flatnonzero((loads.pool == pool) & (loads.held_s.sum(axis=1) > 0))
    ranked = units[np.argsort(-loads.duty_s[units].sum(axis=1), kind="stable")]
    shared: list[_Shared] = []
    open_: list[_Shared] = []
    for unit in ranked.tolist():
        load = (loads.duty_s[unit], loads.held_s[unit], float(loads.memory[unit]))
        fits = next((gpu for gpu in open_[-CANDIDATES:] if gpu.takes(*load, cell_s)), None)
        if fits is None:
            shared.append(_Shared(*load))
            open_.append(shared[-1])
            continue
        fits.add(*load)
        if fits.units == most:
            open_.remove(fits)
    after = fsum(float((gpu.held_s if gpu.units == 1 else np.minimum(gpu.held_s, cell_s)).sum()) for gpu in shared)
    return max(float(loads.held_s[units].sum()) - after, 0.0)
