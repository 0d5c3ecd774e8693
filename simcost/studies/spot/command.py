"""`simcost train spot`: whether spot is worth the restarts."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.studies.argument_types import natural, positive, seconds, span, usd_per_h
from simcost.studies.options import Arguments, catalog_offer, offer_of, sourced, study
from simcost.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from simcost.studies.spot.result import SpotStudy

POLICIES = "greedy, uniform-progress, up-plain, spot-only, time-sliced=N, mixed=N, spot-below=USD"


STARTS = 300
"""Runs on each trace."""


def add(actions: Any) -> None:
    """The action `spot`."""
    spot = study(
        actions,
        "spot",
        _spot,
        "spot.view",
        "compare spot policies along recorded availability",
    )
    spot.add_argument("file", type=Path, metavar="TRACE", help="availability or prices of spot nodes, CSV or Parquet")
    spot.add_argument("--trace", action="append", default=[], metavar="NAME", help="only these traces; * matches")
    spot.add_argument("--any-zone", action="store_true", help="the job may move between the traces: zones")
    spot.add_argument("--prices", type=Path, metavar="FILE", help="spot prices over the same time")
    spot.add_argument("--tick", type=span, metavar="TIME", help="of traces with timestamps")
    for option, what in (
        ("--work", "of the whole gang, without interruptions, e.g. 48h"),
        ("--deadline", "after the start, e.g. 60h"),
        ("--changeover", "to get nodes and to be where the job was, e.g. 12min"),
    ):
        spot.add_argument(option, type=seconds, required=True, metavar="TIME", help=what)
    spot.add_argument("--gang", type=positive, default=1, metavar="N", help="nodes that run together (default 1)")
    spot.add_argument("--on-demand", type=usd_per_h, metavar="USD", help="price of a node, e.g. $3.06/h")
    spot.add_argument(
        "--spot", type=usd_per_h, metavar="USD", help="price of a node on spot (default: that of the traces)"
    )
    catalog_offer(spot, "or an offer of the catalog: both prices of a node")
    spot.add_argument("--policy", action="append", default=[], metavar="P[=X]", help=POLICIES)
    spot.add_argument("--starts", type=positive, metavar="N", help=f"runs on each trace (default {STARTS})")
    spot.add_argument(
        "--start", type=natural, action="append", default=[], metavar="TICK", help="or runs from these ticks"
    )
    spot.add_argument("--seed", type=natural, default=1, help="random seed (default 1)")


def _spot(arguments: Arguments) -> "SpotStudy":
    from simcost.billing.price_list import offer_prices, price_sentences
    from simcost.catalog import load_catalog
    from simcost.errors import TraceError
    from simcost.studies.spot.study import spot_study

    _check(arguments)
    offer = offer_of(arguments)
    traces = _traces(arguments)
    recorded = any(trace.usd_per_h is not None for trace in traces)
    on_demand, spot = _prices(arguments, offer, recorded=recorded)
    try:
        result = spot_study(
            traces,
            work_h=arguments.work / SECONDS_PER_HOUR,
            deadline_h=arguments.deadline / SECONDS_PER_HOUR,
            changeover_h=arguments.changeover / SECONDS_PER_HOUR,
            gang=arguments.gang,
            policies=[policy(text) for text in arguments.policy or ("greedy", "uniform-progress", "spot-only")],
            od_usd_per_h=on_demand,
            spot_usd_per_h=spot,
            starts=arguments.start or arguments.starts or STARTS,
            seed=arguments.seed,
            together=arguments.any_zone,
        )
    except TraceError as error:
        raise TraceError(f"{arguments.file}: {error}") from error
    if offer is not None:
        used = [
            (arguments.on_demand is None, "list"),
            (arguments.spot is None and not recorded, "spot"),
        ]
        rows = [row for row in offer_prices(offer, spot=True) if (True, row["pricing"]) in used]
        newest = load_catalog(arguments.catalog).as_of
        said = tuple(price_sentences(rows, newest))
        result = replace(result, prices=rows, catalog_date=newest, assumptions=said)
    return sourced(arguments, result, result.findings)


def _check(arguments: Arguments) -> None:
    """Raises InputError for options of which one would be passed over."""
    from simcost.errors import InputError

    if arguments.start and arguments.starts:
        raise InputError("--start names the ticks of the runs, --starts draws so many; give one of them")
    if arguments.prices and arguments.spot is not None:
        raise InputError("--prices and --spot are both the price on spot; give one of them")
    if arguments.offer and arguments.on_demand is not None and (arguments.prices or arguments.spot is not None):
        raise InputError("--offer has no price to give beside --on-demand and that on spot; leave it out")


def _prices(arguments: Arguments, offer: Any, *, recorded: bool) -> tuple[float, float | None]:
    """Of a node on demand and on spot: given, else as the traces recorded it (None), else of the offer."""
    from simcost.errors import InputError

    on_demand = arguments.on_demand if offer is None or arguments.on_demand is not None else offer.on_demand_usd_per_h
    if on_demand is None:
        raise InputError("no price of a node on demand; give --on-demand $3.06/h, or --offer P/SKU")
    spot = arguments.spot
    if spot is None and offer is not None and not recorded:
        spot = offer.spot_usd_per_h
        if spot is None:
            named = f"{offer.provider}/{offer.sku}"
            raise InputError(f"{named} has no spot price in the catalog; pass --spot USD, or --prices FILE")
    return on_demand, spot


def _traces(arguments: Arguments) -> list[Any]:
    from fnmatch import fnmatchcase

    from simcost.errors import InputError
    from simcost.trace.spot import read_prices, read_spot, with_prices

    traces = read_spot(arguments.file, tick_s=arguments.tick)
    if unlike := next((trace for trace in traces if arguments.tick not in (None, trace.gap_s)), None):
        raise InputError(f"--tick is of traces with timestamps; {unlike.name!r} has ticks of {unlike.gap_s:g} s")
    wanted = arguments.trace or ["*"]
    for pattern in wanted:
        if not any(fnmatchcase(trace.name, pattern) for trace in traces):
            raise InputError(f"{arguments.file}: no trace {pattern!r}; there are {', '.join(t.name for t in traces)}")
    chosen = [trace for trace in traces if any(fnmatchcase(trace.name, pattern) for pattern in wanted)]
    if not arguments.prices:
        return chosen
    prices = read_prices(arguments.prices)
    return [with_prices(one, prices) for one in chosen]


def policy(text: str) -> Any:
    """`greedy`, or `time-sliced=4`."""
    from simcost.errors import InputError, did_you_mean
    from simcost.plan import spot

    kind, given, value = text.partition("=")
    with_value: dict[str, Callable[[], Any]] = {
        "time-sliced": lambda: spot.TimeSliced(slices=_whole(value, 10_000)),
        "mixed": lambda: spot.Mixed(spot_nodes=_whole(value, 1_000_000)),
        "spot-below": lambda: spot.SpotBelow(max_usd_per_h=usd_per_h(value)),
    }
    plain = {
        one.kind: one
        for one in (
            spot.OnDemandOnly(),
            spot.SpotOnly(),
            spot.Greedy(),
            spot.UniformProgress(),
            spot.UniformProgressPlain(),
        )
    }
    if kind in plain and not given:
        return plain[kind]
    try:
        return with_value[kind]()
    except KeyError:
        known = [*plain, *with_value]
        raise InputError(
            f"--policy {text!r} is not known{did_you_mean(kind, known)}; there are {', '.join(known)}"
        ) from None
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--policy {text!r}: {error}; write e.g. time-sliced=4 or spot-below=$1.20") from error


def _whole(text: str, most: int) -> int:
    """A whole number from 1 to the most."""
    value = positive(text)
    if value > most:
        raise argparse.ArgumentTypeError(f"{value:,} is more than {most:,}")
    return value
