"""`simcost train estimate`: does a run fit, how long does it take, what does it cost."""

from dataclasses import asdict, dataclass
from math import isinf
from typing import Any

from simcost.catalog import Catalog
from simcost.compare.training.assumptions import assumptions
from simcost.compare.training.costs import (
    Quantities,
    chosen_offer,
    cost_document,
    not_priced,
    price_per_gpu_h,
)
from simcost.compare.training.interval import Interval
from simcost.compare.training.run import Run
from simcost.errors import InputError
from simcost.perf.training.duration import (
    Checkpoints,
    Ettr,
    checkpoints,
    compute_s,
    ettr_of,
    failure_rates,
    peak_flops,
)
from simcost.perf.training.memory import fit_training
from simcost.perf.training.methods import BF16_BYTES
from simcost.perf.training.utilisation import Mfu, measured_mfu, published_mfu
from simcost.units import SECONDS_PER_DAY, SECONDS_PER_HOUR

WAYS = ("on_demand", "spot", "owned")
LONGEST_S = 1e11
"""3,000 years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """How long a run takes under one rate of interruptions."""

    useful_s: Interval
    time_s: Interval
    ettr: tuple[Ettr, Ettr, Ettr]
    """At the lowest, likely and highest rate."""
    written: Checkpoints


def estimate(catalog: Catalog, run: Run) -> dict[str, Any]:
    """The document of a run.

    Returns:
        `fits` (true; what does not fit is an error), `memory_bytes` by part, `flops`, `mfu` with its source,
        `time_s`, `gpu_hours`, `ettr`, `checkpoints`, `cost_usd` by way of buying and part, `not_priced`, `energy_kwh`,
        `assumptions`. Intervals have `low`, `mid` and `high`: low is the fast and cheap end.

    Raises:
        DoesNotFitError: too little memory.
        CatalogError: no published MFU, no peak, no failure rate.
        InputError: a figure that cannot be.
    """
    memory = fit_training(run.model, run.accelerator, run.method, run.layout)
    mfu = _mfu(catalog, run)
    timed = _timed(catalog, run, mfu, 0.0)
    offer = chosen_offer(catalog, run.accelerator, run.prices)
    costs, missing = _costs(catalog, run, mfu, timed)
    return {
        "model": run.model.name,
        "method": run.method.kind,
        "method_title": run.method.title,
        "accelerator": run.accelerator.name,
        "precision": run.precision,
        "tokens": run.tokens,
        "layout": asdict(run.layout),
        "fits": True,
        "memory_bytes": {**asdict(memory), "total": memory.total, "usable": _usable(run)},
        "flops": _flops_document(run),
        "mfu": {**asdict(mfu), "notes": list(mfu.notes)},
        "time_s": timed.time_s.document(),
        "gpu_hours": timed.time_s.times(run.layout.gpus / SECONDS_PER_HOUR).document(),
        "tokens_per_s": _speed(run, timed.time_s),
        **_failures_document(run, timed),
        "cost_usd": costs,
        "not_priced": missing,
        "offer": None if offer is None else offer.name,
        "energy_kwh": _energy(run, timed.time_s),
        "assumptions": list(assumptions(run, mfu, memory)),
        "catalog_date": catalog.as_of,
    }


def _usable(run: Run) -> float:
    return run.accelerator.memory_bytes * run.layout.memory_utilisation


def _mfu(catalog: Catalog, run: Run) -> Mfu:
    peak = peak_flops(run.accelerator, run.precision)
    if run.mfu is not None:
        return measured_mfu(run.mfu)
    if run.tokens_per_s_per_gpu is not None:
        share = run.tokens_per_s_per_gpu * run.token_flops.model / peak
        return measured_mfu(share, f"{run.tokens_per_s_per_gpu:,.6g} tokens/s per GPU")
    return published_mfu(catalog, run.model, run.accelerator, run.precision, run.layout)


def _timed(catalog: Catalog, run: Run, mfu: Mfu, interruptions_per_node_day: float) -> _Timed:
    """Time of the run where `interruptions_per_node_day` come beside the failures."""
    gpus, failures = run.layout.gpus, run.failures
    peak = peak_flops(run.accelerator, run.precision)
    flops = run.token_flops.model * run.tokens
    useful_s = Interval(*(compute_s(flops, gpus, peak * share) for share in (mfu.high, mfu.mid, mfu.low)))
    rates = [
        rate + interruptions_per_node_day for rate in failure_rates(failures, catalog.facts.failure_rates)
    ]
    written = checkpoints(run.method.parameters(run.model).trained, gpus, failures, rates[1])
    low, mid, high = (ettr_of(written, gpus, failures, rate) for rate in rates)
    time_s = Interval(useful_s.low / low.value, useful_s.mid / mid.value, useful_s.high / high.value)
    if not time_s.high < LONGEST_S:
        raise InputError(
            f"the run would take {time_s.high / SECONDS_PER_DAY / 365:.3g} years; check tokens, gpus and mfu"
        )
    return _Timed(useful_s=useful_s, time_s=time_s, ettr=(low, mid, high), written=written)


def _costs(
    catalog: Catalog, run: Run, mfu: Mfu, timed: _Timed
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The ways of buying that have a price, and why the others have none."""
    offer = chosen_offer(catalog, run.accelerator, run.prices)
    costs, missing = {}, []
    for way in WAYS:
        try:
            price = price_per_gpu_h(way, run.accelerator, offer, run.prices, run.energy)
            under = _spot_timed(catalog, run, mfu) if way == "spot" else timed
        except InputError as error:
            missing.append(not_priced(way, error))
            continue
        seller = None if way == "owned" else offer
        costs[way] = cost_document(catalog, _quantities(run, under), price, seller, run.prices)
    return costs, missing


def _spot_timed(catalog: Catalog, run: Run, mfu: Mfu) -> _Timed:
    rate = run.prices.spot.interruptions_per_node_day
    if rate is None:
        raise InputError(
            "how often nodes are taken back is not in the catalog; give the spot interruptions per node and day, "
            "or simulate the run on an availability trace"
        )
    return _timed(catalog, run, mfu, rate)


def _quantities(run: Run, timed: _Timed) -> Quantities:
    trained = run.method.parameters(run.model).trained
    return Quantities(
        gpus=run.layout.gpus,
        time_s=timed.time_s,
        useful_s=timed.useful_s,
        checkpoint_bytes=timed.written.size_bytes,
        result_bytes=trained * BF16_BYTES,
    )


def _flops_document(run: Run) -> dict[str, float]:
    per_token = run.token_flops
    recomputed = per_token.recomputed if run.layout.recompute == "full" else 0.0
    return {
        "per_token": per_token.model,
        "parameters_per_token": per_token.parameters,
        "attention_per_token": per_token.attention,
        "teacher_per_token": per_token.teacher,
        "hardware_per_token": per_token.model + recomputed,
        "total": per_token.model * run.tokens,
        "peak_per_gpu_s": peak_flops(run.accelerator, run.precision),
    }


def _failures_document(run: Run, timed: _Timed) -> dict[str, Any]:
    low, mid, high = timed.ettr
    interval_s = timed.written.interval_s
    return {
        "ettr": Interval(high.value, mid.value, low.value).document(),
        "failures": {
            "per_node_day": Interval(*(rate.per_node_day for rate in (low, mid, high))).document(),
            "mtbf_s": None if isinf(mid.mtbf_s) else mid.mtbf_s,
            "expected": 0.0 if isinf(mid.mtbf_s) else timed.time_s.mid / mid.mtbf_s,
        },
        "checkpoints": {
            "bytes": timed.written.size_bytes,
            "write_s": timed.written.write_s,
            "interval_s": None if isinf(interval_s) else interval_s,
            "kept": run.prices.kept_checkpoints,
        },
    }


def _speed(run: Run, time_s: Interval) -> dict[str, float]:
    return Interval(run.tokens / time_s.high, run.tokens / time_s.mid, run.tokens / time_s.low).document()


def _energy(run: Run, time_s: Interval) -> dict[str, float] | None:
    kw = run.energy.kw_per_gpu(run.accelerator)
    return None if kw is None else time_s.times(kw * run.layout.gpus / SECONDS_PER_HOUR).document()
