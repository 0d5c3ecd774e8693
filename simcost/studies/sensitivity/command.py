"""`simcost sensitivity`: what would change the decision."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.gates import Amount, Gate
from simcost.progress import Progress
from simcost.studies.argument_types import positive
from simcost.studies.options import Arguments, data, engine, engine_of, gated, output_folder, seed, study

if TYPE_CHECKING:
    from simcost.studies.sensitivity.states import VariedRange

GATES: Mapping[str, Amount] = {"infeasible": "", "flip": ""}
_NUMBER = r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?%?"
_RANGE = re.compile(rf"([^=]+)=({_NUMBER})\.\.({_NUMBER})")


def add(verbs: Any) -> None:
    """The verb `sensitivity`."""
    sensitivity = study(
        verbs,
        "sensitivity",
        _sensitivity,
        "sensitivity.view",
        "what a decision depends on: tornado, flip points, value of knowing, two-way grids, Sobol indices",
    )
    sensitivity.add_argument("file", type=Path, help="scenario YAML")
    sensitivity.add_argument(
        "--vary",
        type=ranged,
        action="append",
        required=True,
        metavar="PATH=LO..HI",
        help="a field as workload.0.rate, or demand, engine (factors; of a service demand.NAME), price.OFFER ($/h), "
        "discount.OFFER, in one region OFFER@REGION; repeatable",
    )
    sensitivity.add_argument(
        "--grid",
        type=paired,
        action="append",
        default=[],
        metavar="PATH,PATH",
        help="two of the varied values at once: the best plan at 9 x 9 combinations; repeatable",
    )
    sensitivity.add_argument(
        "--sobol",
        action="store_true",
        help="all values at once: the share of the variance of the cost that each causes, alone and with others",
    )
    output_folder(sensitivity, "--out", help="folder that keeps the runs (default: results/SCENARIO)")
    sensitivity.add_argument("--seeds", type=positive, help="replications (default: as the scenario says)")
    engine(sensitivity)
    gated(sensitivity, GATES, broken)
    data(sensitivity)
    seed(sensitivity)


def ranged(text: str) -> "VariedRange":
    """PATH=LO..HI; numbers in the units of the resolved scenario, or per cent."""
    from simcost.studies.sensitivity.states import IN_NUMBERS, VariedRange

    found = _RANGE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PATH=LO..HI, e.g. demand=0.8..1.5 or discount.aws/p5=0..40%; {IN_NUMBERS}"
        )
    lo, hi = (float(end.rstrip("%")) / (100 if end.endswith("%") else 1) for end in found.group(2, 3))
    if not lo < hi:
        raise argparse.ArgumentTypeError(f"{text!r}: {found[2]} is not below {found[3]}; write the lower first")
    return VariedRange(path=found[1], lo=lo, hi=hi)


def paired(text: str) -> tuple[str, str]:
    """PATH,PATH."""
    one, _, other = text.partition(",")
    if not one or not other or "," in other:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH,PATH, e.g. demand,engine")
    return one, other


def _sensitivity(arguments: Arguments) -> dict[str, Any]:
    from simcost.scenario.checks.load import load_with_services
    from simcost.studies.sensitivity.simulated import SensitivitySettings
    from simcost.studies.sensitivity.study import sensitivity

    loaded = load_with_services(arguments.file, arguments.data)
    name = loaded.first.scenario.scenario
    out = arguments.out or Path("results") / name
    settings = SensitivitySettings(
        runs=out / "runs",
        seeds=arguments.seeds,
        seed=arguments.seed,
        jobs=arguments.jobs,
        engine=engine_of(arguments),
        grids=arguments.grid,
        variance=arguments.sobol,
    )
    with Progress(name, quiet=arguments.quiet) as progress:
        return sensitivity(loaded, arguments.vary, settings, progress)


def broken(document: Mapping[str, Any], gate: Gate) -> str:
    """`infeasible` is broken where no plan meets the SLO, `flip` where the decision changes within a range."""
    if gate.name == "infeasible":
        return document["base"]["infeasible"] or ""
    flips = [f"{flip['path']} at {flip['value']:.4g}" for flip in document["flips"]]
    return f"the decision flips within the range of {', '.join(flips)}" if flips else ""
