"""Duration of a run: its FLOPs at its utilisation, stretched by failures and checkpoints.

T = FLOPs / (G x dense peak x MFU) / ETTR.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, isinf
from statistics import median
from typing import Annotated, Literal

from annotated_types import Ge

from simcost.catalog.facts import Accelerator, Precision
from simcost.catalog.training_runs import FailureRate
from simcost.errors import CatalogError, InputError
from simcost.perf.checkpoints import daly_optimum, daly_time, ettr, job_mtbf_s, state_bytes, young
from simcost.perf.training.methods import check_limits
from simcost.units import SECONDS_PER_DAY, BytesPerS, PositiveCount, PositiveSeconds, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Interruptions of a run, and the cost of one."""

    per_node_day: Annotated[float, Ge(0)] | None = None
    """Interruptions per node and day; None = the lowest, median and highest published rate of the catalog."""
    size_independent_per_day: Annotated[float, Ge(0)] = 0.0
    """Interruptions per day however small the job is."""
    gpus_per_node: PositiveCount = 8
    restart_s: Seconds = 300.0
    """From the failure to work again."""
    checkpoint_interval_s: PositiveSeconds | None = None
    """None = the optimum at the likely failure rate."""
    optimum: Literal["young", "daly"] = "young"
    """To first order, or exact for memoryless failures."""
    write_bytes_per_s: BytesPerS = 1e9
    """Into storage, per node: all nodes write their shard at the same time, and the run waits for them."""

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ettr:
    """Effective training time ratio at one failure rate: useful time / whole time."""

    value: float
    per_node_day: float
    mtbf_s: float
    """Mean time between failures of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointWrites:
    """Checkpoints: size, interval, and the time that the run waits for one."""

    size_bytes: float
    write_s: float
    interval_s: float
    young_s: float
    """The interval that is best to first order."""
    daly_s: float
    """The best interval under memoryless failures."""


def peak_flops(accelerator: Accelerator, precision: Precision) -> float:
    """The dense peak at which matrices are multiplied.

    Raises:
        CatalogError: the accelerator does not multiply this precision.
        InputError: nothing is trained in this precision here.
    """
    if precision not in ("bf16", "fp8"):
        raise InputError(f"training in {precision} is not modelled; use bf16 or fp8")
    peak = accelerator.bf16_flops if precision == "bf16" else accelerator.fp8_flops
    if peak is None:
        raise CatalogError(
            f"the catalog has no dense {precision} peak of {accelerator.name}; use bf16, or add it to "
            "accelerators.csv in your catalog folder"
        )
    return peak


def compute_s(flops: float, gpus: int, flops_per_s: float) -> float:
    """Seconds of pure computing.

    >>> round(compute_s(6 * 405e9 * 15.6e12, 16384, 400e12) / 86400, 1)
    66.9
    """
    return flops / (gpus * flops_per_s)


def failure_rates(failures: Failures, published: Sequence[FailureRate]) -> tuple[float, float, float]:
    """Failures per node and day: lowest, likely, highest.

    Raises:
        CatalogError: no rate given, none published.
    """
    if failures.per_node_day is not None:
        return (failures.per_node_day,) * 3
    if not published:
        raise CatalogError(
            "the catalog has no failure rate; give the interruptions per node and day of your cluster (0 = none)"
        )
    rates = sorted(row.per_node_day for row in published)
    return rates[0], median(rates), rates[-1]


def checkpoints(trained_parameters: float, gpus: int, failures: Failures, per_node_day: float) -> CheckpointWrites:
    """Size by 14 bytes a trained parameter, written by all nodes at once; the interval given or the best."""
    size = state_bytes(trained_parameters)
    write_s = size / (failures.write_bytes_per_s * node_count(gpus, failures))
    mtbf_s = mtbf_of(gpus, failures, per_node_day)
    first, exact = young(write_s, mtbf_s), daly_optimum(write_s, failures.restart_s, mtbf_s)
    best = exact if failures.optimum == "daly" else first
    interval_s = failures.checkpoint_interval_s or best
    return CheckpointWrites(size_bytes=size, write_s=write_s, interval_s=interval_s, young_s=first, daly_s=exact)


def ettr_of(written: CheckpointWrites, gpus: int, failures: Failures, per_node_day: float) -> Ettr:
    """The share of time that is useful: Daly's expected time, exact for exponential failures.

    Raises:
        InputError: so many failures that the run would never end.
    """
    mtbf_s = mtbf_of(gpus, failures, per_node_day)
    if isinf(mtbf_s) and isinf(written.interval_s):
        return Ettr(value=1.0, per_node_day=per_node_day, mtbf_s=inf)
    whole_s = daly_time(1.0, written.interval_s, written.write_s, failures.restart_s, mtbf_s)
    if isinf(whole_s):
        raise InputError(
            f"with {SECONDS_PER_DAY / mtbf_s:.4g} failures a day and a checkpoint each {written.interval_s:.4g} s "
            "the run would never end; write checkpoints more often, faster, or use fewer GPUs"
        )
    return Ettr(value=1.0 / whole_s, per_node_day=per_node_day, mtbf_s=mtbf_s)


def first_order_ettr(written: CheckpointWrites, gpus: int, failures: Failures, per_node_day: float) -> float:
    """The ratio to first order, as Meta reports it: `simcost.perf.checkpoints.ettr`; 1 where nothing fails."""
    if isinf(written.interval_s):
        return 1.0
    nodes = node_count(gpus, failures)
    rate = per_node_day + failures.size_independent_per_day / nodes
    return ettr(nodes, rate, failures.restart_s, written.interval_s, written.write_s)


def mtbf_of(gpus: int, failures: Failures, per_node_day: float) -> float:
    """Mean time between failures of the whole job, seconds; `inf` where nothing fails."""
    return job_mtbf_s(node_count(gpus, failures), per_node_day, failures.size_independent_per_day)


def node_count(gpus: int, failures: Failures) -> int:
    """Nodes that the GPUs stand in."""
    return ceil(gpus / failures.gpus_per_node)
