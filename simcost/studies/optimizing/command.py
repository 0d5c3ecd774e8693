"""`simcost optimize`: the cheapest plan that meets the SLO."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simcost.gates import Amount, Gate, over_budget
from simcost.progress import Progress
from simcost.studies.argument_types import count_of, factor, natural, positive, quantity
from simcost.studies.optimizing.settings import OBJECTIVES
from simcost.studies.options import Arguments, data, engine, engine_of, gated, output_folder, seed, study
from simcost.units import USD

GATES: Mapping[str, Amount] = {"infeasible": "", "budget": "USD"}


def add(verbs: Any) -> None:
    """The verb `optimize`."""
    optimize = study(
        verbs, "optimize", _optimize, "optimizing.view", "search the cheapest plan that meets the SLO, and prove it"
    )
    optimize.add_argument("file", type=Path, help="scenario YAML; its `vary` says what may vary (default: the catalog)")
    output_folder(optimize, "--out", help="folder that keeps the runs (default: results/SCENARIO)")
    optimize.add_argument("--seeds", type=positive, help="replications (default: as the scenario says, else 10)")
    engine(optimize)
    optimize.add_argument(
        "--mixes", action="store_true", help="propose fixed fleets of several kinds of replicas too, and prove them"
    )
    optimize.add_argument(
        "--options",
        type=Path,
        metavar="YAML",
        help="purchasing plan whose commitments may be bought for each plan, each up to its amount",
    )
    optimize.add_argument(
        "--step-factor",
        type=factor,
        default=1.0,
        metavar="F",
        help="the plan meets the SLO even if each step takes F times as long (default: 1)",
    )
    _bounds(optimize)
    optimize.add_argument(
        "--objective",
        action="append",
        dest="objectives",
        choices=OBJECTIVES,
        default=[],
        help="objective of the front beside cost; repeatable (default: all that are known)",
    )
    optimize.add_argument(
        "--front",
        type=natural,
        default=0,
        metavar="N",
        help="simulate up to N more plans for the front, those with the least possible cost first (default: 0)",
    )
    gated(optimize, GATES, broken)
    data(optimize)
    seed(optimize)


def _bounds(optimize: Any) -> None:
    """Options of the most that a plan may cost and take."""
    optimize.add_argument(
        "--budget",
        type=quantity(USD),
        dest="budget_usd",
        metavar="USD",
        help="most that a month of the plan may cost, e.g. $5,000",
    )
    optimize.add_argument(
        "--quota",
        type=count_of("ACCELERATOR=N", "h100-sxm=8"),
        action="append",
        default=[],
        metavar="ACCELERATOR=N",
        help="most accelerators of a kind that the plan may take at a time; repeatable",
    )
    optimize.add_argument(
        "--available",
        type=count_of("OFFER=N", "aws/p5.48xlarge=4"),
        action="append",
        default=[],
        metavar="OFFER=N",
        help="most instances of an offer, or of OFFER@REGION, that the plan may take at a time; repeatable",
    )


def _optimize(arguments: Arguments) -> dict[str, Any]:
    from simcost.scenario.checks.load import load_with_services
    from simcost.studies.optimizing.settings import SearchSettings
    from simcost.studies.optimizing.study import optimize

    loaded = load_with_services(arguments.file, arguments.data)
    name = loaded.first.scenario.scenario
    out = arguments.out or Path("results") / name
    settings = SearchSettings.of(vars(arguments), engine=engine_of(arguments))
    with Progress(name, quiet=arguments.quiet) as progress:
        return optimize(loaded, out / "runs", settings, progress)


def broken(document: Mapping[str, Any], gate: Gate) -> str:
    """`infeasible` is broken where no plan meets the SLO, `budget=USD` where none does that costs no more a month."""
    best = document["best"]
    if best is None:
        from simcost.studies.optimizing.verdict import infeasible

        return infeasible(document)
    return over_budget(gate, best["cost_usd"]["per_month"])
