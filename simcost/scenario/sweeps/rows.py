"""Rows of results: of sweeps, of finished runs, of folders of both; each run a row, or each plan one."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.scenario.storage.folders import DESCRIPTION, check_result
from simcost.scenario.sweeps.dataset import (
    RUNS,
    heads_of,
    missing_runs,
    read_dataset,
    read_description,
    with_heads,
)

_RENAMED = {"total_usd": "cost_usd", "per_month_usd": "cost_usd_per_month"}
_DEPTH = 4
"""Folders below one another in which results are looked for."""
_OF_RUNS = ("replication", "seed", "error", "simulation", "engine_version", "simcost_version", "key")
"""Columns that a plan has none of."""
_PLACE = "place of the row"
_ALL = pc.ScalarAggregateOptions(skip_nulls=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRows:
    """Rows of results."""

    table: pa.Table
    heads: frozenset[str]
    """Columns that say which plan a row is of, the same in all its runs."""
    missing: int = 0
    """Runs of sweeps that are still to be made."""


def result_rows(path: Path) -> ResultRows:
    """The runs of a sweep, of a finished run, of all of these in a folder, or in a Parquet file.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    if path.is_file():
        with _reading(path), pq.ParquetFile(path) as file:
            return ResultRows(table=file.read(), heads=frozenset(heads_of(file)))
    with _reading(path):
        found = [_rows_of(folder, path) for folder in _folders(path, _DEPTH)]
    if not found:
        message = "holds no results; `simcost sweep FILE.yaml` and `simcost run FILE.yaml` write some"
        raise InputError(f"{path}: {message}")
    table = _together([one.table for one in found])
    heads = frozenset[str]().union(*(one.heads for one in found))
    return ResultRows(table=table, heads=heads, missing=sum(one.missing for one in found))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """A file or folder of results that cannot be read is an InputError with its name."""
    try:
        yield
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        remedy = "name a folder of results" if path.is_file() else "run again"
        raise InputError(f"{path}: its results cannot be read ({error}); {remedy}") from error


def _folders(path: Path, depth: int) -> Iterator[Path]:
    """The folders of results in a folder, itself first; links are not followed."""
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder; name a folder of results")
    if (path / DESCRIPTION).is_file() or (path / "result.json").is_file():
        yield path
    elif depth:
        for one in sorted(path.iterdir()):
            if one.is_dir() and not one.is_symlink() and not one.name.startswith("."):
                yield from _folders(one, depth - 1)


def _rows_of(folder: Path, top: Path) -> ResultRows:
    """The runs of one folder; below the one that was named, with its name in front."""
    with _reading(folder):
        table, heads, missing = _read(folder)
    table = table.replace_schema_metadata(None)
    if folder == top:
        return ResultRows(table=table, heads=frozenset(heads), missing=missing)
    name = pa.array([os.path.relpath(folder, top)] * len(table), pa.string())
    return ResultRows(table=table.add_column(0, "folder", name), heads=frozenset([*heads, "folder"]), missing=missing)


def _read(folder: Path) -> tuple[pa.Table, list[str], int]:
    """Rows of a folder, the columns that say which run a row is, and the runs that are still to be made."""
    if (folder / DESCRIPTION).is_file():
        table, heads = read_dataset(folder / RUNS)
        return table, heads, missing_runs(read_description(folder), len(table))
    check_result(folder)
    table = pq.ParquetFile(folder / "tables" / "runs.parquet").read()
    return table.rename_columns([_RENAMED.get(name, name) for name in table.column_names]), ["plan"], 0


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    """Rows of all tables; values of a field that has another type in each are texts, as in a sweep that has both."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for one in (one for one in table.schema if not pa.types.is_null(one.type)):
            kinds.setdefault(one.name, set()).add(pa.float64() if pa.types.is_integer(one.type) else one.type)
    mixed = {name for name, found in kinds.items() if len(found) > 1}
    return pa.concat_tables([_with_texts(table, mixed) for table in tables], promote_options="permissive")


def _with_texts(table: pa.Table, names: Collection[str]) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if name in names:
            texts = [None if value is None else str(value) for value in table[name].to_pylist()]
            table = table.set_column(place, name, pa.array(texts, pa.string()))
    return table


def by_plan(rows: ResultRows) -> pa.Table:
    """Each plan as a row, in the order of its first run: means of numbers, shares of what is true, number of runs.

    A mean is there where all runs of the plan have the value, as in the result of a run; a run that could not go on has
    none, and did not meet the SLO.
    """
    runs = rows.table
    same = [name for name in ("folder", "plan") if name in runs.column_names]
    if "plan" not in same:
        return with_heads(runs, rows.heads)
    kept = [
        name
        for name in runs.column_names
        if name not in (*_OF_RUNS, *same) or name in rows.heads - {*same, "replication"}
    ]
    columns = {name: runs[name] for name in (*same, *kept)}
    if "error" in runs.column_names and "met" in kept:  # a run that could not go on meets nothing
        columns["met"] = pc.if_else(runs["error"].is_valid(), pa.scalar(False), runs["met"])  # noqa: FBT003
    shares = [name for name in kept if pa.types.is_boolean(runs[name].type) and name not in rows.heads]
    columns |= {name: columns[name].cast(pa.float64()) for name in shares}
    first = {name for name in kept if name in rows.heads or pa.types.is_string(runs[name].type)}
    wanted = [(name, "first" if name in first else "mean", _ALL) for name in kept]
    if "error" in runs.column_names:
        columns["failed"], wanted = runs["error"].is_valid().cast(pa.int64()), [*wanted, ("failed", "sum", _ALL)]
    columns[_PLACE] = pa.array(range(len(runs)), pa.int64())
    grouped = (
        pa.table(columns).group_by(same, use_threads=False).aggregate([*wanted, ([], "count_all"), (_PLACE, "min")])
    )
    grouped = grouped.sort_by(f"{_PLACE}_min")  # groups come in an order of their own
    found = {name: grouped[name] for name in same} | {"runs": grouped["count_all"]}
    for name, how, _ in wanted:
        found[f"{name}_share" if name in shares else name] = grouped[f"{name}_{how}"]
    return with_heads(pa.table(found), found)
