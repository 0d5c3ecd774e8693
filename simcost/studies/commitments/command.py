"""`simcost commit`: commitments to buy."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.progress import Progress
from simcost.studies.argument_types import usd_per_h
from simcost.studies.options import Arguments, check_belongs, columns, output, sourced, study

if TYPE_CHECKING:
    from simcost.studies.commitments.result import CommitmentAdvice


def add(verbs: Any) -> None:
    """The verb `commit`."""
    commit = study(
        verbs,
        "commit",
        _commit,
        "commitments.view",
        "commitments to buy for the expected demand, and their risk",
    )
    commit.add_argument("file", type=Path, nargs="?", metavar="USAGE", help="usage, as for `simcost bill`")
    commit.add_argument(
        "--options",
        type=Path,
        required=True,
        metavar="YAML",
        help="purchasing plan whose commitments may be bought, each up to its amount",
    )
    commit.add_argument(
        "--paths",
        type=Path,
        metavar="PARQUET",
        help="sample paths of a forecast, a series per SKU; without it the past usage is the demand",
    )
    commit.add_argument(
        "--per-instance",
        type=_positive,
        metavar="X",
        help="quantity of the paths that an instance does in an hour, or of a rate what it takes (default: they count "
        "instances)",
    )
    commit.add_argument(
        "--risk",
        type=_share,
        default=0.0,
        metavar="W",
        help="weight of the worst futures against all, 0 to 1 (default 0: expected cost)",
    )
    commit.add_argument(
        "--tail",
        type=_part,
        default=0.05,
        metavar="SHARE",
        help="share of the futures that are the worst (default 5%%)",
    )
    commit.add_argument("--budget", type=usd_per_h, metavar="USD", help="most to commit, e.g. $100/h")
    output(commit, "-o", "--output", metavar="YAML", help="write the mix as a purchasing plan")
    columns(commit)


def _commit(arguments: Arguments) -> "CommitmentAdvice":
    from simcost.studies.commitments.advise import advise, write_plan

    if not arguments.paths:
        check_belongs(arguments, ("per_instance",), "--paths")
    with Progress("commit", quiet=arguments.quiet) as progress:
        advice = advise(
            arguments.options,
            usage=arguments.file,
            paths=arguments.paths,
            mapping=dict(arguments.map),
            per_instance=arguments.per_instance or 1.0,
            weight=arguments.risk,
            tail=arguments.tail,
            budget_usd_per_h=arguments.budget,
            progress=lambda what: progress(0.5, what),
        )
    if arguments.output:
        write_plan(arguments.output, advice.commitments, arguments.options)
    files = [path for path in (arguments.file, arguments.options, arguments.paths) if path]
    return sourced(arguments, advice, advice.findings, files=files)


def _share(text: str) -> float:
    from simcost.units import SHARE

    try:
        value = SHARE.parse(text)
        number = float(value) if isinstance(value, str | float | int) else -1.0
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1, or from 0% to 100%")
    return number


def _part(text: str) -> float:
    """A share that is not nothing."""
    number = _share(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0; write e.g. 5%")
    return number


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not 0 < value < 1e15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
