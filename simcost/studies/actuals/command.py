"""`simcost focus`: cost files in the FOCUS format, as providers export them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcost.errors import GateError
from simcost.studies.options import (
    Arguments,
    check_distinct,
    currency_rates,
    finish,
    output,
    pictures,
    rates_of,
    verb,
)

if TYPE_CHECKING:
    from simcost.trace.focus.reader import Actuals


def add(verbs: Any) -> None:
    """The verb `focus`."""
    focus = verbs.add_parser("focus", help="read, check or compare cost files in the FOCUS format")
    actions = focus.add_subparsers(title="actions", required=True, metavar="ACTION")
    read = verb(actions, "read", _read, "usage and costs in a provider's FOCUS export")
    read.add_argument("files", type=Path, nargs="+", help="FOCUS 1.0 to 1.3, CSV (also .gz) or Parquet")
    output(read, "-o", "--output", help="write the hours of machines for `simcost bill` (.parquet or .csv)")
    pictures(read)
    currency_rates(read)
    check = verb(actions, "check", _check, "check a file against the rules of FOCUS 1.2; exit code 1 if it breaks one")
    check.add_argument("file", type=Path, help="a FOCUS file, CSV (also .gz) or Parquet")
    compare = verb(actions, "compare", _compare, "compare actual with simulated costs, SKU by SKU")
    compare.add_argument("actual", type=Path, help="a provider's FOCUS export")
    compare.add_argument("simulated", type=Path, help="a FOCUS file of `simcost bill`, or a folder of `simcost run`")
    compare.add_argument("--plan", metavar="NAME", help="which plan of the folder")
    compare.add_argument(
        "--cost", choices=("effective", "billed", "list"), default="effective", help="which cost (effective)"
    )
    compare.add_argument(
        "--per-month", action="store_true", help="scale both to a month of 730 h, whatever their months"
    )
    pictures(compare)
    currency_rates(compare)


def _read(arguments: Arguments) -> None:
    from simcost.studies.actuals.study import actual_costs

    actuals = _actuals(arguments.files, arguments, series=arguments.output is not None)
    result = actual_costs(actuals)
    if arguments.output:
        _write(actuals, arguments.output)
    written = tuple(os.path.relpath(path) for path in (arguments.output, arguments.html, arguments.svg) if path)
    finish(arguments, replace(result, files=written), [], "actuals.view", files=arguments.files)


def _check(arguments: Arguments) -> None:
    from simcost.trace.focus.validation import check_focus

    document = check_focus(arguments.file)
    finish(arguments, document, [], "actuals.check_view")
    if any(row["must"] for row in document["broken"]):
        raise GateError(document["verdict"])


def _compare(arguments: Arguments) -> None:
    from simcost.studies.actuals.comparison import against, file_findings, length_findings, side_of_file
    from simcost.studies.actuals.simulated import simulated_side

    usd_per = rates_of(arguments)
    actuals = _actuals([arguments.actual], arguments)
    paid = side_of_file(actuals, arguments.cost)
    expected = simulated_side(arguments.simulated, arguments.cost, plan=arguments.plan, usd_per=usd_per)
    result = against(paid, expected, arguments.cost, per_month=arguments.per_month)
    simulated = arguments.simulated / "result.json" if arguments.simulated.is_dir() else arguments.simulated
    files = [arguments.actual, simulated]
    found = [*file_findings(paid, expected), *length_findings(paid, expected, result)]
    finish(arguments, replace(result, quality=actuals.quality), found, "actuals.compare_view", files=files)


def _actuals(files: list[Path], arguments: Arguments, *, series: bool = False) -> "Actuals":
    from simcost.trace.focus.reader import read_focus

    check_distinct(files)
    return read_focus(files, usd_per=rates_of(arguments), series=series)


def _write(actuals: "Actuals", path: Path) -> None:
    from simcost.errors import TraceError
    from simcost.outputs import whole_file
    from simcost.trace.focus.export import write_focus

    if not actuals.usage:
        raise TraceError(
            "no row is usage counted in hours, in a period that ends after it begins, so there is nothing to write "
            "for `simcost bill`; without -o the findings on the rows are shown"
        )
    with whole_file(path) as draft:
        write_focus(actuals.usage, draft, text=path.suffix == ".csv")
