"""`simcost train spot` and `train estimate`: one run of training, and what it costs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simcost.cli.words import Arguments, finish, own_catalog, positive, seconds, seed, show, usd_per_h, verb
from simcost.units import SECONDS_PER_HOUR

POLICIES = "greedy, uniform-progress, up-plain, spot-only, time-sliced=N, mixed=N, spot-below=USD"


def add(actions: Any) -> None:
    """The actions of `train` that are about one run."""
    _add_estimate(actions)
    _add_spot(actions)


def _add_estimate(actions: Any) -> None:
    run = verb(actions, "estimate", _estimate, "time, memory and money of a training run, with their ranges")
    run.add_argument("model", help="name of a model in the catalog")
    run.add_argument("--tokens", type=float, required=True, metavar="N", help="trained on, e.g. 2e9")
    run.add_argument("--method", default="full", metavar="M",
                     help="pretrain, full (default), lora, qlora, distill, pruned or transfer")  # fmt: skip
    run.add_argument(
        "--on", required=True, metavar="ACCELERATOR", help="name of an accelerator in the catalog"
    )
    run.add_argument("--gpus", type=positive, required=True, metavar="N", help="accelerators")
    run.add_argument("--precision", default="bf16", help="bf16 (default) or fp8")
    for option, what in (
        ("--tp", "tensor parallelism (default 1)"),
        ("--pp", "pipeline stages (default 1)"),
        ("--sequence", "tokens of a sequence (default 4096)"),
        ("--micro-batch", "sequences per pass and rank (default 1)"),
        ("--rank", "of lora and qlora"),
    ):
        run.add_argument(option, type=positive, metavar="N", help=what)
    run.add_argument("--zero", type=int, choices=range(4), help="ZeRO stage (default 3, as FSDP)")
    run.add_argument(
        "--recompute", choices=("none", "selective", "full"), help="of activations (default full)"
    )
    run.add_argument("--teacher", metavar="MODEL", help="of distill")
    for option, what in (
        ("--kept-share", "of pruned: share of the weights kept"),
        ("--trained-share", "of transfer: share of the weights trained"),
        ("--mfu", "measured model FLOPs utilisation; else published"),
        ("--tokens-per-s", "measured tokens per second and accelerator, instead"),
        ("--interruptions", "of spot, per node and day; without it spot is not priced"),
    ):
        run.add_argument(option, type=float, metavar="X", help=what)
    run.add_argument(
        "--offer", metavar="P/SKU", help="whose price is taken (default: the cheapest of the accelerator)"
    )
    for option, what in (
        ("--price", "per accelerator and hour on demand"),
        ("--spot", "the same on spot"),
        ("--owned", "the same of your own hardware"),
    ):
        run.add_argument(option, type=usd_per_h, metavar="USD", help=what)
    run.add_argument("--compare", action="store_true", help="full, LoRA and QLoRA side by side")
    run.add_argument("--student", metavar="MODEL", help="with --compare: and distilling into this model")
    own_catalog(run)


def _estimate(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.compare.training import Owned, Prices, Run, Spot, compare_methods, estimate, training_method
    from simcost.perf.training.layout import Layout

    catalog = load_catalog(arguments.catalog)
    layout = {
        "tp": arguments.tp,
        "pp": arguments.pp,
        "sequence_tokens": arguments.sequence,
        "micro_batch": arguments.micro_batch,
        "zero": arguments.zero,
        "recompute": arguments.recompute,
    }
    run = Run(
        model=catalog.model(arguments.model),
        accelerator=catalog.accelerator(arguments.on),
        tokens=arguments.tokens,
        method=training_method(
            catalog,
            arguments.method,
            rank=arguments.rank,
            teacher=arguments.teacher,
            kept_share=arguments.kept_share,
            trained_share=arguments.trained_share,
        ),
        layout=Layout(gpus=arguments.gpus, **{name: one for name, one in layout.items() if one is not None}),
        precision=arguments.precision,
        mfu=arguments.mfu,
        tokens_per_s_per_gpu=arguments.tokens_per_s,
        prices=Prices(
            offer=arguments.offer,
            on_demand_usd_per_gpu_h=arguments.price,
            spot=Spot(usd_per_gpu_h=arguments.spot, interruptions_per_node_day=arguments.interruptions),
            owned=Owned(usd_per_gpu_h=arguments.owned),
        ),
    )
    if arguments.compare or arguments.student:
        student = catalog.model(arguments.student) if arguments.student else None
        show(arguments, compare_methods(catalog, run, student=student), "train_estimate")
    else:
        show(arguments, estimate(catalog, run), "train_estimate")


def _add_spot(actions: Any) -> None:
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
