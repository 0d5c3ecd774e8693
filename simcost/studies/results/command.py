"""`simcost results`: rows of sweeps and of finished runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from simcost.studies.argument_types import positive
from simcost.studies.options import Arguments, output, study

TOP = 20
"""Rows of a table in the terminal."""


def add(verbs: Any) -> None:
    """The verb `results`."""
    results = study(verbs, "results", _results, "results.view", "list, filter, rank and export the plans of results")
    results.add_argument("place", type=Path, metavar="FOLDER", help="folder of a sweep, a run, or several; or Parquet")
    results.add_argument("--where", metavar="CONDITION", help="as 'cost_usd < 100 and attainment >= 0.99'")
    results.add_argument("--sort", metavar="COLUMN", help="column, the least value first")
    results.add_argument("--desc", action="store_true", help="the largest value first")
    results.add_argument(
        "--columns", metavar="A,B", default="", help="columns (default: all; of a table the main ones)"
    )
    results.add_argument("--top", type=positive, metavar="N", help="first rows (default: all, of a table 20)")
    results.add_argument("--each-run", action="store_true", help="a row for each run, not for each plan")
    output(results, "-o", "--output", metavar="FILE", help="write the rows as .parquet or .csv")


def _results(arguments: Arguments) -> object:
    from simcost.studies.results.study import ResultQuery, export, selected

    text = not (arguments.json or arguments.output)
    query = ResultQuery(
        where=arguments.where,
        sort=arguments.sort,
        descending=arguments.desc,
        columns=tuple(filter(None, map(str.strip, arguments.columns.split(",")))),
        top=arguments.top,
        listed=TOP if text and arguments.top is None else None,
        each_run=arguments.each_run,
    )
    table, result = selected(arguments.place, query)
    if arguments.output is None:
        return result
    files = (export(table, arguments.output),)
    return replace(result, files=files, listed=None if arguments.json else TOP)
