"""`simcost train estimate`: does a run fit, how long does it take, what does it cost."""

from dataclasses import replace
from math import isinf
from typing import TYPE_CHECKING

import numpy as np

from simcost.catalog import Catalog
from simcost.documents import values
from simcost.errors import CatalogError, InputError
from simcost.perf.training.duration import first_order_ettr, node_count, peak_flops
from simcost.perf.training.memory import fit_training
from simcost.perf.training.methods import BF16_BYTES
from simcost.perf.training.utilization import Mfu, measured_mfu, published_mfu
from simcost.perf.training.whole_runs import WholeRuns, over_whole_runs, whole_runs
from simcost.studies.training_cost.assumptions import assumptions
from simcost.studies.training_cost.costs import Quantities, grid_of, old_price, price_of, purchase_cost
from simcost.studies.training_cost.inputs import TrainingSetup, ValueRange
from simcost.studies.training_cost.result import (
    CheckpointPlan,
    FailureHazards,
    FlopCounts,
    GpuHourPrice,
    GpuMemory,
    NotPriced,
    PurchaseCost,
    SimulatedFailures,
    SimulatedTime,
    TrainingEstimate,
    WholeRunHours,
)
from simcost.studies.training_cost.timing import Timed, mean_failures, timed
from simcost.studies.training_cost.warnings import global_batch, warnings
from simcost.studies.training_cost.wording import verdict
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.sim.training_failures import FailureRuns

WAYS = ("on_demand", "spot", "owned")


def estimate(catalog: Catalog, run: TrainingSetup) -> TrainingEstimate:
    """Estimate memory, time and money of a run.

    Raises:
        DoesNotFitError: too little memory.
        CatalogError: no published MFU, no peak, no failure rate.
        InputError: a figure that cannot be.
    """
    memory = fit_training(run.model, run.accelerator, run.method, run.layout)
    mfu, whole = _mfu(catalog, run)
    ran = timed(catalog, run, mfu, 0.0)
    energy_kwh, grid = _energy(run, ran.time_s), grid_of(catalog, run)
    costs, missing, old = _costs(catalog, run, mfu, ran)
    found = TrainingEstimate(
        verdict="",
        model=run.model.name,
        method=run.method.kind,
        method_title=run.method.title,
        accelerator=run.accelerator.name,
        precision=run.precision,
        tokens=run.tokens,
        layout=run.layout,
        memory_bytes=GpuMemory(**values(memory), total=memory.total, usable=_usable(run)),
        flops=_flops(run),
        mfu=mfu,
        compute_s=ran.useful_s,
        time_s=ran.time_s,
        gpu_hours=ran.time_s.times(run.layout.gpus / SECONDS_PER_HOUR),
        whole_runs=None if whole is None else _whole_run_hours(whole, run, ran),
        global_batch=global_batch(catalog, run),
        warnings=warnings(catalog, run),
        tokens_per_s=_speed(run, ran.time_s),
        ettr=ValueRange(*(one.value for one in reversed(ran.ettr))),
        ettr_first_order=first_order_ettr(ran.written, run.layout.gpus, mean_failures(run), ran.ettr[1].per_node_day),
        failures=_failures(run, ran),
        checkpoints=_checkpoints(run, ran),
        cost_usd=costs,
        not_priced=missing,
        prices=tuple(_price(way, cost) for way, cost in costs.items()),
        offer=costs["on_demand"].offer if "on_demand" in costs else None,
        energy_kwh=energy_kwh,
        carbon_kg=None if energy_kwh is None or grid.g_per_kwh is None else energy_kwh.times(grid.g_per_kwh / 1e3),
        assumptions=(*assumptions(run, mfu, memory, whole), grid.said, *old),
        catalog_date=catalog.as_of,
    )
    return replace(found, verdict=verdict(found))


def _usable(run: TrainingSetup) -> float:
    return run.accelerator.memory_bytes * run.layout.memory_utilisation


def _mfu(catalog: Catalog, run: TrainingSetup) -> tuple[Mfu, WholeRuns | None]:
    """Measured MFU; else the published one, and how far whole runs were from it."""
    peak = peak_flops(run.accelerator, run.precision)
    if run.mfu is not None:
        return measured_mfu(run.mfu), None
    if run.tokens_per_s_per_gpu is not None:
        share = run.tokens_per_s_per_gpu * run.token_flops.model / peak
        return measured_mfu(share, f"{run.tokens_per_s_per_gpu:,.6g} tokens/s per GPU"), None
    if run.flops_per_s_per_gpu is not None:
        reached = run.flops_per_s_per_gpu
        return measured_mfu(reached / peak, f"{reached / 1e12:,.4g} TFLOP/s per GPU"), None
    benchmark = published_mfu(catalog, run.model, run.accelerator, run.precision, run.layout)
    whole = whole_runs(catalog)
    return over_whole_runs(benchmark, whole), whole


def _whole_run_hours(whole: WholeRuns, run: TrainingSetup, ran: Timed) -> WholeRunHours:
    """The prediction, and the GPU-hours that half of such runs exceed."""
    hours = ran.time_s.mid * run.layout.gpus / SECONDS_PER_HOUR
    return WholeRunHours(**values(whole), gpu_hours=hours * whole.mid)


def _costs(
    catalog: Catalog, run: TrainingSetup, mfu: Mfu, ran: Timed
) -> tuple[dict[str, PurchaseCost], tuple[NotPriced, ...], list[str]]:
    """The ways of buying that have a price, why the others have none, and which prices are old."""
    costs: dict[str, PurchaseCost] = {}
    missing: list[NotPriced] = []
    old: list[str] = []
    for way in WAYS:
        try:
            price = price_of(catalog, run, way)
            under = _spot_timed(catalog, run, mfu) if way == "spot" else ran
        except InputError as error:
            if isinstance(error, CatalogError) and (run.prices.offer or run.prices.region):
                raise
            missing.append(NotPriced(way=way, reason=str(error)))
            continue
        costs[way] = purchase_cost(catalog, _quantities(run, under), price, run.prices)
        old += filter(None, [old_price(catalog, price)])
    return costs, tuple(missing), list(dict.fromkeys(old))


def _price(way: str, cost: PurchaseCost) -> GpuHourPrice:
    return GpuHourPrice(
        way=way,
        offer=cost.offer,
        usd_per_gpu_h=cost.usd_per_gpu_h,
        as_of=cost.price_as_of,
        quality=cost.price_quality,
        source=cost.price_source,
    )


def _spot_timed(catalog: Catalog, run: TrainingSetup, mfu: Mfu) -> Timed:
    rate = run.prices.spot.interruptions_per_node_day
    if rate is None:
        raise InputError(
            "how often nodes are taken back is not in the catalog; give the spot interruptions per node and day, "
            "or simulate the run on an availability trace (`simcost train spot`)"
        )
    return timed(catalog, run, mfu, rate)


def _quantities(run: TrainingSetup, ran: Timed) -> Quantities:
    trained = run.method.parameters(run.model).trained
    return Quantities(
        time_s=ran.time_s,
        useful_s=ran.useful_s,
        checkpoint_interval_s=ran.between_s,
        checkpoint_bytes=ran.written.size_bytes,
        result_bytes=trained * BF16_BYTES,
    )


def _flops(run: TrainingSetup) -> FlopCounts:
    per_token = run.token_flops
    recomputed = per_token.recomputed if run.layout.recompute == "full" else 0.0
    return FlopCounts(
        per_token=per_token.model,
        parameters_per_token=per_token.parameters,
        attention_per_token=per_token.attention,
        teacher_per_token=per_token.teacher,
        hardware_per_token=per_token.model + recomputed,
        total=per_token.model * run.tokens,
        peak_per_gpu_s=peak_flops(run.accelerator, run.precision),
    )


def _failures(run: TrainingSetup, ran: Timed) -> FailureHazards:
    mid, losses = ran.ettr[1], run.losses
    nodes = node_count(run.layout.gpus, run.failures)
    return FailureHazards(
        per_node_day=ValueRange(*(rate.per_node_day for rate in ran.ettr)),
        nodes=nodes,
        of_nodes_per_day=nodes * mid.per_node_day,
        size_independent_per_day=mean_failures(run).size_independent_per_day,
        mtbf_s=_finite(mid.mtbf_s),
        expected=0.0 if isinf(mid.mtbf_s) else ran.time_s.mid / mid.mtbf_s,
        model=losses.model.kind,
        correlated=losses.correlated,
        spares=losses.spares,
        simulated=None if ran.simulated is None else _simulated(ran.simulated),
    )


def _checkpoints(run: TrainingSetup, ran: Timed) -> CheckpointPlan:
    return CheckpointPlan(
        bytes=ran.written.size_bytes,
        write_s=ran.written.write_s,
        interval_s=_finite(ran.written.interval_s),
        at_the_end=ran.between_s is None,
        rule="given" if run.failures.checkpoint_interval_s else run.failures.optimum,
        young_s=_finite(ran.written.young_s),
        daly_s=_finite(ran.written.daly_s),
        kept=run.prices.kept_checkpoints,
    )


def _finite(seconds: float) -> float | None:
    return None if isinf(seconds) else seconds


def _simulated(runs: "FailureRuns") -> SimulatedFailures:
    """Time over the runs at the likely speed and rate, and where it went on average."""
    p5, p50, p95 = np.quantile(runs.elapsed_s, (0.05, 0.5, 0.95)).tolist()
    parts = {
        "useful": runs.useful_s,
        "lost": runs.lost_s,
        "checkpoint": runs.checkpoint_s,
        "restart": runs.restart_s,
        "waiting": runs.waiting_s,
    }
    return SimulatedFailures(
        runs=len(runs.elapsed_s),
        time_s=SimulatedTime(mean=float(runs.elapsed_s.mean()), p5=p5, p50=p50, p95=p95),
        failures=float(runs.failures.mean()),
        parts_s={name: float(seconds.mean()) for name, seconds in parts.items()},
    )


def _speed(run: TrainingSetup, time_s: ValueRange) -> ValueRange:
    return ValueRange(run.tokens / time_s.high, run.tokens / time_s.mid, run.tokens / time_s.low)


def _energy(run: TrainingSetup, time_s: ValueRange) -> ValueRange | None:
    kw = run.power_kw
    return None if kw is None else time_s.times(kw / SECONDS_PER_HOUR)
