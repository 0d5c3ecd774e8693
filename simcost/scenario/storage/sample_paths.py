"""Sample paths on disk: one Parquet form, described in docs/reference/sample-paths.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simcost.errors import InputError
from simcost.forecast.sample_paths import Paths
from simcost.outputs import whole_file
from simcost.tables.cells import LARGEST
from simcost.tables.json_objects import finite_json
from simcost.trace.series.series import Grid

VERSION = 1
KEY = b"simcost.paths"
SCHEMA = pa.schema(
    [
        pa.field("series", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("path", pa.int32(), nullable=False),
        pa.field("timestamp_utc", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)


def write_paths(path: Path, futures: Sequence[Paths], said: dict[str, Any]) -> None:
    """Write paths, a row group a series; `said` goes into the metadata (seed, source, version)."""
    about = {"version": VERSION, **said, "series": {future.series: _about(future) for future in futures}}
    schema = SCHEMA.with_metadata({KEY: json.dumps(about)})
    with (
        whole_file(path) as draft,
        pq.ParquetWriter(draft, schema, compression="zstd", write_page_checksum=True) as file,
    ):
        for one in futures:
            file.write_table(_table(one).cast(schema))


def read_paths(path: Path) -> list[Paths]:
    """The paths of a file, in its order.

    Raises:
        InputError: missing, damaged, or not of the form.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            about = finite_json((file.metadata.metadata or {})[KEY])
            table = file.read(SCHEMA.names)
        return list(_series(about, table))
    except (
        OSError,
        pa.ArrowException,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        ArithmeticError,
    ) as error:
        raise InputError(
            f"{path}: no sample paths ({error}); write them with `simcost forecast FILE --paths-out {path.name}`"
        ) from error


def _about(paths: Paths) -> dict[str, Any]:
    count, steps = paths.values.shape
    return {
        "quantity": paths.quantity,
        "start_s": paths.grid.start_s,
        "step_s": paths.grid.step_s,
        "paths": count,
        "steps": steps,
    }


def _table(paths: Paths) -> pa.Table:
    count, steps = paths.values.shape
    times = np.tile(paths.grid.times(steps), count)
    return pa.table(
        {
            "series": pa.array([paths.series]).dictionary_encode().take(pa.array(np.zeros(count * steps, np.int32))),
            "path": np.repeat(np.arange(count, dtype=np.int32), steps),
            "timestamp_utc": pa.array(times).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "value": paths.values.ravel(),
        }
    )


def _series(about: dict[str, Any], table: pa.Table) -> Iterator[Paths]:
    """One after the other, as their rows should stand; others may have written them."""
    if about["version"] != VERSION:
        raise ValueError(f"form {about['version']}, but this version reads {VERSION}")
    first = 0
    for name, said in about["series"].items():
        count, steps = int(said["paths"]), int(said["steps"])
        grid = Grid(start_s=int(said["start_s"]), step_s=int(said["step_s"]))
        rows = table.slice(first, count * steps)
        first += count * steps
        _check_rows(name, rows, count, steps, grid)
        values = rows["value"].to_numpy().astype(np.float64).reshape(count, steps)
        yield Paths(series=name, quantity=str(said["quantity"]), grid=grid, values=values)
    if first != table.num_rows:
        raise ValueError(f"{table.num_rows} rows, but {first} are in the metadata")


def _check_rows(name: str, rows: pa.Table, count: int, steps: int, grid: Grid) -> None:
    if count < 1 or steps < 1 or len(rows) != count * steps:
        raise ValueError(f"{len(rows)} rows of {name}, not {count} paths of {steps} steps")
    times = rows["timestamp_utc"].cast(pa.timestamp("s")).to_numpy()
    ordered = (
        pc.all(pc.equal(rows["series"].cast(pa.string()), name)).as_py()
        and np.array_equal(rows["path"].to_numpy(), np.repeat(np.arange(count), steps))
        and np.array_equal(times, np.tile(grid.times(steps), count))
    )
    if not ordered:
        raise ValueError(f"the rows of {name} are not sorted by path and time, or do not begin as the metadata say")
    if not (np.abs(rows["value"].to_numpy()) <= LARGEST).all():
        raise ValueError(f"a value of {name} is not a number")
