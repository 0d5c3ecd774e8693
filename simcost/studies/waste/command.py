"""`simcost waste`: use of monitored hardware, its cost, and measures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.studies.argument_types import positive, seconds, usd_per_h
from simcost.studies.options import (
    Arguments,
    catalog_offer,
    check_belongs,
    columns,
    offer_of,
    sample_rows,
    sourced,
    study,
)

if TYPE_CHECKING:
    from simcost.studies.waste.result import WasteByModel, WasteResult


def add(verbs: Any) -> None:
    """The verb `waste`."""
    waste = study(
        verbs,
        "waste",
        _waste,
        "waste.view",
        "GPU-hours of a monitored cluster by use, and the possible savings",
    )
    waste.add_argument(
        "file",
        type=Path,
        help="DCGM, Prometheus or pool samples (CSV, Parquet), a job log (sacct, kubectl), or results of `simcost run`",
    )
    columns(waste)
    sample_rows(waste)
    waste.add_argument("--plan", metavar="NAME", help="of a results folder (default: the best)")
    waste.add_argument(
        "--price",
        type=_price,
        action="append",
        default=[],
        metavar="[MODEL=]USD",
        help="per GPU and hour, e.g. $2.10/h; for GPUs of several models that of each: H100=2.50, repeatable",
    )
    catalog_offer(waste, "or an offer of the catalog, whose price is shared by its GPUs")
    waste.add_argument(
        "--jobs-log", type=Path, metavar="JOBS", help="job log of the same time: failed and cancelled work"
    )
    waste.add_argument(
        "--gpus",
        type=_gpus,
        action="append",
        default=[],
        metavar="[POOL=]N",
        help="where FILE is a job log: GPUs of the cluster, or of each pool",
    )
    waste.add_argument("--spot-trace", type=Path, metavar="TRACE", help="availability of spot: jobs are replayed on it")
    waste.add_argument("--trace", metavar="NAME", help="which trace of the file")
    waste.add_argument("--spot", type=usd_per_h, metavar="USD", help="per GPU and hour on spot")
    waste.add_argument("--changeover", type=seconds, metavar="TIME", help="on spot (default 12min)")
    waste.add_argument(
        "--timezone",
        default="UTC",
        metavar="ZONE",
        help="of the hours of the day and of times without one (default UTC)",
    )


def _waste(arguments: Arguments) -> "WasteResult | WasteByModel":
    from simcost.billing.price_list import offer_prices

    if not arguments.spot_trace:
        check_belongs(arguments, ("trace", "spot", "changeover"), "--spot-trace")
    offer = offer_of(arguments)
    prices = [] if offer is None else offer_prices(offer)
    if not arguments.file.is_dir():
        result = _of_file(arguments, offer)
        return sourced(arguments, result, result.findings, prices=prices)
    result, paid = _of_results(arguments, offer)
    arguments.file /= "result.json"
    return sourced(arguments, result, result.findings, prices=prices or ([] if arguments.price else paid))


def _of_results(arguments: Arguments, offer: Any) -> "tuple[WasteResult, list[dict[str, Any]]]":
    """Of a plan of our own, and the prices that it paid."""
    from simcost.errors import InputError
    from simcost.scenario.storage.results import finished_plan, other_version
    from simcost.studies.waste.from_results import waste_of_plan

    for option in ("map", "where", "jobs_log", "gpus", "spot_trace", "spot"):
        if getattr(arguments, option):
            raise InputError(f"--{option.replace('_', '-')} is for files; {arguments.file} is a results folder")
    if isinstance(price := _one_price(arguments.price), dict):
        raise InputError(f"--price {next(iter(price))}=... is for samples; {arguments.file} is a results folder")
    plan, horizon_s = finished_plan(arguments.file, arguments.plan)
    try:
        return waste_of_plan(plan, horizon_s, price_usd_per_h=price, offer=offer), plan["prices"]
    except (LookupError, TypeError, AttributeError) as error:
        raise other_version(arguments.file, error) from error


def _of_file(arguments: Arguments, offer: Any) -> "WasteResult | WasteByModel":
    """Of what was monitored, or of a job log."""
    from simcost.errors import InputError
    from simcost.studies.waste.study import waste
    from simcost.trace.jobs.reader import read_jobs

    if arguments.plan:
        kind = "is a file" if arguments.file.exists() else "does not exist"
        raise InputError(f"--plan is for results folders; {arguments.file} {kind}")
    if isinstance(price := _one_price(arguments.price), dict):
        return _of_models(arguments, price)
    log: Path | None = arguments.jobs_log
    jobs, said = read_jobs(log, timezone=arguments.timezone) if log else (None, [])
    return waste(
        arguments.file,
        price_usd_per_h=price,
        offer=offer,
        mapping=dict(arguments.map),
        where=arguments.where,
        timezone=arguments.timezone,
        jobs=jobs,
        jobs_said=[{**one, "message": f"{log}: {one['message']}"} for one in said],
        gpus=_whole(arguments.gpus),
        spot=_spot(arguments),
    )


def _of_models(arguments: Arguments, prices: dict[str, float]) -> "WasteByModel":
    """Of samples of GPUs of several models."""
    from simcost.errors import InputError
    from simcost.studies.waste.by_model import waste_by_model

    for option in ("offer", "jobs_log", "gpus", "spot_trace"):
        if getattr(arguments, option):
            raise InputError(f"--{option.replace('_', '-')} is for GPUs of one price; leave out the models of --price")
    return waste_by_model(
        arguments.file,
        prices,
        mapping=dict(arguments.map),
        where=arguments.where,
        timezone=arguments.timezone,
    )


def _price(text: str) -> tuple[str, float]:
    """`$2.10/h`, or `H100=2.10`."""
    model, _, price = text.rpartition("=")
    return model, usd_per_h(price)


def _one_price(given: list[tuple[str, float]]) -> dict[str, float] | float | None:
    """One price, or one by model. Raises InputError for both."""
    from simcost.errors import InputError

    models = dict(given)
    if len(models) != len(given) or ("" in models and len(models) > 1):
        raise InputError("--price takes one price for all GPUs, or MODEL=USD once for each model")
    return models.get("", models or None)


def _spot(arguments: Arguments) -> Any:
    from simcost.studies.waste.workload_actions import SpotCase
    from simcost.trace.spot import one_trace

    trace = one_trace(arguments.spot_trace, arguments.trace) if arguments.spot_trace else None
    changeover = {} if arguments.changeover is None else {"changeover_s": arguments.changeover}
    return SpotCase(trace=trace, usd_per_gpu_h=arguments.spot, **changeover)


def _gpus(text: str) -> tuple[str, int]:
    """`64`, or `long=64`."""
    pool, _, count = text.rpartition("=")
    return pool, positive(count)


def _whole(given: list[tuple[str, int]]) -> dict[str, int] | int | None:
    """One number, or one by pool. Raises InputError for both."""
    from simcost.errors import InputError

    pools = dict(given)
    if len(pools) != len(given) or ("" in pools and len(pools) > 1):
        raise InputError("--gpus takes one number for the whole cluster, or POOL=N once for each pool")
    return pools.get("", pools or None)
