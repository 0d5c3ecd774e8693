"""`simcost commit`: what to buy in advance."""

import argparse
from pathlib import Path
from typing import Any

from simcost.cli.words import Arguments, columns, print_json, usd_per_h, verb
from simcost.progress import Progress


def add(verbs: Any) -> None:
    """The verb `commit`."""
    commit = verb(verbs, "commit", _commit, "what to commit to over the demand that may come, and its risk")
    commit.add_argument(
        "file", type=Path, nargs="?", metavar="USAGE", help="what was used, as for `simcost bill`"
    )
    commit.add_argument(
        "--options", type=Path, required=True, metavar="YAML",
        help="purchasing plan whose commitments may be bought, each up to its amount",
    )  # fmt: skip
    commit.add_argument(
        "--paths",
        type=Path,
        metavar="PARQUET",
        help="sample paths of a forecast, a series per SKU; else the usage is what may come",
    )
    commit.add_argument(
        "--per-instance", type=_positive, default=1.0, metavar="X",
        help="quantity of the paths that an instance does in an hour (default: they count instances)",
    )  # fmt: skip
    commit.add_argument(
        "--risk", type=_share, default=0.0, metavar="W",
        help="weight of the worst futures against all, 0 to 1 (default 0: expected cost)",
    )  # fmt: skip
    commit.add_argument(
        "--tail", type=_share, default=0.05, metavar="SHARE", help="that are the worst (default 5%%)"
    )
    commit.add_argument("--budget", type=usd_per_h, metavar="USD", help="most to commit, e.g. $100/h")
    commit.add_argument(
        "-o", "--output", type=Path, metavar="YAML", help="write the mix as a purchasing plan"
    )
    commit.add_argument(
        "--svg", type=Path, metavar="FILE", help="write the curves of cost against commitment"
    )
    columns(commit)


def _commit(arguments: Arguments) -> None:
    from simcost import __version__
    from simcost.report.commit import text
    from simcost.scenario.committing import advise, write_plan
    from simcost.scenario.folders import sha256_of

    with Progress("commit", quiet=arguments.quiet) as progress:
        document = advise(
            arguments.options,
            usage=arguments.file,
            paths=arguments.paths,
            mapping=dict(arguments.map),
            per_instance=arguments.per_instance,
            weight=arguments.risk,
            tail=arguments.tail,
            budget_usd_per_h=arguments.budget,
            progress=lambda what: progress(0.5, what),
        )
    read = [path for path in (arguments.file, arguments.options, arguments.paths) if path]
    document["provenance"] = {
        "simcost_version": __version__,
        "inputs": {str(path): sha256_of(path) for path in read},
        "catalog_date": document.pop("catalog_date"),
    }
    if arguments.output:
        write_plan(arguments.output, document["commitments"], arguments.options)
    if arguments.svg:
        _draw(document, arguments.svg)
    if arguments.json:
        print_json(document)
    else:
        print(text(document))


def _draw(document: dict[str, Any], path: Path) -> None:
    from simcost.report.commit_chart import curves
    from simcost.report.style import to_svg
    from simcost.scenario.folders import whole_file

    with whole_file(path) as draft:
        draft.write_text(to_svg(curves(document)), encoding="utf-8")


def _share(text: str) -> float:
    from simcost.units import SHARE

    try:
        value = SHARE.parse(text)
        number = float(value) if isinstance(value, str | float | int) else -1.0
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1, or from 0% to 100%")
    return number


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not 0 < value < 1e15:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value
