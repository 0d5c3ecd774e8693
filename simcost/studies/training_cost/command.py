"""`simcost train estimate`: one run of training, and its cost."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simcost.studies.argument_types import number, pair, positive, quantity, seconds, span, tokens, usd_per_h
from simcost.studies.options import Arguments, NamedOnce, own_catalog, study
from simcost.studies.training_cost.run_options import MODELS, levers_of, run_of
from simcost.units import (
    BYTES,
    BYTES_PER_S,
    KILOWATTS,
    SHARE,
    USD,
    USD_PER_GB,
    USD_PER_GB_MONTH,
    USD_PER_KW_MONTH,
    USD_PER_KWH,
    USD_PER_YEAR,
)

if TYPE_CHECKING:
    from simcost.studies.training_cost.result import GpuCounts, MethodComparison, TrainingEstimate

MOST_COUNTS = 64


def add(actions: Any) -> None:
    """The action `estimate`."""
    run = study(
        actions,
        "estimate",
        _estimate,
        "training_cost.view",
        "time, memory and money of a training run, with their ranges",
    )
    run.add_argument("model", help="name of a model in the catalog")
    run.add_argument("--tokens", type=tokens, required=True, metavar="N", help="trained on, e.g. 2e9 or 15T")
    run.add_argument("--on", required=True, metavar="ACCELERATOR", help="name of an accelerator in the catalog")
    run.add_argument(
        "--gpus",
        type=_counts,
        metavar="N[,N...]",
        help="accelerators; several or none: time and money against their number",
    )
    run.add_argument("--precision", default="bf16", help="bf16 (default) or fp8")
    _add_method(run.add_argument_group("method"))
    _add_layout(run.add_argument_group("layout and speed"))
    _add_failures(run.add_argument_group("failures and checkpoints"))
    _add_prices(run.add_argument_group("prices and energy"))
    _add_owned(run.add_argument_group("hardware of your own, as `buy: {kind: owned}` of a plan"))
    _add_questions(run.add_argument_group("questions"))
    own_catalog(run)


def _add_method(group: Any) -> None:
    group.add_argument(
        "--method",
        metavar="M",
        help="pretrain, full (default), lora, qlora, distill, pruned or transfer",
    )
    group.add_argument("--rank", type=positive, metavar="N", help="of lora and qlora (default 16)")
    group.add_argument("--teacher", metavar="MODEL", help="of distill")
    group.add_argument("--pruning", metavar="P", help="of pruned: structured (default), unstructured or 2:4")
    _add(
        group,
        quantity(SHARE),
        "X",
        {
            "--kept-share": "of pruned: share of the weights kept, e.g. 60%%",
            "--trained-share": "of transfer: share of the weights trained, e.g. 20%%",
        },
    )
    group.add_argument("--speedup", type=number, metavar="X", help="of 2:4: of a training step, measured")


def _add_layout(group: Any) -> None:
    _add(
        group,
        positive,
        "N",
        {
            "--tp": "tensor parallelism (default 1)",
            "--pp": "pipeline stages (default 1)",
            "--shards": "ranks that share one sharded copy (default all)",
            "--sequence": "tokens of a sequence (default 4096)",
            "--micro-batch": "sequences per pass and rank (default 1)",
        },
    )
    group.add_argument("--zero", type=int, choices=range(4), help="ZeRO stage (default 3, as FSDP)")
    group.add_argument("--recompute", choices=("none", "selective", "full"), help="of activations (default full)")
    _add(group, quantity(SHARE), "X", {"--mfu": "measured model FLOPs utilisation, e.g. 40%%; else published"})
    _add(
        group,
        number,
        "X",
        {
            "--tflops": "measured TFLOP/s per accelerator, instead",
            "--tokens-per-s": "measured tokens per second and accelerator, instead",
        },
    )
    group.add_argument("--no-attention", action="store_true", help="count 6 N FLOPs a token, no attention")


def _add_failures(group: Any) -> None:
    _add(
        group,
        number,
        "X",
        {
            "--failure-rate": "interruptions per node and day (default: as published)",
            "--job-failures": "and per day, however small the job is (default 0)",
        },
    )
    _add(
        group,
        seconds,
        "TIME",
        {
            "--restart": "from a failure to work again (default 5min)",
        },
    )
    group.add_argument(
        "--checkpoint",
        type=_interval,
        metavar="TIME",
        help="work between two checkpoints, or young (default) or daly: the optimum",
    )
    group.add_argument(
        "--bandwidth",
        type=quantity(BYTES_PER_S),
        metavar="RATE",
        help="of checkpoints, of a node into storage (default 1GB/s)",
    )
    group.add_argument("--node", type=positive, metavar="N", help="accelerators of a node (default 8)")
    group.add_argument("--failure-model", default="exponential", metavar="M[=X]", help=MODELS)
    group.add_argument("--log-span", type=span, metavar="TIME", help="that the recorded failures cover")
    group.add_argument(
        "--correlated",
        type=_correlated,
        metavar="NODES/PER_DAY/OUTAGE",
        help="nodes lost at once, how often, until there are new ones, e.g. 200/0.01/6h",
    )
    group.add_argument("--spares", type=positive, metavar="N", help="spare nodes for such losses, paid as the others")
    group.add_argument("--simulate", type=positive, metavar="RUNS", help="runs, for the spread of the time")


def _add_prices(group: Any) -> None:
    group.add_argument("--offer", metavar="P/SKU", help="offer whose price is taken (default: the cheapest whole node)")
    group.add_argument("--region", metavar="R", help="of the offer")
    _add(
        group,
        usd_per_h,
        "USD",
        {
            "--price": "per accelerator and hour on demand",
            "--spot": "the same on spot",
            "--owned": "the same of your own hardware; or give --capex and the rest below",
        },
    )
    _add(
        group,
        number,
        "X",
        {
            "--interruptions": "of spot, per node and day; without it spot is not priced",
            "--pue": "power of the data centre / of its devices",
            "--power-w": "nominal power of an accelerator (default: the catalog's)",
            "--g-per-kwh": "grams of CO2e of a kilowatt-hour (default: the catalog's, of the region of the offer)",
        },
    )
    _add(group, quantity(SHARE), "X", {"--power-share": "mean power / nominal power (default 1)"})
    _add(
        group,
        quantity(USD_PER_GB_MONTH),
        "USD",
        {"--storage": "per GB and month, of the checkpoints kept and of the training data"},
    )
    _add(
        group,
        quantity(USD_PER_GB),
        "USD",
        {
            "--egress": "per GB, of the weights that leave",
            "--data-egress": "per GB, of the training data where they lie now (default 0: with the provider)",
        },
    )
    group.add_argument(
        "--data-size", type=quantity(BYTES), metavar="SIZE", help="of the training data, stored while the run lasts"
    )
    group.add_argument("--kept", type=int, metavar="N", help="checkpoints kept (default 3)")
    group.add_argument("--copies", type=int, metavar="N", help="of the weights that leave (default 1)")


def _add_owned(group: Any) -> None:
    """The keys of `buy: {kind: owned}`; --pue stands with the energy."""
    _add(
        group,
        quantity(USD),
        "USD",
        {
            "--capex": "of a node, with its part of network and racks",
            "--residual": "resale price of a node at the end (default 0)",
        },
    )
    _add(
        group,
        positive,
        "N",
        {
            "--accelerators": "of a node (default: --node)",
            "--nodes": "owned, all of them paid (default: those that the run needs)",
        },
    )
    _add(group, number, "X", {"--life-years": "years of use"})
    _add(
        group,
        quantity(KILOWATTS),
        "KW",
        {
            "--power": "of a node on average, cooling not included, e.g. 6.5kW",
            "--contracted": "reserved for a node, which colocation is paid for; needed with it",
        },
    )
    _add(group, quantity(USD_PER_KWH), "USD", {"--electricity": "of a kilowatt-hour, e.g. $0.08/kWh"})
    _add(
        group,
        quantity(USD_PER_KW_MONTH),
        "USD",
        {"--colocation": "rent of the place, e.g. $200/kW (default 0)"},
    )
    _add(
        group,
        quantity(USD_PER_YEAR),
        "USD",
        {"--staff": "staff, for all nodes, e.g. $20,000/year (default 0)"},
    )
    _add(
        group,
        quantity(SHARE),
        "X",
        {
            "--maintenance": "per year, of the capex (default 0)",
            "--capital-rate": "cost of capital per year (default 0)",
            "--used-share": "of the time in which the nodes work; the run pays for the rest too (default 1)",
        },
    )


_COMPARED = (
    "full, LoRA and QLoRA side by side; with --kept-share pruning, with --trained-share transfer, with --student "
    "distilling too"
)


def _add_questions(group: Any) -> None:
    group.add_argument(
        "--deadline", type=span, metavar="TIME", help="find the number of GPUs that ends within it, e.g. 14d"
    )
    group.add_argument("--budget", type=quantity(USD), metavar="USD", help="and within this money, e.g. $50000")
    group.add_argument(
        "--buy", choices=("on_demand", "spot", "owned"), help="purchase option that --deadline and --budget hold for"
    )
    group.add_argument("--compare", action="store_true", help=_COMPARED)
    group.add_argument("--student", metavar="MODEL", help="with --compare: and distilling into this model")
    group.add_argument("--student-tokens", type=tokens, metavar="N", help="that it is trained on")
    group.add_argument("--serve-tokens", type=tokens, metavar="N", help="output tokens served later, in all")
    group.add_argument(
        "--quality",
        type=_quality,
        action=NamedOnce,
        default=[],
        metavar="METHOD=X",
        help="measured quality of a method",
    )


def _add(group: Any, kind: Callable[[str], Any], metavar: str, options: dict[str, str]) -> None:
    """Options of one kind, with what they mean."""
    for option, what in options.items():
        group.add_argument(option, type=kind, metavar=metavar, help=what)


def _estimate(arguments: Arguments) -> "TrainingEstimate | GpuCounts | MethodComparison":
    from simcost.catalog import load_catalog
    from simcost.errors import InputError
    from simcost.studies.training_cost.estimate import estimate
    from simcost.studies.training_cost.gpu_counts import TrainingTarget, choose_count
    from simcost.studies.training_cost.levers import compare_methods

    _check(arguments)
    catalog = load_catalog(arguments.catalog)
    counts = arguments.gpus or ()
    asked = TrainingTarget(deadline_s=arguments.deadline, budget_usd=arguments.budget, way=arguments.buy)
    run = run_of(arguments, catalog, counts[0] if counts else 0)
    if arguments.compare and len(counts) != 1:
        raise InputError("--compare sets methods side by side on one number of GPUs; give --gpus N")
    if arguments.compare:
        return compare_methods(catalog, run, levers_of(arguments, catalog))
    if len(counts) == 1 and asked == TrainingTarget():
        return estimate(catalog, run)
    return choose_count(catalog, run, asked, counts)


BELONGS = {
    "spares": ("correlated", "--correlated"),
    "log_span": ("failure_model", "--failure-model recorded=FILE"),
    "student_tokens": ("student", "--student"),
    "serve_tokens": ("compare", "--compare"),
    "quality": ("compare", "--compare"),
    **dict.fromkeys(
        (
            "residual",
            "accelerators",
            "nodes",
            "life_years",
            "power",
            "contracted",
            "electricity",
            "colocation",
            "staff",
            "maintenance",
            "capital_rate",
            "used_share",
        ),
        ("capex", "--capex"),
    ),
}
"""Options that mean nothing without another."""

OF_ONE_METHOD = {
    "method": "side by side, which other options name; leave it out",
    "teacher": "side by side: the model teaches --student; leave it out",
    "tokens_per_s": "side by side, whose tokens take unlike work; give --mfu or --tflops, which hold for each",
    "buy": "side by side on demand; leave it out",
}
"""Options that --compare would pass over, or take for each method, and what to do instead."""


def _check(arguments: Arguments) -> None:
    """Raises InputError for an option that would be passed over."""
    from simcost.errors import InputError

    arguments.compare = arguments.compare or bool(arguments.student)
    for option, (other, said) in BELONGS.items():
        given = getattr(arguments, other)
        missing = not given.startswith("recorded") if other == "failure_model" else not given
        if getattr(arguments, option) and missing:
            raise InputError(f"--{option.replace('_', '-')} belongs to {said}; give both")
    if arguments.compare and (arguments.deadline or arguments.budget):
        raise InputError("--compare answers another question than --deadline and --budget; ask one of them")
    if arguments.compare:
        for option, instead in OF_ONE_METHOD.items():
            if getattr(arguments, option):
                raise InputError(
                    f"--{option.replace('_', '-')} is of one run, and --compare sets several methods {instead}"
                )
        if (arguments.pruning or arguments.speedup) and not arguments.kept_share:
            raise InputError("--compare adds pruning where --kept-share says how many weights are kept; give it too")


def _interval(text: str) -> float | str:
    """A time, or the name of an optimum."""
    return text if text in ("young", "daly") else span(text)


def _correlated(text: str) -> dict[str, Any]:
    """`200/0.01/6h`."""
    parts = text.split("/")
    if len(parts) != 3:  # nodes, rate, outage
        raise argparse.ArgumentTypeError(f"{text!r} is not NODES/PER_DAY/OUTAGE, such as 200/0.01/6h")
    return {"nodes": positive(parts[0]), "per_day": number(parts[1]), "outage": seconds(parts[2])}


def _quality(text: str) -> list[tuple[str, float]]:
    """`lora=0.8`."""
    method, value = pair(text)
    return [(method, number(value))]


def _counts(text: str) -> tuple[int, ...]:
    """`64`, or `8,16,32`."""
    parts = text.split(",")
    if len(parts) > MOST_COUNTS:
        raise argparse.ArgumentTypeError(f"{len(parts)} numbers of GPUs; give at most {MOST_COUNTS}")
    return tuple(positive(part.strip()) for part in parts)
