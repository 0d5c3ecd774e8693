"""`simcost results`: the plans of sweeps and of finished runs, filtered, ranked, exported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from simcost.documents import optional_key
from simcost.errors import InputError, did_you_mean
from simcost.outputs import whole_file
from simcost.present.plan_rows import main_columns
from simcost.scenario.storage.folders import DESCRIPTION
from simcost.scenario.sweeps.dataset import OTHERS, RUNS, with_heads
from simcost.scenario.sweeps.rows import by_plan, result_rows
from simcost.tables.conditions import condition
from simcost.units import format_count, plural

EXPORTS = (".parquet", ".csv")
_NOT_FIELDS = {"folder", "plan", "base", "replication"}
"""Columns that say which run a row is, but for the swept fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultQuery:
    """Rows that are asked for."""

    where: str | None = None
    """Condition on the columns; None = all."""
    sort: str | None = None
    """Column, the least value first; None = as they are."""
    descending: bool = False
    columns: tuple[str, ...] = ()
    """None = all in documents and exports, the main ones in tables."""
    top: int | None = None
    """First rows, at most."""
    listed: int | None = None
    """First rows of a table, at most; None = all."""
    each_run: bool = False
    """A row for each run; else one for each plan, with means over its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultList:
    """Result of `simcost results`."""

    verdict: str
    found: int
    """Rows that keep the condition."""
    of: int
    """Rows that there are."""
    missing: int
    """Runs of sweeps that are still to be made, so that plans lack some or all of theirs."""
    columns: tuple[str, ...]
    """All that there are."""
    shown: tuple[str, ...]
    """Those of a table."""
    rows: tuple[Mapping[str, Any], ...]
    files: tuple[str, ...]
    listed: int | None = optional_key()
    """Rows of a table, the first ones; None = all."""


def selected(path: Path, query: ResultQuery) -> tuple[pa.Table, ResultList]:
    """The rows of results that a query asks for, and the answer without its files.

    Raises:
        InputError: no results, an unknown column, or a condition that cannot be read.
    """
    rows = result_rows(path)
    every = with_heads(rows.table, rows.heads) if query.each_run else by_plan(rows)
    found = every.filter(condition(query.where, every.schema)) if query.where else every
    if query.sort:
        _check(every, [query.sort], "--sort")
        order = "descending" if query.descending else "ascending"
        found = found.sort_by([(query.sort, order)])
    _check(every, query.columns, "--columns")
    count, found = len(found), found if query.top is None else found.slice(0, query.top)
    chosen = found.select(list(query.columns)) if query.columns else found
    swept = "base" in every.column_names and not every["base"].null_count
    fields = [name for name in rows.table.column_names if swept and name in rows.heads - _NOT_FIELDS]
    kind = "run" if query.each_run else "plan"
    kind += "" if len(every) == 1 else "s"
    of = f" of {format_count(len(every))}" if query.where else ""
    listed = min(len(found), query.listed or len(found))
    first = f", the first {format_count(listed)} of them" if listed < count else ""
    left = f" Still to be made: {plural(rows.missing, 'run')}; sweep again." if rows.missing else ""
    return chosen, ResultList(
        verdict=f"{format_count(count)}{of} {kind}{first}.{left}",
        found=count,
        of=len(every),
        missing=rows.missing,
        columns=tuple(every.column_names),
        shown=tuple(query.columns) or main_columns(every.column_names, fields),
        rows=tuple(chosen.to_pylist()),
        files=(),
        listed=query.listed,
    )


def export(table: pa.Table, path: Path) -> str:
    """Write rows as Parquet or CSV, by the ending of the name; returns the name.

    Raises:
        InputError: another ending, a place among the rows of a sweep, or nothing can be written there.
    """
    if path.suffix not in EXPORTS:
        raise InputError(f"{path}: ends in neither {' nor '.join(EXPORTS)}; name a file that does")
    if path.parent.name in (RUNS, OTHERS) and (path.parent.parent / DESCRIPTION).is_file():
        raise InputError(f"{path}: lies among the rows of a sweep, and would be read as some; name another folder")
    with whole_file(path) as draft:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, draft)
        else:
            pq.write_table(table, draft, compression="zstd")
    return os.path.relpath(path)


def _check(table: pa.Table, names: Sequence[str], option: str) -> None:
    for name in names:
        if name not in table.column_names:
            near = did_you_mean(name, table.column_names) or f"; there are {', '.join(table.column_names)}"
            raise InputError(f"{option}: no column {name!r}{near}")
