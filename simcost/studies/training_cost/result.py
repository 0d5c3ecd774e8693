"""Results of `simcost train estimate`: a run, numbers of GPUs, and training methods.

Of a range, low is the fast and cheap end. Where the speed is not measured, mid is that of published benchmarks, and low
and high are the prediction interval of `whole_runs`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from simcost.perf.training.utilization import Mfu, ParallelLayout
from simcost.plan.failures import CorrelatedLoss
from simcost.studies.training_cost.inputs import ValueRange


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """Bytes of one GPU by part, their sum, and what it can hold."""

    weights: float
    gradients: float
    optimizer: float
    gathered: float
    activations: float
    logits: float
    overhead: float
    total: float
    usable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlopCounts:
    """FLOPs of a token, of the run, and the peak of a GPU."""

    per_token: float
    parameters_per_token: float
    attention_per_token: float
    teacher_per_token: float
    hardware_per_token: float
    total: float
    peak_per_gpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRunHours:
    """Duration of whole runs over that of benchmarks, and the GPU-hours that half of such runs exceed."""

    low: float
    mid: float
    high: float
    level: float
    runs: int
    families: int
    gpu_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalBatch:
    """The smallest global batch of the layout, and the largest published for models of up to twice the size."""

    least_tokens: int
    published_tokens: float | None
    published_run: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTime:
    """Duration over simulated runs."""

    mean: float
    p5: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFailures:
    """Runs simulated at the likely speed and rate."""

    runs: int
    time_s: SimulatedTime
    failures: float
    """On average."""
    parts_s: Mapping[str, float]
    """Mean time spent on each part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureHazards:
    """Interruptions of a run: of its nodes, and whatever its size."""

    per_node_day: ValueRange
    nodes: int
    of_nodes_per_day: float
    size_independent_per_day: float
    mtbf_s: float | None
    """None = never."""
    expected: float
    model: str
    correlated: CorrelatedLoss | None
    spares: int
    simulated: SimulatedFailures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPlan:
    """Checkpoints of a run, and the best intervals; None = at the end only."""

    bytes: float
    write_s: float
    interval_s: float | None
    at_the_end: bool
    """True if the run ends within the interval: its only checkpoint is at its end."""
    rule: str
    young_s: float | None
    daly_s: float | None
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseCost:
    """Cost of a run bought in one way, USD by part; None where a part has no price."""

    usd_per_gpu_h: float
    price_source: str
    price_as_of: str
    price_quality: str
    offer: str | None
    paid_gpus: int
    time_s: ValueRange
    """On spot with the interruptions there."""
    checkpoint_interval_s: float | None
    """Best at the interruptions of this way, where none is given; None = at the end only."""
    gpu_hours: ValueRange
    useful_compute: ValueRange
    failures_and_checkpoints: ValueRange
    storage: ValueRange | None
    """Of the checkpoints kept, and of the training data."""
    egress: ValueRange | None
    """Of the trained weights, and of the training data on their way to the provider."""
    total: ValueRange
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPriced:
    """Reason why a purchase option has no cost."""

    way: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHourPrice:
    """Price of a GPU-hour, with its date and source."""

    way: str
    offer: str | None
    usd_per_gpu_h: float
    as_of: str
    quality: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEstimate:
    """A run: memory, time, money."""

    verdict: str
    model: str
    method: str
    method_title: str
    accelerator: str
    precision: str
    tokens: float
    layout: ParallelLayout
    fits: Literal[True] = True
    """A run that does not fit is an error."""
    memory_bytes: GpuMemory
    flops: FlopCounts
    mfu: Mfu
    compute_s: ValueRange
    """Without failures and checkpoints."""
    time_s: ValueRange
    gpu_hours: ValueRange
    whole_runs: WholeRunHours | None
    """None where the speed is measured."""
    global_batch: GlobalBatch
    warnings: Sequence[str]
    tokens_per_s: ValueRange
    ettr: ValueRange
    ettr_first_order: float
    failures: FailureHazards
    checkpoints: CheckpointPlan
    cost_usd: Mapping[str, PurchaseCost]
    """By way of buying."""
    not_priced: tuple[NotPriced, ...]
    prices: tuple[GpuHourPrice, ...]
    offer: str | None
    energy_kwh: ValueRange | None
    carbon_kg: ValueRange | None
    """CO2e of the energy, location-based; None = power or grid are not known."""
    assumptions: tuple[str, ...]
    catalog_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuCount:
    """A run on one number of GPUs."""

    gpus: int
    time_s: ValueRange
    gpu_hours: ValueRange
    way_time_s: Mapping[str, ValueRange]
    """Time by way of buying: on spot with the interruptions there."""
    cost_usd: Mapping[str, ValueRange]
    """Totals by way of buying."""
    ettr: float
    """Of the way whose money counts."""
    mfu: float
    energy_kwh: ValueRange | None
    not_priced: tuple[NotPriced, ...]
    warnings: Sequence[str]
    keeps: bool
    """True if it keeps the target."""

    def time_by(self, way: str | None) -> ValueRange:
        """Time if it is bought in one way; None = of no way, as nothing has a price."""
        return self.time_s if way is None else self.way_time_s[way]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutCount:
    """A number of GPUs that cannot be, and why."""

    gpus: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuCounts:
    """A run over several numbers of GPUs."""

    verdict: str
    deadline_s: float | None
    budget_usd: float | None
    way: str | None
    points: tuple[GpuCount, ...]
    chosen_gpus: int | None
    """None: no target, or none keeps it."""
    estimate: TrainingEstimate | None
    """That of the chosen number."""
    left_out: tuple[LeftOutCount, ...]
    prices: tuple[GpuHourPrice, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A replica of the trained model on the layout on which a token costs least: its output tokens/s and their cost on
    demand.
    """

    tp: int
    batch: int
    context_tokens: int
    tokens_per_s: float
    usd_per_token: float
    usd_per_million_tokens: float
    spread: ValueRange
    """Factors on the USD between which eight in ten engines lie, by the log-normal spread of steps around the
    performance model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedMethod:
    """A training method on the run's GPUs, or on the fewest nodes that hold it."""

    method: str
    title: str
    model: str
    gpus_needed: int
    fits: Literal[True] = True
    gpus: int
    memory_bytes: float
    time_s: ValueRange
    gpu_hours: ValueRange
    cost_usd: Mapping[str, ValueRange]
    """Totals by way of buying."""
    checkpoint_bytes: float
    energy_kwh: ValueRange | None
    serving: ServedModel | None
    """None where it cannot be known."""
    serving_usd: float | None
    total_usd: ValueRange | None
    """Training and serving together, on demand."""
    quality: float | None
    """None = unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitMethod:
    """A training method that no number of GPUs holds."""

    method: str
    title: str
    model: str
    gpus_needed: None = None
    fits: Literal[False] = False
    reason: str
    cost_usd: None = None
    serving: None = None
    serving_usd: None = None
    total_usd: None = None
    quality: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationBreakEven:
    """Output tokens after which the distilled model has paid for its training; None = never."""

    against: str
    extra_training_usd: float
    saved_usd_per_million_tokens: float
    output_tokens: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodComparison:
    """Methods to get a model for a task, compared."""

    verdict: str
    model: str
    student: str | None
    accelerator: str
    precision: str
    tokens: float
    serve_tokens: float | None
    methods: tuple[TrainedMethod | UnfitMethod, ...]
    break_even: DistillationBreakEven | None
    prices: tuple[GpuHourPrice, ...]
    notes: tuple[str, ...]
    catalog_date: str
