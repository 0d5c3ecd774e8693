"""`simcost train spot`: whether spot is worth the restarts."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.cli.words import Arguments, finish, positive, seconds, seed, usd_per_h, verb
from simcost.units import SECONDS_PER_HOUR

POLICIES = "greedy, uniform-progress, up-plain, spot-only, time-sliced=N, mixed=N, spot-below=USD"


def add(actions: Any) -> None:
    """The action `spot`."""
    spot = verb(actions, "spot", _spot, "is spot worth the restarts: policies along recorded availability")
    spot.add_argument("file", type=Path, metavar="TRACE", help="availability of spot nodes, CSV or Parquet")
    spot.add_argument(
        "--trace", action="append", default=[], metavar="NAME", help="only these traces; * matches"
    )
    spot.add_argument("--prices", type=Path, metavar="FILE", help="spot prices over the same time")
    for option, what in (
        ("--work", "of the whole gang, without interruptions, e.g. 48h"),
        ("--deadline", "after the start, e.g. 60h"),
        ("--changeover", "to get nodes and to be where the job was, e.g. 12min"),
    ):
        spot.add_argument(option, type=seconds, required=True, metavar="TIME", help=what)
    spot.add_argument(
        "--gang", type=positive, default=1, metavar="N", help="nodes that run together (default 1)"
    )
    spot.add_argument(
        "--on-demand", type=usd_per_h, required=True, metavar="USD", help="price of a node, e.g. $3.06/h"
    )
    spot.add_argument(
        "--spot", type=usd_per_h, metavar="USD", help="price of a node on spot (default: from --prices)"
    )
    spot.add_argument("--policy", action="append", default=[], metavar="P[=X]", help=POLICIES)
    spot.add_argument(
        "--starts", type=positive, default=300, metavar="N", help="runs on each trace (default 300)"
    )
    seed(spot)


def _spot(arguments: Arguments) -> None:
    from fnmatch import fnmatchcase

    from simcost.compare.spot import spot_study
    from simcost.errors import InputError
    from simcost.trace.spot import read_availability, read_prices, with_prices

    traces = read_availability(arguments.file)
    wanted = [
        one for one in traces if not arguments.trace or any(fnmatchcase(one.name, p) for p in arguments.trace)
    ]
    if not wanted:
        raise InputError(
            f"{arguments.file}: no trace {arguments.trace[0]!r}; there are {', '.join(t.name for t in traces)}"
        )
    if arguments.prices:
        prices = read_prices(arguments.prices)
        wanted = [with_prices(one, prices) for one in wanted]
    document = spot_study(
        wanted,
        work_h=arguments.work / SECONDS_PER_HOUR,
        deadline_h=arguments.deadline / SECONDS_PER_HOUR,
        changeover_h=arguments.changeover / SECONDS_PER_HOUR,
        gang=arguments.gang,
        policies=[_policy(text) for text in arguments.policy or ("greedy", "uniform-progress", "spot-only")],
        od_usd_per_h=arguments.on_demand,
        spot_usd_per_h=arguments.spot,
        starts=arguments.starts,
        seed=arguments.seed or 0,
    )
    finish(arguments, document, document["findings"], "spot")


def _policy(text: str) -> Any:
    """`greedy`, or `time-sliced=4`."""
    from simcost.errors import InputError, did_you_mean
    from simcost.plan import spot

    kind, given, value = text.partition("=")
    with_value: dict[str, Callable[[], Any]] = {
        "time-sliced": lambda: spot.TimeSliced(slices=int(value)),
        "mixed": lambda: spot.Mixed(spot_nodes=int(value)),
        "spot-below": lambda: spot.SpotBelow(max_usd_per_h=usd_per_h(value)),
    }
    plain = {
        one.kind: one
        for one in (spot.OnDemandOnly(), spot.SpotOnly(), spot.Greedy(), spot.UniformProgress(),
                    spot.UniformProgressPlain())
    }  # fmt: skip
    if kind in plain and not given:
        return plain[kind]
    try:
        return with_value[kind]()
    except KeyError:
        known = [*plain, *with_value]
        raise InputError(
            f"--policy {text!r} is none{did_you_mean(kind, known)}; there are {', '.join(known)}"
        ) from None
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise InputError(
            f"--policy {text!r}: {error}; write e.g. time-sliced=4 or spot-below=$1.20"
        ) from error
