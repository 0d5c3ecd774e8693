"""Share of a cluster that placements allocate before fragmentation, and comparison of scheduling policies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcost.documents import FindingDocument, optional_key
from simcost.units import format_seconds, format_share, plural

Run = Callable[[str, int], Mapping[str, Any]]
"""Packs the cluster by a placement, in the order of a seed: the document of `sim.jobs.packing.pack`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpread:
    """Mean and standard deviation over the orders of arrival."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementResult:
    """Shares of the GPUs under a placement, by per cent of the GPUs that have been requested."""

    placement: str
    allocated: Mapping[str, OrderSpread]
    fragmented: Mapping[str, OrderSpread]
    """Of the idle ones that no typical job could use."""
    allocated_at_end: OrderSpread
    refused_gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingResult:
    """Placements compared."""

    verdict: str
    gpus: int
    requested_at_end: float
    """Of the GPUs, mean over the orders: the next job would have asked for more than may arrive."""
    orders: int
    placements: tuple[PlacementResult, ...]
    findings: Sequence[FindingDocument] = ()
    provenance: Mapping[str, Any] | None = optional_key()


def packing(run: Run, placements: Sequence[str], seeds: Sequence[int], *, gpus: int) -> PackingResult:
    """Placements side by side.

    Args:
        run: packs the cluster once.
        placements: names.
        seeds: of the orders in which jobs arrive.
        gpus: of the cluster.
    """
    runs = {name: [run(name, seed) for seed in seeds] for name in placements}
    found = [_placement(name, of) for name, of in runs.items()]
    requested = float(np.mean([each["requested_at_end"] for of in runs.values() for each in of]))
    return PackingResult(
        verdict=_verdict(found, requested, gpus),
        gpus=gpus,
        requested_at_end=requested,
        orders=len(seeds),
        placements=tuple(found),
    )


def _verdict(found: Sequence[PlacementResult], requested: float, gpus: int) -> str:
    """The placements, the best first, and its advantage."""
    by_end = sorted(((one.allocated_at_end.mean, one.placement) for one in found), reverse=True)
    shares = [f"{name} {format_share(share)}" for share, name in by_end]
    worth = round((by_end[0][0] - by_end[-1][0]) * gpus)
    more = f": the best placement is worth {worth:,} GPUs" if worth else ""
    return (
        f"When {100 * requested:.0f} % of {gpus:,} GPUs have been requested, {', '.join(shares)} of them have been "
        f"allocated{more}."
    )


def _placement(name: str, runs: Sequence[Mapping[str, Any]]) -> PlacementResult:
    return PlacementResult(
        placement=name,
        allocated=_by_per_cent([run["allocated"] for run in runs]),
        fragmented=_by_per_cent([run["fragmented"] for run in runs]),
        allocated_at_end=_spread([run["allocated_at_end"] for run in runs]),
        refused_gpus=float(np.mean([run["refused_gpus"] for run in runs])),
    )


def _by_per_cent(runs: Sequence[Mapping[str, float]]) -> dict[str, OrderSpread]:
    """Every per cent that all runs have come to; where no job's arrival rounds to one, it is as at the last before."""
    most = min(max(map(int, run)) for run in runs)
    steps = [_held(run, most) for run in runs]
    return {str(at): _spread([step[at] for step in steps]) for at in range(most + 1)}


def _held(run: Mapping[str, float], most: int) -> list[float]:
    """Values from 0 % on, each held until the next."""
    result = [run.get("0", 0.0)]
    for at in range(1, most + 1):
        result.append(run.get(str(at), result[-1]))
    return result


def _spread(values: Sequence[float]) -> OrderSpread:
    return OrderSpread(
        mean=float(np.mean(values)),
        sd=float(np.std(values)),
    )


Document = Mapping[str, Any]


def policies_verdict(names: Sequence[str], documents: Sequence[Document]) -> str:
    """Under which policy jobs complete soonest on average, and how the first one does. Waits would not do: those of
    policies that preempt leave out what follows a preemption.

    Args:
        names: of the policies.
        documents: of `sim.jobs.summary.replay_document`, in the same order.
    """
    known = [
        (document["jct_s"]["mean"], name, document)
        for name, document in zip(names, documents, strict=True)
        if document["jct_s"]["mean"] is not None
    ]
    if not known:
        return "No job completes on this cluster, under any of the policies."
    _, best, found = min(known, key=lambda each: float(each[0]))
    stops = f", with {plural(found['preemptions'], 'preemption')}" if found["preemptions"] else ""
    said = f"Jobs complete soonest under {best}: {_jct(found)} after submission on average{stops}"
    if best == names[0] or documents[0]["jct_s"]["mean"] is None:
        return f"{said}."
    return f"{said}; under {names[0]} {_jct(documents[0])}."


def _jct(document: Document) -> str:
    return format_seconds(document["jct_s"]["mean"])
