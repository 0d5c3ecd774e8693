"""Waste by bucket and place, the most expensive first, with the action that each suggests."""

import numpy as np

from simcost.studies.waste.buckets import IDLE, Ints, Waste
from simcost.studies.waste.result import RankedWaste
from simcost.studies.waste.workload_actions import GpuTimeByOutcome, Memory

SUGGESTED = {
    "allocated_idle": "share, MIG, shut at night",
    "blocked_in_pool": "pack gangs, backfill",
    "blocked_partition": "merge pools, borrow quota",
    "free_idle": "consolidate, shut at night",
    "down": "repair, return",
    "checkpoint": "write in the background",
    "lost": "checkpoint more often",
    "restart": "start faster, preempt less",
    "failed": "fix failing jobs",
    "cancelled": "stop runs earlier",
    "oversized_memory": "right-size: MIG, smaller GPU",
}
"""By bucket; the last three lie within others and are counted separately."""
BESIDE = ("failed", "cancelled", "oversized_memory")
SHOWN = 20
Row = tuple[str, str, float]
"""Bucket, where, GPU-seconds."""


def places(waste: Waste) -> tuple[str, Ints, tuple[str, ...]]:
    """Places to which waste is attributed: `owner`, `pool` or `unit`, the first that the file names; its codes and
    names.
    """
    samples = waste.samples
    kinds = {
        "owner": (samples.owner, samples.owners),
        "pool": (samples.pool, samples.pools),
        "unit": (samples.unit, samples.units),
    }
    kind = next((name for name, (_, words) in kinds.items() if any(words)), "unit")
    codes, words = kinds[kind]
    return kind, codes, tuple(word or "(none)" for word in words)


def rows_of(waste: Waste, codes: Ints, names: tuple[str, ...]) -> list[Row]:
    """GPU-seconds of waste by bucket and place."""
    rows: list[Row] = []
    for bucket in (*IDLE, "down"):
        seconds = np.bincount(codes, waste.seconds[bucket], len(names))
        rows += [(bucket, name, total) for name, total in zip(names, seconds.tolist(), strict=True)]
    return rows


def memory_rows(waste: Waste, memory: Memory | None, codes: Ints, names: tuple[str, ...]) -> list[Row]:
    """GPU-seconds of memory held beyond the p99 used, by place; a unit that moved counts where it was last."""
    if memory is None:
        return []
    last = np.zeros(len(waste.samples.units), np.int64)
    last[waste.samples.unit] = codes
    seconds = np.bincount(last[memory.unit], memory.unused_gpu_s, len(names))
    return [("oversized_memory", name, total) for name, total in zip(names, seconds.tolist(), strict=True)]


def outcome_rows(found: GpuTimeByOutcome | None) -> list[Row]:
    """GPU-seconds of failed and cancelled jobs."""
    if found is None:
        return []
    return [("failed", "jobs", found.gpu_s["failed"]), ("cancelled", "jobs", found.gpu_s["killed"])]


def ranked(rows: list[Row], capacity_gpu_s: float, usd_per_h: float) -> tuple[RankedWaste, ...]:
    """The rows with some waste, largest first, at most SHOWN."""
    found = sorted((row for row in rows if row[2] > 0), key=lambda row: (-row[2], row[0], row[1]))
    return tuple(
        RankedWaste(
            bucket=bucket,
            where=where,
            gpu_hours=seconds / 3600.0,
            usd=seconds / 3600.0 * usd_per_h,
            share=seconds / capacity_gpu_s,
            beside=bucket in BESIDE,
            action=SUGGESTED[bucket],
        )
        for bucket, where, seconds in found[:SHOWN]
    )
