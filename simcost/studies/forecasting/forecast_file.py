"""Forecasts on disk, to be scored when the future has come: one Parquet file, a row per series and step.

A name that ends in .csv gets the rows alone, for a spreadsheet: they cannot be scored.

Columns: series, timestamp_utc, mean, base, median, lo_L and hi_L per level, `part:NAME` per stated event (null in
series without it). What steps do not add up to (levels of totals and peaks) stands in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.forecast.level_error import Levels
from simcost.forecast.scoring.issued import MEASURES, Issued, days
from simcost.outputs import whole_file
from simcost.tables.calendar import find_zone
from simcost.tables.cells import LARGEST
from simcost.tables.json_objects import finite_json
from simcost.trace.series.series import Floats, Grid

VERSION = 2
KEY = b"simcost.forecast"
_TIME = pa.timestamp("us", "UTC")
_PART = "part:"
_WHOLE = ("total", "peak")
"""Measures of the whole horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastFile:
    """Content of a file of forecasts."""

    forecasts: list[Issued]
    timezone: str
    said: dict[str, Any]
    """Other metadata of its writer: file, seed, created, ..."""


def write_forecast(
    path: Path, forecasts: Sequence[Issued], *, timezone: str, said: dict[str, Any] | None = None
) -> None:
    """Write forecasts, whole or not at all.

    Args:
        path: Parquet, or .csv of the rows alone; replaced if it is there.
        forecasts: at least one; all with the same levels.
        timezone: whose days they were made for.
        said: what the reader should know of their origin: file, seed, created, simcost_version, ...

    Raises:
        InputError: the file cannot be written.
    """
    about = {
        "version": VERSION,
        "timezone": timezone,
        "said": said or {},
        "levels": sorted(forecasts[0].levels),
        "series": {forecast.name: _about(forecast) for forecast in forecasts},
    }
    parts = dict.fromkeys(name for forecast in forecasts for name in forecast.parts)
    table = pa.concat_tables([_table(forecast, list(parts)) for forecast in forecasts])
    table = table.replace_schema_metadata({KEY: json.dumps(about, allow_nan=False)})
    with whole_file(path) as draft:
        if path.suffix == ".csv":
            times = table["timestamp_utc"].cast(pa.timestamp("s", "UTC"))
            pyarrow.csv.write_csv(table.set_column(1, "timestamp_utc", times), draft)
        else:
            pq.write_table(table, draft, compression="zstd", write_page_checksum=True)


def check_names(forecast: Path | None, paths: Path | None) -> None:
    """Check that the names of files to write say what is written: `.parquet`, of a forecast also `.csv`.

    Raises:
        InputError: another ending.
    """
    for path, endings in ((forecast, (".parquet", ".csv")), (paths, (".parquet",))):
        if path is not None and path.suffix not in endings:
            raise InputError(f"{path}: is written by the end of its name; end it in {' or '.join(endings)}")


def read_forecast(path: Path) -> ForecastFile:
    """Read forecasts.

    Raises:
        InputError: missing, damaged, or not such a file.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            about, table = finite_json((file.metadata.metadata or {})[KEY]), file.read()
        forecasts = list(_forecasts(about, table))
        return ForecastFile(forecasts=forecasts, timezone=str(about["timezone"]), said=dict(about["said"]))
    except (
        OSError,
        pa.ArrowException,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
        InputError,
    ) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        remedy = f"write one with `simcost forecast FILE -o {path.stem}.parquet`"
        raise InputError(f"{path}: no forecast, or a damaged one ({why}); {remedy}") from error


def _about(issued: Issued) -> dict[str, Any]:
    return {
        "quantity": issued.quantity,
        "model": issued.model,
        "start_s": issued.grid.start_s,
        "step_s": issued.grid.step_s,
        "steps": len(issued.mean),
        "scale": issued.scale,
        "parts": list(issued.parts),
        "expected": dict(issued.expected),
        "measures": {
            what: {level: [end.tolist() for end in ends] for level, ends in levels.items()}
            for what, levels in issued.measures.items()
        },
    }


def _table(issued: Issued, parts: list[str]) -> pa.Table:
    steps = len(issued.mean)
    times = pa.array(issued.grid.times(steps)).cast(pa.timestamp("us")).cast(_TIME)
    columns: dict[str, Any] = {
        "series": pa.array([issued.name] * steps, pa.string()),
        "timestamp_utc": times,
        "mean": issued.mean,
        "base": issued.base,
        "median": issued.median,
    }
    for level, (lo, hi) in sorted(issued.levels.items()):
        columns |= {f"lo_{level}": lo, f"hi_{level}": hi}
    for name in parts:
        columns[_PART + name] = pa.array(issued.parts[name]) if name in issued.parts else pa.nulls(steps, pa.float64())
    return pa.table(columns)


def _forecasts(about: dict[str, Any], table: pa.Table) -> Iterator[Issued]:
    """One after the other, as their rows stand; each column is checked to be there and finite."""
    if about["version"] != VERSION:
        raise ValueError(f"form {about['version']}, but this version reads {VERSION}")
    bounds = np.cumsum([0, *(int(said["steps"]) for said in about["series"].values())]).tolist()
    if bounds[-1] != table.num_rows or not about["series"]:
        raise ValueError(f"{table.num_rows} rows, but {bounds[-1]} were written")
    zone = find_zone(str(about["timezone"]))
    for (name, said), (first, end) in zip(about["series"].items(), pairwise(bounds), strict=True):
        rows = table.slice(first, end - first)
        grid = Grid(start_s=int(said["start_s"]), step_s=int(said["step_s"]))
        if end <= first or grid.step_s <= 0:
            raise ValueError(f"{end - first} steps of {grid.step_s} s for {name}")
        times = rows["timestamp_utc"].cast(pa.timestamp("s")).to_numpy()
        if rows["series"].to_pylist() != [name] * len(rows) or (times != grid.times(len(rows))).any():
            raise ValueError(f"the rows of {name} are not as they were written")
        count = 0 if grid.dates else len(days(grid, len(rows), zone)[0])
        yield Issued(
            name=name,
            quantity=str(said["quantity"]),
            model=str(said["model"]),
            grid=grid,
            mean=_column(rows, "mean"),
            base=_column(rows, "base"),
            median=_column(rows, "median"),
            levels={
                level: (_column(rows, f"lo_{level}"), _column(rows, f"hi_{level}"))
                for level in map(int, about["levels"])
            },
            parts={part: _column(rows, _PART + part) for part in said["parts"]},
            measures={
                what: _ends(said["measures"][what], what, about["levels"], 1 if what in _WHOLE else count)
                for what in MEASURES
                if what in _WHOLE or not grid.dates
            },
            expected={what: _finite(said["expected"][what]) for what in _WHOLE},
            scale=None if said["scale"] is None else _positive(said["scale"]),
        )


def _column(rows: pa.Table, name: str) -> Floats:
    values: Floats = rows[name].to_numpy().astype(np.float64)
    if not (np.abs(values) <= LARGEST).all():
        raise ValueError(f"column {name} has missing values")
    return values


def _ends(said: dict[str, Any], what: str, levels: Sequence[int], count: int) -> Levels:
    """The ends of the levels, and of the median as level 0, of one measure. Raises ValueError for others."""
    result = {int(level): (np.array(lo, np.float64), np.array(hi, np.float64)) for level, (lo, hi) in said.items()}
    if set(result) != {0, *map(int, levels)}:
        raise ValueError(f"{what} has the levels {sorted(result)}, not those of the steps")
    if any(end.shape != (count,) or not (np.abs(end) <= LARGEST).all() for ends in result.values() for end in ends):
        raise ValueError(f"{what} has not {count} numbers a level")
    return result


def _finite(value: object) -> float:
    """A number. Raises ValueError for others."""
    number = float(str(value))
    if not abs(number) <= LARGEST:
        raise ValueError(f"{value} is not a finite number")
    return number


def _positive(value: object) -> float:
    """A number above 0. Raises ValueError for others."""
    number = _finite(value)
    if number <= 0:
        raise ValueError(f"{value} is not above 0")
    return number
