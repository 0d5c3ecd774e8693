"""Waste by bucket and place, the most expensive first, with the action that each suggests."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum
from typing import Literal

import numpy as np

from simcost.studies.waste.buckets import IDLE, MONITORED, Floats, Ints, Waste
from simcost.studies.waste.price import GpuPrice
from simcost.studies.waste.result import PlaceCost, RankedWaste
from simcost.studies.waste.workload_actions import GpuTimeByOutcome, Memory
from simcost.trace.utilization.samples import UtilizationSamples

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
Kind = Literal["owner", "pool", "unit"]
Row = tuple[str, str, float]
"""Bucket, where, GPU-seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Places to which waste is attributed."""

    kind: Kind
    """The first of these that the file names."""
    names: tuple[str, ...]
    seconds: dict[str, Floats]
    """GPU-seconds of each place, by bucket."""
    of_unit: Ints
    """Place where each unit was last."""

    def codes(self, samples: UtilizationSamples) -> Ints:
        """Place of each sample."""
        found: Ints = getattr(samples, self.kind)
        return found


def places(waste: Waste) -> Places:
    """GPU-seconds of waste by place."""
    named: dict[Kind, tuple[str, ...]] = {
        "owner": waste.samples.owners,
        "pool": waste.samples.pools,
        "unit": waste.samples.units,
    }
    kind: Kind = next((kind for kind, words in named.items() if any(words)), "unit")
    found = Places(
        kind=kind,
        names=tuple(word or "(none)" for word in named[kind]),
        seconds={name: np.zeros(len(named[kind])) for name in MONITORED},
        of_unit=np.zeros(len(waste.samples.units), np.int64),
    )
    for part in waste.parts():
        codes = found.codes(part.samples)
        found.of_unit[part.samples.unit] = codes
        for name, seconds in part.seconds.items():
            np.add.at(found.seconds[name], codes, seconds)
    return found


def rows_of(places: Places) -> list[Row]:
    """GPU-seconds of waste by bucket and place."""
    buckets = (*IDLE, "down")
    return [
        (bucket, name, seconds)
        for bucket in buckets
        for name, seconds in zip(places.names, places.seconds[bucket].tolist(), strict=True)
    ]


def memory_rows(memory: Memory | None, places: Places) -> list[Row]:
    """GPU-seconds of memory held beyond the p99 used, by place; a unit that moved counts where it was last."""
    if memory is None:
        return []
    seconds = np.bincount(places.of_unit[memory.unit], memory.unused_gpu_s, len(places.names))
    return [("oversized_memory", name, total) for name, total in zip(places.names, seconds.tolist(), strict=True)]


def outcome_rows(found: GpuTimeByOutcome | None) -> list[Row]:
    """GPU-seconds of failed and cancelled jobs."""
    if found is None:
        return []
    return [("failed", "jobs", found.gpu_s["failed"]), ("cancelled", "jobs", found.gpu_s["killed"])]


def ranked(rows: list[Row], capacity_gpu_s: float, price: GpuPrice) -> tuple[RankedWaste, ...]:
    """The rows with some waste, the costliest first, at most SHOWN."""
    found = sorted((row for row in rows if row[2] > 0), key=lambda row: (-row[2] * price.of(row[0]), row[0], row[1]))
    return tuple(
        RankedWaste(
            bucket=bucket,
            where=where,
            gpu_hours=seconds / 3600.0,
            usd=seconds / 3600.0 * price.of(bucket),
            share=seconds / capacity_gpu_s,
            beside=bucket in BESIDE,
            action=SUGGESTED[bucket],
        )
        for bucket, where, seconds in found[:SHOWN]
    )


def showback(places: Places, price: GpuPrice) -> tuple[PlaceCost, ...]:
    """The cost by owner or pool, the most expensive first; those beyond SHOWN are one row, where they are several."""
    if places.kind == "unit":
        return ()
    usd = np.sum([seconds * price.of(name) for name, seconds in places.seconds.items()], axis=0)
    order = np.argsort(-usd, kind="stable")
    shown = SHOWN if len(order) > SHOWN + 1 else len(order)
    groups = [(places.names[i], order[k : k + 1]) for k, i in enumerate(order[:shown])]
    if len(order) > shown:
        groups.append((f"{len(order) - shown:,} others", order[shown:]))
    return tuple(
        _part(name, {bucket: float(each[rows].sum()) for bucket, each in places.seconds.items()}, price)
        for name, rows in groups
    )


def _part(where: str, seconds: Mapping[str, float], price: GpuPrice) -> PlaceCost:
    hours = {bucket: held / 3600.0 for bucket, held in seconds.items()}
    total = fsum(hours.values())
    return PlaceCost(
        where=where,
        gpu_hours=total,
        allocation=fsum(hours[name] for name in ("useful", "unmeasured", "allocated_idle")) / total if total else 0.0,
        utilisation=None if hours["unmeasured"] or not total else hours["useful"] / total,
        usd=fsum(held * price.of(name) for name, held in hours.items()),
        wasted_usd=fsum(hours[name] * price.of(name) for name in (*IDLE, "down")),
    )
