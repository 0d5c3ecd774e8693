"""Result of `simcost waste`: use of the GPU-hours, their cost, the most expensive waste, and measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simcost.documents import FindingDocument, optional_key
from simcost.studies.waste.actions import Effect, Range


@dataclass(frozen=True, slots=True, kw_only=True)
class WastePrice:
    """Price of a GPU-hour."""

    usd_per_gpu_hour: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketUse:
    """GPU-hours in a bucket."""

    gpu_hours: float
    usd: float
    share: float
    """Of the capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedWaste:
    """Waste of one bucket at one place."""

    bucket: str
    where: str
    gpu_hours: float
    usd: float
    share: float
    """Of the capacity."""
    beside: bool
    """True if it lies within other buckets and is counted separately."""
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure with its saving; measures overlap, so that their savings do not add up."""

    action: str
    where: str
    buckets: tuple[str, ...]
    effect: Effect
    saves_gpu_hours: Range
    saves_usd: Range
    rule: str
    share: float | None
    """Expected saving of the capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedHours:
    """Waiting while GPUs are idle, over all pools: see `QueueWaste`."""

    pending_gpu_hours: float
    in_pool_gpu_hours: float
    partition_gpu_hours: float
    shortage_gpu_hours: float
    idle_gpu_hours: float
    waiting_share: float
    avoidable_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceUse:
    """GPU-hours of a place by bucket."""

    where: str
    gpu_hours: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCost:
    """Part of a place in the cost."""

    where: str
    gpu_hours: float
    allocation: float
    """Allocated / GPU-hours."""
    utilisation: float | None
    """Useful / GPU-hours; None if duty was not measured."""
    usd: float
    wasted_usd: float
    """Of GPU-hours that did no work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourUse:
    """Use of a place in one hour of the day, as shares of its capacity."""

    where: str
    hour: int
    allocation: float
    utilisation: float | None
    """None: not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """Measured values, sample by sample, whatever time each stands for."""

    rows: int
    units: int
    pools: int
    owners: int
    step_s: float
    duty_mean: float | None
    duty_zero_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteResult:
    """GPU-hours of hardware by use."""

    file: str
    plan: str | None = optional_key()
    """Of the results folder."""
    span_s: float
    price: WastePrice
    capacity_gpu_hours: float
    cost_usd: float
    allocation: float
    """Allocated / capacity."""
    utilisation: float | None
    """Of samples useful / capacity measured, None if duty was not measured; of a plan that of its result."""
    buckets: Mapping[str, BucketUse]
    ranked: tuple[RankedWaste, ...]
    actions: tuple[Measure, ...]
    findings: Sequence[FindingDocument]
    verdict: str
    fragmentation: float | None
    """Idle that jobs of the same pool wait for / idle; None without queues."""
    blocked: BlockedHours | None
    outcomes: Mapping[str, float] | None
    """GPU-hours of jobs by outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteByModel:
    """GPU-hours from samples of GPUs of several models, each at its price."""

    file: str
    capacity_gpu_hours: float
    cost_usd: float
    models: "Mapping[str, SampledWaste]"
    findings: Sequence[FindingDocument]
    verdict: str
    provenance: Mapping[str, Any] | None = optional_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWaste(WasteResult):
    """GPU-hours of a plan of a finished run."""

    provenance: Mapping[str, Any] | None = optional_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledWaste(WasteResult):
    """GPU-hours from samples, and what charts show of them."""

    by: str
    """Kind of the places: `owner`, `pool` or `unit`."""
    places: tuple[PlaceUse, ...]
    showback: tuple[PlaceCost, ...]
    """Of owners or pools, the most expensive first; they add up to the cost. Empty where the file names none."""
    hours: tuple[HourUse, ...]
    clock: str | None
    """Time zone of the hours; None: they count from the first sample."""
    samples: SampleSummary
    provenance: Mapping[str, Any] | None = optional_key()
