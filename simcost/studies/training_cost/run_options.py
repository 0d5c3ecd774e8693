"""From the arguments of `simcost train estimate` to the run that is estimated."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.studies.argument_types import number
from simcost.studies.options import Arguments

NODE_ACCELERATORS = 8
"""Of a node that --node and --accelerators do not describe."""
MODELS = "exponential, weibull=SHAPE, lognormal=SIGMA, gamma=SHAPE or recorded=FILE"


def run_of(arguments: Arguments, catalog: Any, gpus: int) -> Any:
    """The run on so many GPUs; 0 = on the fewest of the layout. Raises InputError and CatalogError."""
    from simcost.perf.training.duration import Failures
    from simcost.perf.training.utilization import ParallelLayout
    from simcost.studies.training_cost.inputs import TrainingSetup

    layout = _given(
        tp=arguments.tp,
        pp=arguments.pp,
        sequence_tokens=arguments.sequence,
        shards=arguments.shards,
        micro_batch=arguments.micro_batch,
        zero=arguments.zero,
        recompute=arguments.recompute,
    )
    saved = arguments.checkpoint
    failures = _given(
        checkpoint_interval_s=None if isinstance(saved, str) else saved,
        optimum=saved if isinstance(saved, str) else None,
        per_node_day=arguments.failure_rate,
        size_independent_per_day=arguments.job_failures,
        restart_s=arguments.restart,
        write_bytes_per_s=arguments.bandwidth,
        gpus_per_node=arguments.node,
    )
    return TrainingSetup(
        model=catalog.model(arguments.model),
        accelerator=catalog.accelerator(arguments.on),
        tokens=arguments.tokens,
        method=_method(arguments, catalog),
        layout=ParallelLayout(gpus=gpus or (arguments.tp or 1) * (arguments.pp or 1), **layout),
        precision=arguments.precision,
        mfu=arguments.mfu,
        tokens_per_s_per_gpu=arguments.tokens_per_s,
        flops_per_s_per_gpu=None if arguments.tflops is None else arguments.tflops * 1e12,
        count_attention=not arguments.no_attention,
        failures=Failures(**failures),
        losses=_losses(arguments),
        prices=_prices(arguments),
        energy=_energy(arguments),
    )


def _given(**options: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: option for name, option in options.items() if option is not None}


def _method(arguments: Arguments, catalog: Any) -> Any:
    from simcost.studies.training_cost.inputs import training_method

    names = ("rank", "teacher", "pruning", "kept_share", "speedup", "trained_share")
    options = {} if arguments.compare else {name: getattr(arguments, name) for name in names}
    return training_method(catalog, arguments.method or "full", **options)


def levers_of(arguments: Arguments, catalog: Any) -> Any:
    """The training methods to compare. Raises InputError and CatalogError."""
    from simcost.perf.training.methods import Pruned, TransferLearning
    from simcost.studies.training_cost.levers import Levers

    pruning = _given(pruning=arguments.pruning, kept_share=arguments.kept_share, speedup=arguments.speedup)
    trained = arguments.trained_share
    return Levers(
        student=catalog.model(arguments.student) if arguments.student else None,
        student_tokens=arguments.student_tokens,
        pruned=None if arguments.kept_share is None else Pruned(**pruning),
        transfer=None if trained is None else TransferLearning(trained_share=trained),
        quality=dict(arguments.quality),
        serve_tokens=arguments.serve_tokens,
        **_given(rank=arguments.rank),
    )


def _prices(arguments: Arguments) -> Any:
    from simcost.studies.training_cost.inputs import Prices, SpotTerms

    volumes = _given(
        storage_usd_per_gb_month=arguments.storage,
        egress_usd_per_gb=arguments.egress,
        kept_checkpoints=arguments.kept,
        egress_copies=arguments.copies,
        data_bytes=arguments.data_size,
        data_usd_per_gb=arguments.data_egress,
    )
    return Prices(
        offer=arguments.offer,
        region=arguments.region,
        on_demand_usd_per_gpu_h=arguments.price,
        spot=SpotTerms(usd_per_gpu_h=arguments.spot, interruptions_per_node_day=arguments.interruptions),
        owned=_owned(arguments),
        owned_usd_per_gpu_h=arguments.owned,
        **_given(used_share=arguments.used_share),
        **volumes,
    )


def _owned(arguments: Arguments) -> Any:
    """Nodes of one's own; None where no --capex is given. Raises InputError for missing or contradictory options."""
    if arguments.capex is None:
        return None
    from simcost.billing.owned import Owned
    from simcost.errors import InputError

    needed = ("life_years", "power", "pue", "electricity")
    missing = [f"--{name.replace('_', '-')}" for name in needed if getattr(arguments, name) is None]
    if missing:
        raise InputError(f"hardware of your own needs {', '.join(missing)} too; pass them with --capex")
    keys = (
        "capex",
        "residual",
        "nodes",
        "colocation",
        "contracted",
        "maintenance",
        "staff",
        "capital_rate",
        *needed,
    )
    stated = {name: getattr(arguments, name) for name in keys}
    try:
        return Owned(accelerators=arguments.accelerators or arguments.node or NODE_ACCELERATORS, **_given(**stated))
    except ValueError as error:
        raise InputError(str(error)) from error


def _energy(arguments: Arguments) -> Any:
    from simcost.studies.training_cost.inputs import Energy

    return Energy(
        **_given(
            power_w=arguments.power_w,
            power_share=arguments.power_share,
            pue=arguments.pue,
            g_per_kwh=arguments.g_per_kwh,
        )
    )


def _losses(arguments: Arguments) -> Any:
    from simcost.plan.failures import CorrelatedLoss
    from simcost.studies.training_cost.inputs import Losses

    together = arguments.correlated
    return Losses(
        model=_failure_model(arguments.failure_model, arguments.log_span),
        correlated=None if together is None else CorrelatedLoss(**together),
        spares=arguments.spares or 0,
        runs=arguments.simulate or 0,
    )


def _failure_model(text: str, span_s: float | None) -> Any:
    """`weibull=0.7`."""
    from simcost.errors import InputError, did_you_mean
    from simcost.plan import failures

    kind, _, value = text.partition("=")
    if kind == "exponential" and not value:
        return failures.Exponential()
    if kind == "recorded" and value:
        from simcost.trace.failures import read_failures

        times_s, whole_s = read_failures(Path(value), span_s=span_s)
        return failures.RecordedFailures(times_s=times_s, span_s=whole_s)
    built: dict[str, Callable[[float], Any]] = {
        "weibull": lambda shape: failures.Weibull(shape=shape),
        "lognormal": lambda sigma: failures.LogNormal(sigma=sigma),
        "gamma": lambda shape: failures.Gamma(shape=shape),
    }
    if kind not in built:
        raise InputError(f"--failure-model {text!r} is not known{did_you_mean(kind, list(built))}; write {MODELS}")
    try:
        return built[kind](number(value))
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--failure-model {text!r}: {error}; write {MODELS}") from error
