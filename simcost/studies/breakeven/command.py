"""`simcost api`: per-token APIs, and from which demand on an own fleet costs less."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.errors import did_you_mean
from simcost.progress import Progress
from simcost.studies.argument_types import positive
from simcost.studies.options import (
    Arguments,
    check_belongs,
    data,
    engine,
    engine_of,
    output_folder,
    own_catalog,
    seed,
    study,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcost.billing.api.pricing import Provisioned
    from simcost.billing.api.tokens import HitShare, PrefixReuse
    from simcost.studies.breakeven.prices import ApiOption
    from simcost.studies.breakeven.result import BreakEvenResult, TraceCosts

_UNITS = ("units", "unit_price", "unit_tokens")
_OF_UNITS = ("output_weight", "cached_weight", "reserved_units", "reserved_price")
_SERVICES = ("batch", "flex", "priority")
_KEYS = ("hit", "written", "ttl", "min_tokens", *_SERVICES, "region", "ttft", "tpot", *_UNITS, *_OF_UNITS)
_WHOLE = ("units", "reserved_units", "min_tokens")
_MAY_BE_0 = ("hit", "written", "unit_price", "cached_weight", "reserved_price", "min_tokens")


def add(verbs: Any) -> None:
    """The verb `api`."""
    api = study(
        verbs,
        "api",
        _api,
        "breakeven.view",
        "what per-token APIs cost, and from which demand on an own fleet costs less",
    )
    api.add_argument(
        "file",
        type=Path,
        help="scenario YAML or a results folder: its plans against the APIs; or a stored trace",
    )
    api.add_argument(
        "--api",
        type=asked,
        action="append",
        required=True,
        metavar="NAME[,KEY=VALUE...]",
        help="provider/model; hit=40%% or ttl=1h of its cache, batch, flex or priority, "
        "region=us, ttft=0.8s and tpot=20ms (its p95, if you know "
        "them), units=3,unit_price=$1/h,unit_tokens=2500 per minute; all words are in the guide self-host; repeatable",
    )
    api.add_argument("--plan", action="append", default=[], metavar="NAME", help="only this plan; repeatable")
    api.add_argument(
        "--scale",
        type=_scales,
        metavar="X,X",
        help="demands, relative to the scenario's (default 0.1 to 100)",
    )
    api.add_argument("--seeds", type=positive, help="replications (default: as the scenario says)")
    api.add_argument(
        "--most-requests",
        type=positive,
        metavar="N",
        help="leave out demands whose runs have more (default 2 million)",
    )
    engine(api)
    api.add_argument("--fresh", action="store_true", help="run again what is already known")
    output_folder(api, "--out", help="folder that keeps the runs (default: results/SCENARIO)")
    data(api)
    seed(api)
    own_catalog(api)


def _api(arguments: Arguments) -> "BreakEvenResult | TraceCosts":
    _check_names(arguments.api)
    return _of_scenario(arguments) if _is_scenario(arguments.file) else _of_trace(arguments)


def _check_names(apis: "Sequence[ApiOption]") -> None:
    """Raises InputError where two options have one name, by which tables, prices and misses are told apart."""
    from simcost.errors import InputError

    names = [api.name for api in apis]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"--api {twice!r} appears twice, and ttft= and tpot= do not tell two options apart; give it once, and "
            "compare stated latencies in two calls"
        )


def _is_scenario(file: Path) -> bool:
    return file.is_dir() or file.suffix in (".yaml", ".yml")


def _of_trace(arguments: Arguments) -> "TraceCosts":
    from simcost.catalog import load_catalog
    from simcost.studies.breakeven.question import price_trace

    of_scenario = ("svg", "plan", "scale", "seeds", "most_requests", "fresh", "out", "data", "seed")
    check_belongs(arguments, of_scenario, "a scenario: a trace alone has no fleets or runs")
    return price_trace(arguments.file, arguments.api, load_catalog(arguments.catalog))


def _of_scenario(arguments: Arguments) -> "BreakEvenResult":
    from simcost.errors import InputError
    from simcost.scenario.checks.load import load, load_as_run, of_one_pool
    from simcost.studies.breakeven.fleets import MOST_REQUESTS, SCALES, Settings
    from simcost.studies.breakeven.question import compare_with_apis

    if arguments.catalog:
        raise InputError("--catalog is for traces; name the folder in the scenario as `catalog`")
    if arguments.file.is_dir():
        loaded, own = of_one_pool(load_as_run(arguments.file, arguments.data)), arguments.file
    else:
        loaded = load(arguments.file, arguments.data)
        own = Path("results") / loaded.scenario.scenario
    settings = Settings(
        scales=arguments.scale or SCALES,
        plans=tuple(arguments.plan),
        seeds=arguments.seeds,
        seed=arguments.seed,
        jobs=arguments.jobs,
        engine=engine_of(arguments),
        fresh=arguments.fresh,
        most_requests=arguments.most_requests or MOST_REQUESTS,
    )
    with Progress(loaded.scenario.scenario, quiet=arguments.quiet) as progress:
        return compare_with_apis(loaded, arguments.api, (arguments.out or own) / "runs", settings, progress)


def asked(text: str) -> "ApiOption":
    """`provider/model` and its label."""
    name, *words = text.split(",")
    given: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in _KEYS or (key in _SERVICES) == bool(equals):
            hint = did_you_mean(key, _KEYS) or f"; known: {', '.join(_KEYS)}"
            raise argparse.ArgumentTypeError(f"{word!r} of {name} is not understood{hint}")
        if key in given:
            raise argparse.ArgumentTypeError(f"{key} appears twice in {text!r}; give it once")
        given[key] = True if key in _SERVICES else value if key == "region" else _value(key, value)
    try:
        own = [word for word in words if not word.startswith(("ttft=", "tpot="))]
        return replace(_built(name, given), name=", ".join([name, *own]))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from error


def _value(key: str, text: str) -> float:
    from simcost.units import SECONDS, SHARE, USD_PER_H

    units = {
        "hit": SHARE,
        "written": SHARE,
        "unit_price": USD_PER_H,
        "reserved_price": USD_PER_H,
        "ttl": SECONDS,
        "ttft": SECONDS,
        "tpot": SECONDS,
    }
    try:
        value = units[key].parse(text) if key in units else text
        number = float(str(value))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{key}={text}: {error}") from error
    if key in _WHOLE and not number.is_integer():
        raise argparse.ArgumentTypeError(f"{key}={text} must be a whole number")
    if not 0 < number < float("inf") and not (number == 0 and key in _MAY_BE_0):
        raise argparse.ArgumentTypeError(f"{key}={text} must be greater than 0")
    return number


def _built(name: str, given: dict[str, Any]) -> "ApiOption":
    from simcost.billing.api.pricing import PerToken
    from simcost.billing.api.tokens import SERVICE_TIERS
    from simcost.studies.breakeven.prices import ApiOption

    services = [tier for tier in SERVICE_TIERS if tier in given]
    if len(services) > 1:
        raise ValueError(f"{' and '.join(services)} exclude each other; give one of them")
    purchase = PerToken(
        api=name,
        cache=_cache(given),
        service=services[0] if services else "standard",
        region=given.get("region", "any"),
        provisioned=_units(given),
    )
    return ApiOption(
        name=name,
        purchase=purchase,
        cache_stated="hit" in given,
        ttft_p95_s=given.get("ttft"),
        tpot_p95_s=given.get("tpot"),
    )


def _cache(given: dict[str, Any]) -> "HitShare | PrefixReuse":
    from simcost.billing.api.tokens import HitShare, PrefixReuse

    if "written" in given and "hit" not in given:
        raise ValueError("`written` goes with `hit`")
    if "ttl" in given and "hit" in given and "written" not in given:
        raise ValueError(
            "`hit` states the cache's share, `ttl` lets it be found; give one of the two, or `written` too, at the "
            "price of keeping it so long"
        )
    words: dict[str, Any] = {key: given[key] for key in ("hit", "written", "ttl") if key in given}
    if "min_tokens" in given:
        words["min_tokens"] = int(given["min_tokens"])
    return HitShare(**words) if "hit" in given else PrefixReuse(**words)


def _units(given: dict[str, Any]) -> "Provisioned | None":
    from simcost.billing.api.pricing import Provisioned

    missing = [key for key in _UNITS if key not in given]
    more = {key: given[key] for key in _OF_UNITS if key in given}
    if missing and (more or len(missing) < len(_UNITS)):
        raise ValueError(f"provisioned units also need {', '.join(missing)}")
    if missing:
        return None
    if "reserved_units" in more:
        more["reserved_units"] = int(more["reserved_units"])
    elif "reserved_price" in more:
        raise ValueError("`reserved_price` goes with `reserved_units`")
    return Provisioned(
        units=int(given["units"]), price=given["unit_price"], input_tokens_per_min=given["unit_tokens"], **more
    )


def _scales(text: str) -> tuple[float, ...]:
    try:
        scales = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        scales = ()
    if not scales or not all(0 < scale <= 1e6 for scale in scales):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of demands greater than 0, such as 0.1,1,10")
    return scales
